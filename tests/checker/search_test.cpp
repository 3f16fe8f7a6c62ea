// SPDX-License-Identifier: Apache-2.0
//
// What the search promises: nothing is cut silently, the same every time, symmetry loses nothing,
// and every schedule that found a defect once stays as it was mended.
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

#include "check/byte_table.h"
#include "check/engine_system.h"
#include "check/state.h"
#include "checker/sale.h"
#include "systems/otc/model/scenarios.h"

namespace pawl::check::test {
namespace {

Scenario scenario_of(const System& system, std::string_view name) {
  for (Scenario& scenario : system.scenarios()) {
    if (scenario.name == name) return std::move(scenario);
  }
  throw std::invalid_argument("no such scenario");
}

Scenario small_desk() {
  Scenario desk = scenario_of(otc::model::system(), "otc.sell");
  desk.bounds.crashes = desk.bounds.stalls = desk.bounds.late = 0;
  return desk;
}

TEST(Search, AMemoryBoundMakesItIncompleteAndSaysSo) {
  Options options;
  options.memory_mb = 4;
  const Result result =
      explore(scenario_of(engine::system(), "engine.effects_dedup_in_hand"), options);
  EXPECT_FALSE(result.complete);
  EXPECT_FALSE(result.violation.has_value());
  EXPECT_NE(result.cut.find("memory bound"), std::string::npos);
}

TEST(Search, IsTheSameEveryTime) {
  const Result one = explore(small_desk(), {});
  const Result two = explore(small_desk(), {});
  EXPECT_TRUE(one.complete);
  EXPECT_EQ(one.states, two.states);
  EXPECT_EQ(one.transitions, two.transitions);
  EXPECT_EQ(one.depth, two.depth);
}

TEST(Search, SymmetryFoldsStatesAndLosesNoFinding) {
  Scenario plain = small_desk();
  plain.symmetric.clear();
  const Result folded = explore(small_desk(), {});
  const Result whole = explore(plain, {});
  EXPECT_TRUE(whole.complete);
  EXPECT_LT(folded.states, whole.states);
  EXPECT_GE(folded.states * 2, whole.states);
  EXPECT_EQ(folded.depth, whole.depth);
  Options without;
  without.without = "otc.not_expired";
  const Result a = explore(small_desk(), without);
  const Result b = explore(plain, without);
  ASSERT_TRUE(a.violation && b.violation);
  EXPECT_EQ(a.violation->steps, b.violation->steps);
}

// Exploring commits one by one is enough because batches fold.
TEST(Search, ABatchOfTwoDoesWhatTheTwoDoOneAfterTheOther) {
  Options options;
  options.folds = 2;
  Scenario desk = small_desk();
  desk.bounds.lost = 0;
  desk.bounds.unsent = desk.bounds.refusals = desk.bounds.operators = 0;
  for (const Scenario& scenario : {desk, scenario_of(otc::model::system(), "otc.bounds")}) {
    const Result result = explore(scenario, options);
    EXPECT_TRUE(result.complete) << result.violation->chart;
  }
  auto engine_scenarios = engine::system().scenarios();
  for (Scenario& scenario : engine_scenarios) {
    if (scenario.outside) continue;
    scenario.bounds.hands = false;
    const Result result = explore(scenario, options);
    EXPECT_TRUE(result.complete) << result.violation->chart;
  }
}

TEST(Search, NamesThatAreNotSymmetricAreRefused) {
  Scenario desk = small_desk();
  const auto match =
      std::find_if(desk.requests.begin(), desk.requests.end(),
                   [](const Request& one) { return one.name.starts_with("match by"); });
  desk.requests.erase(match);
  EXPECT_THROW(explore(desk, {}), std::invalid_argument);
}

TEST(Search, AStateIsReadBackAsItWasWritten) {
  Sizes sizes;
  sizes.entities = 3;
  sizes.requests = 4;
  sizes.events = 1;
  sizes.workers = 2;
  sizes.records = true;
  sizes.hands = true;
  State state;
  state.tick = 3;
  state.used[used_crash] = 1;
  state.facts = 300;
  state.entities[2] = 70'000;
  state.records[0] = 5;
  state.receipts[3] = 128;
  state.deadlines[4] = 9;
  state.effects.push_back({7, 1, 2, 40});
  state.exchanges.push_back({7, Phase::hanging, 2, 0, 1, 41, 42});
  state.wire.push_back({7, 2, -1});
  state.messages.push_back({77});
  state.parked.push_back({78});
  state.hands[1].holds = Holds::deadline;
  state.hands[1].stands = 0;
  state.hands[1].row = 79;
  std::string bytes;
  encode(state, sizes, bytes);
  std::string again;
  const State read = decode(bytes, sizes);
  encode(read, sizes, again);
  EXPECT_EQ(bytes, again);
  EXPECT_EQ(read.wire[0].not_after, -1);
  EXPECT_EQ(read.exchanges[0], state.exchanges[0]);
  EXPECT_EQ(read.effects[0], state.effects[0]);
  EXPECT_EQ(read.hands[1], state.hands[1]);
}

TEST(Search, ATableKeepsWhatItWasGiven) {
  ByteTable table;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    const auto [id, fresh] = table.insert("state " + std::to_string(i));
    ASSERT_TRUE(fresh);
    ASSERT_EQ(id, i);
  }
  for (std::uint32_t i = 0; i < 100'000; i += 777) {
    const auto [id, fresh] = table.insert("state " + std::to_string(i));
    ASSERT_FALSE(fresh);
    ASSERT_EQ(table[id], "state " + std::to_string(i));
  }
}

// ---- schedules that found something once

// A cancelled order whose refund an operator ended as refused stood in recovery; a confirm was then
// answered as done ("confirmed before"), although nobody had ever confirmed it.
TEST(Regression, AConfirmOfAnOrderThatNobodyConfirmedIsRefused) {
  const Result result = replay(
      scenario_of(otc::model::system(), "otc.sell"),
      "otc.sell: create; w1 claims otc_lock:order:1; w1: otc_lock:order:1 arrives; "
      "w1: otc_lock:order:1 answered confirmed; cancel; operator: refuse otc_refund:order:1; "
      "confirm",
      {});
  EXPECT_TRUE(result.complete) << result.violation->chart;
  // The last step changed nothing: no receipt says done.
  const std::string& chart = result.violation->chart;
  EXPECT_NE(chart.find("confirm\nevery invariant holds"), std::string::npos) << chart;
}

// A worker found the deadline due, the clock was set back by less than counts as a jump, and the
// deadline was used up before its time: the order would never have expired.
TEST(Regression, ADeadlineFoundByAClockThatWasSetBackStays) {
  const std::string schedule =
      "engine.deadlines: arm; w1 takes in hand deadline ring of bell; w1 carries out what it has "
      "in "
      "hand; time passes; w1 takes in hand deadline ring of bell; w1 carries out what it has in "
      "hand";
  const Scenario scenario = scenario_of(engine::system(), "engine.deadlines");
  const Result kept = replay(scenario, schedule, {});
  EXPECT_TRUE(kept.complete) << kept.violation->chart;
  EXPECT_NE(kept.violation->chart.find("state armed -> rung"), std::string::npos);
  Options without;
  without.without = "protocol.deadline_is_due";
  EXPECT_FALSE(replay(scenario, schedule, without).complete);
}

}  // namespace
}  // namespace pawl::check::test
