// SPDX-License-Identifier: Apache-2.0
//
// In a store that was restored an effect may have been carried out between the backup and the
// restore, by a store that is gone: only where the far side dedups is it sent without asking.
#include <gtest/gtest.h>

#include <optional>

#include "protocol/lane_hold.h"
#include "unit/batch_fixture.h"

namespace pawl::protocol {
namespace {

class RestoredTest : public BatchFixture {
 protected:
  EffectRow asked_for(ResendRule rule) {
    EXPECT_TRUE(registry.set_effect_policy(bank::Payment::kind, bank::quick_policy(rule)));
    put("a");
    request(bank::Pay{"a", 1, "k"});
    run();
    EXPECT_EQ(writes().effects_inserted.size(), 1U);
    return writes().effects_inserted.empty() ? EffectRow{} : writes().effects_inserted.front();
  }
};

TEST_F(RestoredTest, AnEffectIsAskedForFirstUnlessTheFarSideDedups) {
  restored_at = Time{1'000};
  EXPECT_EQ(asked_for(ResendRule::dedup).state, EffectState::ready);
  for (const auto rule : {ResendRule::neither, ResendRule::inquiry_voids, ResendRule::not_after}) {
    const auto row = asked_for(rule);
    EXPECT_EQ(row.state, EffectState::unknown) << name_of(rule);
    EXPECT_TRUE(row.maybe_sent) << "never sent cannot be said of it";
  }
  EXPECT_EQ(asked_for(ResendRule::not_after).not_after.us, 1'000 + 60'000'000)
      << "bytes of a lost sender are taken until then";
}

TEST_F(RestoredTest, InAStoreThatNeverWasRestoredItIsSentAtOnce) {
  for (const auto rule : {ResendRule::dedup, ResendRule::neither, ResendRule::not_after}) {
    EXPECT_EQ(asked_for(rule).state, EffectState::ready) << name_of(rule);
  }
}

// What the store's restore makes of each open effect of the backup.
TEST(Restored, WhatHadNotEndedBecomesUnknownWhateverItWas) {
  const Time now{50'000'000};
  for (const auto state : {EffectState::ready, EffectState::sending, EffectState::accepted,
                           EffectState::polling, EffectState::waiting}) {
    EffectRow row;
    row.state = state;
    row.token = 7;
    row.inquiry = 3;
    row.lease_until = Time{90'000'000};
    restored(row, nullptr, now);
    EXPECT_EQ(row.state, EffectState::unknown) << name_of(state);
    EXPECT_EQ(row.token, 8) << "whoever held the old one is superseded";
    EXPECT_TRUE(row.maybe_sent);
    EXPECT_EQ(row.inquiry, 0);
    EXPECT_EQ(row.next_at, now);
    EXPECT_EQ(row.lease_until, Time{});
    EXPECT_NE(row.history.find("restored from a backup"), std::string::npos);
  }
}

TEST(Restored, ALostSendersBytesAreTakenUntilItsTimeIsOver) {
  const auto policy = bank::quick_policy(ResendRule::not_after);
  EffectRow row;
  row.not_after = Time{1};
  restored(row, &policy, Time{1'000});
  EXPECT_EQ(row.not_after, Time{1'000}.plus_ms(policy.not_after_ms));
  EffectRow other;
  restored(other, nullptr, Time{1'000});
  EXPECT_EQ(other.not_after, Time{});
}

TEST(LaneHold, OnlyTheOwnEpochMayCommit) {
  EXPECT_TRUE(check_lane(4, 4));
  for (const std::optional<std::int64_t> stored : {std::optional<std::int64_t>(5), {3}, {}}) {
    const auto held = check_lane(stored, 4);
    ASSERT_FALSE(held);
    EXPECT_EQ(held.error().code, lane_fenced);
  }
}

}  // namespace
}  // namespace pawl::protocol
