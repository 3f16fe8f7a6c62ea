// SPDX-License-Identifier: Apache-2.0
//
// The audit finds nothing where nothing is wrong, and each wrong that it promises to find.
#include "systems/otc/audit.h"

#include <gtest/gtest.h>

#include <functional>

#include "otc/order_world.h"

namespace pawl::otc::test {
namespace {

constexpr MicroUnits amount = 10'000'000;

// One completed order, one that waits for its secret, one whose refund is under way.
AuditInput sound_input() {
  AuditInput input;
  const auto add = [&](unsigned nonce, OrderState state) -> Order& {
    Order order;
    order.order_id = create_of(Side::sell, 1, nonce).order_id;
    order.state = state;
    order.maker = wallet_of(1);
    order.taker = wallet_of(2);
    order.holder = order.maker;
    order.amount_micro = amount;
    order.escrow_locked = true;
    input.orders.push_back(order);
    return input.orders.back();
  };
  Order& completed = add(1, OrderState::completed);
  completed.released = true;
  TradeRecord trade;
  trade.order_id = completed.order_id;
  input.trades.push_back(trade);
  input.books.escrows.push_back({completed.order_id, wallet_of(1).text(), "released", amount, 0});
  input.books.operations.push_back(
      {"k1", completed.order_id, "payout", "confirmed", wallet_of(2).text(), amount});
  Order& matched = add(2, OrderState::matched);
  matched.counts_held = true;
  input.with_deadline.insert(matched.order_id);
  input.books.escrows.push_back({matched.order_id, wallet_of(1).text(), "locked", amount, 0});
  Order& refunding = add(3, OrderState::refund_pending);
  input.with_effect.insert(refunding.order_id);
  input.books.escrows.push_back({refunding.order_id, wallet_of(1).text(), "locked", amount, 0});
  input.books.balances[wallet_of(2).text()] = amount;
  input.books.issued_micro = 3 * amount;
  WalletLedger taker;
  taker.wallet = wallet_of(2).text();
  taker.held = 1;
  input.wallets.push_back(taker);
  return input;
}

TEST(Audit, SoundBooksAreSound) {
  const auto report = audit(sound_input());
  EXPECT_TRUE(report.sound()) << audit_json(report);
  EXPECT_EQ(report.orders_by_state.at("completed"), 1);
  EXPECT_EQ(report.in_flight.size(), 1U);
  EXPECT_EQ(report.issued_micro, report.found_micro);
}

struct Wrong {
  std::string code;
  std::function<void(AuditInput&)> make;
};

TEST(Audit, FindsEachWrong) {
  const std::vector<Wrong> wrongs{
      {"paid_twice",
       [](AuditInput& in) {
         in.books.operations.push_back(in.books.operations[0]);
         in.books.operations.back().key = "k2";
       }},
      {"refunded_and_paid",
       [](AuditInput& in) {
         in.orders[0].released = false;
         in.orders[0].escrow_refunded = true;
       }},
      {"released_and_refunded", [](AuditInput& in) { in.orders[0].escrow_refunded = true; }},
      {"two_escrows", [](AuditInput& in) { in.books.escrows.push_back(in.books.escrows[1]); }},
      {"paid_to_another",
       [](AuditInput& in) { in.books.operations[0].wallet = wallet_of(3).text(); }},
      {"released_unknown_to_custodian",
       [](AuditInput& in) { in.books.escrows[0].state = "refunded"; }},
      {"completed_unpaid", [](AuditInput& in) { in.books.operations.clear(); }},
      {"left_owed", [](AuditInput& in) { in.books.escrows[0].owed_micro = 1; }},
      {"left_locked", [](AuditInput& in) { in.orders[2].state = OrderState::cancelled; }},
      {"locked_unasked",
       [](AuditInput& in) {
         in.orders[1].state = OrderState::open;
         in.orders[1].side = Side::buy;
       }},
      {"escrow_missing", [](AuditInput& in) { in.books.escrows[1].state = "refunded"; }},
      {"escrow_of_another",
       [](AuditInput& in) { in.books.escrows[1].holder = wallet_of(3).text(); }},
      {"trade_count", [](AuditInput& in) { in.trades.push_back(in.trades[0]); }},
      {"trade_without_completion",
       [](AuditInput& in) { in.trades[0].order_id = in.orders[1].order_id; }},
      {"unknown_order", [](AuditInput& in) { in.books.escrows[1].order_id = "otc_stranger"; }},
      {"wedged", [](AuditInput& in) { in.with_effect.clear(); }},
      {"wedged", [](AuditInput& in) { in.with_deadline.clear(); }},
      {"wallet_count", [](AuditInput& in) { in.wallets[0].held = 2; }},
      {"negative_balance", [](AuditInput& in) { in.books.balances[wallet_of(3).text()] = -1; }},
      {"supply_changed", [](AuditInput& in) { in.books.issued_micro += 1; }},
      {"books_imbalanced", [](AuditInput& in) { in.books.imbalances.push_back("off by one"); }}};
  for (const Wrong& wrong : wrongs) {
    AuditInput input = sound_input();
    wrong.make(input);
    const auto report = audit(input);
    bool found = false;
    for (const auto& finding : report.findings) found = found || finding.code == wrong.code;
    EXPECT_TRUE(found) << wrong.code << ": " << audit_json(report);
  }
}

TEST(Audit, AlertsAndMessagesInTransitCount) {
  AuditInput input = sound_input();
  input.with_effect.clear();
  input.with_alert.insert(input.orders[2].order_id);
  input.orders[1].counts_held = false;
  ReturnSlot back;
  back.wallet = wallet_of(2);
  back.slot = Slot::held;
  input.messages.push_back(back);
  EXPECT_TRUE(audit(input).sound()) << audit_json(audit(input));
}

TEST(Audit, ReadsTheLedgersPages) {
  CustodianBooks books;
  const std::string page =
      R"({"issued_micro":7,"imbalances":[],"wallets":[{"wallet":"w","balance_micro":5}],)"
      R"("escrows":[{"escrow":1,"order_id":"o","holder":"w","state":"locked","amount_micro":2,)"
      R"("owed_micro":0,"until_seconds":9}],"operations":[{"operation":1,"key":"k",)"
      R"("order_id":"o","call":"lock","state":"confirmed","code":"","reference":"",)"
      R"("wallet":"w","amount_micro":2}]})";
  ASSERT_TRUE(add_books_page(page, books));
  EXPECT_EQ(books.balances.at("w"), 5);
  EXPECT_EQ(books.escrows.at(0).amount_micro, 2);
  EXPECT_EQ(books.operations.at(0).call, "lock");
  EXPECT_FALSE(add_books_page("{}", books));
  EXPECT_FALSE(add_books_page("[", books));
}

}  // namespace
}  // namespace pawl::otc::test
