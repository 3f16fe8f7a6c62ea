// SPDX-License-Identifier: Apache-2.0
//
// The client for tests: call and wait, and outcomes as short texts.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "net/client.h"

namespace pawl::test {

class PendingCall {
 public:
  PendingCall(net::Client& client, net::ClientRequest request) {
    auto promise = std::make_shared<std::promise<net::ClientResult>>();
    future_ = promise->get_future();
    handle = client.send(std::move(request), [promise](net::ClientResult result) {
      promise->set_value(std::move(result));
    });
  }

  bool ready() const {
    return future_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }
  net::ClientResult get() {
    if (future_.wait_for(std::chrono::seconds(30)) != std::future_status::ready) {
      ADD_FAILURE() << "no result in 30 s";
      std::abort();
    }
    return future_.get();
  }

  net::Client::Handle handle;

 private:
  std::future<net::ClientResult> future_;
};

inline net::ClientResult call(net::Client& client, net::ClientRequest request) {
  return PendingCall(client, std::move(request)).get();
}

inline net::ClientRequest get_request(std::string url, unsigned timeout_ms = 10'000) {
  net::ClientRequest request;
  request.url = std::move(url);
  request.timeout_ms = timeout_ms;
  return request;
}

inline net::ClientRequest post_request(std::string url, unsigned timeout_ms = 10'000) {
  net::ClientRequest request = get_request(std::move(url), timeout_ms);
  request.method = "POST";
  request.body = R"({"amount":"1.50"})";
  return request;
}

// "200", "never_sent client_connect_failed", "unknown client_timed_out", ...
inline std::string outcome(const net::ClientResult& result) {
  if (result) return std::to_string(result->status);
  return std::string(to_string(result.error().kind)) + " " +
         std::string(result.error().error.code.code);
}

}  // namespace pawl::test
