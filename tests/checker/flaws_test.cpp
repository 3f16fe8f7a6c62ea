// SPDX-License-Identifier: Apache-2.0
//
// A checker that never finds anything is worth nothing: each flaw of a sale must be found, with a
// schedule that replays it, and nothing without one.
#include <gtest/gtest.h>

#include "checker/sale.h"

namespace pawl::check::test {
namespace {

struct Expected {
  Flaw flaw;
  const char* finding;  // a part of it
};

class Flaws : public ::testing::TestWithParam<Expected> {};

TEST_P(Flaws, IsFoundAndItsScheduleReplaysIt) {
  const Scenario scenario = sale(GetParam().flaw);
  const Result result = explore(scenario, {});
  ASSERT_TRUE(result.violation.has_value());
  // Only the search for wedges has seen every state.
  EXPECT_EQ(result.complete, GetParam().flaw == Flaw::wedges);
  EXPECT_NE(result.violation->what.find(GetParam().finding), std::string::npos)
      << result.violation->chart;
  const Result again = replay(scenario, result.violation->schedule, {});
  EXPECT_EQ(again.transitions, result.violation->steps);
  // A state is wedged by what cannot follow, which following one schedule does not show; code that
  // remembers has seen this before.
  const bool shown = GetParam().flaw != Flaw::wedges && GetParam().flaw != Flaw::remembers;
  if (shown) {
    EXPECT_EQ(again.violation->what, result.violation->what);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Each, Flaws,
    ::testing::Values(Expected{Flaw::charges_again, "charged once"},
                      Expected{Flaw::forgets_refund, "the coins are still there"},
                      Expected{Flaw::moves_illegally, "illegal move"},
                      Expected{Flaw::stops_silently, "waits for an operator, without an alert"},
                      Expected{Flaw::wedges, "wedged"},
                      Expected{Flaw::claims_too_much, "nothing was cancelled"},
                      Expected{Flaw::remembers, "two answers"},
                      Expected{Flaw::reads_what_is_absent, "absent"}));

TEST(Flaws, ASaleWithoutAFlawIsCleanAndComplete) {
  const Result result = explore(sale(Flaw::none), {});
  EXPECT_FALSE(result.violation.has_value()) << result.violation->chart;
  EXPECT_TRUE(result.complete);
  EXPECT_GT(result.states, 1'000);
}

TEST(Flaws, TheScheduleIsAShortestOne) {
  const Result result = explore(sale(Flaw::claims_too_much), {});
  ASSERT_TRUE(result.violation.has_value());
  EXPECT_EQ(result.violation->schedule, "sale: cancel");
}

TEST(Flaws, TheChartShowsRowsBeforeAndAfter) {
  const Result result = explore(sale(Flaw::forgets_refund), {});
  ASSERT_TRUE(result.violation.has_value());
  const std::string& chart = result.violation->chart;
  EXPECT_NE(chart.find("sale s: state paid -> cancelled"), std::string::npos) << chart;
  EXPECT_NE(chart.find("effect charge:s:1: ready, attempt 0 -> sending, attempt 1"),
            std::string::npos)
      << chart;
}

}  // namespace
}  // namespace pawl::check::test
