// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/custodian_own.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <optional>

#include "core/json.h"
#include "systems/otc/custodian_http.h"

namespace pawl::otc {
namespace {

constexpr std::string_view operations_path = "/custodian/operations/";

void write_signed_text(json::Writer& out, std::string_view name, const SignedText& signed_text) {
  out.key(name).begin_object();
  out.field("public_key", signed_text.public_key);
  out.field("signature", signed_text.signature);
  out.field("text", signed_text.text);
  out.end_object();
}

struct WriteBody {
  json::Writer& out;

  void operator()(const LockRequest& r) const {
    out.field("holder", r.holder.text());
    out.field("amount_micro", r.amount_micro);
    out.field("until_seconds", r.until_seconds);
    write_signed_text(out, "authorization", r.authorization());
    if (!r.terms_text.empty()) write_signed_text(out, "terms", r.terms());
  }
  void operator()(const ReleaseRequest&) const {}
  void operator()(const RefundRequest& r) const { out.field("holder", r.holder.text()); }
  void operator()(const PayoutRequest& r) const {
    out.field("recipient", r.recipient.text());
    out.field("amount_micro", r.amount_micro);
  }
};

// The members of an answer that bind it to one request and say how it stands.
struct Body {
  std::string_view key;
  std::string_view order_id;
  std::string_view call;
  std::string_view state;
  std::string code;
  std::string reference;
};

std::optional<Body> read_body(const json::Value& value) {
  const auto text = [&value](std::string_view name) -> std::optional<std::string_view> {
    const auto* member = value.find(name);
    return member ? member->as_string() : std::nullopt;
  };
  const auto key = text("key");
  const auto state = text("state");
  if (!key || !state) return std::nullopt;
  return Body{*key,
              text("order_id").value_or(""),
              text("call").value_or(""),
              *state,
              bounded_text(text("code").value_or("")),
              bounded_text(text("reference").value_or(""))};
}

bool is_success(unsigned status) {
  return status >= 200 && status < 300;
}
bool is_refusal(unsigned status) {
  return status >= 400 && status < 500;
}

// W3C trace context: the trace of the request that led here, and a span that names this exchange
// (its signed text differs from every other's).
std::string traceparent_of(std::string_view trace_id, std::string_view signed_text) {
  std::array<char, 17> span{};
  const std::uint64_t mixed = std::hash<std::string_view>()(signed_text) | 1;
  std::snprintf(span.data(), span.size(), "%016llx", static_cast<unsigned long long>(mixed));
  return "00-" + std::string(trace_id) + "-" + span.data() + "-01";
}

}  // namespace

std::string service_signing_text(std::string_view method, std::string_view path,
                                 std::string_view timestamp, std::string_view body) {
  std::string out(method);
  for (const auto part : {path, timestamp}) out.append("\n").append(part);
  return out + "\n" + sha256_hex(body);
}

std::string_view path_of(Call call) {
  switch (call) {
    case Call::lock:
      return "/custodian/locks";
    case Call::release:
      return "/custodian/releases";
    case Call::refund:
      return "/custodian/refunds";
    case Call::payout:
      return "/custodian/payouts";
  }
  return "/custodian";
}

std::string operation_path(std::string_view key) {
  return std::string(operations_path) + std::string(key);
}

std::string body_of(const CustodianRequest& request) {
  json::Writer out;
  out.begin_object();
  out.field("key", key_of(request)).field("order_id", order_id_of(request));
  std::visit(WriteBody{out}, request);
  out.end_object();
  return std::move(out).take();
}

EffectAnswer read_own_answer(const CustodianRequest& request, bool inquiry,
                             const net::ClientResult& result) {
  if (!result) return answer_of_failure(result.error());
  const auto& response = *result;
  const auto value = json::parse(response.body);
  const auto body = value ? read_body(*value) : std::nullopt;
  if (!body) return unknown_answer(response, "not the contract's answer");
  if (body->key != key_of(request)) return unknown_answer(response, "another key's answer");

  const bool absent = body->state == "absent";
  if (absent && inquiry && response.status == 404) return {Outcome::absent, "absent"};

  const bool ours =
      body->order_id == order_id_of(request) && body->call == name_of(call_of(request));
  if (!ours && !(is_refusal(response.status) && body->code == key_conflict_code)) {
    return unknown_answer(response, "another order's or call's answer");
  }
  // An inquiry that succeeds reports any state; a call that is refused says so by its status too.
  const bool refused = body->state == "refused";
  if (refused && (inquiry ? is_success(response.status) : is_refusal(response.status))) {
    return {Outcome::refused, body->code, body->reference};
  }
  if (!is_success(response.status)) return unknown_answer(response, "status and state disagree");
  if (body->state == "confirmed") return {Outcome::confirmed, body->code, body->reference};
  if (body->state == "accepted" && call_of(request) == Call::payout) {
    return {Outcome::accepted, body->code, body->reference};
  }
  return unknown_answer(response, "status and state disagree");
}

Result<std::unique_ptr<OwnCustodian>> OwnCustodian::create(std::string_view url,
                                                           const SigningKey& service_key,
                                                           std::shared_ptr<net::Client> client,
                                                           Clock& clock) {
  auto base_url = trusted_base_url(url);
  if (!base_url) return std::unexpected(base_url.error());
  return std::unique_ptr<OwnCustodian>(
      new OwnCustodian(std::move(*base_url), service_key, std::move(client), clock));
}

OwnCustodian::OwnCustodian(std::string base_url, const SigningKey& service_key,
                           std::shared_ptr<net::Client> client, Clock& clock)
    : base_url_(std::move(base_url)),
      service_key_(service_key),
      client_(std::move(client)),
      clock_(clock) {}

void OwnCustodian::perform(const CustodianRequest& request, const CallOptions& options, Done done) {
  exchange("POST", std::string(path_of(call_of(request))), body_of(request), request, options,
           std::move(done));
}

void OwnCustodian::inquire(const CustodianRequest& request, const CallOptions& options, Done done) {
  exchange("GET", operation_path(key_of(request)), "", request, options, std::move(done));
}

ResendRule OwnCustodian::resend_rule(Call) const {
  return ResendRule::dedup;
}

void OwnCustodian::exchange(std::string method, const std::string& path, std::string body,
                            const CustodianRequest& request, const CallOptions& options,
                            Done done) {
  if (!is_custodian_key(key_of(request))) {
    done({Outcome::never_sent, "key_malformed"});
    return;
  }
  const bool inquiry = method == "GET";
  const auto timestamp = std::to_string(clock_.now().seconds());
  const auto text = service_signing_text(method, path, timestamp, body);
  net::ClientRequest out;
  out.url = base_url_ + path;
  out.headers = {{std::string(service_key_header), service_key_.public_key_hex()},
                 {std::string(service_time_header), timestamp},
                 {std::string(service_signature_header), service_key_.sign(text)}};
  if (!options.trace_id.empty()) {
    out.headers.push_back({"traceparent", traceparent_of(options.trace_id, text)});
  }
  if (!inquiry) out.headers.push_back({"Content-Type", "application/json"});
  out.method = std::move(method);
  out.body = std::move(body);
  out.timeout_ms = static_cast<unsigned>(std::max(1, options.timeout_ms));
  out.max_response_bytes = max_custodian_answer_bytes;
  client_->send(std::move(out),
                [request, inquiry, done = std::move(done)](net::ClientResult result) {
                  auto answer = read_own_answer(request, inquiry, result);
                  // An inquiry that was never sent learned nothing, and says nothing of the call.
                  if (inquiry && answer.outcome == Outcome::never_sent) {
                    answer.outcome = Outcome::unknown;
                  }
                  done(std::move(answer));
                });
}

}  // namespace pawl::otc
