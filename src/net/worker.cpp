// SPDX-License-Identifier: Apache-2.0
#include "net/worker.h"

#include <pawl/log.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <random>

#include "net/connection.h"

namespace pawl::net {
namespace {

std::uint64_t random_start() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

// A quarter of the shortest time-out, so that none fires more than that late.
std::chrono::milliseconds sweep_period(const ServerOptions& o) {
  constexpr unsigned shortest = 5;
  constexpr unsigned longest = 250;
  const unsigned least =
      std::min({o.header_timeout_ms, o.body_timeout_ms, o.idle_timeout_ms, o.write_timeout_ms,
                o.answer_timeout_ms, o.shutdown_grace_ms, o.handshake_timeout_ms, o.heartbeat_ms});
  return std::chrono::milliseconds(std::clamp(least / 4, shortest, longest));
}

}  // namespace

bool is_request_id(std::string_view text) {
  constexpr std::size_t longest = 64;
  return !text.empty() && text.size() <= longest &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-';
         });
}

ServerShared::ServerShared(ServerOptions o, Router r)
    : options(std::move(o)),
      router(std::move(r)),
      peers(options.max_connections_per_peer),
      next_id(random_start()) {}

std::shared_ptr<const TlsServerContext> ServerShared::tls() {
  const std::lock_guard lock(tls_mutex_);
  return tls_;
}

void ServerShared::set_tls(std::shared_ptr<const TlsServerContext> context) {
  const std::lock_guard lock(tls_mutex_);
  tls_.swap(context);
}

std::string ServerShared::make_request_id() {
  constexpr std::string_view digits = "0123456789abcdef";
  // splitmix64: a bijection, so ids of one process differ.
  std::uint64_t x = next_id.fetch_add(0x9E3779B97F4A7C15U, std::memory_order_relaxed);
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  x ^= x >> 31;
  std::string id(16, '0');
  for (char& c : id) {
    c = digits[x & 15];
    x >>= 4;
  }
  return id;
}

Worker::Worker(ServerShared& shared)
    : shared_(shared), sweep_every_(sweep_period(shared.options)) {}

void Worker::run() {
  sweep_later();
  io_.run();
}

void Worker::add(boost::asio::ip::tcp::socket socket, std::string peer_address) {
  const std::shared_ptr<const TlsServerContext> tls = shared_.tls();
  std::unique_ptr<Stream> stream =
      tls ? tls->make_stream(std::move(socket)) : make_plain_stream(std::move(socket));
  if (!stream) {
    log::error("connection_dropped", {{"what", "no memory for TLS"}});
    return shared_.peers.leave(peer_address);
  }
  Peer peer{.address = std::move(peer_address), .tls = tls != nullptr};
  auto connection = std::make_shared<Connection>(*this, std::move(stream), std::move(peer));
  if (stopping_) connection->finish();
  boost::asio::co_spawn(io_, connection->run(), [connection](std::exception_ptr thrown) {
    if (thrown) log::error("connection_threw");
  });
}

void Worker::stop() {
  stopping_ = true;
  grace_ends_ = Clock::now() + std::chrono::milliseconds(shared_.options.shutdown_grace_ms);
  for (ConnectionBase* connection : connections_) connection->finish();
  if (connections_.empty()) sweep_timer_.cancel();
}

std::list<ConnectionBase*>::iterator Worker::enter(ConnectionBase& connection) {
  shared_.connections.fetch_add(1, std::memory_order_relaxed);
  return connections_.insert(connections_.end(), &connection);
}

void Worker::leave(std::list<ConnectionBase*>::iterator place) {
  connections_.erase(place);
  shared_.connections.fetch_sub(1, std::memory_order_relaxed);
  if (stopping_ && connections_.empty()) sweep_timer_.cancel();
}

void Worker::sweep_later() {
  sweep_timer_.expires_after(sweep_every_);
  sweep_timer_.async_wait([this](const boost::system::error_code&) { sweep(); });
}

void Worker::sweep() {
  const Clock::time_point now = Clock::now();
  for (ConnectionBase* connection : connections_) {
    if (now >= grace_ends_) {
      connection->end_now();
    } else {
      connection->check(now);
    }
  }
  // With the last connection gone and nothing to wait for, run() returns.
  if (stopping_ && connections_.empty()) return;
  sweep_later();
}

}  // namespace pawl::net
