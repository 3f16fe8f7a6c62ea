// SPDX-License-Identifier: Apache-2.0
//
// The rules that hold for both sides alike, on both: who sells, whose coins wait and who may do
// what turns over with the side, the rule does not.
#include <gtest/gtest.h>

#include "otc/desk_fixture.h"
#include "systems/otc/errors.h"
#include "systems/otc/guards.h"
#include "systems/otc/order_steps.h"

namespace pawl::otc::test {
namespace {

class EitherSide : public Desk, public ::testing::WithParamInterface<Side> {
 protected:
  EitherSide() { use(GetParam()); }
  bool sells() const { return GetParam() == Side::sell; }
  Wallet seller() const { return wallet_of(sells() ? maker : taker); }
  Wallet buyer() const { return wallet_of(sells() ? taker : maker); }
};

TEST_P(EitherSide, ANonceIsUsedOnce) {
  to_open();
  EXPECT_EQ(refused_by(world.run(create)), guard::order_is_new.name);
  // Nor for an order of the other side.
  auto other = create_of(sells() ? Side::buy : Side::sell, maker, 3);
  other.order_id = id;
  EXPECT_EQ(refused_by(world.run(other)), guard::order_is_new.name);
}

TEST_P(EitherSide, AMakerHasABoundedNumberOfOpenOrders) {
  world.settings().open_per_maker = 1;
  to_open();
  const auto second = create_of(GetParam(), maker, 9);
  EXPECT_EQ(refused_by(world.run(second)), guard::few_open.name);
  EXPECT_EQ(code_of(world.run(create_of(sells() ? Side::buy : Side::sell, maker, 8))),
            "too_many_open")
      << "the bound is of both sides together";
  world.run(match_of(create, taker));
  world.deliver();
  if (!sells()) {
    EXPECT_EQ(refused_by(world.run(second)), guard::few_open.name) << "not matched yet";
    world.answer<LockRequest>(Outcome::confirmed);
    world.deliver();
  }
  EXPECT_EQ(refused_by(world.run(second)), "");
}

TEST_P(EitherSide, TheHashComesFromTheSellerAlone) {
  to_open();
  auto match = match_of(create, taker);
  if (sells()) {
    match.htlc_hash = htlc_hash_of(secret_of(5));
    EXPECT_EQ(code_of(world.run(match)), "htlc_hash_unexpected");
  } else {
    match.htlc_hash.reset();
    EXPECT_EQ(code_of(world.run(match)), "htlc_hash_required");
  }
  EXPECT_EQ(refused_by(world.run(match)), guard::hash_from_seller.name);
  EXPECT_EQ(state(), OrderState::open);
}

TEST_P(EitherSide, AMatchIsGuarded) {
  EXPECT_EQ(code_of(world.run(match_of(create, taker))), "order_not_found");
  to_open();
  EXPECT_EQ(refused_by(world.run(match_of(create, maker))), guard::not_own_order.name);
  const Time started = world.now;
  world.now = order().expires;
  EXPECT_EQ(code_of(world.run(match_of(create, taker))), "order_expired");
  world.now = Time{order().expires.us - 1};
  World copy = world;
  EXPECT_EQ(refused_by(copy.run(match_of(create, taker))), "");
  world.now = started;
  world.run(match_of(create, taker));
  EXPECT_EQ(state(), sells() ? OrderState::matched : OrderState::matching);
  for (const unsigned who : {taker, stranger}) {
    EXPECT_EQ(refused_by(world.run(match_of(create, who))), guard::open_to_match.name);
  }
}

TEST_P(EitherSide, ATakerHoldsABoundedNumberOfOrders) {
  world.settings().held_per_taker = 1;
  to_matched();
  const auto second = create_of(GetParam(), stranger, 9);
  world.run(second);
  if (sells()) world.answer<LockRequest>(Outcome::confirmed);
  EXPECT_EQ(code_of(world.run(match_of(second, taker))), "too_many_held");
  EXPECT_EQ(refused_by(world.run(match_of(second, taker))), guard::few_held.name);
  world.run(confirm_of(id, seller_secret));
  EXPECT_EQ(code_of(world.run(match_of(second, taker))), "too_many_held") << "not released yet";
  world.answer<ReleaseRequest>(Outcome::confirmed);
  world.deliver();
  EXPECT_EQ(refused_by(world.run(match_of(second, taker))), "");
}

TEST_P(EitherSide, TheEscrowOutlivesTheSettlement) {
  to_open();
  world.settings().settlement_window_seconds += 86'400;  // raised after the order was made
  world.now = world.now.plus_seconds(80'000);
  // A sell order's coins wait already, for the span of then; a buy order's are locked now.
  EXPECT_EQ(refused_by(world.run(match_of(create, taker))),
            sells() ? guard::escrow_covers_settlement.name : "");
  if (sells()) return;
  EXPECT_GE(Time::from_seconds(world.effects.at(0).as<LockRequest>().until_seconds),
            world.now.plus_seconds(world.config().settlement_span_seconds()));
}

TEST_P(EitherSide, OnlyTheMakerCancelsAndOnlyWhatIsOpen) {
  EXPECT_EQ(code_of(world.run(cancel_of(create))), "order_not_found");
  to_open();
  auto cancel = cancel_of(create);
  for (const unsigned who : {taker, stranger}) {
    cancel.maker = wallet_of(who);
    EXPECT_EQ(code_of(world.run(cancel)), "not_the_maker");
  }
  world.run(match_of(create, taker));
  if (!sells()) {
    EXPECT_EQ(refused_by(world.run(cancel_of(create))), guard::open_to_cancel.name);
    world.answer<LockRequest>(Outcome::confirmed);
  }
  EXPECT_EQ(state(), OrderState::matched);
  EXPECT_EQ(refused_by(world.run(cancel_of(create))), guard::open_to_cancel.name);
  cancel.maker = wallet_of(taker);
  EXPECT_EQ(code_of(world.run(cancel)), "not_the_maker");
  EXPECT_TRUE(world.effects.empty());
}

TEST_P(EitherSide, AConfirmIsGuarded) {
  EXPECT_EQ(code_of(world.run(confirm_of(id, seller_secret))), "order_not_found");
  to_open();
  EXPECT_EQ(refused_by(world.run(confirm_of(id, seller_secret))), guard::matched_to_confirm.name);
  world.run(match_of(create, taker));
  if (!sells()) {
    EXPECT_EQ(refused_by(world.run(confirm_of(id, seller_secret))), guard::matched_to_confirm.name);
    world.answer<LockRequest>(Outcome::confirmed);
  }
  EXPECT_EQ(code_of(world.run(confirm_of(id, 5))), "secret_wrong");
  world.now = *order().settle_until;
  EXPECT_EQ(refused_by(world.run(confirm_of(id, seller_secret))), guard::settlement_time_left.name);
  world.now = Time{order().settle_until->us - 1};
  EXPECT_EQ(refused_by(world.run(confirm_of(id, seller_secret))), "");
  EXPECT_TRUE(ignored(world.run(confirm_of(id, seller_secret)))) << "again: nothing more";
}

TEST_P(EitherSide, AWriteThatInsistsOnAnotherVersionIsRefused) {
  to_open();
  auto cancel = cancel_of(create);
  cancel.if_version = 99;
  EXPECT_EQ(refused_by(world.run(cancel)), guard::version_expected.name);
  auto match = match_of(create, taker);
  match.if_version = 99;
  EXPECT_EQ(refused_by(world.run(match)), guard::version_expected.name);
  match.if_version = sells() ? 2 : 1;
  EXPECT_EQ(refused_by(world.run(match)), "");
}

TEST_P(EitherSide, AReleaseThatMovedNothingGoesBackToMatched) {
  for (const auto outcome : {Outcome::refused, Outcome::never_sent}) {
    World fresh;
    std::swap(world, fresh);
    to_settling();
    world.answer<ReleaseRequest>(outcome, "try_later");
    EXPECT_EQ(state(), OrderState::matched);
    EXPECT_FALSE(order().secret || order().quote_tx);
    EXPECT_EQ(world.wallet(wallet_of(taker)).held, 1);
    world.now = *order().settle_until;
    world.run_deadlines();
    EXPECT_EQ(world.effects.at(0).as<RefundRequest>().holder, seller());
  }
}

TEST_P(EitherSide, AReleaseThatFailsAfterTheTimeoutIsRefundedAtOnce) {
  to_settling();
  world.now = order().settle_until->plus_seconds(5);
  world.run_deadlines();
  EXPECT_EQ(state(), OrderState::settling);
  world.answer<ReleaseRequest>(Outcome::refused, "try_later");
  world.run_deadlines();
  EXPECT_EQ(state(), OrderState::refund_pending);
  EXPECT_EQ(world.effects.at(0).as<RefundRequest>().holder, seller());
}

TEST_P(EitherSide, AnEscrowThatIsGoneStopsAndAnOperatorMayHaveItGivenBack) {
  to_settling();
  world.answer<ReleaseRequest>(Outcome::refused, "escrow_unknown");
  EXPECT_EQ(state(), OrderState::settlement_recovery);
  EXPECT_EQ(refused_by(world.run(redrive())), guard::payout_is_void.name);
  world.run(refund());
  EXPECT_EQ(world.effects.at(0).as<RefundRequest>().holder, seller());
  world.answer<RefundRequest>(Outcome::confirmed);
  world.deliver();
  EXPECT_EQ(state(), OrderState::expired);
  EXPECT_EQ(world.wallet(wallet_of(taker)).held, 0);
}

TEST_P(EitherSide, AVoidedPayoutIsMadeAgainToTheBuyer) {
  to_payout_void();
  EXPECT_EQ(refused_by(world.run(refund())), guard::escrow_still_ours.name);
  world.run(redrive());
  const auto payout = world.effects.at(0).as<PayoutRequest>();
  EXPECT_EQ(payout.key, "otc_payout:" + id + ":2");
  EXPECT_EQ(payout.recipient, buyer());
  world.answer<PayoutRequest>(Outcome::confirmed);
  EXPECT_EQ(state(), OrderState::completed);
  EXPECT_EQ(order().trade_id, make_trade_id(id));
}

TEST_P(EitherSide, APayoutThatWasNeverSentIsMadeAgainByItselfUnderTheSameKey) {
  to_released();
  world.answer<PayoutRequest>(Outcome::never_sent);
  EXPECT_EQ(state(), OrderState::settlement_recovery);
  world.now = world.now.plus_seconds(world.config().redrive_base_seconds);
  world.run_deadlines();
  EXPECT_EQ(world.effects.at(0).key, "otc_payout:" + id + ":1");
  EXPECT_EQ(world.effects.at(0).as<PayoutRequest>().recipient, buyer());
}

TEST_P(EitherSide, ARefundThatIsRefusedStopsWithOneAlert) {
  to_matched();
  world.now = *order().settle_until;
  world.run_deadlines();
  world.answer<RefundRequest>(Outcome::refused, "released_by_another");
  EXPECT_EQ(state(), OrderState::settlement_recovery);
  EXPECT_EQ(world.alerts_of(alert_refund_refused), 1);
  EXPECT_FALSE(order().escrow_refunded);
}

INSTANTIATE_TEST_SUITE_P(Sides, EitherSide, ::testing::Values(Side::sell, Side::buy),
                         [](const auto& side) { return std::string(name_of(side.param)); });

}  // namespace
}  // namespace pawl::otc::test
