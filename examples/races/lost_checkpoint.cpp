// SPDX-License-Identifier: Apache-2.0
//
// dbos-transact-py issue 818, mended in pull request 823: recovery has started a workflow whose
// first executor is still alive. Both come to a step that is a transaction; one records it, the
// other's is rolled back and takes over the recorded result, rightly. But then it went on, beside
// the first one, and both sent the e-mail that comes next.
#include "race.h"

namespace races {
namespace {

enum class State { running, ended };
constexpr auto pawl_names(State) {
  return std::array<std::string_view, 2>{"running", "ended"};
}
struct Workflow {
  static constexpr std::string_view machine = "checkpointed";
  static constexpr std::string_view table = "checkpointed";
  std::string id;
  State state = State::running;
  pawl::Time state_since;
  std::int64_t recorded_by = 0;  // which execution's first step was recorded
  std::int64_t past_first = 0;   // executions that are past it, a bit each
  std::int64_t emails = 0;
  static constexpr auto fields() {
    return std::tuple{pawl::field("id", &Workflow::id),
                      pawl::field("state", &Workflow::state),
                      pawl::field("state_since_us", &Workflow::state_since),
                      pawl::field("recorded_by", &Workflow::recorded_by),
                      pawl::field("past_first", &Workflow::past_first),
                      pawl::field("emails", &Workflow::emails)};
  }
};
struct StartTag {
  static constexpr std::string_view kind = "checkpointed.start";
};
struct ReserveTag {
  static constexpr std::string_view kind = "checkpointed.reserve";
};
struct EmailTag {
  static constexpr std::string_view kind = "checkpointed.email";
};
struct RecordTag {
  static constexpr std::string_view kind = "checkpointed.record";
};
// seen: which execution it is, 1 or 2.
using Start = On<Workflow, StartTag>;
using Reserve = On<Workflow, ReserveTag>;  // the first step and its checkpoint, in one commit
using Email = On<Workflow, EmailTag>;      // the second step's body: it cannot be rolled back
using Record = On<Workflow, RecordTag>;    // the second step's checkpoint, after its body

constexpr pawl::ErrorCode not_now{"not_now", pawl::ErrorClass::conflict, "not at this step"};
constexpr pawl::ErrorCode parked{"parked", pawl::ErrorClass::conflict, "another run carries on"};
constexpr pawl::Guard is_new{"lost_checkpoint.is_new"};
constexpr pawl::Guard is_running{"lost_checkpoint.is_running"};
constexpr pawl::Guard is_past_first{"lost_checkpoint.is_past_first"};
// Whose checkpoint lost has learnt that it is not alone: it waits for the other one's end.
constexpr pawl::Guard carries_on{"lost_checkpoint.carries_on"};

pawl::Decision decide(const Start& start, pawl::Locked<Workflow>& workflow, const pawl::Context&) {
  PAWL_REQUIRE(is_new, !workflow.present(), not_now);
  return pawl::Change().create(workflow, Workflow{.id = start.id}, "started");
}
pawl::Decision decide(const Reserve& reserve, pawl::Locked<Workflow>& workflow,
                      const pawl::Context&) {
  PAWL_REQUIRE(is_running, workflow.present() && workflow->state == State::running, not_now);
  Workflow row = *workflow;
  if (row.recorded_by == 0) row.recorded_by = reserve.seen;
  row.past_first |= reserve.seen;
  return pawl::Change().update(workflow, row, "past the first step");
}
pawl::Decision decide(const Email& email, pawl::Locked<Workflow>& workflow, const pawl::Context&) {
  PAWL_REQUIRE(is_past_first,
               workflow.present() && workflow->state == State::running &&
                   (workflow->past_first & email.seen) != 0,
               not_now);
  PAWL_REQUIRE(carries_on, workflow->recorded_by == email.seen, parked);
  Workflow row = *workflow;
  ++row.emails;
  return pawl::Change().update(workflow, row, "sent");
}
pawl::Decision decide(const Record&, pawl::Locked<Workflow>& workflow, const pawl::Context&) {
  if (!workflow.present() || workflow->emails == 0) return pawl::Decision::ignore("nothing sent");
  if (workflow->state == State::ended) return pawl::Decision::ignore("recorded before");
  Workflow row = *workflow;
  row.state = State::ended;
  return pawl::Change().update(workflow, row, "ended");
}

}  // namespace

pawl::check::System lost_checkpoint() {
  pawl::check::System out;
  out.name = "lost_checkpoint";
  out.guards = {carries_on.name};
  out.scenarios = [] {
    auto registry = std::make_shared<pawl::Registry>();
    registry->machine<Workflow>().initial(State::running).move(State::running, State::ended);
    auto race = only_orders("lost_checkpoint", "a workflow runs twice, one execution loses a step");
    race.registry = std::move(registry);
    race.requests = {ask<Start>("start", "workflow", "app"),
                     ask<Reserve>("the first run reserves", "workflow", "executor1", 1),
                     ask<Reserve>("the recovered run reserves", "workflow", "executor2", 2),
                     ask<Email>("the first run sends", "workflow", "executor1", 1),
                     ask<Email>("the recovered run sends", "workflow", "executor2", 2),
                     ask<Record>("the first run records", "workflow", "executor1", 1)};
    race.invariants.push_back({"one e-mail", [](const pawl::check::View& view) -> std::string {
                                 const auto* row = view.row<Workflow>("workflow");
                                 return row != nullptr && row->emails > 1 ? "two were sent" : "";
                               }});
    return std::vector{race};
  };
  return out;
}

}  // namespace races
