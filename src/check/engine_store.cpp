// SPDX-License-Identifier: Apache-2.0
//
// Scenarios in which the store itself changes, or who owns it: receipts that are removed, a backup
// that is restored, a lane that another process takes over.
#include <memory>

#include "check/engine_scenarios.h"

namespace pawl::check::engine {

namespace {

// Requests of callers that say when they made them, with a right clock and with one that is ahead
// by as much as is allowed, and receipts that are removed as soon as they may be.
Scenario retention() {
  Scenario out;
  out.name = "engine.retention";
  out.about = "requests are repeated after their receipts were removed";
  out.registry = accounts();
  out.requests = {request("add 1", add("north", 1), "ann"),
                  request("add 10 by a clock ahead", add("north", 10), "bob"),
                  request("add 100, made a tick later", add("north", 100), "ann")};
  out.requests[0].origin.made_at = out.start;
  out.requests[1].origin.made_at = out.start.plus_us(tick_us);
  out.requests[2].origin.made_at = out.start.plus_us(tick_us);
  out.tick_us = tick_us;
  out.receipts_seconds = 1;
  out.batches = 3;
  out.bounds = no_faults;
  out.bounds.ticks = 5;
  out.invariants.push_back({"nothing is carried out twice", [](const View& view) -> std::string {
                              const auto* row = view.row<Account>("north");
                              if (row == nullptr) return {};
                              for (auto rest = row->value; rest > 0; rest /= 10) {
                                if (rest % 10 > 1) return "it holds " + std::to_string(row->value);
                              }
                              return {};
                            }});
  return out;
}

// A far side whose inquiry voids one attempt would not do here: attempts are counted anew, from
// where they were in the backup.
Scenario restored(ResendRule rule) {
  Scenario out = effects(rule, false, false);
  out.outside = std::make_shared<FarSide>(rule, false, FarSide::Voids::key);
  out.name = "engine.restored_" + std::string(name_of(rule));
  out.about = "a backup is restored; the far side obeys the rule " + std::string(name_of(rule));
  out.bounds.restores = 1;
  out.bounds.stalls = 0;
  out.bounds.unsent = 0;
  // One for the lost store, one for the new one.
  out.bounds.operators = 2;
  return out;
}

// Two processes, each of which believes that the lane is its own until it looks.
Scenario lanes() {
  Scenario out;
  out.name = "engine.lanes";
  out.about = "a lane is taken over from a process that is only slow";
  out.registry = accounts();
  Send send;
  send.account = "north";
  send.to = "south";
  out.requests = {request("send", send, "ann"), request("add 1", add("south", 1), "bob")};
  out.bounds = no_faults;
  out.bounds.hands = true;
  out.bounds.takeovers = 2;
  out.invariants.push_back({"nothing is lost or doubled", [](const View& view) -> std::string {
                              const auto* row = view.row<Account>("south");
                              const std::int64_t value = row == nullptr ? 0 : row->value;
                              const std::int64_t least = done(view, "add 1") ? 1 : 0;
                              const std::int64_t most = least + (done(view, "send") ? 1 : 0);
                              const bool right = value >= least && value <= most;
                              return right ? "" : "south holds " + std::to_string(value);
                            }});
  return out;
}

// The same with an exchange under way: who takes the lane over takes its sender for gone.
Scenario lanes_effects() {
  Scenario out = effects(ResendRule::neither, false, false);
  out.name = "engine.lanes_effects";
  out.about = "a lane is taken over while its process has an exchange under way";
  out.bounds.crashes = 0;
  out.bounds.stalls = 0;
  out.bounds.operators = 0;
  out.bounds.takeovers = 2;
  return out;
}

}  // namespace

std::vector<Scenario> store_scenarios() {
  return {retention(),
          restored(ResendRule::dedup),
          restored(ResendRule::neither),
          restored(ResendRule::not_after),
          restored(ResendRule::inquiry_voids),
          lanes(),
          lanes_effects()};
}

}  // namespace pawl::check::engine
