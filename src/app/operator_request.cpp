// SPDX-License-Identifier: Apache-2.0
#include "app/operator_request.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <utility>

#include "core/obeyed_characters.h"

namespace pawl::app {

net::Response json_answer(const json::Value& body, unsigned status) {
  net::Response response;
  response.status = status;
  response.body = body.text();
  return response;
}

Result<std::int64_t> read_number(std::string_view text, std::string_view name, std::int64_t min,
                                 std::int64_t max) {
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() ||
      value < min || value > max) {
    return fail(listing_parameter_invalid, std::string(name) + " is a number from " +
                                               std::to_string(min) + " to " + std::to_string(max));
  }
  return value;
}

Result<std::int64_t> query_number(const net::Request& request, std::string_view name,
                                  std::int64_t otherwise, std::int64_t min, std::int64_t max) {
  const auto text = request.query(name);
  return text ? read_number(*text, name, min, max) : Result<std::int64_t>(otherwise);
}

std::string operator_principal(std::string_view name, const net::Request& request) {
  std::string out = "operator:" + std::string(name);
  if (!request.token_id.empty()) out += "@token:" + request.token_id;
  return out;
}

Result<OperatorRequest> read_operator(const net::Request& request,
                                      std::initializer_list<std::string_view> more,
                                      bool reason_needed) {
  auto body = json::parse(request.body);
  if (!body || !body->is_object()) return fail(operator_request_invalid);
  const auto text_of = [&](std::string_view name) {
    const auto* member = body->find(name);
    return std::string(member == nullptr ? "" : member->as_string().value_or(""));
  };
  for (const auto& member : *body->as_object()) {
    if (member.key != "as" && member.key != "reason" && member.key != "token" &&
        std::find(more.begin(), more.end(), member.key) == more.end()) {
      return fail(operator_request_invalid, "unknown member " + member.key);
    }
  }
  OperatorRequest out;
  const std::string name = text_of("as");
  out.origin.why = text_of("reason");
  for (const auto& [what, text] :
       {std::pair<const char*, const std::string*>{"as", &name}, {"reason", &out.origin.why}}) {
    const std::size_t most = text == &name ? max_operator_name_bytes : max_operator_text_bytes;
    const bool missing = text->empty() && (text == &name || reason_needed);
    if (missing || text->size() > most) {
      return fail(operator_request_invalid,
                  std::string(what) + " is text of 1 to " + std::to_string(most) + " bytes");
    }
    if (has_control_character(*text)) {
      return fail(operator_request_invalid, std::string(what) + " holds a control character");
    }
  }
  if (const auto* token = body->find("token"); token != nullptr && !token->is_null()) {
    const auto number = token->as_int64();
    // 0 stands for "whatever it is" inside: nobody shall say so by accident.
    if (!number || *number < 1) {
      return fail(operator_request_invalid, "token is a number from 1 on; leave it out for any");
    }
    out.token = *number;
  }
  out.origin.principal = operator_principal(name, request);
  const auto id = request.header("Idempotency-Key");
  // Ignored, it would leave the caller with a repeat that is none.
  if (id && (id->empty() || id->size() > max_operator_id_bytes)) {
    return fail(operator_request_invalid, "Idempotency-Key is 1 to 128 bytes");
  }
  out.origin.id = id ? std::string(*id) : request.request_id;
  out.origin.trace_id = request.trace_id;
  out.body = std::move(*body);
  return out;
}

net::Response receipt_answer(const Receipt& receipt) {
  if (!receipt.done) {
    return net::problem(Error(ErrorCode{receipt.code, receipt.error_class, receipt.detail}));
  }
  auto body = json::Value::object();
  body.add("ok", json::Value::boolean(true));
  return json_answer(body);
}

Engine::ReceiptDone answer_receipt(net::Responder respond) {
  auto shared = std::make_shared<net::Responder>(std::move(respond));
  return [shared](Result<Receipt> receipt) {
    if (!receipt) return (*shared)(receipt.error());
    (*shared)(receipt_answer(*receipt));
  };
}

}  // namespace pawl::app
