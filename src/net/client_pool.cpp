// SPDX-License-Identifier: Apache-2.0
#include "net/client_pool.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace pawl::net {
namespace {

// A quiet open connection has nothing to read. An end, an error, and bytes nobody asked for (a
// time-out page, a TLS alert) all mean that a request written now might be lost.
bool is_quiet(Stream& stream) {
  char byte = 0;
  const auto got =
      ::recv(stream.socket().native_handle(), &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace

std::optional<Error> ClientPool::ask(ClientExchange& exchange) {
  if (active_ < max_connections_) {
    ++active_;
    exchange.granted = true;
    return std::nullopt;
  }
  if (waiting_.size() >= max_queued_) {
    return Error(client_queue_full, std::to_string(max_queued_) + " wait already");
  }
  waiting_.push_back(&exchange);
  return std::nullopt;
}

void ClientPool::leave(ClientExchange& exchange) {
  if (!exchange.granted) {
    std::erase(waiting_, &exchange);
    return;
  }
  exchange.granted = false;
  if (waiting_.empty()) {
    --active_;
    return;
  }
  ClientExchange* next = waiting_.front();
  waiting_.pop_front();
  next->granted = true;
  next->wake();
}

std::unique_ptr<Stream> ClientPool::take() {
  drop_expired(Clock::now());
  while (!idle_.empty()) {
    std::unique_ptr<Stream> stream = std::move(idle_.back().stream);
    idle_.pop_back();
    if (is_quiet(*stream)) return stream;
  }
  return nullptr;
}

void ClientPool::give_back(std::unique_ptr<Stream> stream) {
  idle_.push_back(Idle{std::move(stream), Clock::now()});
}

void ClientPool::drop_idle_since(Clock::time_point limit) {
  while (!idle_.empty() && idle_.front().since <= limit) idle_.pop_front();
}

}  // namespace pawl::net
