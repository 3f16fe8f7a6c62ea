// SPDX-License-Identifier: Apache-2.0
#include "app/sandbox_custodian_contract.h"

#include <charconv>
#include <optional>

#include "core/json.h"
#include "systems/otc/custodian_http.h"
#include "systems/otc/custodian_own.h"

namespace pawl::app {
namespace {

// Reads members of one object; the first one that is missing or of another type is remembered.
class Reader {
 public:
  explicit Reader(const json::Value& object) : object_(object) {}

  std::string text(std::string_view name) {
    const auto* member = object_.find(name);
    const auto value = member ? member->as_string() : std::nullopt;
    if (!value) wrong_ = name;
    return std::string(value.value_or(""));
  }
  std::int64_t integer(std::string_view name) {
    const auto* member = object_.find(name);
    const auto value = member ? member->as_int64() : std::nullopt;
    if (!value) wrong_ = name;
    return value.value_or(0);
  }
  otc::Wallet wallet(std::string_view name) {
    auto parsed = otc::Wallet::parse(text(name));
    if (!parsed) wrong_ = name;
    return parsed ? std::move(*parsed) : otc::Wallet();
  }
  otc::SignedText signed_text(std::string_view name) {
    const auto* member = object_.find(name);
    if (member == nullptr || !member->is_object()) {
      wrong_ = name;
      return {};
    }
    Reader inner(*member);
    otc::SignedText out{inner.text("public_key"), inner.text("signature"), inner.text("text")};
    if (!inner.wrong().empty()) wrong_ = name;
    return out;
  }
  bool has(std::string_view name) const { return object_.find(name) != nullptr; }
  void reject(std::string_view name) { wrong_ = name; }
  const std::string& wrong() const { return wrong_; }

 private:
  const json::Value& object_;
  std::string wrong_;
};

otc::LockRequest read_lock(Reader& reader) {
  otc::LockRequest out;
  out.holder = reader.wallet("holder");
  out.amount_micro = reader.integer("amount_micro");
  out.until_seconds = reader.integer("until_seconds");
  const auto authorization = reader.signed_text("authorization");
  out.authorization_public_key = authorization.public_key;
  out.authorization_signature = authorization.signature;
  out.authorization_text = authorization.text;
  if (!reader.has("terms")) return out;
  const auto terms = reader.signed_text("terms");
  out.terms_public_key = terms.public_key;
  out.terms_signature = terms.signature;
  out.terms_text = terms.text;
  return out;
}

otc::RefundRequest read_refund(Reader& reader) {
  otc::RefundRequest out;
  out.holder = reader.wallet("holder");
  return out;
}

otc::PayoutRequest read_payout(Reader& reader) {
  otc::PayoutRequest out;
  out.recipient = reader.wallet("recipient");
  out.amount_micro = reader.integer("amount_micro");
  return out;
}

otc::CustodianRequest read_call(otc::Call call, Reader& reader) {
  switch (call) {
    case otc::Call::lock:
      return read_lock(reader);
    case otc::Call::release:
      return otc::ReleaseRequest();
    case otc::Call::refund:
      return read_refund(reader);
    case otc::Call::payout:
      return read_payout(reader);
  }
  return otc::ReleaseRequest();
}

}  // namespace

Result<void> check_service_signature(const net::Request& request,
                                     std::string_view service_public_key_hex,
                                     std::int64_t now_seconds) {
  const auto key_hex = request.header(otc::service_key_header).value_or("");
  const auto timestamp = request.header(otc::service_time_header).value_or("");
  const auto signature = request.header(otc::service_signature_header).value_or("");
  otc::PublicKeyBytes key;
  if (key_hex != service_public_key_hex || !otc::from_hex(key_hex, key)) {
    return fail(service_signature_invalid, "another key");
  }
  std::int64_t signed_at = 0;
  const auto* end = timestamp.data() + timestamp.size();
  const auto parsed = std::from_chars(timestamp.data(), end, signed_at);
  const bool in_window = signed_at >= now_seconds - otc::service_window_seconds &&
                         signed_at <= now_seconds + otc::service_window_seconds;
  if (parsed.ec != std::errc() || parsed.ptr != end || !in_window) {
    return fail(service_signature_invalid, "the time is malformed or too far away");
  }
  const auto text =
      otc::service_signing_text(request.method, request.path, timestamp, request.body);
  if (!otc::signature_is_valid(key, text, signature)) {
    return fail(service_signature_invalid, "the signature does not verify");
  }
  return {};
}

Result<otc::CustodianRequest> read_custodian_request(otc::Call call, std::string_view body) {
  const auto value = json::parse(body);
  if (!value) return std::unexpected(value.error());
  Reader reader(*value);
  const auto key = reader.text("key");
  const auto order_id = reader.text("order_id");
  if (!otc::is_custodian_key(key)) reader.reject("key");
  if (!otc::parse_order_id(order_id)) reader.reject("order_id");
  auto request = read_call(call, reader);
  if (!reader.wrong().empty()) return fail(request_malformed, "look at " + reader.wrong());
  std::visit(
      [&](auto& r) {
        r.key = key;
        r.order_id = order_id;
      },
      request);
  return request;
}

net::Response operation_answer(const LedgerOperation& operation, bool inquiry) {
  json::Writer out;
  out.begin_object();
  out.field("key", operation.key).field("order_id", operation.order_id);
  out.field("call", operation.call).field("state", operation.state);
  out.field("code", operation.code).field("reference", operation.reference);
  out.end_object();
  net::Response response;
  response.status = operation.state == "refused" && !inquiry ? 409 : 200;
  response.body = std::move(out).take();
  return response;
}

net::Response absent_answer(std::string_view key) {
  json::Writer out;
  out.begin_object().field("key", key).field("state", "absent").end_object();
  net::Response response;
  response.status = 404;
  response.body = std::move(out).take();
  return response;
}

}  // namespace pawl::app
