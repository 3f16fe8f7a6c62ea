// SPDX-License-Identifier: Apache-2.0
//
// dbos-transact-java issue 491, mended in pull request 493: at its launch a process takes up what
// its predecessor left behind: whatever is pending and not younger than the launch. The clock has
// ticks, and a workflow that this same process starts in the launch's tick is not younger: it is
// taken for stranded and runs a second time, beside itself.
#include "race.h"

namespace races {
namespace {

constexpr std::int64_t this_launch = 2;

enum class State { pending, ended };
constexpr auto pawl_names(State) {
  return std::array<std::string_view, 2>{"pending", "ended"};
}
struct Workflow {
  static constexpr std::string_view machine = "launched";
  static constexpr std::string_view table = "launched";
  std::string id;
  State state = State::pending;
  pawl::Time state_since;
  std::int64_t launch = 0;   // of the process that runs it; the one before it died
  std::int64_t running = 0;  // executions in this process
  static constexpr auto fields() {
    return std::tuple{pawl::field("id", &Workflow::id), pawl::field("state", &Workflow::state),
                      pawl::field("state_since_us", &Workflow::state_since),
                      pawl::field("launch", &Workflow::launch),
                      pawl::field("running", &Workflow::running)};
  }
};
struct BeginTag {
  static constexpr std::string_view kind = "launched.begin";
};
struct SweepTag {
  static constexpr std::string_view kind = "launched.sweep";
};
struct EndTag {
  static constexpr std::string_view kind = "launched.end";
};
using Begin = On<Workflow, BeginTag>;  // seen: the launch that it belongs to
using Sweep = On<Workflow, SweepTag>;  // seen: the time that the launch had ended, its cutoff
using End = On<Workflow, EndTag>;

constexpr pawl::ErrorCode not_now{"not_now", pawl::ErrorClass::conflict, "it is not stranded"};
constexpr pawl::Guard is_new{"launch_sweep.is_new"};
constexpr pawl::Guard is_pending{"launch_sweep.is_pending"};
// What the original asked. True in the instant of the launch itself.
constexpr pawl::Guard not_younger{"launch_sweep.not_younger"};
// Whose it is stands in the row: no clock can tell.
constexpr pawl::Guard of_another_launch{"launch_sweep.of_another_launch"};

pawl::Decision decide(const Begin& begin, pawl::Locked<Workflow>& workflow, const pawl::Context&) {
  PAWL_REQUIRE(is_new, !workflow.present(), not_now);
  Workflow row{.id = begin.id, .launch = begin.seen};
  row.running = begin.seen == this_launch ? 1 : 0;
  return pawl::Change().create(workflow, row, "begun");
}
pawl::Decision decide(const Sweep& sweep, pawl::Locked<Workflow>& workflow, const pawl::Context&) {
  if (!workflow.present()) return pawl::Decision::ignore("nothing is pending");
  PAWL_REQUIRE(is_pending, workflow->state == State::pending, not_now);
  PAWL_REQUIRE(not_younger, workflow->state_since.us <= sweep.seen, not_now);
  PAWL_REQUIRE(of_another_launch, workflow->launch != this_launch, not_now);
  Workflow row = *workflow;
  row.launch = this_launch;
  ++row.running;
  return pawl::Change().update(workflow, row, "taken up");
}
pawl::Decision decide(const End&, pawl::Locked<Workflow>& workflow, const pawl::Context&) {
  if (!workflow.present() || workflow->running == 0) return pawl::Decision::ignore("not running");
  Workflow row = *workflow;
  row.state = State::ended;
  row.running = 0;
  return pawl::Change().update(workflow, row, "ended");
}

}  // namespace

pawl::check::System launch_sweep() {
  pawl::check::System out;
  out.name = "launch_sweep";
  out.guards = {of_another_launch.name};
  out.scenarios = [] {
    auto registry = std::make_shared<pawl::Registry>();
    registry->machine<Workflow>().initial(State::pending).move(State::pending, State::ended);
    auto race = only_orders("launch_sweep", "a process looks for what its predecessor left");
    race.registry = std::move(registry);
    race.bounds.ticks = 1;
    race.requests = {ask<Begin>("the dead process began it", "workflow", "app", 1),
                     ask<Begin>("this process begins it", "workflow", "app", this_launch),
                     ask<Sweep>("the launch sweeps", "workflow", "recovery", race.start.us),
                     ask<End>("it ends", "workflow", "app")};
    race.invariants.push_back(
        {"one execution at a time", [](const pawl::check::View& view) -> std::string {
           const auto* row = view.row<Workflow>("workflow");
           return row != nullptr && row->running > 1 ? "it runs beside itself" : "";
         }});
    return std::vector{race};
  };
  return out;
}

}  // namespace races
