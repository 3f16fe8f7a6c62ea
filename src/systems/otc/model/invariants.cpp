// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/model/invariants.h"

#include <algorithm>

#include "systems/otc/commands.h"

namespace pawl::otc::model {

namespace {

using check::Invariant;
using check::View;
using S = OrderState;

// For every order that there is.
template <class Broken>
Invariant of_orders(std::string name, const Cast& cast, const Broken& broken) {
  return {std::move(name), [orders = cast.orders, broken](const View& view) -> std::string {
            for (const auto& id : orders) {
              const Order* order = view.row<Order>(id);
              if (order == nullptr) continue;
              if (std::string wrong = broken(*order, view); !wrong.empty()) return wrong;
            }
            return {};
          }};
}

bool one_of(S state, std::initializer_list<S> states) {
  return std::find(states.begin(), states.end(), state) != states.end();
}

std::string is_in(const Order& order) {
  return order.order_id + " is " + std::string(name_of(order.state));
}

struct Counted {
  std::int32_t open = 0;
  std::int32_t held = 0;
};

Counted counted_for(const Wallet& wallet, const Cast& cast, const View& view) {
  Counted out;
  for (const auto& id : cast.orders) {
    const Order* order = view.row<Order>(id);
    if (order == nullptr) continue;
    out.open += order->counts_open && order->maker == wallet;
    out.held += order->counts_held && order->taker == wallet;
  }
  for (const auto& message : view.messages()) {
    if (message.bounced) continue;
    // Read as text: this is asked in every state.
    if (message.to.key != wallet.text()) continue;
    ++(message.payload.find("\"slot\":\"open\"") != message.payload.npos ? out.open : out.held);
  }
  return out;
}

}  // namespace

std::vector<Invariant> row_invariants(const Cast& cast) {
  std::vector<Invariant> out;
  out.push_back(of_orders("a wallet never fills its own order", cast,
                          [](const Order& order, const View&) -> std::string {
                            return order.taker == order.maker ? is_in(order) : "";
                          }));
  out.push_back(of_orders("nothing is taken after its time", cast,
                          [](const Order& order, const View&) -> std::string {
                            const bool late = order.matched && *order.matched >= order.expires;
                            return late ? is_in(order) + ", matched when it had expired" : "";
                          }));
  out.push_back(of_orders("the seller's hash is known, and no other", cast,
                          [](const Order& order, const View&) -> std::string {
                            const bool sells = order.side == Side::sell;
                            const bool needs = sells || order.taker.has_value();
                            if (needs == order.htlc_hash.has_value()) return "";
                            return is_in(order) + (needs ? " without a hash" : " with a hash");
                          }));
  out.push_back(of_orders("only the seller's secret releases", cast,
                          [secret = cast.secret](const Order& order, const View&) -> std::string {
                            const bool right = !order.secret || *order.secret == secret;
                            return right ? "" : is_in(order) + " by a wrong secret";
                          }));
  out.push_back(of_orders("what a taker relies on is not cancelled", cast,
                          [](const Order& order, const View&) -> std::string {
                            const bool cancelled = order.reason == "cancelled_by_maker";
                            return cancelled && order.taker ? is_in(order) + " with a taker" : "";
                          }));
  out.push_back(of_orders("nothing is confirmed after its time", cast,
                          [](const Order& order, const View&) -> std::string {
                            const bool confirmed = order.state == S::settling && !order.released;
                            const bool late = confirmed && order.state_since >=
                                                               order.settle_until.value_or(Time());
                            return late ? is_in(order) + ", confirmed when its time was over" : "";
                          }));
  out.push_back(of_orders("the escrow outlives what was begun under it", cast,
                          [](const Order& order, const View& view) -> std::string {
                            static_cast<void>(view);
                            if (!one_of(order.state, {S::matched, S::settling})) return "";
                            const bool short_escrow = order.escrow_until.value_or(Time()) <
                                                      order.settle_until.value_or(Time());
                            return short_escrow
                                       ? is_in(order) + " with an escrow that ends too early"
                                       : "";
                          }));
  out.push_back(of_orders("a completed order has one trade, no other has any", cast,
                          [](const Order& order, const View& view) -> std::string {
                            const std::size_t trades = view.records(Order::machine, order.order_id);
                            const std::size_t right = order.state == S::completed ? 1 : 0;
                            if (trades == right) return "";
                            return is_in(order) + " with " + std::to_string(trades) + " trades";
                          }));
  out.push_back({"nothing of the desk is ever parked", [](const View& view) -> std::string {
                   return view.parked() == 0 ? "" : "a command was refused or failed";
                 }});
  return out;
}

std::vector<Invariant> book_invariants(const Cast& cast) {
  std::vector<Invariant> out;
  out.push_back({"every coin is somewhere, once", [cast](const View& view) -> std::string {
                   return cast.custodian->conserved(view.outside()) ? ""
                                                                    : "the books do not add up";
                 }});
  out.push_back(of_orders("never both refunded and paid, and paid once", cast,
                          [](const Order& order, const View& view) -> std::string {
                            const auto paid = paid_for(view.outside(), order.order_id);
                            if (paid > order.amount_micro) return is_in(order) + ", paid twice";
                            const bool back = order.escrow_refunded && paid != 0;
                            return back ? is_in(order) + ", refunded and paid" : "";
                          }));
  out.push_back(of_orders("what was released is never offered, matched or given back", cast,
                          [](const Order& order, const View& view) -> std::string {
                            if (escrow_of(view.outside(), order.order_id) != "released") return "";
                            const bool wrong =
                                one_of(order.state, {S::open, S::matching, S::matched, S::cancelled,
                                                     S::expired, S::rejected, S::opening});
                            return wrong ? is_in(order) + " although its escrow is released" : "";
                          }));
  out.push_back(of_orders("an order's end is what the custodian has done", cast,
                          [](const Order& order, const View& view) -> std::string {
                            const std::string escrow = escrow_of(view.outside(), order.order_id);
                            if (order.state == S::completed &&
                                paid_for(view.outside(), order.order_id) != order.amount_micro) {
                              return is_in(order) + " and not paid";
                            }
                            const bool ended =
                                one_of(order.state, {S::cancelled, S::expired, S::rejected});
                            if (ended && (escrow == "locked" || escrow == "released")) {
                              return is_in(order) + " and its escrow is " + escrow;
                            }
                            if (order.escrow_refunded && escrow != "refunded")
                              return is_in(order) + ", not refunded";
                            return "";
                          }));
  return out;
}

std::vector<Invariant> count_invariants(const Cast& cast) {
  return {{"a wallet's counts are those of its orders",
           [cast](const View& view) -> std::string {
             for (const Wallet& wallet : cast.wallets) {
               const auto* row = view.row<WalletLedger>(wallet.text());
               if (row == nullptr) continue;
               const Counted right = counted_for(wallet, cast, view);
               if (row->open_orders == right.open && row->held == right.held) continue;
               return wallet.text() + " counts " + std::to_string(row->open_orders) + " open and " +
                      std::to_string(row->held) + " held, there are " + std::to_string(right.open) +
                      " and " + std::to_string(right.held);
             }
             return {};
           }},
          {"no wallet exceeds its bounds", [cast](const View& view) -> std::string {
             for (const Wallet& wallet : cast.wallets) {
               const auto* row = view.row<WalletLedger>(wallet.text());
               if (row == nullptr) continue;
               if (row->held > cast.config.held_per_taker ||
                   row->open_orders > cast.config.open_per_maker) {
                 return wallet.text() + " has more than it may";
               }
             }
             return {};
           }}};
}

std::vector<Invariant> answer_invariants(const Cast& cast) {
  const auto done = [](const View& view, std::string_view name) {
    const Receipt* receipt = view.receipt(name);
    return receipt != nullptr && receipt->done;
  };
  std::vector<Invariant> out;
  for (const char* never :
       {"a stranger cancels", "confirm with a wrong secret", "redrive the payout without a reason",
        "redrive the refund without a reason", "the maker takes the own order"}) {
    out.push_back(
        {std::string("never done: ") + never, [done, never](const View& view) -> std::string {
           return done(view, never) ? "it was answered as done" : "";
         }});
  }
  out.push_back({"a cancel that was answered as done is one",
                 [done, order = cast.orders[0]](const View& view) -> std::string {
                   if (!done(view, "cancel")) return {};
                   const Order* row = view.row<Order>(order);
                   const bool right =
                       row != nullptr && one_of(row->state, {S::refund_pending, S::cancelled,
                                                             S::expired, S::settlement_recovery});
                   return right ? "" : "the order goes on";
                 }});
  out.push_back({"a confirm that was answered as done is one",
                 [done, order = cast.orders[0]](const View& view) -> std::string {
                   if (!done(view, "confirm")) return {};
                   const Order* row = view.row<Order>(order);
                   return row != nullptr && row->release_attempt > 0 ? "" : "nothing was begun";
                 }});
  return out;
}

}  // namespace pawl::otc::model
