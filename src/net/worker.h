// SPDX-License-Identifier: Apache-2.0
//
// One server thread: its event loop, the connections that live on it, and the sweep that looks at
// their deadlines. Everything of a connection happens on its worker's thread, so nothing there is
// locked. Private to net.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "net/peer_counts.h"
#include "net/router.h"
#include "net/server.h"
#include "net/server_errors.h"
#include "net/tls_server.h"

namespace pawl::net {

using Clock = std::chrono::steady_clock;

// What all workers of one server share; outlives them.
struct ServerShared {
  ServerShared(ServerOptions o, Router r);
  ServerOptions options;
  Router router;
  std::atomic<std::size_t> connections{0};
  std::atomic<std::size_t> streams{0};
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> accept_failures{0};
  std::atomic<std::uint64_t> handshake_failures{0};
  PeerCounts peers;
  std::atomic<std::uint64_t> next_id;

  // 16 hex digits, not guessable from each other without the start, different in every process.
  std::string make_request_id();

  // What new connections are opened with; nullptr: plain HTTP.
  std::shared_ptr<const TlsServerContext> tls();
  void set_tls(std::shared_ptr<const TlsServerContext> context);

 private:
  std::mutex tls_mutex_;
  std::shared_ptr<const TlsServerContext> tls_;
};

// A connection as its worker sees it.
class ConnectionBase {
 public:
  virtual ~ConnectionBase() = default;

  // Interrupts what the connection waits for when its deadline has passed; again at every sweep
  // until it noticed, since one that falls between two steps of a long write interrupts nothing.
  void check(Clock::time_point now) {
    if (now < deadline_) return;
    expired_ = true;
    interrupt();
  }
  // Ends after the answer that is due; at once when nothing is.
  void finish() {
    closing_ = true;
    if (idle_ && !has_input()) {
      interrupt();
    } else if (streaming_) {
      wake();
    }
  }
  void end_now() {
    dead_ = true;
    interrupt();
  }

 protected:
  virtual void interrupt() = 0;
  virtual void wake() = 0;  // from a sleep only, with nothing cut off
  virtual bool has_input() = 0;

  Clock::time_point deadline_ = Clock::time_point::max();
  bool idle_ = false;       // waits for the first byte of a request
  bool streaming_ = false;  // writes an event stream
  bool expired_ = false;    // the deadline of the present phase passed
  bool closing_ = false;    // the server stops
  bool dead_ = false;       // the server's grace is over
};

class Worker {
 public:
  explicit Worker(ServerShared& shared);

  boost::asio::io_context& io() { return io_; }
  // Until stop() was called and the last connection ended.
  void run();

  // The rest only on the worker's own thread.
  // The address was entered in the shared peers.
  void add(boost::asio::ip::tcp::socket socket, std::string peer_address);
  void stop();
  std::list<ConnectionBase*>::iterator enter(ConnectionBase& connection);
  void leave(std::list<ConnectionBase*>::iterator place);
  ServerShared& shared() { return shared_; }

 private:
  void sweep_later();
  void sweep();

  ServerShared& shared_;
  boost::asio::io_context io_{1};
  boost::asio::steady_timer sweep_timer_{io_};
  std::chrono::milliseconds sweep_every_;
  std::list<ConnectionBase*> connections_;
  bool stopping_ = false;
  Clock::time_point grace_ends_ = Clock::time_point::max();
};

}  // namespace pawl::net
