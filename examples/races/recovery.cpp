// SPDX-License-Identifier: Apache-2.0
//
// dbos-transact-py issue 742 (lost_checkpoint.cpp and launch_sweep.cpp are of the same family): two
// recoveries list the same workflow of a dead executor. The first gives it back to its queue; the
// second acts on what it had listed, and runs it, beside the worker that took it from the queue.
#include "race.h"

namespace races {
namespace {

enum class State { pending, enqueued };
constexpr auto pawl_names(State) {
  return std::array<std::string_view, 2>{"pending", "enqueued"};
}
struct Workflow {
  static constexpr std::string_view machine = "workflow";
  static constexpr std::string_view table = "workflows";
  std::string id;
  State state = State::pending;
  pawl::Time state_since;
  std::int64_t executor = 1;  // who holds it while it is pending; 1 is dead
  std::int64_t running = 0;   // executions under way
  static constexpr auto fields() {
    return std::tuple{pawl::field("id", &Workflow::id), pawl::field("state", &Workflow::state),
                      pawl::field("state_since_us", &Workflow::state_since),
                      pawl::field("executor", &Workflow::executor),
                      pawl::field("running", &Workflow::running)};
  }
};
struct StrandTag {
  static constexpr std::string_view kind = "workflow.strand";
};
struct GiveBackTag {
  static constexpr std::string_view kind = "workflow.give_back";
};
struct RecoverTag {
  static constexpr std::string_view kind = "workflow.recover";
};
struct DequeueTag {
  static constexpr std::string_view kind = "workflow.dequeue";
};
using Strand = On<Workflow, StrandTag>;      // its executor dies
using GiveBack = On<Workflow, GiveBackTag>;  // to the queue; seen: the executor it was listed under
using Recover = On<Workflow, RecoverTag>;    // runs it here; seen: likewise
using Dequeue = On<Workflow, DequeueTag>;

constexpr pawl::ErrorCode not_now{"not_now", pawl::ErrorClass::conflict, "it belongs to another"};
constexpr pawl::Guard is_new{"recovery.is_new"};
constexpr pawl::Guard is_queued{"recovery.is_queued"};
// The second recovery saw that its own update changed nothing, and went on all the same.
constexpr pawl::Guard still_stranded{"recovery.still_stranded"};

bool stranded(const pawl::Locked<Workflow>& workflow, std::int64_t executor) {
  return workflow.present() && workflow->state == State::pending && workflow->executor == executor;
}

pawl::Decision decide(const Strand& strand, pawl::Locked<Workflow>& workflow,
                      const pawl::Context&) {
  PAWL_REQUIRE(is_new, !workflow.present(), not_now);
  return pawl::Change().create(workflow, Workflow{.id = strand.id}, "its executor died");
}
pawl::Decision decide(const GiveBack& back, pawl::Locked<Workflow>& workflow,
                      const pawl::Context&) {
  if (!stranded(workflow, back.seen)) return pawl::Decision::ignore("no longer stranded");
  Workflow row = *workflow;
  row.state = State::enqueued;
  row.executor = 0;
  return pawl::Change().update(workflow, row, "back to its queue");
}
pawl::Decision decide(const Recover& recover, pawl::Locked<Workflow>& workflow,
                      const pawl::Context&) {
  if (!workflow.present()) return pawl::Decision::ignore("not listed yet");
  PAWL_REQUIRE(still_stranded, stranded(workflow, recover.seen), not_now);
  Workflow row = *workflow;
  row.executor = 3;
  ++row.running;
  return pawl::Change().update(workflow, row, "run by the recovery");
}
pawl::Decision decide(const Dequeue&, pawl::Locked<Workflow>& workflow, const pawl::Context&) {
  PAWL_REQUIRE(is_queued, workflow.present() && workflow->state == State::enqueued, not_now);
  Workflow row = *workflow;
  row.state = State::pending;
  row.executor = 2;
  ++row.running;
  return pawl::Change().update(workflow, row, "run from the queue");
}

}  // namespace

pawl::check::System recovery() {
  pawl::check::System out;
  out.name = "recovery";
  out.guards = {still_stranded.name};
  out.scenarios = [] {
    auto registry = std::make_shared<pawl::Registry>();
    registry->machine<Workflow>()
        .initial(State::pending)
        .move(State::pending, State::enqueued)
        .move(State::enqueued, State::pending);
    auto race = only_orders("recovery", "two recoveries have listed one stranded workflow");
    race.registry = std::move(registry);
    race.requests = {ask<Strand>("its executor dies", "workflow", "executor1"),
                     ask<GiveBack>("the first gives it back", "workflow", "recovery1", 1),
                     ask<Recover>("the second runs it", "workflow", "recovery2", 1),
                     ask<Dequeue>("a worker dequeues it", "workflow", "executor2")};
    race.invariants.push_back(
        {"one execution at a time", [](const pawl::check::View& view) -> std::string {
           const auto* row = view.row<Workflow>("workflow");
           return row != nullptr && row->running > 1 ? "it runs twice" : "";
         }});
    return std::vector{race};
  };
  return out;
}

}  // namespace races
