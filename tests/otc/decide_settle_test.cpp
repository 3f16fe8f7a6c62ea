// SPDX-License-Identifier: Apache-2.0
//
// Confirm, release, payout, refund and what goes wrong with them, by calling decide().
#include <gtest/gtest.h>

#include "otc/desk_fixture.h"
#include "systems/otc/errors.h"
#include "systems/otc/guards.h"
#include "systems/otc/order_steps.h"

namespace pawl::otc::test {
namespace {

// ---- confirm and settlement

TEST_F(Desk, SettlementReleasesThenPaysThenCompletes) {
  for (const auto side : {Side::sell, Side::buy}) {
    World fresh;
    std::swap(world, fresh);
    use(side);
    to_settling();
    EXPECT_FALSE(world.has_deadline(id, settlement_deadline));
    EXPECT_EQ(order().quote_tx, "0xquote");
    ASSERT_EQ(world.effects.size(), 1U);
    EXPECT_EQ(world.effects[0].key, "otc_release:" + id + ":1");
    world.answer<ReleaseRequest>(Outcome::confirmed);
    EXPECT_EQ(state(), OrderState::settling);
    ASSERT_EQ(world.effects.size(), 1U);
    const auto payout = world.effects[0].as<PayoutRequest>();
    EXPECT_EQ(payout.key, "otc_payout:" + id + ":1");
    EXPECT_EQ(payout.recipient, side == Side::sell ? wallet_of(taker) : wallet_of(maker));
    EXPECT_EQ(payout.amount_micro, create.amount_micro);
    world.answer<PayoutRequest>(Outcome::accepted);
    EXPECT_EQ(state(), OrderState::payout_pending);
    EXPECT_TRUE(world.trades.empty());  // case 30
    world.answer<PayoutRequest>(Outcome::confirmed);
    EXPECT_EQ(state(), OrderState::completed);  // case 31
    ASSERT_EQ(world.trades.size(), 1U);
    EXPECT_EQ(world.trades[0].trade_id, order().trade_id);
    EXPECT_EQ(world.trades[0].quote_tx, "0xquote");
    world.deliver();
    EXPECT_EQ(world.wallet(wallet_of(taker)).held, 0);
    EXPECT_EQ(world.wallet(wallet_of(maker)).open_orders, 0);
    EXPECT_EQ(world.bounces, 0);
    EXPECT_TRUE(world.alerts.empty());
  }
}

TEST_F(Desk, PayoutConfirmedWithoutQueueCompletes) {
  to_released();
  world.answer<PayoutRequest>(Outcome::confirmed);
  EXPECT_EQ(state(), OrderState::completed);
}

// Case 74, 80.
TEST_F(Desk, ConfirmGuards) {
  EXPECT_EQ(code_of(world.run(confirm_of(id, seller_secret))), "order_not_found");
  to_open();
  EXPECT_EQ(refused_by(world.run(confirm_of(id, seller_secret))), guard::matched_to_confirm.name);
  world.run(match_of(create, taker));
  EXPECT_EQ(refused_by(world.run(confirm_of(id, 5))), guard::secret_opens_hash.name);
  EXPECT_EQ(code_of(world.run(confirm_of(id, 5))), "secret_wrong");
  EXPECT_EQ(state(), OrderState::matched);
  world.now = *order().settle_until;
  EXPECT_EQ(refused_by(world.run(confirm_of(id, seller_secret))), guard::settlement_time_left.name);
  world.now = Time{order().settle_until->us - 1};
  EXPECT_EQ(refused_by(world.run(confirm_of(id, seller_secret))), "");
}

TEST_F(Desk, RepeatedConfirmChangesNothingAndTellsNobodyWithoutTheSecret) {
  to_payout_pending();
  EXPECT_TRUE(ignored(world.run(confirm_of(id, seller_secret))));
  EXPECT_EQ(code_of(world.run(confirm_of(id, 5))), "secret_wrong");
  EXPECT_EQ(world.effects.size(), 1U);
}

// Case 12: at the same instant the time-out wins, whoever is decided first.
TEST_F(Desk, TimeoutRefundsTheHolder) {
  for (const auto side : {Side::sell, Side::buy}) {
    World fresh;
    std::swap(world, fresh);
    use(side);
    to_matched();
    world.now = Time{order().settle_until->us - 1};
    world.run_deadlines();
    EXPECT_EQ(state(), OrderState::matched);
    world.now = *order().settle_until;
    world.run_deadlines();
    EXPECT_EQ(state(), OrderState::refund_pending);
    const auto refund = world.effects.at(0).as<RefundRequest>();
    EXPECT_EQ(refund.holder, side == Side::sell ? wallet_of(maker) : wallet_of(taker));
    world.answer<RefundRequest>(Outcome::confirmed);
    world.deliver();
    EXPECT_EQ(state(), OrderState::expired);
    EXPECT_EQ(order().reason, "settlement_timeout");
    EXPECT_EQ(world.wallet(wallet_of(taker)).held, 0);
  }
}

// Case 22.
TEST_F(Desk, ReleaseThatMovedNothingGoesBackToMatched) {
  for (const auto outcome : {Outcome::refused, Outcome::never_sent}) {
    World fresh;
    std::swap(world, fresh);
    to_settling();
    world.answer<ReleaseRequest>(outcome, "try_later");
    EXPECT_EQ(state(), OrderState::matched);
    EXPECT_FALSE(order().secret || order().quote_tx);
    EXPECT_TRUE(world.has_deadline(id, settlement_deadline));
    EXPECT_EQ(refused_by(world.run(confirm_of(id, seller_secret))), "");
    EXPECT_EQ(world.effects.at(0).key, "otc_release:" + id + ":2");
    world.answer<ReleaseRequest>(Outcome::confirmed);
    world.answer<PayoutRequest>(Outcome::confirmed);
    EXPECT_EQ(state(), OrderState::completed);
  }
}

TEST_F(Desk, ReleaseThatFailsAfterTheTimeoutIsRefundedAtOnce) {
  to_settling();
  world.now = order().settle_until->plus_seconds(5);
  world.run_deadlines();
  EXPECT_EQ(state(), OrderState::settling);  // the coins may be on their way
  world.answer<ReleaseRequest>(Outcome::never_sent);
  world.run_deadlines();
  EXPECT_EQ(state(), OrderState::refund_pending);
}

// Case 27.
TEST_F(Desk, ReleaseOfAnEscrowThatIsGoneStopsWithAnAlert) {
  for (const auto* code : {"escrow_refunded", "escrow_ended", "escrow_unknown", "key_conflict"}) {
    World fresh;
    std::swap(world, fresh);
    to_settling();
    world.answer<ReleaseRequest>(Outcome::refused, code);
    EXPECT_EQ(state(), OrderState::settlement_recovery);
    EXPECT_EQ(order().reason, code);
    EXPECT_FALSE(order().released);
    EXPECT_EQ(world.alerts_of(alert_release_refused), 1);
    EXPECT_EQ(world.alerts[0].detail.find(*order().secret), std::string::npos);
    EXPECT_TRUE(ignored(world.run(confirm_of(id, seller_secret))));
    EXPECT_EQ(refused_by(world.run(redrive())), guard::payout_is_void.name);
    // An operator may have it given back: whether that is still possible is the custodian's word.
    EXPECT_EQ(refused_by(world.run(refund(""))), guard::reason_given.name);
    world.run(refund());
    EXPECT_EQ(state(), OrderState::refund_pending);
    EXPECT_FALSE(order().secret);
    world.answer<RefundRequest>(Outcome::confirmed);
    EXPECT_EQ(state(), OrderState::expired);
  }
}

// Case 32.
TEST_F(Desk, VoidedPayoutWaitsForAnOperatorAndIsMadeAgainUnderANewKey) {
  to_payout_void();
  EXPECT_EQ(order().reason, payout_voided_code);
  EXPECT_EQ(world.alerts_of(alert_payout_refused), 1);
  EXPECT_EQ(code_of(world.run(redrive(""))), "reason_required");
  EXPECT_EQ(refused_by(world.run(refund())), guard::escrow_still_ours.name);
  world.run(redrive());
  EXPECT_EQ(state(), OrderState::settling);
  EXPECT_EQ(world.effects.at(0).key, "otc_payout:" + id + ":2");
  EXPECT_EQ(refused_by(world.run(redrive())), guard::payout_is_void.name);
  world.answer<PayoutRequest>(Outcome::accepted);
  world.answer<PayoutRequest>(Outcome::confirmed);
  EXPECT_EQ(state(), OrderState::completed);
  EXPECT_EQ(world.trades.size(), 1U);
  EXPECT_EQ(refused_by(world.run(redrive())), guard::payout_is_void.name);
}

// Case 36.
TEST_F(Desk, RefusedPayoutNamesBothSidesInItsAlert) {
  to_released();
  world.answer<PayoutRequest>(Outcome::refused, "insufficient_balance", "payout_3");
  ASSERT_EQ(world.alerts_of(alert_payout_refused), 1);
  const auto& detail = world.alerts.at(0).detail;
  for (const auto& part :
       {std::string("otc_payout:" + id + ":1"), std::string("10000000 micro"),
        wallet_of(taker).text(), std::string("insufficient_balance"), std::string("payout_3")}) {
    EXPECT_NE(detail.find(part), std::string::npos) << part;
  }
  world.run(redrive());
  world.answer<PayoutRequest>(Outcome::confirmed);
  EXPECT_EQ(state(), OrderState::completed);
}

// Case 37.
TEST_F(Desk, KeyConflictIsNeverRetried) {
  to_released();
  world.answer<PayoutRequest>(Outcome::refused, std::string(key_conflict_code));
  EXPECT_EQ(state(), OrderState::settlement_recovery);
  EXPECT_EQ(world.alerts_of(alert_payout_conflict), 1);
  EXPECT_EQ(refused_by(world.run(redrive())), guard::payout_is_void.name);
  EXPECT_TRUE(world.deadlines.empty());
}

// Case 35.
TEST_F(Desk, PayoutThatWasNeverSentIsMadeAgainByItselfUnderTheSameKey) {
  to_released();
  world.answer<PayoutRequest>(Outcome::never_sent, "client_connect_failed");
  EXPECT_EQ(state(), OrderState::settlement_recovery);
  EXPECT_EQ(world.alerts_of(alert_payout_unsent), 1);
  std::int64_t earlier = 0;
  for (const std::int64_t expected : {60, 120, 240}) {
    const auto due = world.deadlines.at({{Order::machine, id}, std::string(redrive_deadline)}).due;
    EXPECT_EQ(due.seconds() - world.now.seconds(), expected);
    EXPECT_GT(expected, earlier);
    earlier = expected;
    world.now = due;
    world.run_deadlines();
    EXPECT_EQ(state(), OrderState::settling);
    EXPECT_EQ(world.effects.at(0).key, "otc_payout:" + id + ":1");
    world.answer<PayoutRequest>(Outcome::never_sent, "client_connect_failed");
  }
  world.run(redrive());
  EXPECT_FALSE(world.has_deadline(id, redrive_deadline));
  EXPECT_EQ(world.effects.at(0).key, "otc_payout:" + id + ":1");
  world.answer<PayoutRequest>(Outcome::confirmed);
  EXPECT_EQ(state(), OrderState::completed);
}

TEST_F(Desk, RedriveWaitsNoLongerThanItsCap) {
  to_released();
  for (int i = 0; i < 40; ++i) {
    world.answer<PayoutRequest>(Outcome::never_sent);
    const auto due = world.deadlines.at({{Order::machine, id}, std::string(redrive_deadline)}).due;
    EXPECT_LE(due.seconds() - world.now.seconds(), 3'600);
    EXPECT_GT(due, world.now);
    world.now = due;
    world.run_deadlines();
  }
}

TEST_F(Desk, RedriveThatNoLongerMattersIsIgnored) {
  to_completed();
  Redrive late;
  late.order_id = id;
  EXPECT_TRUE(ignored(world.run(late)));
  EndSettlement end;
  end.order_id = id;
  EXPECT_TRUE(ignored(world.run(end)));
}

// ---- refund

// Case 45.
TEST_F(Desk, RefundThatWasDoneBeforeIsDone) {
  to_refund_pending();
  world.answer<RefundRequest>(Outcome::refused, "escrow_refunded");
  EXPECT_EQ(state(), OrderState::cancelled);
  EXPECT_TRUE(world.alerts.empty());
}

// Case 46.
TEST_F(Desk, RefundOfWhatWasReleasedStopsWithOneAlert) {
  to_refund_pending();
  world.answer<RefundRequest>(Outcome::refused, "escrow_released");
  EXPECT_EQ(state(), OrderState::settlement_recovery);
  EXPECT_EQ(world.alerts.size(), 1U);
  EXPECT_EQ(world.alerts_of(alert_refund_refused), 1);
  EXPECT_FALSE(order().escrow_refunded);
  EXPECT_FALSE(order().ends_as);
}

TEST_F(Desk, RefundThatWasNeverSentIsMadeAgainByItself) {
  to_refund_pending();
  world.answer<RefundRequest>(Outcome::never_sent, "client_connect_failed");
  EXPECT_EQ(state(), OrderState::refund_pending);
  world.now = world.now.plus_seconds(60);
  world.run_deadlines();
  EXPECT_EQ(world.effects.at(0).key, "otc_refund:" + id + ":1");
  world.answer<RefundRequest>(Outcome::confirmed);
  EXPECT_EQ(state(), OrderState::cancelled);
}

// ---- answers nobody waits for

TEST_F(Desk, AnswersToOtherAttemptsChangeNothingButRaiseAnAlert) {
  to_matched();
  const Order before = order();
  LockOutcome lock;
  lock.order_id = id;
  lock.key = "otc_lock:" + id + ":1";
  lock.outcome = Outcome::confirmed;
  world.run(lock);
  ReleaseOutcome release;
  release.order_id = id;
  release.key = "otc_release:" + id + ":1";
  release.outcome = Outcome::confirmed;
  world.run(release);
  RefundOutcome refund;
  refund.order_id = id;
  refund.key = "otc_refund:" + id + ":1";
  refund.outcome = Outcome::confirmed;
  world.run(refund);
  PayoutOutcome payout;
  payout.order_id = id;
  payout.key = "otc_payout:" + id + ":1";
  payout.outcome = Outcome::confirmed;
  world.run(payout);
  EXPECT_EQ(to_row(order()), to_row(before));
  EXPECT_EQ(world.alerts_of(alert_contradiction), 4);
}

TEST_F(Desk, AnswerToAnEarlierPayoutAttemptDoesNotComplete) {
  to_payout_void();
  world.run(redrive());
  PayoutOutcome old;
  old.order_id = id;
  old.key = "otc_payout:" + id + ":1";
  old.outcome = Outcome::confirmed;
  world.run(old);
  EXPECT_EQ(state(), OrderState::settling);
  EXPECT_EQ(world.alerts_of(alert_contradiction), 1);
}

TEST_F(Desk, SlotThatWasNotHeldBouncesToAnAlert) {
  to_open();
  ReturnSlot back;
  back.wallet = wallet_of(stranger);
  back.slot = Slot::held;
  back.order_id = id;
  world.messages.emplace_back(EntityRef{Order::machine, id}, make_command(back));
  world.deliver();
  EXPECT_EQ(world.bounces, 1);
  EXPECT_EQ(world.alerts_of(alert_slot_bounced), 1);
}

}  // namespace
}  // namespace pawl::otc::test
