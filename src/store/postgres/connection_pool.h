// SPDX-License-Identifier: Apache-2.0
//
// Connections for reading, shared by threads: at most so many, opened when they are needed, lent to
// one thread at a time. One that comes back closed, or in the middle of something, is not lent
// again. Nothing is retried here: a reader whose connection turns out to be lost asks again.
#pragma once

#include <condition_variable>
#include <mutex>

#include "store/postgres/connection.h"

namespace pawl::postgres {

class ConnectionPool {
 public:
  // Gives its connection back when it goes. The pool must outlive it.
  class Lease {
   public:
    Lease(Lease&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), connection_(std::move(other.connection_)) {}
    Lease& operator=(Lease&&) = delete;
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease();

    Connection& operator*() { return connection_; }
    Connection* operator->() { return &connection_; }

   private:
    friend class ConnectionPool;
    Lease(ConnectionPool& pool, Connection connection)
        : pool_(&pool), connection_(std::move(connection)) {}

    ConnectionPool* pool_;
    Connection connection_;
  };

  ConnectionPool(ConnectionOptions options, int size) : options_(std::move(options)), size_(size) {}
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  // Waits until one is free. Errors: store_readers_busy, and those of Connection::open.
  Result<Lease> checkout(Deadline deadline);
  // Whoever waits, or comes later, gets store_readers_busy.
  void close();
  // How many wait for one now.
  int waiting() const;

 private:
  void give_back(Connection connection);

  const ConnectionOptions options_;
  const int size_;
  mutable std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<Connection> idle_;  // the one used last at the end
  int lent_ = 0;                  // or being opened
  int waiting_ = 0;
  bool closed_ = false;
};

}  // namespace pawl::postgres
