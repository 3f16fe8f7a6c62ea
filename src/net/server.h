// SPDX-License-Identifier: Apache-2.0
//
// The HTTP/1.1 server: connections, their limits and time-outs, in front of a Router. Each thread
// has its own event loop and its own connections; a handler runs on its connection's thread. What
// is served, and who may ask, are left to the routes.
#pragma once

#include <pawl/error.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "net/router.h"

namespace pawl::net {

inline constexpr ErrorCode port_taken{"port_taken", ErrorClass::unavailable,
                                      "The address to listen on is in use"};
inline constexpr ErrorCode listen_failed{"listen_failed", ErrorClass::unavailable,
                                         "The server cannot listen on its address"};

// Time-outs are looked at a quarter of the shortest one apart (5 to 250 ms), so each
// may fire that much late.
struct ServerOptions {
  std::string host = "127.0.0.1";  // an address or a name
  std::uint16_t port = 0;          // 0: the kernel chooses
  unsigned threads = 1;
  std::size_t max_connections = 10'000;      // above it: 503 and close
  unsigned header_timeout_ms = 10'000;       // from a request's first byte to its last header
  unsigned body_timeout_ms = 30'000;         // for the whole body
  unsigned idle_timeout_ms = 60'000;         // between two requests of a connection
  unsigned write_timeout_ms = 30'000;        // for one whole answer
  unsigned answer_timeout_ms = 120'000;      // for the handler; then 503 answer_timed_out
  std::size_t max_header_bytes = 16 * 1024;  // request line not counted
  std::size_t max_target_bytes = 8 * 1024;
  unsigned shutdown_grace_ms = 10'000;  // for requests under way when stop() is called
};

class Server {
 public:
  Server(ServerOptions options, Router router);
  ~Server();  // stop()
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Listens and starts the threads; gives the port. port_taken and listen_failed name host:port,
  // route_invalid the route. Once only.
  Result<std::uint16_t> start();

  // Stops accepting, closes idle connections, lets requests under way finish within the grace,
  // then closes what is left and joins the threads. May be called often and from any thread but the
  // server's own (a handler must not).
  void stop();

  // Connections open now.
  std::size_t connections() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pawl::net
