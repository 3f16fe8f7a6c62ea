// SPDX-License-Identifier: Apache-2.0
//
// Effects in a batch: their claims and answers, and what of their rows a store must read for them.
#include "unit/batch_fixture.h"

namespace pawl::protocol {
namespace {

using BatchEffectsTest = BatchFixture;

TEST_F(BatchEffectsTest, AClaimTakesOnlyWhatMayBeClaimed) {
  for (const EffectState state :
       {EffectState::ready, EffectState::sending, EffectState::accepted, EffectState::polling,
        EffectState::unknown, EffectState::inquiring, EffectState::waiting, EffectState::ended}) {
    effect_row(1, state);
    const auto first = add(ClaimWork{1});
    const auto second = add(ClaimWork{1});
    run();
    const bool claimable = state == EffectState::ready || state == EffectState::accepted ||
                           state == EffectState::unknown;
    EXPECT_EQ(result(first).fate, claimable ? Fate::decided : Fate::stale) << name_of(state);
    EXPECT_EQ(result(second).fate, Fate::stale) << "one claim, one exchange";
    EXPECT_EQ(batch->exchanges().size(), claimable ? 1U : 0U);
    EXPECT_EQ(writes().effects_updated.size(), claimable ? 1U : 0U);
    if (claimable) {
      EXPECT_EQ(batch->exchanges()[0].row.token, 4);
      EXPECT_EQ(writes().effects_updated[0].token, 4) << "committed before it is sent";
    }
  }
  effects.clear();
  const auto gone = add(ClaimWork{1});
  run();
  EXPECT_EQ(result(gone).fate, Fate::stale);
}

TEST_F(BatchEffectsTest, AnAnswerEndsTheEffectAndTellsItsOwnerInOneCommit) {
  put("a", 0);
  const EffectRow claimed = effect_row(1, EffectState::sending);
  const auto first = answer(claimed, Outcome::confirmed);
  const auto second = answer(claimed, Outcome::refused);
  run();
  EXPECT_EQ(result(first).fate, Fate::decided);
  EXPECT_EQ(result(second).fate, Fate::stale) << "it has ended";
  EXPECT_EQ(row("a").paid, 10);
  ASSERT_EQ(writes().effects_updated.size(), 1U);
  EXPECT_EQ(writes().effects_updated[0].state, EffectState::ended);
  EXPECT_EQ(writes().effects_updated[0].outcome, Outcome::confirmed);
}

// What a store may give back unread is what nothing else of the batch asks for.
TEST_F(BatchEffectsTest, AnEffectIsClaimedForAnAnswerAlone) {
  put("a", 0);
  const EffectRow first = effect_row(1, EffectState::sending);
  const EffectRow second = effect_row(2, EffectState::sending);
  effect_row(3, EffectState::ready);
  answer(first, Outcome::confirmed);
  answer(second, Outcome::confirmed);
  add(LeaseLostWork{2, 3});
  add(ClaimWork{3});
  run();
  const auto& request = batch->lock_request();
  ASSERT_EQ(request.effects, (std::vector<std::int64_t>{1, 2, 3}));
  ASSERT_NE(request.claimed_effect(0), nullptr);
  EXPECT_EQ(request.claimed_effect(0)->id, 1);
  EXPECT_EQ(request.claimed_effect(1), nullptr) << "its lease is looked at, too";
  EXPECT_EQ(request.claimed_effect(2), nullptr);
  EXPECT_EQ(request.claimed_effect(3), nullptr) << "there is none";
}

// Retention rests on it: what is said of an effect is said in the commit that ends it, or before.
TEST_F(BatchEffectsTest, NothingIsSaidOfAnEffectThatHasEnded) {
  put("a", 0);
  const EffectRow ended = effect_row(1, EffectState::ended, 3);
  add(ClaimWork{1});
  answer(ended, Outcome::unknown);
  add(LeaseLostWork{1, 3});
  ParkWork park;
  park.answer = AnswerWork{ended, EffectAnswer(Outcome::confirmed, "c"), 0};
  add(park);
  run();
  EXPECT_TRUE(writes().empty());
}

TEST_F(BatchEffectsTest, AnAnswerWithAnotherTokenChangesNothing) {
  put("a", 0);
  EffectRow claimed = effect_row(1, EffectState::sending, 3);
  claimed.token = 2;
  const auto ticket = answer(claimed, Outcome::confirmed);
  const auto lease = add(LeaseLostWork{1, 2});
  run();
  EXPECT_EQ(result(ticket).fate, Fate::stale);
  EXPECT_EQ(result(lease).fate, Fate::stale);
  EXPECT_TRUE(writes().empty());
}

}  // namespace
}  // namespace pawl::protocol
