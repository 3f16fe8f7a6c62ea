// SPDX-License-Identifier: Apache-2.0
#include "net/response_parser.h"

#include <boost/beast/http/error.hpp>

#include "net/client.h"

namespace pawl::net {

namespace http = boost::beast::http;

namespace {

constexpr std::size_t longest_status_line = 512;

}  // namespace

ResponseParser::ResponseParser(std::size_t max_header_bytes, std::size_t max_body_bytes,
                               bool to_head)
    : MessageParser(longest_status_line, max_header_bytes, max_body_bytes, response_.body) {
  response_.content_type.clear();
  skip(to_head);
}

std::size_t ResponseParser::feed(std::string_view bytes) {
  error_code ec;
  const std::size_t used = put_all(bytes, false, ec);
  if (!ec || failure_) return used;
  const bool large = ec == http::error::header_limit || ec == http::error::buffer_overflow;
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

void ResponseParser::refuse_body(error_code& ec) {
  give_up({client_response_too_large,
           "a body of more than " + std::to_string(max_body_bytes_) + " bytes"},
          ec);
}

void ResponseParser::on_response_impl(int code, string_view, int, error_code& ec) {
  line_done_ = true;
  if (code < 100 || code > 599) return give_up({client_response_invalid, "a bad status"}, ec);
  response_.status = static_cast<unsigned>(code);
}

void ResponseParser::on_field_impl(field name, string_view name_string, string_view value,
                                   error_code& ec) {
  if (!count_field(name_string, value, ec)) return;
  if (header_done_) return;  // a trailer
  const std::string_view text(value.data(), value.size());
  if (name == field::transfer_encoding && !equal_ignoring_case(text, "chunked")) {
    return give_up({client_response_invalid, "a transfer coding other than chunked"}, ec);
  }
  if (name == field::content_type && response_.content_type.empty()) response_.content_type = text;
  response_.headers.push_back(
      {std::string(name_string.data(), name_string.size()), std::string(text)});
}

void ResponseParser::on_header_impl(error_code& ec) {
  MessageParser::on_header_impl(ec);
  constexpr std::string_view type = "text/event-stream";
  const std::string_view given = response_.content_type;
  streaming_ = sink_ && response_.status == 200 &&
               equal_ignoring_case(given.substr(0, type.size()), type) &&
               (given.size() == type.size() || given.find_first_of("; ") == type.size());
}

void ResponseParser::on_body_init_impl(const boost::optional<std::uint64_t>& length,
                                       error_code& ec) {
  if (!streaming_ && length.value_or(0) > max_body_bytes_) refuse_body(ec);
}

std::size_t ResponseParser::on_body_impl(string_view body, error_code& ec) {
  if (!streaming_) return MessageParser::on_body_impl(body, ec);
  if (!sink_({body.data(), body.size()})) {
    give_up({client_response_too_large, "an event of the stream"}, ec);
    return 0;
  }
  return body.size();
}

void ResponseParser::on_chunk_header_impl(std::uint64_t size, string_view extensions,
                                          error_code& ec) {
  if (!streaming_) MessageParser::on_chunk_header_impl(size, extensions, ec);
}

}  // namespace pawl::net
