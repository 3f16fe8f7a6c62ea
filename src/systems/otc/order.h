// SPDX-License-Identifier: Apache-2.0
//
// An order as it is stored: the row of the machine `order`, and the record of the trade that a
// completed one leaves behind. Integers are exact: amounts in micro of the base coin, prices and
// totals in nano of the quote coin, times in microseconds. What may change when is decided in
// decide_*.cpp; what is shown to whom is left to views.h.
#pragma once

#include <pawl/fields.h>
#include <pawl/time.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "systems/otc/decimal.h"
#include "systems/otc/identifiers.h"

namespace pawl::otc {

enum class OrderState {
  opening,              // a sell order whose escrow lock is under way
  open,                 // on the board
  matching,             // a buy order whose taker's escrow lock is under way
  matched,              // taken, coins in escrow, waits for the secret
  settling,             // the secret is known; release and payout are under way
  payout_pending,       // the custodian took the payout and will finish it later
  settlement_recovery,  // stopped with a reason and an alert
  refund_pending,       // the escrow is on its way back to its holder
  completed,
  cancelled,
  expired,
  rejected  // never opened: nothing was locked
};
constexpr auto pawl_names(OrderState) {
  return std::array<std::string_view, 12>{"opening",
                                          "open",
                                          "matching",
                                          "matched",
                                          "settling",
                                          "payout_pending",
                                          "settlement_recovery",
                                          "refund_pending",
                                          "completed",
                                          "cancelled",
                                          "expired",
                                          "rejected"};
}

// How the newest payout attempt stands.
enum class PayoutStatus {
  none,       // never asked for
  under_way,  // asked for; not known yet
  accepted,   // taken by the custodian
  unsent,     // attempts ended and nothing was taken: the same key is asked for again
  refused,    // a definite no, or voided: a further attempt has a new key
  conflict,   // the key stands for another payout there: only a person can tell what happened
  paid
};
constexpr auto pawl_names(PayoutStatus) {
  return std::array<std::string_view, 7>{"none",    "under_way", "accepted", "unsent",
                                         "refused", "conflict",  "paid"};
}

inline constexpr std::size_t max_address_bytes = 200;
inline constexpr std::size_t max_quote_tx_bytes = 200;
// An order's `reason`: codes of ours or of the custodian's.
inline constexpr std::size_t max_reason_bytes = 200;

struct Order {
  static constexpr std::string_view machine = "order";
  static constexpr std::string_view table = "otc_orders";

  std::string order_id;
  OrderState state = OrderState::opening;
  Time state_since;
  Side side = Side::sell;
  Pair pair = Pair::rtc_usdc;
  Wallet maker;
  std::optional<Wallet> taker;
  MicroUnits amount_micro = 0;
  NanoQuote price_nano = 0;
  NanoQuote total_nano = 0;
  // SHA-256 of the seller's secret: the maker's on a sell order, the taker's on a buy order.
  std::optional<std::string> htlc_hash;
  // Written by a confirm only and taken away again if the release did not happen.
  std::optional<std::string> secret;
  std::optional<std::string> quote_tx;
  std::string maker_address;  // where the quote coins go to or come from; "" if none
  std::string taker_address;
  Time created;
  Time expires;
  std::optional<Time> matched;
  std::optional<Time> settle_until;  // a confirm must be decided before it
  std::optional<Time> escrow_until;  // of the newest lock
  std::optional<Time> completed;

  // The escrow: asked for under attempt `lock_attempt`, for `holder`.
  std::optional<Wallet> holder;
  std::int32_t lock_attempt = 0;
  bool escrow_locked = false;
  std::string escrow_reference;  // the custodian's own name for it
  // The taker whose lock failed last, and why: for the answer to that taker's request.
  std::optional<Wallet> failed_taker;
  std::string failed_code;
  bool failed_unsent = false;

  std::int32_t release_attempt = 0;
  bool released = false;  // once true never false again
  std::int32_t payout_attempt = 0;
  PayoutStatus payout_status = PayoutStatus::none;
  std::int32_t refund_attempt = 0;
  bool escrow_refunded = false;  // once true never false again
  bool refund_unsent = false;    // the newest refund is asked for again under the same key
  std::int32_t redrives = 0;     // in a row, for the back-off

  // What a refund under way will end as.
  std::optional<OrderState> ends_as;
  std::string reason;  // why it stopped or ended; "" if there is nothing to say

  // Whether this order is counted in its maker's open_orders and in its taker's held.
  bool counts_open = false;
  bool counts_held = false;

  std::optional<std::string> trade_id;

  // The maker's signed create_order of a buy order: the terms that the taker's lock refers to.
  std::string terms_public_key;
  std::string terms_signature;
  std::string terms_text;

  static constexpr auto fields() {
    return std::tuple{field("order_id", &Order::order_id),
                      field("state", &Order::state),
                      field("state_since_us", &Order::state_since),
                      field("side", &Order::side),
                      field("pair", &Order::pair),
                      field("maker", &Order::maker),
                      field("taker", &Order::taker),
                      field("amount_micro", &Order::amount_micro),
                      field("price_nano", &Order::price_nano),
                      field("total_nano", &Order::total_nano),
                      field("htlc_hash", &Order::htlc_hash),
                      field("secret", &Order::secret),
                      field("quote_tx", &Order::quote_tx),
                      field("maker_address", &Order::maker_address),
                      field("taker_address", &Order::taker_address),
                      field("created_us", &Order::created),
                      field("expires_us", &Order::expires),
                      field("matched_us", &Order::matched),
                      field("settle_until_us", &Order::settle_until),
                      field("escrow_until_us", &Order::escrow_until),
                      field("completed_us", &Order::completed),
                      field("holder", &Order::holder),
                      field("lock_attempt", &Order::lock_attempt),
                      field("escrow_locked", &Order::escrow_locked),
                      field("escrow_reference", &Order::escrow_reference),
                      field("failed_taker", &Order::failed_taker),
                      field("failed_code", &Order::failed_code),
                      field("failed_unsent", &Order::failed_unsent),
                      field("release_attempt", &Order::release_attempt),
                      field("released", &Order::released),
                      field("payout_attempt", &Order::payout_attempt),
                      field("payout_status", &Order::payout_status),
                      field("refund_attempt", &Order::refund_attempt),
                      field("escrow_refunded", &Order::escrow_refunded),
                      field("refund_unsent", &Order::refund_unsent),
                      field("redrives", &Order::redrives),
                      field("ends_as", &Order::ends_as),
                      field("reason", &Order::reason),
                      field("counts_open", &Order::counts_open),
                      field("counts_held", &Order::counts_held),
                      field("trade_id", &Order::trade_id),
                      field("terms_public_key", &Order::terms_public_key),
                      field("terms_signature", &Order::terms_signature),
                      field("terms_text", &Order::terms_text)};
  }
};

// Who gives the base coins, and who gets them. The order must have a taker unless it is the maker.
inline Wallet seller_of(const Order& order) {
  return order.side == Side::sell ? order.maker : order.taker.value_or(Wallet());
}
inline Wallet buyer_of(const Order& order) {
  return order.side == Side::sell ? order.taker.value_or(Wallet()) : order.maker;
}

inline bool is_ended(OrderState state) {
  return state == OrderState::completed || state == OrderState::cancelled ||
         state == OrderState::expired || state == OrderState::rejected;
}

struct TradeRecord {
  static constexpr std::string_view table = "otc_trades";

  std::string trade_id;
  std::string order_id;
  Pair pair = Pair::rtc_usdc;
  Side side = Side::sell;  // the maker's
  Wallet maker;
  Wallet taker;
  MicroUnits amount_micro = 0;
  NanoQuote price_nano = 0;
  NanoQuote total_nano = 0;
  std::string quote_tx;
  Time completed;

  static constexpr auto fields() {
    return std::tuple{field("trade_id", &TradeRecord::trade_id),
                      field("order_id", &TradeRecord::order_id),
                      field("pair", &TradeRecord::pair),
                      field("side", &TradeRecord::side),
                      field("maker", &TradeRecord::maker),
                      field("taker", &TradeRecord::taker),
                      field("amount_micro", &TradeRecord::amount_micro),
                      field("price_nano", &TradeRecord::price_nano),
                      field("total_nano", &TradeRecord::total_nano),
                      field("quote_tx", &TradeRecord::quote_tx),
                      field("completed_us", &TradeRecord::completed)};
  }
};

}  // namespace pawl::otc
