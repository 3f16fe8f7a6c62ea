// SPDX-License-Identifier: Apache-2.0
//
// The custodian holds the base coins: it locks a holder's coins for an order, and later either
// releases them to the order and pays them out to the recipient, or refunds them to the holder.
// Every call is one request with an idempotency key and one honest answer: done, taken, a definite
// no, never sent, or unknown. An unknown is settled by asking for the key, never by a guess. The
// requests are plain structs that are stored as effects as they stand; deciding when to call is the
// order machine's, and sending is the adapters' (custodian_own.h: our contract, custodian_node.h:
// the reference node).
//
//   lock     holder's balance  -> the order's escrow, which ends at until_seconds
//   release  the order's escrow -> the order's payout balance; from then on nothing can refund it
//   payout   payout balance    -> recipient; accepted first, later confirmed, or refused with the
//            code payout_voided: the balance is then back with the order and a further attempt,
//            under a key of its own, may be made
//   refund   the order's escrow -> holder; done already is success, after a release it is refused
#pragma once

#include <pawl/effect.h>
#include <pawl/fields.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include "systems/otc/authorization.h"
#include "systems/otc/decimal.h"
#include "systems/otc/identifiers.h"

namespace pawl::otc {

enum class Call { lock, release, refund, payout };
constexpr auto pawl_names(Call) {
  return std::array<std::string_view, 4>{"lock", "release", "refund", "payout"};
}

// An answer's code and reference are cut off there.
inline constexpr std::size_t max_answer_text_bytes = 200;
// Keys are 1 to this many characters of A-Z a-z 0-9 . _ : -
inline constexpr std::size_t max_custodian_key_bytes = 128;

// The code of a refused payout that the operator voided: its coins are back with the order.
inline constexpr std::string_view payout_voided_code = "payout_voided";
// The code of a refusal that is a defect of ours: the key was used before for something else.
inline constexpr std::string_view key_conflict_code = "key_conflict";

// `otc_<call>:<order id>:<attempt>`: what a call's idempotency key looks like. A further attempt is
// a new key, and may be made only when the one before it is known to have ended without effect.
inline std::string custodian_key(Call call, std::string_view order_id, int attempt) {
  return "otc_" + std::string(name_of(call)) + ":" + std::string(order_id) + ":" +
         std::to_string(attempt);
}

struct LockRequest {
  static constexpr std::string_view kind = "otc_lock";
  static constexpr Call call = Call::lock;

  std::string key;
  std::string order_id;
  Wallet holder;
  MicroUnits amount_micro = 0;
  std::int64_t until_seconds = 0;  // Unix time; a release after it is refused, a refund is not
  // What the holder signed, so that nobody locks another's coins: create_order when the maker
  // sells, match_order when the taker does.
  std::string authorization_public_key;
  std::string authorization_signature;
  std::string authorization_text;
  // With a match_order, which names no amount: the maker's create_order, which does. Else empty.
  std::string terms_public_key;
  std::string terms_signature;
  std::string terms_text;

  std::string idempotency_key() const { return key; }
  SignedText authorization() const {
    return {authorization_public_key, authorization_signature, authorization_text};
  }
  SignedText terms() const { return {terms_public_key, terms_signature, terms_text}; }
  static constexpr auto fields() {
    return std::tuple{field("key", &LockRequest::key),
                      field("order_id", &LockRequest::order_id),
                      field("holder", &LockRequest::holder),
                      field("amount_micro", &LockRequest::amount_micro),
                      field("until_seconds", &LockRequest::until_seconds),
                      field("authorization_public_key", &LockRequest::authorization_public_key),
                      field("authorization_signature", &LockRequest::authorization_signature),
                      field("authorization_text", &LockRequest::authorization_text),
                      field("terms_public_key", &LockRequest::terms_public_key),
                      field("terms_signature", &LockRequest::terms_signature),
                      field("terms_text", &LockRequest::terms_text)};
  }
};

struct ReleaseRequest {
  static constexpr std::string_view kind = "otc_release";
  static constexpr Call call = Call::release;

  std::string key;
  std::string order_id;
  Wallet holder;                 // who locked
  std::string escrow_reference;  // what the lock's answer named; "" if that is not known

  std::string idempotency_key() const { return key; }
  static constexpr auto fields() {
    return std::tuple{field("key", &ReleaseRequest::key),
                      field("order_id", &ReleaseRequest::order_id),
                      field("holder", &ReleaseRequest::holder),
                      field("escrow_reference", &ReleaseRequest::escrow_reference)};
  }
};

struct RefundRequest {
  static constexpr std::string_view kind = "otc_refund";
  static constexpr Call call = Call::refund;

  std::string key;
  std::string order_id;
  Wallet holder;                 // who locked, and gets it back
  std::string escrow_reference;  // as above

  std::string idempotency_key() const { return key; }
  static constexpr auto fields() {
    return std::tuple{field("key", &RefundRequest::key),
                      field("order_id", &RefundRequest::order_id),
                      field("holder", &RefundRequest::holder),
                      field("escrow_reference", &RefundRequest::escrow_reference)};
  }
};

struct PayoutRequest {
  static constexpr std::string_view kind = "otc_payout";
  static constexpr Call call = Call::payout;

  std::string key;
  std::string order_id;
  Wallet recipient;
  MicroUnits amount_micro = 0;

  std::string idempotency_key() const { return key; }
  static constexpr auto fields() {
    return std::tuple{field("key", &PayoutRequest::key),
                      field("order_id", &PayoutRequest::order_id),
                      field("recipient", &PayoutRequest::recipient),
                      field("amount_micro", &PayoutRequest::amount_micro)};
  }
};

using CustodianRequest = std::variant<LockRequest, ReleaseRequest, RefundRequest, PayoutRequest>;

inline Call call_of(const CustodianRequest& request) {
  return std::visit([](const auto& r) { return r.call; }, request);
}
inline const std::string& key_of(const CustodianRequest& request) {
  return std::visit([](const auto& r) -> const std::string& { return r.key; }, request);
}
inline const std::string& order_id_of(const CustodianRequest& request) {
  return std::visit([](const auto& r) -> const std::string& { return r.order_id; }, request);
}

// How long an exchange may take, and the trace that it belongs to (32 hex digits, or empty).
struct CallOptions {
  CallOptions(int timeout, std::string trace = {})  // NOLINT(google-explicit-constructor)
      : timeout_ms(timeout), trace_id(std::move(trace)) {}
  int timeout_ms;
  std::string trace_id;
};

// Both calls return at once; `done` is called exactly once, from any thread, and must neither wait
// nor throw. Thread-safe. Destroying a custodian ends what is under way as the evidence has it.
class Custodian {
 public:
  using Done = std::function<void(EffectAnswer)>;
  virtual ~Custodian() = default;

  // Sends the request. Outcomes:
  //   confirmed, accepted  a complete, well-formed answer for this key and order said so
  //   refused              likewise; the refusal is final for this key
  //   never_sent           no byte left this process
  //   unknown              anything else that came after the first byte, or nothing at all
  // The answer's code is the far side's (or, for never_sent and unknown, what was seen); its
  // reference is the far side's own name for the operation.
  virtual void perform(const CustodianRequest& request, const CallOptions& options, Done done) = 0;

  // Asks what became of the request, by its key, and changes nothing: confirmed, accepted, refused
  // or absent (the far side does not know the key now); unknown if it could not be learned.
  virtual void inquire(const CustodianRequest& request, const CallOptions& options, Done done) = 0;

  // When a request of this kind whose outcome was unknown may be sent again (pawl/effect.h).
  virtual ResendRule resend_rule(Call call) const = 0;
};

}  // namespace pawl::otc
