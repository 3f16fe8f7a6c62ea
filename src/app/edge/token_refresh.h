// SPDX-License-Identifier: Apache-2.0
//
// Reads the tokens anew, every second, where other processes make and revoke them too: a token that
// was revoked elsewhere is good here for so long at the most. A reading that fails is logged and
// the tokens stay; after max_stale_ms without one it is not known any more which are revoked, and
// all are refused until the store answers.
#pragma once

#include <pawl/engine.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "app/edge/token_table.h"

namespace pawl::app {

class TokenRefresh {
 public:
  static constexpr int interval_ms = 1'000;
  static constexpr int max_stale_ms = 60'000;

  TokenRefresh(Engine& engine, std::shared_ptr<TokenTable> table);
  ~TokenRefresh();
  TokenRefresh(const TokenRefresh&) = delete;
  TokenRefresh& operator=(const TokenRefresh&) = delete;

 private:
  void run();

  Engine& engine_;
  const std::shared_ptr<TokenTable> table_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace pawl::app
