// SPDX-License-Identifier: Apache-2.0
#include "net/response_parser.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>

#include "net/client.h"

namespace pawl::net {

namespace http = boost::beast::http;

ResponseParser::ResponseParser(std::size_t max_header_bytes, std::size_t max_body_bytes,
                               bool to_head)
    : max_header_bytes_(max_header_bytes), max_body_bytes_(max_body_bytes) {
  response_.content_type.clear();
  header_limit(static_cast<std::uint32_t>(max_header_bytes));
  body_limit(boost::none);  // counted here
  skip(to_head);
}

std::size_t ResponseParser::feed(std::string_view bytes) {
  // As in RequestParser::feed: Beast asserts on a shorter piece, and more is always to come.
  constexpr std::size_t shortest_chunked_rest = 5;
  if (header_done_ && chunked() && bytes.size() < shortest_chunked_rest) return 0;

  error_code ec;
  std::size_t used = 0;
  while (used < bytes.size() && !is_done()) {
    const bool was_header = !header_done_;
    used += put(boost::asio::const_buffer(bytes.data() + used, bytes.size() - used), ec);
    if (ec) break;
    if (!was_header || !header_done_) continue;
    eager(true);
    if (chunked() && bytes.size() - used < shortest_chunked_rest) break;
  }
  if (!ec || ec == http::error::need_more || failure_) return used;
  const bool large = ec == http::error::header_limit;
  failure_.emplace(large ? client_response_too_large : client_response_invalid,
                   large ? "headers of more than " + std::to_string(max_header_bytes_) + " bytes"
                         : ec.message());
  return used;
}

void ResponseParser::feed_end() {
  error_code ec;
  if (got_some()) put_eof(ec);
  if (done()) return;
  failure_.emplace(client_connection_lost, got_some() ? "it was closed amid the answer"
                                                      : "it was closed without an answer");
}

void ResponseParser::give_up(Error error, error_code& ec) {
  failure_.emplace(std::move(error));
  ec = make_error_code(http::error::bad_value);
}

void ResponseParser::body_too_large(error_code& ec) {
  give_up({client_response_too_large,
           "a body of more than " + std::to_string(max_body_bytes_) + " bytes"},
          ec);
}

void ResponseParser::on_response_impl(int code, string_view, int, error_code& ec) {
  if (code < 100 || code > 599) return give_up({client_response_invalid, "a bad status"}, ec);
  response_.status = static_cast<unsigned>(code);
}

void ResponseParser::on_field_impl(field name, string_view name_string, string_view value,
                                   error_code& ec) {
  constexpr std::size_t colon_space_crlf = 4;
  header_bytes_ += name_string.size() + value.size() + colon_space_crlf;
  if (header_bytes_ > max_header_bytes_) {
    ec = make_error_code(http::error::header_limit);
    return;
  }
  if (header_done_) return;  // a trailer
  const std::string_view text(value.data(), value.size());
  if (name == field::transfer_encoding && !equal_ignoring_case(text, "chunked")) {
    return give_up({client_response_invalid, "a transfer coding other than chunked"}, ec);
  }
  if (name == field::content_type && response_.content_type.empty()) response_.content_type = text;
  response_.headers.push_back(
      {std::string(name_string.data(), name_string.size()), std::string(text)});
}

void ResponseParser::on_body_init_impl(const boost::optional<std::uint64_t>& length,
                                       error_code& ec) {
  if (length.value_or(0) > max_body_bytes_) body_too_large(ec);
}

std::size_t ResponseParser::on_body_impl(string_view body, error_code& ec) {
  if (body.size() > max_body_bytes_ - response_.body.size()) {
    body_too_large(ec);
    return 0;
  }
  response_.body.append(body.data(), body.size());
  return body.size();
}

void ResponseParser::on_chunk_header_impl(std::uint64_t size, string_view, error_code& ec) {
  if (size > max_body_bytes_ - response_.body.size()) body_too_large(ec);
}

std::size_t ResponseParser::on_chunk_body_impl(std::uint64_t, string_view body, error_code& ec) {
  return on_body_impl(body, ec);
}

}  // namespace pawl::net
