// SPDX-License-Identifier: Apache-2.0
//
// One answer off the wire for the client: Beast's parser checks the syntax, this class fills a
// Response and holds the limits. Private to net.
#pragma once

#include <pawl/error.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "net/http.h"
#include "net/message_parser.h"

namespace pawl::net {

class ResponseParser final : private MessageParser<false> {
 public:
  // to_head: the answer to HEAD, which has no body whatever its headers say.
  ResponseParser(std::size_t max_header_bytes, std::size_t max_body_bytes, bool to_head);

  // Has the body of a 200 that is text/event-stream go to `sink` as it comes, without a bound;
  // false from it means that an event is too large.
  void stream_events(std::function<bool(std::string_view)> sink) { sink_ = std::move(sink); }
  bool is_event_stream() const { return streaming_; }

  // Takes bytes; gives how many it used, the rest must be given again with more behind them. Not
  // after failure() or done().
  std::size_t feed(std::string_view bytes);
  // The peer sent all it will: done() if that is how this answer ends, else failure().
  void feed_end();

  bool done() const { return header_done_ && is_done(); }
  const std::optional<Error>& failure() const { return failure_; }
  unsigned status() const { return response_.status; }
  // After done(): whether another request may follow on the connection.
  bool keep_alive() const { return basic_parser::keep_alive() && !need_eof(); }
  Response take() { return std::move(response_); }

 private:
  void on_request_impl(boost::beast::http::verb, string_view, string_view, int,
                       error_code&) override {}
  void on_response_impl(int code, string_view, int, error_code&) override;
  void on_field_impl(field name, string_view name_string, string_view value,
                     error_code& ec) override;
  void on_header_impl(error_code& ec) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code& ec) override;
  std::size_t on_body_impl(string_view body, error_code& ec) override;
  void on_chunk_header_impl(std::uint64_t size, string_view, error_code& ec) override;
  void refuse_body(error_code& ec) override;

  void give_up(Error error, error_code& ec);

  Response response_;
  std::function<bool(std::string_view)> sink_;
  bool streaming_ = false;
  std::optional<Error> failure_;
};

}  // namespace pawl::net
