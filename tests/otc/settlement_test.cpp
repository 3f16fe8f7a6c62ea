// SPDX-License-Identifier: Apache-2.0
//
// Orders from their creation to their end over HTTP, with each answer that a custodian can give or
// fail to give. The numbers are those of the acceptance list in docs/otc.md.
#include <gtest/gtest.h>

#include "otc/running_desk.h"

namespace pawl::otc::test {
namespace {

using Kind = Fault::Kind;

class Settlement : public RunningDesk {
 protected:
  Settlement() { start(); }
  void TearDown() override { EXPECT_TRUE(custodian->balanced()); }
};

TEST_F(Settlement, Case30And31SellCompletesOnceThePayoutIsConfirmed) {
  const auto id = matched_sell();
  const auto confirmed = confirm(id, 7);
  EXPECT_EQ(confirmed.status, 200U) << confirmed.raw.body;
  EXPECT_EQ(confirmed.status_text(), "payout_pending");
  EXPECT_EQ(confirmed.raw.body.find(format_secret(secret(7))), std::string::npos);
  EXPECT_EQ(get(order_path(id)).raw.body.find(format_secret(secret(7))), std::string::npos);
  EXPECT_TRUE(get("/otc/trades").body.find("trades")->as_array()->empty());
  custodian->confirm_payouts();
  await(id, OrderState::completed);
  const auto shown = get(order_path(id));
  EXPECT_EQ(shown.text("htlc_secret"), format_secret(secret(7)));
  EXPECT_EQ(shown.text("trade_id"), make_trade_id(id));
  EXPECT_EQ(count_rows<TradeRecord>(), 1U);
  EXPECT_EQ(custodian->balance(wallet(2)), 10'000'000);
  // The same confirm again is answered with the present state, and does nothing.
  const auto again = confirm(id, 7);
  EXPECT_EQ(again.status, 200U);
  EXPECT_EQ(again.status_text(), "completed");
  EXPECT_EQ(custodian->done(Call::payout), 1);
}

TEST_F(Settlement, BuyLocksTheTakersCoinsAndPaysTheMaker) {
  Terms terms;
  terms.side = Side::buy;
  const auto id = id_of(terms);
  EXPECT_EQ(create(terms).status, 201U);
  custodian->give(wallet(2), 10'000'000);
  const auto matched = match(2, id, 9);
  EXPECT_EQ(matched.status, 200U) << matched.raw.body;
  EXPECT_EQ(matched.status_text(), "matched");
  EXPECT_EQ(confirm(id, 9).status, 200U);
  custodian->confirm_payouts();
  await(id, OrderState::completed);
  EXPECT_EQ(custodian->balance(wallet(1)), 10'000'000);
}

TEST_F(Settlement, Case16RefusedLockIsA4xxAndLeavesNothing) {
  const Terms terms;  // the maker has no coins
  const auto created = create(terms);
  EXPECT_EQ(created.status, 409U);
  EXPECT_EQ(created.text("code"), "lock_refused");
  EXPECT_EQ(created.text("detail"), "insufficient_balance");
  EXPECT_TRUE(get("/otc/orders").body.find("orders")->as_array()->empty());
  // The same request again: the same answer, no second attempt.
  EXPECT_EQ(create(terms).text("code"), "lock_refused");
  EXPECT_EQ(custodian->asked(), 1);
}

TEST_F(Settlement, Case17NeverSentLockIsRetryable) {
  custodian->fail_next(Call::lock, Kind::never_sent, "", 3);
  const Terms terms;
  custodian->give(wallet(1), 10'000'000);
  const auto created = create(terms);
  EXPECT_EQ(created.status, 503U);
  EXPECT_EQ(created.text("code"), "lock_not_sent");
  EXPECT_TRUE(created.raw.header("Retry-After"));
  EXPECT_EQ(custodian->balance(wallet(1)), 10'000'000);
  EXPECT_EQ(row(id_of(terms)).state, OrderState::rejected);
}

TEST_F(Settlement, RefusedLockOfABuyPutsItBackAndTellsTheTaker) {
  Terms terms;
  terms.side = Side::buy;
  const auto id = id_of(terms);
  create(terms);
  const auto refused = match(2, id, 9);
  EXPECT_EQ(refused.status, 409U);
  EXPECT_EQ(refused.text("detail"), "insufficient_balance");
  EXPECT_EQ(refused.status_text(), "open");
  custodian->give(wallet(3), 10'000'000);
  EXPECT_EQ(match(3, id, 4).status, 200U);
}

TEST_F(Settlement, Case22ReleaseThatMovedNothingIsRetryable) {
  const auto id = matched_sell();
  custodian->fail_next(Call::release, Kind::refuse, "try_later");
  const auto failed = confirm(id, 7);
  EXPECT_EQ(failed.status, 502U);
  EXPECT_EQ(failed.text("code"), "settlement_failed");
  EXPECT_EQ(failed.status_text(), "matched");
  EXPECT_EQ(confirm(id, 7).status, 200U);
  EXPECT_EQ(custodian->done(Call::release), 1);
}

// Cases 24, 25, 29, 34: whichever call is lost, before or after it happened, it ends completed
// once.
TEST_F(Settlement, Case24And25LostAnswersEndCompletedOnce) {
  int nonce = 10;
  for (const Call call : {Call::lock, Call::release, Call::payout}) {
    for (const Kind kind : {Kind::lost_answer, Kind::lost_request}) {
      Terms terms;
      terms.nonce = std::string(30, '0') + std::to_string(nonce++);
      const auto id = id_of(terms);
      const int before = custodian->done(call);
      custodian->give(wallet(1), 10'000'000);
      custodian->fail_next(call, kind);
      EXPECT_EQ(create(terms).status, 201U);
      EXPECT_EQ(match(2, id).status, 200U);
      EXPECT_EQ(confirm(id, 7).status, 200U);
      custodian->confirm_payouts();
      await(id, OrderState::completed);
      EXPECT_EQ(custodian->done(call), before + 1);
    }
  }
  EXPECT_EQ(count_rows<TradeRecord>(), 6U);
  EXPECT_EQ(custodian->balance(wallet(2)), 60'000'000);
}

TEST_F(Settlement, Case27ReleaseOfAGoneEscrowStopsWithAnAlert) {
  const auto id = matched_sell();
  custodian->fail_next(Call::release, Kind::refuse, "escrow_ended");
  const auto failed = confirm(id, 7);
  EXPECT_EQ(failed.status, 502U);
  EXPECT_EQ(failed.status_text(), "settlement_recovery");
  EXPECT_EQ(failed.text("detail"), "escrow_ended");
  EXPECT_EQ(alerts_of("otc_release_refused"), 1);
  EXPECT_EQ(confirm(id, 7).status, 502U);
  EXPECT_EQ(redrive(id, "payout").status, 409U);
  const auto refunded = redrive(id, "refund");
  EXPECT_EQ(refunded.status, 200U) << refunded.raw.body;
  EXPECT_EQ(refunded.status_text(), "expired");
  EXPECT_EQ(custodian->balance(wallet(1)), 10'000'000);
}

TEST_F(Settlement, Case32VoidedPayoutIsMadeAgainUnderANewKey) {
  const auto id = matched_sell();
  confirm(id, 7);
  custodian->void_payouts();
  await(id, OrderState::settlement_recovery);
  EXPECT_EQ(alerts_of("otc_payout_refused"), 1);
  EXPECT_EQ(get(order_path(id)).text("reason"), "payout_voided");
  const auto again = redrive(id, "payout");
  EXPECT_EQ(again.status, 200U) << again.raw.body;
  EXPECT_EQ(again.status_text(), "payout_pending");
  EXPECT_EQ(row(id).payout_attempt, 2);
  custodian->confirm_payouts();
  await(id, OrderState::completed);
  EXPECT_EQ(custodian->balance(wallet(2)), 10'000'000);
  EXPECT_EQ(redrive(id, "payout").status, 409U);
}

TEST_F(Settlement, Case35PayoutThatWasNeverSentIsMadeAgainByItself) {
  const auto id = matched_sell();
  custodian->fail_next(Call::payout, Kind::never_sent, "", 3);
  const auto failed = confirm(id, 7);
  EXPECT_EQ(failed.status, 502U);
  EXPECT_EQ(failed.status_text(), "settlement_recovery");
  forward_seconds(3'700);
  await(id, OrderState::payout_pending);
  custodian->confirm_payouts();
  await(id, OrderState::completed);
  EXPECT_EQ(custodian->done(Call::payout), 1);
}

TEST_F(Settlement, Case36InsufficientBalanceIsPaidOnceToppedUp) {
  const auto id = matched_sell();
  custodian->fail_next(Call::payout, Kind::refuse, "insufficient_balance");
  EXPECT_EQ(confirm(id, 7).status, 502U);
  EXPECT_EQ(alerts_of("otc_payout_refused"), 1);
  EXPECT_EQ(redrive(id, "payout").status, 200U);
  custodian->confirm_payouts();
  await(id, OrderState::completed);
}

TEST_F(Settlement, Case37KeyConflictIsNeverRetried) {
  const auto id = matched_sell();
  custodian->fail_next(Call::payout, Kind::refuse, "key_conflict");
  EXPECT_EQ(confirm(id, 7).status, 502U);
  EXPECT_EQ(alerts_of("otc_payout_key_conflict"), 1);
  EXPECT_EQ(redrive(id, "payout").status, 409U);
}

TEST_F(Settlement, Case44RefundWhoseAnswerWasLostMovesCoinsOnce) {
  for (const Kind kind : {Kind::lost_answer, Kind::lost_request}) {
    Terms terms;
    terms.nonce = std::string(31, '0') + (kind == Kind::lost_answer ? "a" : "b");
    custodian->give(wallet(1), 10'000'000);
    create(terms);
    custodian->fail_next(Call::refund, kind);
    const auto cancelled = cancel(1, id_of(terms));
    EXPECT_EQ(cancelled.status, 200U) << cancelled.raw.body;
    EXPECT_EQ(cancelled.status_text(), "cancelled");
    EXPECT_EQ(cancelled.body.find("escrow_refunded")->as_bool(), true);
  }
  EXPECT_EQ(custodian->balance(wallet(1)), 20'000'000);
}

TEST_F(Settlement, Case46RefundOfWhatAnotherReleasedStopsWithOneAlert) {
  const Terms terms;
  custodian->give(wallet(1), 10'000'000);
  create(terms);
  custodian->fail_next(Call::refund, Kind::refuse, "escrow_released");
  const auto cancelled = cancel(1, id_of(terms));
  EXPECT_EQ(cancelled.status, 502U);
  EXPECT_EQ(cancelled.text("code"), "refund_failed");
  EXPECT_EQ(alerts_of("otc_refund_refused"), 1);
}

TEST_F(Settlement, Case79UnpaidMatchIsRefundedToTheSeller) {
  const auto id = matched_sell();
  forward_seconds(settings.settlement_window_seconds + 1);
  await(id, OrderState::expired);
  EXPECT_EQ(row(id).reason, "settlement_timeout");
  EXPECT_EQ(custodian->balance(wallet(1)), 10'000'000);
  EXPECT_EQ(confirm(id, 7).status, 409U);
}

TEST_F(Settlement, ExpiredOrderGivesItsCoinsBack) {
  const Terms terms;
  custodian->give(wallet(1), 10'000'000);
  create(terms);
  forward_seconds(terms.ttl_seconds + 1);
  await(id_of(terms), OrderState::expired);
  EXPECT_EQ(custodian->balance(wallet(1)), 10'000'000);
}

TEST_F(Settlement, WriteThatIsNotEndedIsA202AndItsRepeatSeesTheEnd) {
  const Terms terms;
  custodian->give(wallet(1), 10'000'000);
  custodian->hold();
  const auto body = create_body(terms);
  const auto begun = post("/otc/orders?wait_ms=0", body);
  EXPECT_EQ(begun.status, 202U) << begun.raw.body;
  EXPECT_EQ(begun.status_text(), "opening");
  EXPECT_EQ(begun.body.find("ok")->as_bool(), false);
  EXPECT_EQ(begun.raw.header("Location"), order_path(id_of(terms)));
  custodian->let_go();
  const auto ended = post("/otc/orders", body);
  EXPECT_EQ(ended.status, 201U);
  EXPECT_EQ(ended.status_text(), "open");
  EXPECT_EQ(custodian->done(Call::lock), 1);
}

TEST_F(Settlement, RestartPicksUpWhatWasUnderWay) {
  const auto id = matched_sell();
  custodian->hold();
  const auto begun = post(order_path(id) + "/confirm?wait_ms=0", confirm_body(7));
  EXPECT_EQ(begun.status, 202U);
  stop();
  start();
  custodian->confirm_payouts();
  await(id, OrderState::payout_pending);
  custodian->confirm_payouts();
  await(id, OrderState::completed);
  EXPECT_EQ(custodian->done(Call::release), 1);
}

}  // namespace
}  // namespace pawl::otc::test
