// SPDX-License-Identifier: Apache-2.0
//
// What an order asks of the custodian and how the answer comes back. The effects are the
// custodian's own request structs (custodian.h); each one's end is handed to its order as a
// CallOutcome, which names the key it answers, so that an answer to an earlier attempt is known.
#pragma once

#include <pawl/command.h>
#include <pawl/effect.h>

#include "systems/otc/config.h"
#include "systems/otc/custodian.h"
#include "systems/otc/order.h"

namespace pawl::otc {

constexpr std::string_view outcome_kind(Call call) {
  switch (call) {
    case Call::lock:
      return "otc.lock_ended";
    case Call::release:
      return "otc.release_ended";
    case Call::refund:
      return "otc.refund_ended";
    case Call::payout:
      return "otc.payout_ended";
  }
  return "otc.call_ended";
}

template <class Request>
struct CallOutcome {
  static constexpr std::string_view kind = outcome_kind(Request::call);
  std::string order_id;
  std::string key;
  Outcome outcome = Outcome::unknown;  // confirmed, refused, never_sent, accepted (payouts)
  std::string code;
  std::string reference;

  static CallOutcome of(const Request& request, const EffectReport& report) {
    CallOutcome out;
    out.order_id = request.order_id;
    out.key = request.key;
    out.outcome = report.outcome;
    out.code = report.code;
    out.reference = report.reference;
    return out;
  }
  auto keys() const { return std::tuple{Key<Order>{order_id}}; }
};

using LockOutcome = CallOutcome<LockRequest>;
using ReleaseOutcome = CallOutcome<ReleaseRequest>;
using RefundOutcome = CallOutcome<RefundRequest>;
using PayoutOutcome = CallOutcome<PayoutRequest>;

Decision decide(const LockOutcome&, Locked<Order>&, const Context&);
Decision decide(const ReleaseOutcome&, Locked<Order>&, const Context&);
Decision decide(const RefundOutcome&, Locked<Order>&, const Context&);
Decision decide(const PayoutOutcome&, Locked<Order>&, const Context&);

// The requests that an order's row asks for, under its current attempt's key.
LockRequest lock_of(const Order& order, const SignedText& authorization);
ReleaseRequest release_of(const Order& order);
RefundRequest refund_of(const Order& order);
PayoutRequest payout_of(const Order& order);

// Whether a refused release means that the escrow is out of our hands (released by another,
// refunded, run out, not there) and not only that this attempt moved nothing.
bool escrow_is_gone(std::string_view refusal_code);
// Whether a refused refund means that there is nothing locked to give back, because it is back.
bool refund_was_done(std::string_view refusal_code);

// How each call is driven: the resend rule is the custodian's word.
EffectPolicy policy_of(const Config& config, ResendRule resend);

}  // namespace pawl::otc
