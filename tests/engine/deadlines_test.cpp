// SPDX-License-Identifier: Apache-2.0
//
// Deadlines ring once, not early, also after a restart and when the machine's clock jumps.
#include "engine/engine_fixture.h"
#include "engine/manual_clock.h"

namespace pawl::test {
namespace {

constexpr std::int64_t hour_ms = 3'600'000;

class Deadlines : public EngineFixture {
 protected:
  void begin() {
    start();
    done(bank::Open{"a", 0, {}});
  }
  void alarm(const std::string& name, std::int64_t delay_ms, std::int64_t again = 0) {
    done(bank::SetAlarm{"a", name, delay_ms, again});
  }
  bool trail(const std::string& wanted) {
    return reaches("a", [&](const auto& row) { return row.trail == wanted; });
  }
  // Two commits later the engine has looked at its deadlines.
  std::int64_t ticks_after_a_turn() {
    (void)call(bank::Deposit{"a", 0});
    (void)call(bank::Deposit{"a", 0});
    return account("a").ticks;
  }
};

TEST_F(Deadlines, RingOnceAndInOrder) {
  ManualClock clock;
  clock_ = &clock;
  begin();
  alarm("2", 200);
  alarm("1", 100);
  alarm("3", 300);
  clock.pass_ms(1'000);
  (void)ticks_after_a_turn();
  ASSERT_TRUE(trail("123"));
  EXPECT_EQ(ticks_after_a_turn(), 3);
  engine_.reset();
}

TEST_F(Deadlines, RearmThemselves) {
  begin();
  alarm("x", 10, 3);
  ASSERT_TRUE(trail("xxxx"));
  EXPECT_EQ(ticks_after_a_turn(), 4);
}

TEST_F(Deadlines, DisarmedAndReplaced) {
  ManualClock clock;
  clock_ = &clock;
  begin();
  alarm("gone", 60);
  done(bank::ClearAlarm{"a", "gone"});
  alarm("moved", 60);
  alarm("moved", 150);
  alarm("last", 250);
  clock.pass_ms(100);
  EXPECT_EQ(ticks_after_a_turn(), 0) << "neither the disarmed one nor the replaced arming";
  clock.pass_ms(1'000);
  (void)ticks_after_a_turn();
  ASSERT_TRUE(trail("movedlast"));
  EXPECT_EQ(ticks_after_a_turn(), 2);
  engine_.reset();
}

TEST_F(Deadlines, RingAfterARestartAlsoWhenTheyBecameDueMeanwhile) {
  begin();
  alarm("past", 20);
  alarm("future", 400);
  const Time due = engine_->clock().now().plus_ms(30);
  engine_.reset();
  ASSERT_TRUE(eventually([&] { return system_clock().now() > due; }));
  start();
  ASSERT_TRUE(trail("pastfuture"));
  restart();
  EXPECT_EQ(ticks_after_a_turn(), 2);
}

TEST_F(Deadlines, NotEarly) {
  ManualClock clock;
  clock_ = &clock;
  begin();
  alarm("x", hour_ms);
  clock.pass_ms(hour_ms - 1);
  EXPECT_EQ(ticks_after_a_turn(), 0);
  clock.pass_ms(1);
  ASSERT_TRUE(eventually([&] { return ticks_after_a_turn() == 1; }));
  EXPECT_EQ(account("a").trail, "x");
  engine_.reset();
}

TEST_F(Deadlines, AJumpOfTheWallClockNeitherHurriesNorLosesThem) {
  for (const std::int64_t jump_ms : {2 * hour_ms, -2 * hour_ms}) {
    ManualClock source;
    SteadyClock clock(source);
    clock_ = &clock;
    begin();
    alarm("x", hour_ms);
    const auto before = account("a").ticks;
    source.jump_ms(jump_ms);
    source.pass_ms(hour_ms - 1'000);
    EXPECT_EQ(ticks_after_a_turn(), before) << jump_ms;
    EXPECT_TRUE(eventually([&] {
      (void)ticks_after_a_turn();
      const auto alerts = engine_->alerts(true, 10);
      return alerts && !alerts->empty() && alerts->front().code == "clock_jumped";
    }));
    source.pass_ms(2'000);
    EXPECT_TRUE(eventually([&] { return ticks_after_a_turn() == before + 1; })) << jump_ms;
    engine_.reset();
    begin_anew();
  }
}

TEST_F(Deadlines, RefusedIsParkedAndCanBeRetried) {
  ManualClock clock;
  clock_ = &clock;
  begin();
  alarm("x", 100);
  done(bank::Go{"a", bank::State::frozen});
  clock.pass_ms(200);
  (void)ticks_after_a_turn();
  ASSERT_TRUE(eventually([&] { return parked().size() == 1; }));
  EXPECT_EQ(parked()[0].source, "deadline");
  EXPECT_EQ(account("a").ticks, 0);
  done(bank::Go{"a", bank::State::open});
  const auto retried = operate_parked(parked()[0].id, true);
  ASSERT_TRUE(retried && retried->done);
  EXPECT_EQ(account("a").ticks, 1);
  engine_.reset();
}

TEST_F(Deadlines, MoreThanAScanAtOnce) {
  begin();
  constexpr int count = 2'300;
  std::atomic<int> answered{0};
  for (int i = 0; i < count; ++i) {
    engine_->submit(bank::SetAlarm{"a", std::to_string(i), 1, 0},
                    {"ann", "s" + std::to_string(i), ""},
                    [&](const Result<Receipt>& receipt) { answered += receipt && receipt->done; });
  }
  ASSERT_TRUE(eventually([&] { return answered == count; }));
  ASSERT_TRUE(reaches("a", [](const auto& row) { return row.ticks == count; }));
}

}  // namespace
}  // namespace pawl::test
