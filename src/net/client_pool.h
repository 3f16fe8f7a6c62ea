// SPDX-License-Identifier: Apache-2.0
//
// The connections to one host: at most so many, used again when they are still good, and a bounded
// queue of exchanges that wait for one. Private to net; lives on the client's thread.
#pragma once

#include <cstddef>
#include <deque>
#include <list>
#include <memory>
#include <optional>

#include "net/client_exchange.h"

namespace pawl::net {

class ClientPool {
 public:
  using Clock = ClientExchange::Clock;

  ClientPool(std::size_t max_connections, std::size_t max_queued, Clock::duration idle_time)
      : max_connections_(max_connections), max_queued_(max_queued), idle_time_(idle_time) {}

  // Gives leave to use one connection: now (granted is set), or later (the exchange is woken), or
  // client_queue_full.
  std::optional<Error> ask(ClientExchange& exchange);
  // An exchange that was granted leave, or still waits for it, needs it no more.
  void leave(ClientExchange& exchange);

  // A pooled connection that is not known to be closed; nullptr when there is none.
  std::unique_ptr<Stream> take();
  void give_back(std::unique_ptr<Stream> stream);

  void drop_idle_since(Clock::time_point limit);
  void drop_expired(Clock::time_point now) { drop_idle_since(now - idle_time_); }
  bool empty() const { return active_ == 0 && waiting_.empty() && idle_.empty(); }

 private:
  struct Idle {
    std::unique_ptr<Stream> stream;
    Clock::time_point since;
  };

  std::size_t max_connections_;
  std::size_t max_queued_;
  Clock::duration idle_time_;
  std::size_t active_ = 0;
  std::deque<ClientExchange*> waiting_;
  std::list<Idle> idle_;  // the longest unused first
};

}  // namespace pawl::net
