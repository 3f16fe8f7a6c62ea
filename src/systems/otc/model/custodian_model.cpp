// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/model/custodian_model.h"

#include <stdexcept>

namespace pawl::otc::model {

namespace {

using check::Facts;

std::string escrow(const std::string& order) {
  return "escrow " + order;
}
std::string held(const std::string& order) {
  return "coins in escrow " + order;
}
std::string owed(const std::string& order) {
  return "coins owed " + order;
}
std::string paid(const std::string& order) {
  return "coins paid " + order;
}
std::string balance(const std::string& wallet) {
  return "balance " + wallet;
}
std::string answer(const std::string& key) {
  return "answer " + key;
}
// Of the payout that was accepted and is not final.
constexpr const char* pending_key = "pending payout";
constexpr const char* pending_order = "pending order";
constexpr const char* pending_wallet = "pending recipient";
constexpr const char* pending_coins = "pending coins";

template <class Request>
Request decoded(const EffectCall& call) {
  auto request = from_payload<Request>(call.payload);
  if (!request) throw std::logic_error("not a request of this kind: " + call.payload);
  return std::move(*request);
}

EffectAnswer refused(std::string code) {
  return {Outcome::refused, std::move(code)};
}

EffectAnswer lock(Facts& facts, const LockRequest& request, Time now) {
  const std::string state = facts.text(escrow(request.order_id));
  if (state == "locked" || state == "released") return refused("order_has_escrow");
  if (request.until_seconds <= now.seconds()) return refused("escrow_ended");
  if (facts.number(balance(request.holder.text())) < request.amount_micro) {
    return refused("insufficient_balance");
  }
  facts.add(balance(request.holder.text()), -request.amount_micro);
  facts.set(escrow(request.order_id), std::string("locked"));
  facts.set(held(request.order_id), request.amount_micro);
  facts.set("until " + request.order_id, request.until_seconds);
  return {Outcome::confirmed, "", "escrow_1"};
}

EffectAnswer release(Facts& facts, const ReleaseRequest& request, Time now) {
  const std::string state = facts.text(escrow(request.order_id));
  if (state.empty()) return refused("escrow_unknown");
  if (state == "released") return {Outcome::confirmed};
  if (state == "refunded") return refused("escrow_refunded");
  if (facts.number("until " + request.order_id) <= now.seconds()) return refused("escrow_ended");
  facts.set(escrow(request.order_id), std::string("released"));
  facts.set(owed(request.order_id), facts.number(held(request.order_id)));
  facts.erase(held(request.order_id));
  return {Outcome::confirmed};
}

EffectAnswer refund(Facts& facts, const RefundRequest& request) {
  const std::string state = facts.text(escrow(request.order_id));
  if (state.empty()) return refused("escrow_unknown");
  if (state == "refunded") return {Outcome::confirmed};
  if (state == "released") return refused("escrow_released");
  facts.set(escrow(request.order_id), std::string("refunded"));
  facts.add(balance(request.holder.text()), facts.number(held(request.order_id)));
  facts.erase(held(request.order_id));
  return {Outcome::confirmed};
}

EffectAnswer payout(Facts& facts, const PayoutRequest& request) {
  if (facts.text(escrow(request.order_id)) != "released") return refused("escrow_not_released");
  if (facts.number(owed(request.order_id)) < request.amount_micro) {
    return refused("payout_exceeds_balance");
  }
  facts.add(owed(request.order_id), -request.amount_micro);
  facts.set(pending_key, request.key);
  facts.set(pending_order, request.order_id);
  facts.set(pending_wallet, request.recipient.text());
  facts.set(pending_coins, request.amount_micro);
  return {Outcome::accepted, "", "payout_1"};
}

// An answer is kept as its outcome and its code.
void remember(Facts& facts, const std::string& key, const EffectAnswer& given) {
  facts.set(answer(key), std::string(name_of(given.outcome)) + "/" + given.code);
}

EffectAnswer remembered(const Facts& facts, const EffectCall& call) {
  const std::string text = facts.text(answer(call.idempotency_key));
  if (text.empty()) return {Outcome::absent, "absent"};
  const auto slash = text.find('/');
  EffectAnswer out(*enum_from_name<Outcome>(text.substr(0, slash)), text.substr(slash + 1));
  if (call.kind == LockRequest::kind && out.outcome == Outcome::confirmed) {
    out.reference = "escrow_1";
  }
  if (call.kind == PayoutRequest::kind) out.reference = "payout_1";
  return out;
}

void forget_pending(Facts& facts) {
  for (const char* name : {pending_key, pending_order, pending_wallet, pending_coins}) {
    facts.erase(name);
  }
}

}  // namespace

check::Facts CustodianModel::initial() const {
  Facts facts;
  for (const Wallet& wallet : wallets_) facts.set(balance(wallet.text()), each_);
  return facts;
}

EffectAnswer CustodianModel::perform(Facts& facts, const EffectCall& call, Time now) const {
  if (facts.has(answer(call.idempotency_key))) return remembered(facts, call);
  EffectAnswer given;
  if (call.kind == LockRequest::kind) {
    given = lock(facts, decoded<LockRequest>(call), now);
  } else if (call.kind == ReleaseRequest::kind) {
    given = release(facts, decoded<ReleaseRequest>(call), now);
  } else if (call.kind == RefundRequest::kind) {
    given = refund(facts, decoded<RefundRequest>(call));
  } else {
    given = payout(facts, decoded<PayoutRequest>(call));
  }
  remember(facts, call.idempotency_key, given);
  return given;
}

EffectAnswer CustodianModel::inquire(Facts& facts, const EffectCall& call, Time) const {
  return remembered(facts, call);
}

std::vector<std::string> CustodianModel::refusals(const Facts& facts,
                                                  const EffectCall& call) const {
  if (facts.has(answer(call.idempotency_key))) return {};
  if (call.kind == PayoutRequest::kind) return {"closed", std::string(key_conflict_code)};
  return {"closed"};
}

EffectAnswer CustodianModel::refuse(Facts& facts, const EffectCall& call,
                                    const std::string& code) const {
  EffectAnswer given = refused(code);
  remember(facts, call.idempotency_key, given);
  return given;
}

bool CustodianModel::is_spent(const Facts& facts, const EffectCall& call) const {
  return facts.has(answer(call.idempotency_key));
}

bool CustodianModel::conserved(const Facts& facts) const {
  std::int64_t sum = 0;
  for (const auto& [name, value] : facts.all()) {
    const auto* coins = std::get_if<std::int64_t>(&value);
    const bool counts = name.starts_with("balance ") || name.starts_with("coins in escrow ") ||
                        name.starts_with("coins owed ") || name == pending_coins;
    if (coins == nullptr || !counts) continue;
    if (*coins < 0) return false;
    sum += *coins;
  }
  return sum == each_ * static_cast<std::int64_t>(wallets_.size());
}

std::string escrow_of(const Facts& facts, const std::string& order_id) {
  return facts.text(escrow(order_id));
}

MicroUnits paid_for(const Facts& facts, const std::string& order_id) {
  return facts.number(paid(order_id));
}

bool pay_out(Facts& facts) {
  if (!facts.has(pending_key)) return false;
  const std::int64_t coins = facts.number(pending_coins);
  facts.add(balance(facts.text(pending_wallet)), coins);
  facts.add(paid(facts.text(pending_order)), coins);
  remember(facts, facts.text(pending_key), {Outcome::confirmed});
  forget_pending(facts);
  return true;
}

bool void_payout(Facts& facts) {
  if (!facts.has(pending_key)) return false;
  facts.add(owed(facts.text(pending_order)), facts.number(pending_coins));
  remember(facts, facts.text(pending_key), refused(std::string(payout_voided_code)));
  forget_pending(facts);
  return true;
}

}  // namespace pawl::otc::model
