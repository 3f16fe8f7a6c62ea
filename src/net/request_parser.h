// SPDX-License-Identifier: Apache-2.0
//
// One request off the wire: Beast's parser checks the syntax, this class fills a Request and holds
// what Beast leaves open (transfer codings, repeated headers, the kind of a refusal). It eats
// bytes; where they come from and the time-outs are left to the connection. Private to net.
#pragma once

#include <pawl/error.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "net/http.h"
#include "net/message_parser.h"
#include "net/server_errors.h"

namespace pawl::net {

// Why a request is not taken; the connection ends with it, since what follows cannot be trusted.
struct Refusal {
  Error error;
  unsigned status;
};

class RequestParser final : private MessageParser<true> {
 public:
  // Keeps a reference to `request` and fills it.
  RequestParser(Request& request, std::size_t max_header_bytes, std::size_t max_target_bytes);

  // Takes bytes up to the end of the header or, after it, of the body. Gives how many it used;
  // those left over must be given again, with more behind them. Not after refusal() or done().
  std::size_t feed(std::string_view bytes);

  bool header_done() const { return header_done_; }
  bool done() const { return is_done(); }
  const std::optional<Refusal>& refusal() const { return refusal_; }

  // After header_done():
  bool keep_alive() const { return basic_parser::keep_alive(); }
  bool is_http_1_1() const { return version_ == 11; }
  bool wants_continue() const { return wants_continue_ && is_http_1_1(); }
  // Refuses at once a declared length above it, else counts as the body comes in.
  void limit_body(std::size_t max_body_bytes);

 private:
  void on_request_impl(boost::beast::http::verb, string_view method, string_view target,
                       int version, error_code& ec) override;
  void on_response_impl(int, string_view, int, error_code&) override {}
  void on_field_impl(field name, string_view name_string, string_view value,
                     error_code& ec) override;
  void on_header_impl(error_code& ec) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override;
  void refuse_body(error_code& ec) override;

  void refuse(Error error, unsigned status, error_code& ec);
  Refusal target_refusal() const;
  Refusal refusal_of(const error_code& ec) const;

  Request& request_;
  std::size_t max_target_bytes_;
  int version_ = 11;
  bool wants_continue_ = false;
  std::optional<Refusal> refusal_;
};

}  // namespace pawl::net
