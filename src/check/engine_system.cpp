// SPDX-License-Identifier: Apache-2.0
#include "check/engine_system.h"

#include <utility>

#include "check/engine_machines.h"
#include "check/engine_scenarios.h"
#include "protocol/guards.h"

namespace pawl::check::engine {

namespace {

// Repeats, and another command under a used id.
Scenario requests() {
  Scenario out;
  out.name = "engine.requests";
  out.about = "requests are repeated, and one id is used for two of them";
  out.registry = accounts();
  out.requests = {request("add 1", add("north", 1), "ann"),
                  request("add 2", add("north", 2), "bob"),
                  request("add 4 under the id of add 1", add("north", 4), "ann"),
                  request("freeze", on<Freeze>("north"), "bob")};
  out.requests[2].origin.id = "add 1";
  out.bounds = no_faults;
  out.keep_refusals = true;
  out.invariants.push_back(
      {"the account holds what was answered as done", [](const View& view) -> std::string {
         const auto* row = view.row<Account>("north");
         if (row == nullptr) return {};
         const bool one = done(view, "add 1");
         const std::int64_t rest = row->value - (done(view, "add 2") ? 2 : 0);
         const bool right = one ? rest == 1 || rest == 4 : rest == 0;
         return right ? "" : "it holds " + std::to_string(row->value);
       }});
  return out;
}

// Rows that others change between a read and a write: with the lock, and past it.
Scenario rows() {
  Scenario out;
  out.name = "engine.rows";
  out.about = "two workers add to one row, and somebody edits it by hand";
  out.registry = accounts();
  out.requests = {request("add 1", add("north", 1), "ann"),
                  request("add 2", add("north", 2), "bob")};
  out.bounds = no_faults;
  out.bounds.hands = true;
  Event edit{.name = "a bonus of 8 by hand"};
  edit.row = EntityRef{Account::machine, "north"};
  edit.edit = [](Row& row) {
    row[3] = std::get<std::int64_t>(row[3]) + 8;
    return true;
  };
  out.events.push_back(std::move(edit));
  out.invariants.push_back({"no addition is lost", [](const View& view) -> std::string {
                              const auto* row = view.row<Account>("north");
                              const std::int64_t right =
                                  (done(view, "add 1") ? 1 : 0) + (done(view, "add 2") ? 2 : 0);
                              const std::int64_t value = row == nullptr ? 0 : row->value;
                              return value % 8 == right ? "" : "it holds " + std::to_string(value);
                            }});
  return out;
}

// Thaw makes its move without looking.
Scenario moves() {
  Scenario out;
  out.name = "engine.moves";
  out.about = "a decision asks for a move that its machine does not have";
  auto registry = std::make_shared<Registry>();
  registry->machine<Account>()
      .initial(AccountState::open)
      .move(AccountState::open, AccountState::frozen)
      .message<Credit>();
  out.registry = std::move(registry);
  out.requests = {request("add 1", add("north", 1), "ann"),
                  request("freeze", on<Freeze>("north"), "bob"),
                  request("thaw", on<Thaw>("north"), "bob")};
  out.bounds = no_faults;
  out.defects_expected = true;
  out.invariants.push_back({"what is frozen stays frozen", [](const View& view) -> std::string {
                              const auto* row = view.row<Account>("north");
                              if (row == nullptr || !done(view, "freeze")) return {};
                              return row->state == AccountState::frozen ? "" : "it is open again";
                            }});
  return out;
}

// Messages: two workers, a receiver whose code fails, an operator who tries again.
Scenario messages() {
  Scenario out;
  out.name = "engine.messages";
  out.about = "two messages of one pair, and a receiver that fails";
  out.registry = accounts();
  Send send;
  send.account = "north";
  send.to = "south";
  out.requests = {request("send the first", send, "ann"), request("send the second", send, "ann"),
                  request("open south", add("south", 0), "bob"),
                  request("freeze south", on<Freeze>("south"), "bob"),
                  request("thaw south", on<Thaw>("south"), "bob")};
  out.bounds = no_faults;
  out.bounds.hands = true;
  out.bounds.crashes = 1;
  out.defects_expected = true;
  out.invariants.push_back({"first in, first out", [](const View& view) -> std::string {
                              const auto* row = view.row<Account>("south");
                              const bool late = row != nullptr && row->overtaken > 0;
                              return late ? "a message was overtaken" : "";
                            }});
  out.invariants.push_back({"no message comes twice", [](const View& view) -> std::string {
                              const auto* row = view.row<Account>("south");
                              const bool twice = row != nullptr && row->value > 2;
                              return twice ? "two were sent, three came" : "";
                            }});
  return out;
}

// Deadlines that are armed again while a worker has them in hand, and a clock that is set back.
Scenario deadlines() {
  Scenario out;
  out.name = "engine.deadlines";
  out.about = "a bell is armed again while it rings";
  out.registry = bells();
  out.requests = {request("arm", Arm{"bell"}, "ann"), request("arm again", Arm{"bell"}, "ann")};
  out.bounds = no_faults;
  out.bounds.ticks = 2;
  out.bounds.hands = true;
  out.ended = [](const View& view) {
    const auto* row = view.row<Bell>("bell");
    return row == nullptr || row->state == BellState::rung;
  };
  out.invariants.push_back({"an armed bell has a deadline", [](const View& view) -> std::string {
                              const auto* row = view.row<Bell>("bell");
                              if (row == nullptr || row->state == BellState::rung) return {};
                              return view.has_deadline("bell", "ring") ? "" : "it never rings";
                            }});
  return out;
}

}  // namespace

Scenario effects(ResendRule rule, bool queues, bool hands) {
  Scenario out;
  out.name = "engine.effects_" + std::string(name_of(rule)) + (queues ? "_queued" : "") +
             (hands ? "_in_hand" : "");
  out.about = "one effect whose far side obeys the rule " + std::string(name_of(rule)) +
              (queues ? " and queues" : "");
  out.registry = jobs(rule);
  out.outside = std::make_shared<FarSide>(rule, queues);
  out.requests = {request("ask", Ask{"job"}, "ann")};
  if (queues) {
    out.events = {{.name = "the far side does it", .outside = finish_queued}};
  }
  out.tick_us = tick_us;
  out.bounds.hands = hands;
  out.ended = [](const View& view) {
    const auto* row = view.row<Job>("job");
    return row == nullptr || row->state != JobState::asked;
  };
  out.invariants.push_back(
      {"nothing is done twice outside", [](const View& view) -> std::string {
         const std::int64_t times = view.outside().number("done work:job") +
                                    view.outside().number("queued work:job") +
                                    view.outside().number("done without a name");
         return times <= 1 ? "" : "it was done " + std::to_string(times) + " times";
       }});
  out.invariants.push_back({"what is said of it is so", [](const View& view) -> std::string {
                              const auto* row = view.row<Job>("job");
                              if (row == nullptr || row->state == JobState::asked) return {};
                              const bool was_done =
                                  view.outside().number("done work:job") +
                                      view.outside().number("done without a name") !=
                                  0;
                              if (row->state == JobState::done && !was_done)
                                return "called done, and is not";
                              if (row->state == JobState::failed && was_done) {
                                return "called failed (" + row->code + "), and was done";
                              }
                              return {};
                            }});
  return out;
}

namespace {

// Once it has told us that it accepted, the far side does it and forgets our key.
Scenario forgotten() {
  Scenario out = effects(ResendRule::dedup, true, false);
  out.name = "engine.effects_forgotten";
  out.about = "the far side forgets a key that it has accepted";
  out.events.push_back(
      {.name = "the far side does it and forgets our key", .outside = lose_queued});
  out.bounds = no_faults;
  return out;
}

// The same without hands, where the works themselves are steps: and any three of them in one batch.
Scenario in_batches(Scenario of) {
  of.name += "_in_batches";
  of.about += ", any three works in one batch";
  of.bounds.hands = false;
  of.batches = 3;
  return of;
}

}  // namespace

System system() {
  System out;
  out.name = "engine";
  out.scenarios = [] {
    std::vector all{requests(),
                    rows(),
                    moves(),
                    messages(),
                    deadlines(),
                    in_batches(moves()),
                    in_batches(messages()),
                    in_batches(deadlines()),
                    effects(ResendRule::dedup, false, true),
                    effects(ResendRule::neither, false, false),
                    effects(ResendRule::neither, false, true),
                    effects(ResendRule::neither, true, false),
                    effects(ResendRule::dedup, true, false),
                    forgotten(),
                    effects(ResendRule::not_after, false, false),
                    effects(ResendRule::inquiry_voids, false, false)};
    for (Scenario& scenario : store_scenarios()) all.push_back(std::move(scenario));
    return all;
  };
  namespace guard = protocol::guard;
  for (const Guard& one : {guard::no_receipt_yet,      guard::same_content,
                           guard::message_is_there,    guard::arming_stands,
                           guard::deadline_is_due,     guard::move_is_legal,
                           guard::effect_is_claimable, guard::inquiry_before_resend,
                           guard::rule_allows_resend,  guard::not_after_has_passed,
                           guard::was_never_accepted,  guard::nothing_was_sent,
                           guard::token_stands,        guard::no_exchange_under_way,
                           guard::locked_read,         guard::row_version,
                           guard::claim_before_send,   guard::pair_is_free,
                           guard::receipt_still_kept,  guard::receipt_outlives_slack,
                           guard::restored_is_unknown, guard::restored_asks_first,
                           guard::lane_epoch,          guard::receipt_is_new,
                           guard::answer_has_receipt}) {
    out.guards.push_back(one.name);
  }
  return out;
}

}  // namespace pawl::check::engine
