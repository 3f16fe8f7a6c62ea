// SPDX-License-Identifier: Apache-2.0
//
// In a store that was restored an effect may have been carried out between the backup and the
// restore, by a store that is gone: only where the far side dedups is it sent without asking.
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace pawl::protocol
