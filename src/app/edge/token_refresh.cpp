// SPDX-License-Identifier: Apache-2.0
#include "app/edge/token_refresh.h"

#include <pawl/log.h>

#include <chrono>
#include <utility>

namespace pawl::app {

TokenRefresh::TokenRefresh(Engine& engine, std::shared_ptr<TokenTable> table)
    : engine_(engine), table_(std::move(table)), thread_([this] { run(); }) {}

TokenRefresh::~TokenRefresh() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void TokenRefresh::run() {
  using Clock = std::chrono::steady_clock;
  auto fresh = Clock::now();
  std::unique_lock lock(mutex_);
  const auto stopping = [this] { return stopping_; };
  while (!changed_.wait_for(lock, std::chrono::milliseconds(interval_ms), stopping)) {
    lock.unlock();
    if (const auto loaded = table_->load(engine_)) {
      fresh = Clock::now();
    } else {
      log::warn("tokens_not_refreshed", {{"error", loaded.error().text()}});
      if (Clock::now() - fresh > std::chrono::milliseconds(max_stale_ms)) table_->clear();
    }
    lock.lock();
  }
}

}  // namespace pawl::app
