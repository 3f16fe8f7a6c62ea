// SPDX-License-Identifier: Apache-2.0
//
// One customer of the demo: puts signed orders through, one after another, against a server that
// may die at any moment and a custodian that fails on purpose. What was not answered is asked again
// under the same id until it is, as a careful customer would. Knows nothing of what the server
// keeps; the audit compares.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "app/desk_client.h"
#include "app/sandbox_client.h"

namespace pawl::app {

struct DemoCounts {
  std::atomic<std::int64_t> created = 0;  // answered with an order
  std::atomic<std::int64_t> matched = 0;
  std::atomic<std::int64_t> confirmed = 0;  // the confirm was answered
  std::atomic<std::int64_t> cancelled = 0;
  std::atomic<std::int64_t> voided = 0;      // payouts, by the custodian's operator
  std::atomic<std::int64_t> repeated = 0;    // requests sent again on purpose
  std::atomic<std::int64_t> unanswered = 0;  // sent, and no answer came
  std::atomic<std::int64_t> unreached = 0;   // nobody listened
};

struct DemoOrder {
  std::string order_id;
  bool acknowledged = false;  // the server has answered with it
};

class DemoClient {
 public:
  DemoClient(std::string desk_url, std::string sandbox_url, std::uint64_t seed, DemoCounts& counts);

  // Coins for its wallets. Once, before run().
  Result<void> fund(std::int64_t amount_micro);
  // Until stop() is called from another thread; then it gives up between two requests.
  void run();
  void stop() { stopping_ = true; }

  // After run() has returned.
  const std::vector<DemoOrder>& orders() const { return orders_; }

 private:
  using Send = std::function<Result<HttpAnswer>()>;

  bool chance(int percent);
  void one_order();
  bool create(const NewOrder& order, const otc::SigningKey& maker);
  void settle(const std::string& order_id, const NewOrder& order, const otc::Secret& secret);
  void confirm(const std::string& order_id, const otc::Secret& secret);
  // Sends until an answer comes; null when stopped before.
  std::optional<HttpAnswer> answered(const Send& send);
  // The order's status once it is none of `passing`; "" when stopped or after a while.
  std::string settled_status(const std::string& order_id, std::vector<std::string_view> passing);
  void pause();

  DeskClient desk_;
  SandboxClient sandbox_;
  std::mt19937_64 random_;
  DemoCounts& counts_;
  otc::SigningKey first_;
  otc::SigningKey second_;
  std::atomic<bool> stopping_ = false;
  std::vector<DemoOrder> orders_;
};

}  // namespace pawl::app
