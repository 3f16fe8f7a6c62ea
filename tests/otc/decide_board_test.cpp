// SPDX-License-Identifier: Apache-2.0
//
// Create, match, cancel and expiry, by calling decide().
#include <gtest/gtest.h>

#include "otc/desk_fixture.h"
#include "systems/otc/errors.h"
#include "systems/otc/guards.h"
#include "systems/otc/order_steps.h"

namespace pawl::otc::test {
namespace {

// ---- create

TEST_F(Desk, SellIsOpeningUntilItsCoinsAreLocked) {
  world.run(create);
  EXPECT_EQ(state(), OrderState::opening);
  ASSERT_EQ(world.effects.size(), 1U);
  const auto lock = world.effects[0].as<LockRequest>();
  EXPECT_EQ(lock.key, "otc_lock:" + id + ":1");
  EXPECT_EQ(lock.holder, create.maker);
  EXPECT_EQ(lock.amount_micro, create.amount_micro);
  EXPECT_EQ(lock.authorization_text, "signed create");
  EXPECT_EQ(lock.terms_text, "");
  EXPECT_EQ(lock.until_seconds, world.now.seconds() + 86'400 + 7'200 + 86'400 + 3'600);
  EXPECT_EQ(world.wallet(create.maker).open_orders, 1);
  EXPECT_FALSE(world.has_deadline(id, expiry_deadline));

  world.answer<LockRequest>(Outcome::confirmed, "", "escrow_9");
  EXPECT_EQ(state(), OrderState::open);
  EXPECT_TRUE(order().escrow_locked);
  EXPECT_EQ(order().escrow_reference, "escrow_9");
  EXPECT_TRUE(world.has_deadline(id, expiry_deadline));
}

TEST_F(Desk, EscrowEndIsRoundedUpToAWholeSecond) {
  world.now = world.now.plus_us(1);
  world.run(create);
  const auto lock = world.effects[0].as<LockRequest>();
  EXPECT_GE(Time::from_seconds(lock.until_seconds),
            order().expires.plus_seconds(world.config().settlement_span_seconds()));
}

TEST_F(Desk, BuyIsOpenAtOnceAndLocksNothing) {
  use(Side::buy);
  world.run(create);
  EXPECT_EQ(state(), OrderState::open);
  EXPECT_TRUE(world.effects.empty());
  EXPECT_TRUE(world.has_deadline(id, expiry_deadline));
}

// Case 16.
TEST_F(Desk, RefusedLockRejectsTheOrderAndGivesThePlaceBack) {
  world.run(create);
  world.answer<LockRequest>(Outcome::refused, "insufficient_balance");
  world.deliver();
  EXPECT_EQ(state(), OrderState::rejected);
  EXPECT_EQ(order().reason, "lock_refused");
  EXPECT_EQ(order().failed_code, "insufficient_balance");
  EXPECT_FALSE(order().escrow_locked);
  EXPECT_EQ(world.wallet(create.maker).open_orders, 0);
  EXPECT_TRUE(world.effects.empty());
}

// Case 17.
TEST_F(Desk, LockThatWasNeverSentRejectsTheOrder) {
  world.run(create);
  world.answer<LockRequest>(Outcome::never_sent, "client_connect_failed");
  EXPECT_EQ(state(), OrderState::rejected);
  EXPECT_EQ(order().reason, "lock_not_sent");
  EXPECT_TRUE(order().failed_unsent);
}

// Case 70.
TEST_F(Desk, NonceIsUsedOnce) {
  to_open();
  EXPECT_EQ(refused_by(world.run(create)), guard::order_is_new.name);
}

TEST_F(Desk, MakerHasABoundedNumberOfOpenOrders) {
  world.settings().open_per_maker = 2;
  for (unsigned i = 0; i < 2; ++i) {
    EXPECT_EQ(refused_by(world.run(create_of(Side::buy, maker, i))), "");
  }
  const auto third = create_of(Side::buy, maker, 5);
  const auto decision = world.run(third);
  EXPECT_EQ(refused_by(decision), guard::few_open.name);
  EXPECT_EQ(code_of(decision), "too_many_open");
  world.run(cancel_of(create_of(Side::buy, maker, 0)));
  world.deliver();
  EXPECT_EQ(refused_by(world.run(third)), "");
}

TEST_F(Desk, HashComesFromTheSellerOnly) {
  create.htlc_hash.reset();
  EXPECT_EQ(code_of(world.run(create)), "htlc_hash_required");
  use(Side::buy);
  create.htlc_hash = htlc_hash_of(secret_of(1));
  EXPECT_EQ(code_of(world.run(create)), "htlc_hash_unexpected");
  create.htlc_hash.reset();
  to_open();
  auto match = match_of(create, taker);
  match.htlc_hash.reset();
  EXPECT_EQ(code_of(world.run(match)), "htlc_hash_required");
  EXPECT_EQ(refused_by(world.run(match)), guard::hash_from_seller.name);
}

// ---- match

TEST_F(Desk, MatchOfASellIsMatchedAtOnce) {
  to_matched();
  world.deliver();
  const Order row = order();
  EXPECT_EQ(row.taker, wallet_of(taker));
  EXPECT_EQ(row.settle_until, world.now.plus_seconds(7'200));
  EXPECT_TRUE(world.has_deadline(id, settlement_deadline));
  EXPECT_FALSE(world.has_deadline(id, expiry_deadline));
  EXPECT_EQ(world.wallet(wallet_of(taker)).held, 1);
  EXPECT_EQ(world.wallet(wallet_of(maker)).open_orders, 0);
  EXPECT_TRUE(world.effects.empty());
}

TEST_F(Desk, MatchOfABuyLocksTheTakersCoinsFirst) {
  use(Side::buy);
  to_open();
  world.run(match_of(create, taker));
  EXPECT_EQ(state(), OrderState::matching);
  const auto lock = world.effects.at(0).as<LockRequest>();
  EXPECT_EQ(lock.holder, wallet_of(taker));
  EXPECT_EQ(lock.authorization_text, "signed match");
  EXPECT_EQ(lock.terms_text, "signed create");
  EXPECT_EQ(world.wallet(wallet_of(maker)).open_orders, 1);
  world.answer<LockRequest>(Outcome::confirmed);
  world.deliver();
  EXPECT_EQ(state(), OrderState::matched);
  EXPECT_EQ(order().htlc_hash, htlc_hash_of(secret_of(seller_secret)));
  EXPECT_EQ(world.wallet(wallet_of(maker)).open_orders, 0);
}

TEST_F(Desk, FailedLockOfABuyPutsItBackOnTheBoardForOthers) {
  for (const auto outcome : {Outcome::refused, Outcome::never_sent}) {
    World fresh;
    std::swap(world, fresh);
    use(Side::buy);
    to_open();
    world.run(match_of(create, taker));
    world.answer<LockRequest>(outcome, "insufficient_balance");
    world.deliver();
    const Order row = order();
    EXPECT_EQ(row.state, OrderState::open);
    EXPECT_FALSE(row.taker || row.holder || row.htlc_hash || row.settle_until);
    EXPECT_EQ(row.taker_address, "");
    EXPECT_EQ(row.failed_taker, wallet_of(taker));
    EXPECT_EQ(row.failed_code, "insufficient_balance");
    EXPECT_EQ(row.failed_unsent, outcome == Outcome::never_sent);
    EXPECT_EQ(world.wallet(wallet_of(taker)).held, 0);
    EXPECT_TRUE(world.has_deadline(id, expiry_deadline));

    world.run(match_of(create, stranger, 5));
    EXPECT_EQ(world.effects.at(0).key, "otc_lock:" + id + ":2");
    EXPECT_EQ(order().htlc_hash, htlc_hash_of(secret_of(5)));
    // Kept: the first taker may still be waiting for the answer.
    EXPECT_EQ(order().failed_taker, wallet_of(taker));
  }
}

TEST_F(Desk, FailedLockOfABuyPastItsExpiryEndsExpired) {
  use(Side::buy);
  to_open();
  world.run(match_of(create, taker));
  world.now = order().expires;
  world.run_deadlines();
  EXPECT_EQ(state(), OrderState::matching);
  world.answer<LockRequest>(Outcome::refused, "insufficient_balance");
  world.deliver();
  EXPECT_EQ(state(), OrderState::expired);
  EXPECT_EQ(world.wallet(wallet_of(maker)).open_orders, 0);
  EXPECT_EQ(world.wallet(wallet_of(taker)).held, 0);
}

TEST_F(Desk, MatchGuards) {
  EXPECT_EQ(code_of(world.run(match_of(create, taker))), "order_not_found");
  world.run(create);
  EXPECT_EQ(refused_by(world.run(match_of(create, taker))), guard::open_to_match.name);
  world.answer<LockRequest>(Outcome::confirmed);
  EXPECT_EQ(refused_by(world.run(match_of(create, maker))), guard::not_own_order.name);
  const Time started = world.now;
  world.now = order().expires;
  EXPECT_EQ(code_of(world.run(match_of(create, taker))), "order_expired");
  world.now = Time{order().expires.us - 1};
  World copy = world;
  EXPECT_EQ(refused_by(copy.run(match_of(create, taker))), "");
  world.now = started;
  world.run(match_of(create, taker));
  EXPECT_EQ(refused_by(world.run(match_of(create, stranger))), guard::open_to_match.name);
}

// Case 79: mass-matching is bounded.
TEST_F(Desk, TakerHoldsABoundedNumberOfOrders) {
  world.settings().held_per_taker = 1;
  to_matched();
  const auto second = create_of(Side::sell, stranger, 9);
  world.run(second);
  world.answer<LockRequest>(Outcome::confirmed);
  EXPECT_EQ(code_of(world.run(match_of(second, taker))), "too_many_held");
  // Once the coins are released the first order freezes nobody's coins any more.
  world.run(confirm_of(id, seller_secret));
  world.answer<ReleaseRequest>(Outcome::confirmed);
  world.deliver();
  EXPECT_EQ(refused_by(world.run(match_of(second, taker))), "");
}

TEST_F(Desk, MatchNeedsAnEscrowThatOutlivesTheSettlement) {
  to_open();
  world.settings().settlement_window_seconds += 86'400;  // raised after the coins were locked
  world.now = world.now.plus_seconds(80'000);
  EXPECT_EQ(refused_by(world.run(match_of(create, taker))), guard::escrow_covers_settlement.name);
}

// ---- cancel and expiry

TEST_F(Desk, CancelOfASellGivesTheEscrowBack) {
  to_open();
  world.run(cancel_of(create));
  world.deliver();
  EXPECT_EQ(state(), OrderState::refund_pending);
  EXPECT_EQ(order().ends_as, OrderState::cancelled);
  EXPECT_FALSE(world.has_deadline(id, expiry_deadline));
  const auto refund = world.effects.at(0).as<RefundRequest>();
  EXPECT_EQ(refund.key, "otc_refund:" + id + ":1");
  EXPECT_EQ(refund.holder, create.maker);
  EXPECT_EQ(refund.escrow_reference, "escrow_1");
  world.answer<RefundRequest>(Outcome::confirmed);
  EXPECT_EQ(state(), OrderState::cancelled);
  EXPECT_TRUE(order().escrow_refunded);
  EXPECT_EQ(world.wallet(create.maker).open_orders, 0);
}

TEST_F(Desk, CancelOfABuyEndsAtOnce) {
  use(Side::buy);
  to_open();
  world.run(cancel_of(create));
  EXPECT_EQ(state(), OrderState::cancelled);
  EXPECT_TRUE(world.effects.empty());
}

// Case 75.
TEST_F(Desk, CancelByAStrangerAndOutOfOpenIsRefused) {
  EXPECT_EQ(code_of(world.run(cancel_of(create))), "order_not_found");
  to_matched();
  auto cancel = cancel_of(create);
  cancel.maker = wallet_of(stranger);
  EXPECT_EQ(code_of(world.run(cancel)), "not_the_maker");
  EXPECT_EQ(refused_by(world.run(cancel)), guard::cancelled_by_maker.name);
  EXPECT_EQ(refused_by(world.run(cancel_of(create))), guard::open_to_cancel.name);
  EXPECT_TRUE(world.effects.empty());
}

// If-Match: the version that the caller saw, held against the locked row.
TEST_F(Desk, WriteThatInsistsOnAnotherVersionIsRefused) {
  to_open();
  auto match = match_of(create, taker);
  match.if_version = 99;
  EXPECT_EQ(refused_by(world.run(match)), guard::version_expected.name);
  auto cancel = cancel_of(create);
  cancel.if_version = 99;
  EXPECT_EQ(refused_by(world.run(cancel)), guard::version_expected.name);
  cancel.if_version = 1;  // it was made, then opened
  EXPECT_EQ(refused_by(world.run(cancel)), guard::version_expected.name);
  match.if_version = 2;
  EXPECT_EQ(refused_by(world.run(match)), "");
  auto confirm = confirm_of(id, seller_secret);
  confirm.if_version = 2;
  EXPECT_EQ(refused_by(world.run(confirm)), guard::version_expected.name);
  RedrivePayout payout{.order_id = id, .if_version = 2, .reason = "test"};
  EXPECT_EQ(refused_by(world.run(payout)), guard::version_expected.name);
  RedriveRefund refund{.order_id = id, .if_version = 2, .reason = "test"};
  EXPECT_EQ(refused_by(world.run(refund)), guard::version_expected.name);
  confirm.if_version = 3;
  EXPECT_EQ(refused_by(world.run(confirm)), "");
}

TEST_F(Desk, ExpiryOfASellGivesTheEscrowBackAndOfABuyEndsAtOnce) {
  for (const auto side : {Side::sell, Side::buy}) {
    World fresh;
    std::swap(world, fresh);
    use(side);
    to_open();
    world.now = Time{order().expires.us - 1};
    world.run_deadlines();
    EXPECT_EQ(state(), OrderState::open);
    world.now = order().expires;
    world.run_deadlines();
    if (side == Side::sell) {
      EXPECT_EQ(state(), OrderState::refund_pending);
      world.answer<RefundRequest>(Outcome::confirmed);
    }
    EXPECT_EQ(state(), OrderState::expired);
  }
}

TEST_F(Desk, LateExpiryIsIgnored) {
  to_matched();
  Expire expire;
  expire.order_id = id;
  world.now = order().expires;
  EXPECT_TRUE(ignored(world.run(expire)));
  expire.order_id = make_order_id(wallet_of(9), "none");
  EXPECT_TRUE(ignored(world.run(expire)));
}

}  // namespace
}  // namespace pawl::otc::test
