// SPDX-License-Identifier: Apache-2.0
//
// Listening, spreading accepted sockets over the workers, and the order in which all of it stops:
// first no new connections, then the workers finish theirs, then the threads are joined.
#include "net/server.h"

#include <pawl/log.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <mutex>
#include <thread>
#include <vector>

#include "net/response_writer.h"
#include "net/worker.h"

namespace pawl::net {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

inline constexpr ErrorCode too_many_connections{"too_many_connections", ErrorClass::unavailable,
                                                "The server has all the connections it takes"};

inline constexpr ErrorCode too_many_connections_of_peer{
    "too_many_connections_of_peer", ErrorClass::unavailable,
    "Your address has all the connections it may have"};

// At stop() this many connections that wait in the kernel are still looked at.
constexpr int most_accepted_at_stop = 4'096;
constexpr std::chrono::milliseconds accept_pause{50};  // after a failure such as EMFILE

Result<tcp::endpoint> resolve(asio::io_context& io, const ServerOptions& options) {
  boost::system::error_code ec;
  const asio::ip::address address = asio::ip::make_address(options.host, ec);
  if (!ec) return tcp::endpoint(address, options.port);
  tcp::resolver resolver(io);
  const auto found = resolver.resolve(options.host, std::to_string(options.port), ec);
  if (ec || found.empty()) {
    return fail(listen_failed, options.host + ": " + ec.message());
  }
  return found.begin()->endpoint();
}

}  // namespace

class Server::Impl {
 public:
  Impl(ServerOptions options, Router router) : shared_(std::move(options), std::move(router)) {}

  Result<std::uint16_t> start();
  void stop();
  Result<TlsCertificate> reload_certificates();
  ServerStatistics statistics() const;
  std::size_t connections() const { return shared_.connections.load(std::memory_order_relaxed); }

 private:
  Result<std::uint16_t> listen();
  asio::awaitable<void> accept_loop();
  bool has_tls() const {
    return !shared_.options.tls_certificate_file.empty() || !shared_.options.tls_key_file.empty();
  }
  void take(tcp::socket socket, std::size_t worker);
  void refuse(tcp::socket socket, const ErrorCode& code);
  void drain_backlog();
  std::size_t next_worker() { return turn_++ % workers_.size(); }

  ServerShared shared_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;  // start() and stop()
  bool started_ = false;
  bool stopped_ = false;
  // On the first worker's thread from here on.
  std::optional<tcp::acceptor> acceptor_;
  std::optional<asio::steady_timer> pause_;
  std::size_t turn_ = 0;
  bool accepting_ = true;
};

Result<std::uint16_t> Server::Impl::start() {
  const std::lock_guard lock(mutex_);
  if (started_) return fail(listen_failed, "started already");
  if (shared_.router.defect()) return std::unexpected(*shared_.router.defect());
  if (has_tls()) {
    if (const Result<TlsCertificate> loaded = reload_certificates(); !loaded) {
      return std::unexpected(loaded.error());
    }
  }
  const unsigned count = std::max(1U, shared_.options.threads);
  for (unsigned i = 0; i < count; ++i) workers_.push_back(std::make_unique<Worker>(shared_));
  const Result<std::uint16_t> port = listen();
  if (!port) {
    workers_.clear();
    return port;
  }
  started_ = true;
  asio::co_spawn(workers_.front()->io(), accept_loop(), asio::detached);
  for (const std::unique_ptr<Worker>& worker : workers_) {
    threads_.emplace_back([w = worker.get()] { w->run(); });
  }
  return port;
}

ServerStatistics Server::Impl::statistics() const {
  return ServerStatistics{.connections = shared_.connections.load(),
                          .streams = shared_.streams.load(),
                          .accepted = shared_.accepted.load(),
                          .refused = shared_.refused.load(),
                          .accept_failures = shared_.accept_failures.load(),
                          .handshake_failures = shared_.handshake_failures.load()};
}

Result<TlsCertificate> Server::Impl::reload_certificates() {
  if (!has_tls()) return fail(tls_not_configured);
  const ServerOptions& options = shared_.options;
  auto context = TlsServerContext::load(options.tls_certificate_file, options.tls_key_file);
  if (!context) return std::unexpected(context.error());
  TlsCertificate certificate = (*context)->certificate();
  shared_.set_tls(std::move(*context));
  return certificate;
}

Result<std::uint16_t> Server::Impl::listen() {
  asio::io_context& io = workers_.front()->io();
  const Result<tcp::endpoint> endpoint = resolve(io, shared_.options);
  if (!endpoint) return std::unexpected(endpoint.error());
  const std::string place = shared_.options.host + ":" + std::to_string(shared_.options.port);
  tcp::acceptor acceptor(io);
  boost::system::error_code ec;
  acceptor.open(endpoint->protocol(), ec);
  if (!ec) acceptor.set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec) acceptor.bind(*endpoint, ec);
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (!ec) acceptor.non_blocking(true, ec);
  if (ec == asio::error::address_in_use) return fail(port_taken, place);
  if (ec) return fail(listen_failed, place + ": " + ec.message());
  const tcp::endpoint bound = acceptor.local_endpoint(ec);
  if (ec) return fail(listen_failed, place + ": " + ec.message());
  acceptor_.emplace(std::move(acceptor));
  pause_.emplace(io);
  return bound.port();
}

asio::awaitable<void> Server::Impl::accept_loop() {
  bool failing = false;  // one line of the log for each time that it begins
  while (accepting_) {
    const std::size_t worker = next_worker();
    tcp::socket socket(workers_[worker]->io());
    const auto [ec] = co_await acceptor_->async_accept(socket, asio::as_tuple(asio::use_awaitable));
    if (!ec) {
      if (std::exchange(failing, false)) log::info("accepting_again");
      take(std::move(socket), worker);
    } else if (accepting_ && ec != asio::error::connection_aborted) {
      shared_.accept_failures.fetch_add(1, std::memory_order_relaxed);
      if (!std::exchange(failing, true)) log::error("accept_failed", {{"what", ec.message()}});
      pause_->expires_after(accept_pause);
      co_await pause_->async_wait(asio::as_tuple(asio::use_awaitable));
    }
  }
  drain_backlog();
  acceptor_->close();
  // Only now, so that no worker is told to stop before its last connection is on its way to it.
  for (const std::unique_ptr<Worker>& worker : workers_) {
    asio::post(worker->io(), [w = worker.get()] { w->stop(); });
  }
}

void Server::Impl::drain_backlog() {
  for (int i = 0; i < most_accepted_at_stop; ++i) {
    const std::size_t worker = next_worker();
    tcp::socket socket(workers_[worker]->io());
    boost::system::error_code ec;
    acceptor_->accept(socket, ec);
    if (ec == asio::error::connection_aborted) continue;
    if (ec) return;
    take(std::move(socket), worker);
  }
}

void Server::Impl::take(tcp::socket socket, std::size_t index) {
  boost::system::error_code ec;
  const tcp::endpoint peer = socket.remote_endpoint(ec);
  if (ec) return;  // gone already
  socket.set_option(tcp::no_delay(true), ec);
  socket.non_blocking(true, ec);
  if (connections() >= shared_.options.max_connections) {
    return refuse(std::move(socket), too_many_connections);
  }
  std::string address = peer.address().to_string();
  if (!shared_.peers.enter(address)) return refuse(std::move(socket), too_many_connections_of_peer);
  shared_.accepted.fetch_add(1, std::memory_order_relaxed);
  Worker& worker = *workers_[index];
  if (index == 0) return worker.add(std::move(socket), std::move(address));
  asio::post(worker.io(), [&worker, s = std::move(socket), a = std::move(address)]() mutable {
    worker.add(std::move(s), std::move(a));
  });
}

// One try and no waiting: whoever is too many must not cost anything.
void Server::Impl::refuse(tcp::socket socket, const ErrorCode& code) {
  shared_.refused.fetch_add(1, std::memory_order_relaxed);
  if (has_tls()) return;
  std::string answer;
  write_response(answer, problem(Error(code)),
                 {.request_id = shared_.make_request_id(), .keep_alive = false});
  boost::system::error_code ignored;
  socket.write_some(asio::buffer(answer), ignored);
  socket.shutdown(tcp::socket::shutdown_both, ignored);
}

void Server::Impl::stop() {
  const std::lock_guard lock(mutex_);
  if (!started_ || stopped_) return;
  stopped_ = true;
  asio::post(workers_.front()->io(), [this] {
    accepting_ = false;
    acceptor_->cancel();
    pause_->cancel();
  });
  for (std::thread& thread : threads_) thread.join();
}

Server::Server(ServerOptions options, Router router)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(router))) {}

Server::~Server() {
  stop();
}

Result<std::uint16_t> Server::start() {
  return impl_->start();
}

void Server::stop() {
  impl_->stop();
}

Result<TlsCertificate> Server::reload_certificates() {
  return impl_->reload_certificates();
}

ServerStatistics Server::statistics() const {
  return impl_->statistics();
}

std::size_t Server::connections() const {
  return impl_->connections();
}

}  // namespace pawl::net
