// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/connection_pool.h"

#include <algorithm>

namespace pawl::postgres {

ConnectionPool::Lease::~Lease() {
  if (pool_ != nullptr) pool_->give_back(std::move(connection_));
}

Result<ConnectionPool::Lease> ConnectionPool::checkout(Deadline deadline) {
  std::unique_lock lock(mutex_);
  ++waiting_;
  const bool free = freed_.wait_until(lock, deadline, [this] { return closed_ || lent_ < size_; });
  --waiting_;
  if (!free) return fail(readers_busy, "all " + std::to_string(size_) + " of them");
  if (closed_) return fail(readers_busy, "the store is being closed");
  ++lent_;
  Connection connection;
  // Those that died while nobody used them are left behind; there are at most `size_`.
  while (!connection.alive() && !idle_.empty()) {
    connection = std::move(idle_.back());
    idle_.pop_back();
  }
  lock.unlock();
  if (connection.alive()) return Lease(*this, std::move(connection));

  ConnectionOptions options = options_;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  options.connect_timeout_ms =
      static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, options.connect_timeout_ms));
  auto opened = Connection::open(options);
  if (opened) return Lease(*this, std::move(*opened));
  give_back({});
  return std::unexpected(opened.error());
}

void ConnectionPool::give_back(Connection connection) {
  // What is left of it, if anything, ends outside the lock.
  const bool reusable =
      connection.alive() && connection.transaction_status() == TransactionStatus::idle;
  const std::lock_guard lock(mutex_);
  --lent_;
  if (reusable && !closed_) idle_.push_back(std::move(connection));
  freed_.notify_one();
}

int ConnectionPool::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

void ConnectionPool::close() {
  std::vector<Connection> ended;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  ended.swap(idle_);
  freed_.notify_all();
}

}  // namespace pawl::postgres
