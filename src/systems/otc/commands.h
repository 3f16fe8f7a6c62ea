// SPDX-License-Identifier: Apache-2.0
//
// The desk's commands but for the custodian's answers (effects.h): what wallets and operators ask
// for, what comes due, and the one message, to a wallet that gets a place back. Signatures were
// checked before a command is made; it carries what of them the custodian checks again. identity()
// leaves out what a re-signed repeat changes: time, signature and key.
#pragma once

#include <pawl/command.h>

#include "systems/otc/order.h"
#include "systems/otc/wallet_ledger.h"

namespace pawl::otc {

struct Create {
  static constexpr std::string_view kind = "otc.create";
  std::string order_id;
  Wallet maker;
  Side side = Side::sell;
  Pair pair = Pair::rtc_usdc;
  MicroUnits amount_micro = 0;
  NanoQuote price_nano = 0;
  std::int64_t ttl_seconds = default_ttl_seconds;
  std::string address;
  std::optional<std::string> htlc_hash;
  std::string signed_public_key;  // the maker's create_order
  std::string signed_signature;
  std::string signed_text;

  auto keys() const { return std::tuple{Key<Order>{order_id}, Key<WalletLedger>{maker.text()}}; }
  std::string identity() const;
  static constexpr auto fields() {
    return std::tuple{field("order_id", &Create::order_id),
                      field("maker", &Create::maker),
                      field("side", &Create::side),
                      field("pair", &Create::pair),
                      field("amount_micro", &Create::amount_micro),
                      field("price_nano", &Create::price_nano),
                      field("ttl_seconds", &Create::ttl_seconds),
                      field("address", &Create::address),
                      field("htlc_hash", &Create::htlc_hash),
                      field("signed_public_key", &Create::signed_public_key),
                      field("signed_signature", &Create::signed_signature),
                      field("signed_text", &Create::signed_text)};
  }
};

struct Match {
  static constexpr std::string_view kind = "otc.match";
  std::string order_id;
  std::int64_t if_version = 0;  // refuse unless the order is at it; 0: whatever it is
  Wallet taker;
  std::string address;
  std::optional<std::string> htlc_hash;  // when the taker sells
  std::string signed_public_key;         // the taker's match_order
  std::string signed_signature;
  std::string signed_text;

  auto keys() const { return std::tuple{Key<Order>{order_id}, Key<WalletLedger>{taker.text()}}; }
  std::string identity() const;
  static constexpr auto fields() {
    return std::tuple{field("order_id", &Match::order_id),
                      field("if_version", &Match::if_version),
                      field("taker", &Match::taker),
                      field("address", &Match::address),
                      field("htlc_hash", &Match::htlc_hash),
                      field("signed_public_key", &Match::signed_public_key),
                      field("signed_signature", &Match::signed_signature),
                      field("signed_text", &Match::signed_text)};
  }
};

// From anybody who has the secret: it can release to the buyer only.
struct Confirm {
  static constexpr std::string_view kind = "otc.confirm";
  std::string order_id;
  std::int64_t if_version = 0;  // refuse unless the order is at it; 0: whatever it is
  std::string secret;           // 64 lower-case hex digits
  std::string quote_tx;

  auto keys() const { return std::tuple{Key<Order>{order_id}}; }
  std::string identity() const;
  static constexpr auto fields() {
    return std::tuple{field("order_id", &Confirm::order_id),
                      field("if_version", &Confirm::if_version), field("secret", &Confirm::secret),
                      field("quote_tx", &Confirm::quote_tx)};
  }
};

struct Cancel {
  static constexpr std::string_view kind = "otc.cancel";
  std::string order_id;
  std::int64_t if_version = 0;  // refuse unless the order is at it; 0: whatever it is
  Wallet maker;                 // who asks

  auto keys() const { return std::tuple{Key<Order>{order_id}}; }
  static constexpr auto fields() {
    return std::tuple{field("order_id", &Cancel::order_id),
                      field("if_version", &Cancel::if_version), field("maker", &Cancel::maker)};
  }
};

// An operator has a payout made again whose last attempt is known to have ended without paying.
struct RedrivePayout {
  static constexpr std::string_view kind = "otc.redrive_payout";
  std::string order_id;
  std::int64_t if_version = 0;  // refuse unless the order is at it; 0: whatever it is
  std::string reason;

  auto keys() const { return std::tuple{Key<Order>{order_id}}; }
  static constexpr auto fields() {
    return std::tuple{field("order_id", &RedrivePayout::order_id),
                      field("if_version", &RedrivePayout::if_version),
                      field("reason", &RedrivePayout::reason)};
  }
};

// An operator gives the escrow of a stopped order back; the custodian refuses it if it was
// released.
struct RedriveRefund {
  static constexpr std::string_view kind = "otc.redrive_refund";
  std::string order_id;
  std::int64_t if_version = 0;  // refuse unless the order is at it; 0: whatever it is
  std::string reason;

  auto keys() const { return std::tuple{Key<Order>{order_id}}; }
  static constexpr auto fields() {
    return std::tuple{field("order_id", &RedriveRefund::order_id),
                      field("if_version", &RedriveRefund::if_version),
                      field("reason", &RedriveRefund::reason)};
  }
};

// Deadlines. One that no longer matters is ignored, never refused.

inline constexpr std::string_view expiry_deadline = "expiry";
inline constexpr std::string_view settlement_deadline = "settlement";
inline constexpr std::string_view redrive_deadline = "redrive";

struct Expire {
  static constexpr std::string_view kind = "otc.expire";
  std::string order_id;
  auto keys() const { return std::tuple{Key<Order>{order_id}}; }
  static constexpr auto fields() { return std::tuple{field("order_id", &Expire::order_id)}; }
};

struct EndSettlement {
  static constexpr std::string_view kind = "otc.end_settlement";
  std::string order_id;
  auto keys() const { return std::tuple{Key<Order>{order_id}}; }
  static constexpr auto fields() { return std::tuple{field("order_id", &EndSettlement::order_id)}; }
};

// Asks again for a payout or refund of which nothing was sent, under the same key.
struct Redrive {
  static constexpr std::string_view kind = "otc.redrive";
  std::string order_id;
  auto keys() const { return std::tuple{Key<Order>{order_id}}; }
  static constexpr auto fields() { return std::tuple{field("order_id", &Redrive::order_id)}; }
};

enum class Slot { open, held };
constexpr auto pawl_names(Slot) {
  return std::array<std::string_view, 2>{"open", "held"};
}

// From an order to a wallet: the order counts no longer there.
struct ReturnSlot {
  using Sender = Order;
  static constexpr std::string_view kind = "otc.return_slot";
  Wallet wallet;
  Slot slot = Slot::open;
  std::string order_id;

  auto keys() const { return std::tuple{Key<WalletLedger>{wallet.text()}}; }
  static constexpr auto fields() {
    return std::tuple{field("wallet", &ReturnSlot::wallet), field("slot", &ReturnSlot::slot),
                      field("order_id", &ReturnSlot::order_id)};
  }
};

Decision decide(const Create&, Locked<Order>&, Locked<WalletLedger>& maker, const Context&);
Decision decide(const Match&, Locked<Order>&, Locked<WalletLedger>& taker, const Context&);
Decision decide(const Confirm&, Locked<Order>&, const Context&);
Decision decide(const Cancel&, Locked<Order>&, const Context&);
Decision decide(const RedrivePayout&, Locked<Order>&, const Context&);
Decision decide(const RedriveRefund&, Locked<Order>&, const Context&);
Decision decide(const Expire&, Locked<Order>&, const Context&);
Decision decide(const EndSettlement&, Locked<Order>&, const Context&);
Decision decide(const Redrive&, Locked<Order>&, const Context&);
Decision decide(const ReturnSlot&, Locked<WalletLedger>&, const Context&);
Decision decide(const Bounced<ReturnSlot>&, Locked<Order>&, const Context&);

}  // namespace pawl::otc
