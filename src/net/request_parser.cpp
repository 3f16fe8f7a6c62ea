// SPDX-License-Identifier: Apache-2.0
#include "net/request_parser.h"

#include <algorithm>
#include <array>
#include <boost/beast/http/error.hpp>

namespace pawl::net {

namespace http = boost::beast::http;

namespace {

// Of the request line, beside its target.
constexpr std::size_t method_and_version_bytes = 64;

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

// Whoever stands before us may set these; the peer's address is the socket's and nothing else.
bool is_forwarded(std::string_view name) {
  constexpr std::array<std::string_view, 2> exact{"Forwarded", "X-Real-IP"};
  constexpr std::string_view prefix = "X-Forwarded-";
  return std::any_of(exact.begin(), exact.end(),
                     [&](std::string_view e) { return equal_ignoring_case(e, name); }) ||
         equal_ignoring_case(name.substr(0, prefix.size()), prefix);
}

// Two of these in one request mean that two readers could understand two things.
bool must_be_single(http::field name, std::string_view text) {
  return name == http::field::host || name == http::field::authorization ||
         name == http::field::content_type || name == http::field::if_match ||
         equal_ignoring_case(text, "Idempotency-Key");
}

}  // namespace

RequestParser::RequestParser(Request& request, std::size_t max_header_bytes,
                             std::size_t max_target_bytes)
    : MessageParser(max_target_bytes + method_and_version_bytes, max_header_bytes, 0, request.body),
      request_(request),
      max_target_bytes_(max_target_bytes) {}

std::size_t RequestParser::feed(std::string_view bytes) {
  error_code ec;
  const std::size_t used = put_all(bytes, true, ec);
  if (ec && !refusal_) refusal_ = refusal_of(ec);
  return used;
}

void RequestParser::limit_body(std::size_t max_body_bytes) {
  max_body_bytes_ = max_body_bytes;
  error_code ignored;
  if (content_length().value_or(0) > max_body_bytes) refuse_body(ignored);
}

void RequestParser::refuse(Error error, unsigned status, error_code& ec) {
  refusal_.emplace(Refusal{std::move(error), status});
  ec = make_error_code(http::error::bad_value);
}

void RequestParser::refuse_body(error_code& ec) {
  refuse({body_too_large, "at most " + std::to_string(max_body_bytes_) + " bytes are taken"}, 413,
         ec);
}

Refusal RequestParser::target_refusal() const {
  return {{target_too_long, "at most " + std::to_string(max_target_bytes_) + " bytes are taken"},
          414};
}

Refusal RequestParser::refusal_of(const error_code& ec) const {
  if (ec == http::error::buffer_overflow) return target_refusal();
  if (ec == http::error::header_limit) {
    return {
        {headers_too_large, "at most " + std::to_string(max_header_bytes_) + " bytes are taken"},
        431};
  }
  return {{request_malformed, ec.message()}, 400};
}

void RequestParser::on_request_impl(http::verb, string_view method, string_view target, int version,
                                    error_code& ec) {
  line_done_ = true;
  version_ = version;
  if (target.size() > max_target_bytes_) {
    Refusal refusal = target_refusal();
    return refuse(std::move(refusal.error), refusal.status, ec);
  }
  request_.method = view(method);
  request_.target = view(target);
}

void RequestParser::on_field_impl(field name, string_view name_string, string_view value,
                                  error_code& ec) {
  if (!count_field(name_string, value, ec)) return;
  if (header_done_) return;  // a trailer: nothing here has a use for them
  const std::string_view text = view(name_string);
  if (is_forwarded(text)) {
    // Those of which one hop after another writes a part; the others say what we never ask.
    if (equal_ignoring_case(text, "X-Forwarded-For") || equal_ignoring_case(text, "Forwarded")) {
      request_.forwarding_headers.push_back({std::string(text), std::string(view(value))});
    }
    return;
  }
  if (must_be_single(name, text) && find_header(request_.headers, text)) {
    return refuse({request_malformed, std::string(text) + " stands twice"}, 400, ec);
  }
  if (name == field::transfer_encoding &&
      (version_ < 11 || !equal_ignoring_case(view(value), "chunked"))) {
    // Beast would take such a request as one without a body and its body as the next request.
    return refuse(Error(transfer_coding_unknown), version_ < 11 ? 400 : 501, ec);
  }
  if (name == field::expect) {
    if (!equal_ignoring_case(view(value), "100-continue")) {
      return refuse(Error(expectation_unknown), 417, ec);
    }
    wants_continue_ = true;
  }
  request_.headers.push_back({std::string(text), std::string(view(value))});
}

void RequestParser::on_header_impl(error_code& ec) {
  MessageParser::on_header_impl(ec);
  if (is_http_1_1() && !find_header(request_.headers, "Host")) {
    refuse({request_malformed, "HTTP/1.1 needs a Host header"}, 400, ec);
  }
}

void RequestParser::on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) {
  constexpr std::size_t believed = std::size_t{1} << 20;  // beyond it memory follows the bytes
  request_.body.reserve(std::min<std::size_t>(length.value_or(0), believed));
}

}  // namespace pawl::net
