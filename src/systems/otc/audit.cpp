// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/audit.h"

#include <algorithm>

namespace pawl::otc {

namespace {

// What the books say of one order.
struct OrderBooks {
  MicroUnits locked = 0;
  MicroUnits owed = 0;
  MicroUnits paying = 0;  // payouts accepted
  MicroUnits paid = 0;    // payouts confirmed
  int live_escrows = 0;   // locked or released
  int released = 0;
  int refunded = 0;
  int payouts = 0;  // that pay or paid
  std::string holder;
  std::string recipient;
};

bool awaits_custodian(OrderState state) {
  return state == OrderState::opening || state == OrderState::matching ||
         state == OrderState::settling || state == OrderState::payout_pending ||
         state == OrderState::refund_pending || state == OrderState::settlement_recovery;
}

class Auditor {
 public:
  explicit Auditor(const AuditInput& input) : input_(input) {}

  AuditReport run() && {
    read_books();
    for (const Order& order : input_.orders) check_order(order);
    check_strangers();
    check_trades();
    check_wallets();
    check_supply();
    return std::move(report_);
  }

 private:
  void find(std::string code, const std::string& order_id, std::string detail) {
    report_.findings.push_back({std::move(code), order_id, std::move(detail)});
  }

  void read_books() {
    for (const BookEscrow& escrow : input_.books.escrows) {
      OrderBooks& books = books_[escrow.order_id];
      books.owed += escrow.owed_micro;
      if (escrow.state == "locked") books.locked += escrow.amount_micro;
      if (escrow.state == "released") ++books.released;
      if (escrow.state == "refunded") {
        ++books.refunded;
      } else {
        ++books.live_escrows;
        books.holder = escrow.holder;
      }
    }
    for (const BookOperation& operation : input_.books.operations) {
      if (operation.call != "payout" || operation.state == "refused") continue;
      OrderBooks& books = books_[operation.order_id];
      ++books.payouts;
      books.recipient = operation.wallet;
      (operation.state == "confirmed" ? books.paid : books.paying) += operation.amount_micro;
    }
    for (const TradeRecord& trade : input_.trades) ++trades_[trade.order_id];
  }

  void lost(const std::string& code, const Order& order, MicroUnits amount, std::string detail) {
    report_.lost_micro += amount;
    find(code, order.order_id, std::move(detail));
  }
  void doubled(const std::string& code, const Order& order, MicroUnits amount, std::string detail) {
    report_.doubled_micro += amount;
    find(code, order.order_id, std::move(detail));
  }

  void check_order(const Order& order) {
    const std::string state(name_of(order.state));
    ++report_.orders_by_state[state];
    known_.insert(order.order_id);
    const OrderBooks& books = books_[order.order_id];
    check_never_twice(order, books);
    check_coins(order, books);
    check_moves_on(order);
  }

  // What no moment may show, whatever the order's state.
  void check_never_twice(const Order& order, const OrderBooks& books) {
    const MicroUnits out = books.paid + books.paying;
    if (books.payouts > 1 || out > order.amount_micro) {
      doubled("paid_twice", order, std::max<MicroUnits>(out - order.amount_micro, 0),
              std::to_string(books.payouts) + " payouts of " + std::to_string(out) + " micro");
    }
    if (order.released && order.escrow_refunded) {
      find("released_and_refunded", order.order_id, "the order says both");
    }
    if (order.escrow_refunded && (books.released > 0 || out > 0)) {
      doubled("refunded_and_paid", order, out, "the order says refunded, the books released");
    }
    if (books.live_escrows > 1) {
      find("two_escrows", order.order_id, std::to_string(books.live_escrows) + " live escrows");
    }
    if (books.payouts > 0 && books.recipient != buyer_of(order).text()) {
      find("paid_to_another", order.order_id, "the payout went to " + books.recipient);
    }
    if (order.released && books.released != 1) {
      find("released_unknown_to_custodian", order.order_id, "the books show no released escrow");
    }
  }

  void check_coins(const Order& order, const OrderBooks& books) {
    switch (order.state) {
      case OrderState::completed:
        return check_completed(order, books);
      case OrderState::cancelled:
      case OrderState::expired:
      case OrderState::rejected:
        if (books.locked > 0) lost("left_locked", order, books.locked, "coins are still locked");
        if (books.owed > 0) lost("left_owed", order, books.owed, "released and never paid");
        return;
      case OrderState::open:
        if (order.side == Side::sell) return check_escrow(order, books);
        if (books.live_escrows > 0) {
          lost("locked_unasked", order, books.locked, "an open buy order has coins locked");
        }
        return;
      case OrderState::matched:
        return check_escrow(order, books);
      default:
        return;  // under way: judged when it has ended
    }
  }
  void check_completed(const Order& order, const OrderBooks& books) {
    if (books.paid != order.amount_micro) {
      find("completed_unpaid", order.order_id,
           "paid " + std::to_string(books.paid) + " of " + std::to_string(order.amount_micro));
    }
    if (books.locked > 0) lost("left_locked", order, books.locked, "coins are still locked");
    if (books.owed > 0) lost("left_owed", order, books.owed, "released and not paid");
    if (trades_[order.order_id] != 1) {
      find("trade_count", order.order_id,
           std::to_string(trades_[order.order_id]) + " trades of a completed order");
    }
  }
  void check_escrow(const Order& order, const OrderBooks& books) {
    if (books.locked != order.amount_micro || books.released > 0) {
      find("escrow_missing", order.order_id,
           "locked " + std::to_string(books.locked) + " of " + std::to_string(order.amount_micro));
    } else if (books.holder != order.holder.value_or(Wallet()).text()) {
      find("escrow_of_another", order.order_id, "locked for " + books.holder);
    }
  }

  void check_moves_on(const Order& order) {
    if (is_ended(order.state)) return;
    const bool awaits = awaits_custodian(order.state);
    if (awaits) report_.in_flight.push_back(order.order_id);
    const bool moves = input_.with_effect.contains(order.order_id) ||
                       input_.with_deadline.contains(order.order_id);
    const bool told = awaits && input_.with_alert.contains(order.order_id);
    if (moves || told) return;
    report_.wedged.push_back(order.order_id);
    find("wedged", order.order_id,
         std::string(name_of(order.state)) + " with no open effect, deadline or alert");
  }

  void check_strangers() {
    for (const auto& [order_id, books] : books_) {
      if (known_.contains(order_id)) continue;
      if (books.live_escrows == 0 && books.payouts == 0) continue;
      report_.lost_micro += books.locked + books.owed;
      find("unknown_order", order_id, "the books hold coins of an order that is not in the desk");
    }
  }

  void check_trades() {
    report_.trades = static_cast<std::int64_t>(input_.trades.size());
    std::set<std::string> completed;
    for (const Order& order : input_.orders) {
      if (order.state == OrderState::completed) completed.insert(order.order_id);
    }
    for (const auto& [order_id, count] : trades_) {
      if (count > 0 && !completed.contains(order_id)) {
        find("trade_without_completion", order_id, std::to_string(count) + " trades");
      }
    }
  }

  void check_wallets() {
    std::map<std::string, std::pair<std::int64_t, std::int64_t>> counted;  // open, held
    for (const Order& order : input_.orders) {
      if (order.counts_open) ++counted[order.maker.text()].first;
      if (order.counts_held) ++counted[order.taker.value_or(Wallet()).text()].second;
    }
    for (const ReturnSlot& back : input_.messages) {
      auto& place = counted[back.wallet.text()];
      ++(back.slot == Slot::held ? place.second : place.first);
    }
    for (const WalletLedger& wallet : input_.wallets) {
      const auto& [open, held] = counted[wallet.wallet];
      if (wallet.open_orders == open && wallet.held == held) continue;
      find("wallet_count", "",
           wallet.wallet + " counts " + std::to_string(wallet.open_orders) + " open and " +
               std::to_string(wallet.held) + " held, its orders " + std::to_string(open) + " and " +
               std::to_string(held));
    }
  }

  void check_supply() {
    MicroUnits found = 0;
    for (const auto& [wallet, balance] : input_.books.balances) {
      found += balance;
      if (balance < 0) find("negative_balance", "", wallet);
    }
    for (const auto& [order_id, books] : books_) found += books.locked + books.owed + books.paying;
    report_.issued_micro = input_.books.issued_micro;
    report_.found_micro = found;
    if (found != input_.books.issued_micro) {
      find("supply_changed", "",
           "issued " + std::to_string(input_.books.issued_micro) + " micro, found " +
               std::to_string(found));
    }
    for (const std::string& text : input_.books.imbalances) find("books_imbalanced", "", text);
  }

  const AuditInput& input_;
  AuditReport report_;
  std::map<std::string, OrderBooks> books_;
  std::map<std::string, int> trades_;
  std::set<std::string> known_;
};

}  // namespace

AuditReport audit(const AuditInput& input) {
  return Auditor(input).run();
}

}  // namespace pawl::otc
