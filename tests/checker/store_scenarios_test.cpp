// SPDX-License-Identifier: Apache-2.0
//
// What may happen to a store as a whole: each guard against it prevents the failure that it names,
// in the scenario that is about it, and what is not promised is shown to fail.
#include <gtest/gtest.h>

#include <stdexcept>

#include "check/engine_scenarios.h"

namespace pawl::check::engine {
namespace {

Scenario scenario_of(std::string_view name) {
  for (Scenario& scenario : store_scenarios()) {
    if (scenario.name == name) return std::move(scenario);
  }
  throw std::invalid_argument("no such scenario");
}

struct Removed {
  const char* scenario;
  const char* guard;
  const char* finding;  // a part of it
};

class StoreGuards : public ::testing::TestWithParam<Removed> {};

TEST_P(StoreGuards, WithoutItTheStoreSlipsAndTheScheduleReplaysIt) {
  const Scenario scenario = scenario_of(GetParam().scenario);
  Options options;
  options.without = GetParam().guard;
  const Result result = explore(scenario, options);
  ASSERT_TRUE(result.violation.has_value());
  EXPECT_NE(result.violation->what.find(GetParam().finding), std::string::npos)
      << result.violation->chart;
  const Result again = replay(scenario, result.violation->schedule, options);
  EXPECT_EQ(again.violation->what, result.violation->what) << again.violation->chart;
  EXPECT_TRUE(explore(scenario, {}).complete);
}

INSTANTIATE_TEST_SUITE_P(
    Each, StoreGuards,
    ::testing::Values(
        Removed{"engine.retention", "protocol.receipt_still_kept", "it holds"},
        Removed{"engine.retention", "protocol.receipt_outlives_slack", "it holds"},
        Removed{"engine.restored_neither", "protocol.restored_is_unknown", "done 2 times"},
        Removed{"engine.restored_not_after", "protocol.restored_is_unknown", "done 2 times"},
        Removed{"engine.restored_neither", "protocol.restored_asks_first", "done 2 times"},
        Removed{"engine.restored_inquiry_voids", "protocol.restored_asks_first", "done 2 times"},
        Removed{"engine.lanes", "protocol.lane_epoch", "one place in the journal"},
        Removed{"engine.lanes_effects", "protocol.lane_epoch", "one place in the journal"}));

// A fenced process changes nothing, and stops.
TEST(Lanes, AProcessThatWasFencedWritesNothingAndStops) {
  const Result result = replay(scenario_of("engine.lanes"),
                               "engine.lanes: w2 takes the lane over; w1 is asked: send", {});
  EXPECT_TRUE(result.complete) << result.violation->chart;
  EXPECT_EQ(result.violation->chart.find("answered"), std::string::npos);
  EXPECT_THROW(
      replay(scenario_of("engine.lanes"),
             "engine.lanes: w2 takes the lane over; w1 is asked: send; w1 is asked: send", {}),
      std::invalid_argument);
}

// Why inquiry_voids asks for the key and not for an attempt: a restored store counts attempts from
// where the backup had them, and sends under a number that a lost one had as well.
TEST(Restored, AFarSideWhoseInquiryVoidsOneAttemptIsNotEnough) {
  Scenario scenario = scenario_of("engine.restored_inquiry_voids");
  scenario.outside = std::make_shared<FarSide>(ResendRule::inquiry_voids);
  const Result result = explore(scenario, {});
  ASSERT_TRUE(result.violation.has_value());
  EXPECT_NE(result.violation->what.find("done 2 times"), std::string::npos);
}

TEST(Restored, SymmetricNamesAreRefused) {
  Scenario scenario = scenario_of("engine.restored_dedup");
  scenario.symmetric = {{"a", "b"}};
  EXPECT_THROW(explore(scenario, {}), std::invalid_argument);
}

}  // namespace
}  // namespace pawl::check::engine
