// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/effects.h"

namespace pawl::otc {

LockRequest lock_of(const Order& order, const SignedText& authorization) {
  LockRequest request;
  request.key = custodian_key(Call::lock, order.order_id, order.lock_attempt);
  request.order_id = order.order_id;
  request.holder = order.holder.value_or(Wallet());
  request.amount_micro = order.amount_micro;
  request.until_seconds = order.escrow_until.value_or(Time()).seconds();
  request.authorization_public_key = authorization.public_key;
  request.authorization_signature = authorization.signature;
  request.authorization_text = authorization.text;
  request.terms_public_key = order.terms_public_key;
  request.terms_signature = order.terms_signature;
  request.terms_text = order.terms_text;
  return request;
}

ReleaseRequest release_of(const Order& order) {
  ReleaseRequest request;
  request.key = custodian_key(Call::release, order.order_id, order.release_attempt);
  request.order_id = order.order_id;
  request.holder = order.holder.value_or(Wallet());
  request.escrow_reference = order.escrow_reference;
  return request;
}

RefundRequest refund_of(const Order& order) {
  RefundRequest request;
  request.key = custodian_key(Call::refund, order.order_id, order.refund_attempt);
  request.order_id = order.order_id;
  request.holder = order.holder.value_or(Wallet());
  request.escrow_reference = order.escrow_reference;
  return request;
}

PayoutRequest payout_of(const Order& order) {
  PayoutRequest request;
  request.key = custodian_key(Call::payout, order.order_id, order.payout_attempt);
  request.order_id = order.order_id;
  request.recipient = buyer_of(order);
  request.amount_micro = order.amount_micro;
  return request;
}

bool escrow_is_gone(std::string_view refusal_code) {
  // The custodian contract: codes that begin with escrow_ speak of the escrow's own state. A used
  // key is as bad: what was done under it is not known.
  return refusal_code.starts_with("escrow_") || refusal_code == key_conflict_code;
}

bool refund_was_done(std::string_view refusal_code) {
  return refusal_code == "escrow_refunded";
}

EffectPolicy policy_of(const Config& config, ResendRule resend) {
  EffectPolicy policy;
  policy.resend = resend;
  policy.destination = "custodian";
  policy.concurrency = config.custodian_concurrency;
  policy.send_timeout_ms = config.custodian_timeout_ms;
  // The sender must have stopped before its lease may move.
  policy.lease_ttl_ms = config.custodian_timeout_ms * 3;
  policy.max_attempts = config.custodian_max_attempts;
  policy.poll_interval_ms = config.payout_poll_interval_ms;
  return policy;
}

}  // namespace pawl::otc
