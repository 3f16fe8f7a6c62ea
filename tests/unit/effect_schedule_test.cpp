// SPDX-License-Identifier: Apache-2.0
//
// The executor's memory: nothing is handed out twice, before its time, or beyond what its
// destination may take.
#include <gtest/gtest.h>

#include <chrono>

#include "engine/bank_decide.h"
#include "protocol/effect_schedule.h"

namespace pawl::protocol {
namespace {

constexpr Time start = Time::from_seconds(1'000);
constexpr std::string_view payment = bank::Payment::kind;

class EffectScheduleTest : public ::testing::Test {
 protected:
  explicit EffectScheduleTest(int concurrency = 2, int per_second = 0) {
    EffectPolicy policy = bank::quick_policy();
    policy.concurrency = concurrency;
    policy.per_second = per_second;
    bank::describe(registry, policy);
  }

  static EffectRow sending(std::int64_t id, std::int64_t token = 1) {
    EffectRow row;
    row.id = id;
    row.kind = payment;
    row.state = EffectState::sending;
    row.token = token;
    return row;
  }
  using Ids = std::vector<std::int64_t>;

  Registry registry;
  EffectSchedule schedule{registry, {std::string(payment)}};
};

TEST_F(EffectScheduleTest, HandsOutWhatIsDueInTheOrderOfItsTime) {
  schedule.put(1, payment, EffectState::ready, start.plus_ms(20));
  schedule.put(2, payment, EffectState::unknown, start.plus_ms(10));
  schedule.put(3, payment, EffectState::accepted, start.plus_ms(30));
  EXPECT_EQ(schedule.next_at(), start.plus_ms(10));
  EXPECT_EQ(schedule.take_due(start.plus_us(9'999), 10), Ids{});
  EXPECT_EQ(schedule.take_due(start.plus_ms(20), 10), (Ids{2, 1}));
  EXPECT_EQ(schedule.open(), 1U);
}

TEST_F(EffectScheduleTest, HandsOutOnceUntilPutAgain) {
  schedule.put(1, payment, EffectState::ready, start);
  EXPECT_EQ(schedule.take_due(start, 10), Ids{1});
  EXPECT_EQ(schedule.take_due(start, 10), Ids{});
  schedule.begun(sending(1), start.plus_ms(5));
  EXPECT_EQ(schedule.take_due(start, 10), Ids{});
  ASSERT_TRUE(schedule.finished(1, 1));
  schedule.put(1, payment, EffectState::unknown, start);
  EXPECT_EQ(schedule.take_due(start, 10), Ids{1});
}

TEST_F(EffectScheduleTest, PutTwiceIsHandedOutOnce) {
  schedule.put(1, payment, EffectState::unknown, start);
  schedule.put(1, payment, EffectState::unknown, start);  // an operator hurried it
  EXPECT_EQ(schedule.take_due(start, 10), Ids{1});
  schedule.begun(sending(1), start.plus_ms(5));
  EXPECT_EQ(schedule.take_due(start, 10), Ids{});
}

TEST_F(EffectScheduleTest, OnlyTheLastPutCounts) {
  schedule.put(1, payment, EffectState::unknown, start.plus_ms(30));
  schedule.put(1, payment, EffectState::unknown, start);  // an operator hurried it
  EXPECT_EQ(schedule.open(), 1U);
  EXPECT_EQ(schedule.take_due(start, 10), Ids{1});
  schedule.begun(sending(1), start.plus_ms(5));
  ASSERT_TRUE(schedule.finished(1, 1));
  schedule.put(1, payment, EffectState::unknown, start.plus_ms(60));
  EXPECT_EQ(schedule.take_due(start.plus_ms(59), 10), Ids{}) << "not inside its back-off";
  EXPECT_EQ(schedule.take_due(start.plus_ms(60), 10), Ids{1});
}

TEST_F(EffectScheduleTest, APutBetweenClaimAndExchangeKeepsTheCount) {
  for (std::int64_t id = 1; id <= 5; ++id) schedule.put(id, payment, EffectState::ready, start);
  ASSERT_EQ(schedule.take_due(start, 10), (Ids{1, 2}));
  schedule.put(1, payment, EffectState::ready, start);  // an operator's verb, committed before
  schedule.begun(sending(1), start.plus_ms(5));
  schedule.begun(sending(2), start.plus_ms(5));
  ASSERT_TRUE(schedule.finished(1, 1));
  ASSERT_TRUE(schedule.finished(2, 1));
  EXPECT_EQ(schedule.take_due(start, 10).size(), 2U) << "the limit did not grow";
}

TEST_F(EffectScheduleTest, NeverMoreThanItsDestinationTakes) {
  for (std::int64_t id = 1; id <= 5; ++id) schedule.put(id, payment, EffectState::ready, start);
  EXPECT_EQ(schedule.take_due(start, 10), (Ids{1, 2}));
  EXPECT_EQ(schedule.next_at(), Time::never()) << "it waits for an answer, not for a time";
  schedule.begun(sending(1), start.plus_ms(5));
  schedule.begun(sending(2), start.plus_ms(6));
  EXPECT_EQ(schedule.next_at(), start.plus_ms(5)) << "when the first one is given up";
  EXPECT_EQ(schedule.take_due(start, 10), Ids{});
  ASSERT_TRUE(schedule.finished(2, 1));
  EXPECT_EQ(schedule.take_due(start, 10), Ids{3});
  schedule.release(3);  // its claim found nothing to do
  EXPECT_EQ(schedule.take_due(start, 10), Ids{4});
  EXPECT_EQ(schedule.take_due(start, 10), Ids{});
}

TEST_F(EffectScheduleTest, LimitOfOneCallIsKept) {
  schedule.put(1, payment, EffectState::ready, start);
  schedule.put(2, payment, EffectState::ready, start);
  EXPECT_EQ(schedule.take_due(start, 1), Ids{1});
  EXPECT_EQ(schedule.take_due(start, 1), Ids{2});
}

TEST_F(EffectScheduleTest, OnlyTheClaimsOwnTokenFinishesIt) {
  schedule.put(1, payment, EffectState::ready, start);
  (void)schedule.take_due(start, 1);
  schedule.begun(sending(1, 7), start.plus_ms(5));
  EXPECT_FALSE(schedule.finished(1, 6));
  EXPECT_FALSE(schedule.finished(2, 7));
  EXPECT_EQ(schedule.under_way(), 1U);
  EXPECT_TRUE(schedule.finished(1, 7));
  EXPECT_FALSE(schedule.finished(1, 7)) << "a second answer is dropped";
  EXPECT_EQ(schedule.under_way(), 0U);
}

TEST_F(EffectScheduleTest, OverdueNamesWhoDidNotAnswer) {
  schedule.begun(sending(1), start.plus_ms(5));
  schedule.begun(sending(2), start.plus_ms(9));
  EXPECT_TRUE(schedule.overdue(start.plus_us(4'999)).empty());
  ASSERT_EQ(schedule.overdue(start.plus_ms(5)).size(), 1U);
  EXPECT_EQ(schedule.overdue(start.plus_ms(5))[0].id, 1);
  EXPECT_EQ(schedule.overdue(start.plus_ms(9)).size(), 2U);
}

TEST_F(EffectScheduleTest, AnExchangeThatEndedOrBeganAnewIsNotGivenUpAtItsOldTime) {
  schedule.begun(sending(1), start.plus_ms(5));
  schedule.begun(sending(2), start.plus_ms(6));
  schedule.begun(sending(3), start.plus_ms(9));
  ASSERT_TRUE(schedule.finished(1, 1));
  EXPECT_EQ(schedule.next_at(), start.plus_ms(6));
  schedule.begun(sending(2, 2), start.plus_ms(20));
  EXPECT_EQ(schedule.next_at(), start.plus_ms(9));
  ASSERT_EQ(schedule.overdue(start.plus_ms(19)).size(), 1U);
  EXPECT_EQ(schedule.overdue(start.plus_ms(19))[0].id, 3);
  ASSERT_EQ(schedule.overdue(start.plus_ms(20)).size(), 2U);
  EXPECT_EQ(schedule.overdue(start.plus_ms(20))[1].token, 2) << "the first to be given up first";
  schedule.clear();
  EXPECT_EQ(schedule.next_at(), Time::never());
  EXPECT_TRUE(schedule.overdue(start.plus_ms(20)).empty());
}

TEST_F(EffectScheduleTest, AnExchangeThatEndedAndBeganAgainHasItsNewTimeAlone) {
  schedule.begun(sending(1, 1), start.plus_ms(5));
  ASSERT_TRUE(schedule.finished(1, 1));
  schedule.begun(sending(1, 2), start.plus_ms(20));
  EXPECT_EQ(schedule.next_at(), start.plus_ms(20));
  EXPECT_TRUE(schedule.overdue(start.plus_ms(19)).empty()) << "its first one ended in time";
  EXPECT_FALSE(schedule.finished(1, 1));
  const auto late = schedule.overdue(start.plus_ms(20));
  ASSERT_EQ(late.size(), 1U);
  EXPECT_EQ(late[0].token, 2);
  ASSERT_TRUE(schedule.finished(1, 2));
  EXPECT_TRUE(schedule.overdue(start.plus_ms(20)).empty());
}

// A lane asks both each turn. Walking all exchanges for it takes a thousand times this bound.
TEST_F(EffectScheduleTest, WhatIsUnderWayCostsATurnNothingWhileNoneOfItIsOverdue) {
  constexpr std::int64_t many = 100'000;
  for (std::int64_t id = 1; id <= many; ++id) schedule.begun(sending(id), start.plus_ms(id));
  const auto began = std::chrono::steady_clock::now();
  for (std::int64_t turn = 0; turn < many; ++turn) {
    ASSERT_TRUE(schedule.overdue(start).empty());
    ASSERT_EQ(schedule.next_at(), start.plus_ms(1));
    ASSERT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10)) << turn;
  }
}

TEST_F(EffectScheduleTest, LeavesAloneWhatItHasNothingToDoFor) {
  schedule.put(1, "another kind", EffectState::ready, start);
  for (const EffectState state :
       {EffectState::sending, EffectState::polling, EffectState::inquiring, EffectState::waiting,
        EffectState::ended}) {
    schedule.put(2, payment, state, start);
  }
  EXPECT_EQ(schedule.take_due(start, 10), Ids{});
  EXPECT_EQ(schedule.next_at(), Time::never());
  EXPECT_EQ(schedule.open(), 0U);
}

class RatedSchedule : public EffectScheduleTest {
 protected:
  RatedSchedule() : EffectScheduleTest(1'000, 10) {}
};

TEST_F(RatedSchedule, NoMoreStartsThanTheRate) {
  for (std::int64_t id = 1; id <= 200; ++id) schedule.put(id, payment, EffectState::ready, start);
  std::size_t started = 0;
  for (int ms = 0; ms <= 3'000; ms += 10) {
    started += schedule.take_due(start.plus_ms(ms), 1'000).size();
    // A burst of one second's worth at first, the rate after that.
    EXPECT_LE(static_cast<double>(started), 10.0 + 10.0 * ms / 1'000.0 + 0.001) << ms;
  }
  EXPECT_GE(started, 39U) << "and not less, or the loop would stand still";
}

TEST_F(RatedSchedule, NextAtIsWhenTheRateAllowsIt) {
  for (std::int64_t id = 1; id <= 20; ++id) schedule.put(id, payment, EffectState::ready, start);
  EXPECT_EQ(schedule.take_due(start, 100).size(), 10U);
  const Time next = schedule.next_at();
  EXPECT_GT(next, start);
  EXPECT_LE(next, start.plus_ms(100));
  EXPECT_EQ(schedule.take_due(start.plus_ms(100), 100).size(), 1U);
}

class SharedScheduleTest : public EffectScheduleTest {
 protected:
  SharedScheduleTest() : EffectScheduleTest(4, 8) {}
  EffectSchedule shared{registry, {std::string(payment)}, true};
  const std::string there{bank::quick_policy().destination};
};

TEST_F(SharedScheduleTest, NothingBeginsWithoutAPermit) {
  for (int id = 1; id <= 6; ++id) shared.put(id, payment, EffectState::ready, start);
  EXPECT_TRUE(shared.wants_permits(start));
  EXPECT_EQ(shared.take_due(start, 10), Ids{});
  const auto wishes = shared.wishes(start);
  ASSERT_EQ(wishes.size(), 1U);
  EXPECT_EQ(wishes[0].destination, there);
  EXPECT_EQ(wishes[0].limit, 4);
  EXPECT_EQ(wishes[0].wanted, 4) << "no more than the limit";
  EXPECT_EQ(wishes[0].in_use, 0);
  shared.set_permits(there, 2);
  EXPECT_EQ(shared.take_due(start.plus_seconds(1), 10), (Ids{1, 2}));
  EXPECT_EQ(shared.wishes(start.plus_seconds(1))[0].in_use, 2);
  EXPECT_TRUE(shared.wants_permits(start.plus_seconds(1)));
}

// A lane looks at its effects again and again, and each is put as it is.
TEST_F(SharedScheduleTest, WhatIsPutAgainForTheSameTimeIsThereOnce) {
  for (int i = 0; i < 3; ++i) shared.put(1, payment, EffectState::ready, start);
  EXPECT_EQ(shared.wishes(start)[0].wanted, 1);
  shared.set_permits(there, 4);
  EXPECT_EQ(shared.take_due(start.plus_seconds(1), 10), Ids{1});
  shared.release(1);
  shared.put(1, payment, EffectState::ready, start);
  EXPECT_EQ(shared.take_due(start.plus_seconds(2), 10), Ids{1});
}

TEST_F(SharedScheduleTest, WhatIsNotDueWantsNoPermit) {
  shared.put(1, payment, EffectState::ready, start.plus_ms(5));
  EXPECT_FALSE(shared.wants_permits(start));
  EXPECT_TRUE(shared.wants_permits(start.plus_ms(5)));
}

TEST_F(SharedScheduleTest, TheStartsOfASecondAreSharedLikeThePermits) {
  for (int id = 1; id <= 60; ++id) shared.put(id, payment, EffectState::ready, start);
  (void)shared.take_due(start, 10);
  shared.set_permits(there, 1);
  int started = 0;
  for (int ms = 0; ms <= 10'000; ms += 50) {
    for (const auto id : shared.take_due(start.plus_ms(ms), 10)) {
      shared.begun(sending(id), start.plus_seconds(100));
      ASSERT_TRUE(shared.finished(id, 1));
      ++started;
    }
  }
  EXPECT_NEAR(started, 20, 2) << "a quarter of eight a second, for ten seconds";
}

}  // namespace
}  // namespace pawl::protocol
