// SPDX-License-Identifier: Apache-2.0
//
// A desk's customer over HTTP: signs and sends what makers and takers ask for, and waits for the
// answer. A repeat with the same arguments is the same request under the same id. For `pawl run`,
// `pawl demo` and tests; decides nothing and retries nothing.
#pragma once

#include <pawl/clock.h>

#include <cstdint>
#include <string>

#include "app/http_call.h"
#include "systems/otc/authorization.h"

namespace pawl::app {

struct NewOrder {
  otc::Side side = otc::Side::sell;
  otc::Pair pair = otc::Pair::rtc_usdc;
  otc::MicroUnits amount_micro = 0;
  otc::NanoQuote price_nano = 0;
  std::int64_t ttl_seconds = otc::default_ttl_seconds;
  std::string address;
  std::string nonce;      // 32 hex digits, once per wallet
  std::string htlc_hash;  // of a sell order's secret; else ""
};

class DeskClient {
 public:
  // wait_ms: how long the server may wait for a request's end before it answers 202.
  DeskClient(std::string url, int wait_ms, unsigned timeout_ms = 60'000);

  Result<HttpAnswer> create(const otc::SigningKey& maker, const NewOrder& order);
  // htlc_hash: of the taker's secret when the taker sells, else "".
  Result<HttpAnswer> match(const otc::SigningKey& taker, const std::string& order_id,
                           const std::string& address, const std::string& htlc_hash);
  // A release that is known not to have happened may be confirmed again, in the next round.
  Result<HttpAnswer> confirm(const std::string& order_id, const otc::Secret& secret,
                             const std::string& quote_tx, int round = 1);
  Result<HttpAnswer> cancel(const otc::SigningKey& maker, const std::string& order_id);
  // An operator has a payout or a refund (`action`) of a stopped order made again.
  Result<HttpAnswer> redrive(const std::string& order_id, const std::string& action,
                             const std::string& as, const std::string& reason);
  Result<HttpAnswer> show(const std::string& order_id);
  Result<HttpAnswer> get(const std::string& path) { return http_.get(path); }
  Result<HttpAnswer> post(const std::string& path, std::string body) {
    return http_.post(path, std::move(body));
  }

  const std::string& url() const { return http_.url(); }
  // Of the last write, as it was sent.
  const std::string& last_body() const { return last_body_; }
  void set_token(std::string token) { http_.set_token(std::move(token)); }

 private:
  Result<HttpAnswer> send(const std::string& path, std::string body, const std::string& id);
  std::int64_t now_seconds() const;

  HttpCall http_;
  int wait_ms_;
  std::string last_body_;
};

std::string order_path(const std::string& order_id);
// 16 bytes of chance in hex, and a secret of 32.
std::string random_nonce();
otc::Secret random_secret();

}  // namespace pawl::app
