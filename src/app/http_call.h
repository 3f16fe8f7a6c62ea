// SPDX-License-Identifier: Apache-2.0
//
// One HTTP call at a time to a Pawl server or a sandbox, waiting for the answer: what the verbs of
// the command line, the demo and the tests are made of. Retries nothing.
#pragma once

#include <pawl/error.h>

#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/exit_code.h"
#include "core/json.h"
#include "net/client.h"

namespace pawl::app {

inline constexpr ErrorCode nobody_listens{"nobody_listens", ErrorClass::unavailable,
                                          "No server answers at this address"};
inline constexpr ErrorCode answer_lost{"answer_lost", ErrorClass::in_doubt,
                                       "The request was sent and its answer did not come"};
inline constexpr ErrorCode answer_unreadable{"answer_unreadable", ErrorClass::upstream,
                                             "The answer is not what this program understands"};

inline constexpr ErrorCode server_url_invalid{
    "server_url_invalid", ErrorClass::invalid,
    "The server's address is not a URL such as http://127.0.0.1:7333"};

struct HttpAnswer {
  unsigned status = 0;
  json::Value body;  // null if there was none

  bool ok() const { return status >= 200 && status < 300; }
  // A text member of the body; "" if it has none of that name.
  std::string text(std::string_view name) const;
  // "code: title (detail)" of a problem; the status where it is none.
  std::string problem() const;
};

// Exit of an answer that was no success.
Exit exit_of(const HttpAnswer& answer);

class HttpCall {
 public:
  // `url` without a path, e.g. "http://127.0.0.1:7333". ca_file: the certificates to trust for
  // https; empty: the system's.
  explicit HttpCall(std::string url, unsigned timeout_ms = 60'000, std::string ca_file = {});

  // Errors: server_url_invalid and nobody_listens (nothing was sent), answer_lost,
  // answer_unreadable.
  Result<HttpAnswer> get(std::string_view path);
  Result<HttpAnswer> post(std::string_view path, std::string body,
                          std::vector<net::Header> headers = {});
  Result<HttpAnswer> put(std::string_view path, std::string body);
  Result<HttpAnswer> remove(std::string_view path);
  // Sent with every call from now on; "" for none.
  void set_token(std::string token) { token_ = std::move(token); }

  const std::string& url() const { return url_; }

 private:
  Result<HttpAnswer> send(net::ClientRequest request);

  std::string url_;
  unsigned timeout_ms_;
  std::string token_;
  net::Client client_;
};

// Fit to be printed: what may be a user's name and password is "***".
std::string redacted_url(std::string_view url);

// Everything but A-Z a-z 0-9 - . _ ~ as %XX, for one path segment or query value.
std::string percent_encoded(std::string_view text);

}  // namespace pawl::app
