// SPDX-License-Identifier: Apache-2.0
//
// Time as text, and the clock that does not follow jumps.
#include <gtest/gtest.h>
#include <pawl/clock.h>
#include <pawl/context.h>
#include <pawl/time.h>

namespace {

constexpr std::int64_t second_us = 1'000'000;
constexpr std::int64_t hour_us = 3'600 * second_us;

class TwoClocks final : public pawl::Clock {
 public:
  pawl::Time now() override { return pawl::Time{wall_us}; }
  std::int64_t monotonic_us() override { return monotonic; }
  // Real time passes on both.
  void pass(std::int64_t us) {
    wall_us += us;
    monotonic += us;
  }
  std::int64_t wall_us = 1'700'000'000 * second_us;
  std::int64_t monotonic = 77;
};

TEST(Time, Rfc3339) {
  EXPECT_EQ(pawl::to_rfc3339(pawl::Time{0}), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(pawl::to_rfc3339(pawl::Time{1'767'323'045'678'901}), "2026-01-02T03:04:05.678901Z");
  EXPECT_EQ(pawl::to_rfc3339(pawl::Time{-1}), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(pawl::to_rfc3339(pawl::Time::from_seconds(951'782'400)), "2000-02-29T00:00:00.000000Z");
  // To either side of where years have four digits.
  EXPECT_EQ(pawl::to_rfc3339(pawl::Time{253'402'300'799'999'999}), "9999-12-31T23:59:59.999999Z");
  EXPECT_EQ(pawl::to_rfc3339(pawl::Time{253'402'300'800'000'000}), "10000-01-01T00:00:00.000000Z");
  EXPECT_EQ(pawl::to_rfc3339(pawl::Time{-62'167'219'200'000'000}), "0000-01-01T00:00:00.000000Z");
  EXPECT_EQ(pawl::to_rfc3339(pawl::Time{-62'167'219'200'000'001}), "-001-12-31T23:59:59.999999Z");
  EXPECT_EQ(pawl::to_rfc3339(pawl::Time::never()), "294247-01-10T04:00:54.775807Z");
}

TEST(SteadyClock, FollowsAClockThatRunsAlong) {
  TwoClocks source;
  pawl::SteadyClock clock(source);
  for (int i = 0; i < 5; ++i) {
    source.pass(hour_us);
    EXPECT_EQ(clock.now().us, source.wall_us);
    EXPECT_EQ(clock.drift_ms(), 0);
  }
}

TEST(SteadyClock, FollowsSmallCorrectionsAndDoesNotAddThemUp) {
  TwoClocks source;
  pawl::SteadyClock clock(source);
  // 400 corrections of 0.5 s: together far beyond what one jump may be.
  for (int i = 0; i < 400; ++i) {
    source.pass(second_us);
    source.wall_us += i % 2 == 0 ? 500'000 : 450'000;
    ASSERT_EQ(clock.now().us, source.wall_us);
  }
  EXPECT_EQ(clock.drift_ms(), 0);
}

TEST(SteadyClock, GoesOnByTheMonotonicClockWhenTheWallClockJumps) {
  for (const std::int64_t jump_us : {hour_us, -hour_us, 6 * second_us, -6 * second_us}) {
    TwoClocks source;
    pawl::SteadyClock clock(source);
    const pawl::Time before = clock.now();
    source.wall_us += jump_us;
    source.pass(3 * second_us);
    EXPECT_EQ(clock.now().us, before.us + 3 * second_us) << jump_us;
    EXPECT_EQ(clock.drift_ms(), jump_us / 1'000);
    source.pass(hour_us);
    EXPECT_EQ(clock.now().us, before.us + 3 * second_us + hour_us) << "still on its own";
    source.wall_us -= jump_us;
    EXPECT_EQ(clock.drift_ms(), 0) << "set right again: followed again";
    EXPECT_EQ(clock.now().us, source.wall_us);
  }
}

TEST(Context, DerivedIdsFollowFromTheCommandAndTheLabelAlone) {
  pawl::Context one;
  one.command_id = "c1";
  pawl::Context same;
  same.command_id = "c1";
  same.time = pawl::Time{5};
  pawl::Context other;
  other.command_id = "c2";
  EXPECT_EQ(one.derived_id("a").size(), 32U);
  EXPECT_EQ(one.derived_id("a"), same.derived_id("a"));
  EXPECT_NE(one.derived_id("a"), one.derived_id("b"));
  EXPECT_NE(one.derived_id("a"), other.derived_id("a"));
}

struct Limits {
  int held = 7;
};

TEST(Context, ConfigurationGivesWhatWasSetOrTheDefaults) {
  pawl::ConfigSnapshot config;
  pawl::Context context;
  context.config = &config;
  EXPECT_EQ(context.configuration<Limits>().held, 7);
  config.set(Limits{9});
  config.set(Limits{10});
  EXPECT_EQ(context.configuration<Limits>().held, 10);
}

}  // namespace
