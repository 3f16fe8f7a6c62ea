// SPDX-License-Identifier: Apache-2.0
#include "app/desk_client.h"

#include <openssl/rand.h>

#include <array>
#include <stdexcept>
#include <utility>

#include "app/operator_routes.h"

namespace pawl::app {

namespace {

void write_auth(json::Writer& out, const otc::WalletAuth& auth) {
  out.key("wallet_auth").begin_object();
  out.field("public_key", auth.public_key).field("signature", auth.signature);
  out.field("timestamp", auth.timestamp_seconds).end_object();
}

void fill_random(unsigned char* bytes, int size) {
  if (RAND_bytes(bytes, size) != 1) throw std::runtime_error("the system gives no random bytes");
}

}  // namespace

DeskClient::DeskClient(std::string url, int wait_ms, unsigned timeout_ms)
    : http_(std::move(url), timeout_ms), wait_ms_(wait_ms) {}

std::int64_t DeskClient::now_seconds() const {
  return system_clock().now().seconds();
}

Result<HttpAnswer> DeskClient::send(const std::string& path, std::string body,
                                    const std::string& id) {
  last_body_ = body;
  return http_.post(path + "?wait_ms=" + std::to_string(wait_ms_), std::move(body),
                    {{"Idempotency-Key", id}});
}

Result<HttpAnswer> DeskClient::create(const otc::SigningKey& maker, const NewOrder& order) {
  otc::CreateOrder action;
  action.side = order.side;
  action.pair = order.pair;
  action.amount_micro = order.amount_micro;
  action.price_nano = order.price_nano;
  action.ttl_seconds = order.ttl_seconds;
  action.eth_address = order.address;
  action.nonce = order.nonce;
  action.htlc_hash = order.htlc_hash;
  json::Writer out;
  out.begin_object().field("side", name_of(order.side)).field("pair", name_of(order.pair));
  out.field("wallet", maker.wallet().text());
  out.field("amount_rtc", otc::format_amount(order.amount_micro));
  out.field("price_per_rtc", otc::format_nano(order.price_nano));
  out.field("ttl_seconds", order.ttl_seconds).field("eth_address", order.address);
  out.field("nonce", order.nonce);
  if (!order.htlc_hash.empty()) out.field("htlc_hash", order.htlc_hash);
  write_auth(out, maker.sign_action(action, now_seconds()));
  out.end_object();
  return send("/otc/orders", std::move(out).take(), "create:" + order.nonce);
}

Result<HttpAnswer> DeskClient::match(const otc::SigningKey& taker, const std::string& order_id,
                                     const std::string& address, const std::string& htlc_hash) {
  otc::MatchOrder action;
  action.order_id = order_id;
  action.eth_address = address;
  action.htlc_hash = htlc_hash;
  json::Writer out;
  out.begin_object().field("wallet", taker.wallet().text()).field("eth_address", address);
  if (!htlc_hash.empty()) out.field("htlc_hash", htlc_hash);
  write_auth(out, taker.sign_action(action, now_seconds()));
  out.end_object();
  return send(order_path(order_id) + "/match", std::move(out).take(), "match:" + order_id);
}

Result<HttpAnswer> DeskClient::confirm(const std::string& order_id, const otc::Secret& secret,
                                       const std::string& quote_tx, int round) {
  json::Writer out;
  out.begin_object().field("quote_tx", quote_tx).field("secret", otc::format_secret(secret));
  out.end_object();
  return send(order_path(order_id) + "/confirm", std::move(out).take(),
              "confirm:" + std::to_string(round) + ":" + order_id);
}

Result<HttpAnswer> DeskClient::redrive(const std::string& order_id, const std::string& action,
                                       const std::string& as, const std::string& reason) {
  json::Writer out;
  out.begin_object().field("action", action).field("reason", reason);
  out.field("wait_ms", wait_ms_).end_object();
  return http_.post(order_path(order_id) + "/redrive", std::move(out).take(),
                    {{std::string(operator_header), as}});
}

Result<HttpAnswer> DeskClient::cancel(const otc::SigningKey& maker, const std::string& order_id) {
  otc::CancelOrder action;
  action.order_id = order_id;
  json::Writer out;
  out.begin_object().field("wallet", maker.wallet().text());
  write_auth(out, maker.sign_action(action, now_seconds()));
  out.end_object();
  return send(order_path(order_id) + "/cancel", std::move(out).take(), "cancel:" + order_id);
}

Result<HttpAnswer> DeskClient::show(const std::string& order_id) {
  return http_.get(order_path(order_id));
}

std::string order_path(const std::string& order_id) {
  return "/otc/orders/" + percent_encoded(order_id);
}

std::string random_nonce() {
  std::array<unsigned char, 16> bytes{};
  fill_random(bytes.data(), static_cast<int>(bytes.size()));
  return otc::to_hex(bytes);
}

otc::Secret random_secret() {
  otc::Secret secret;
  fill_random(secret.bytes.data(), static_cast<int>(secret.bytes.size()));
  return secret;
}

}  // namespace pawl::app
