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

inline constexpr ErrorCode tls_certificate_unusable{"tls_certificate_unusable", ErrorClass::invalid,
                                                    "The TLS certificate cannot be used"};
inline constexpr ErrorCode tls_key_unusable{"tls_key_unusable", ErrorClass::invalid,
                                            "The TLS key cannot be used"};
inline constexpr ErrorCode tls_pair_mismatched{"tls_pair_mismatched", ErrorClass::invalid,
                                               "The TLS key is not the certificate's"};
inline constexpr ErrorCode tls_certificate_out_of_date{
    "tls_certificate_out_of_date", ErrorClass::invalid,
    "The TLS certificate is not valid yet or not any more"};
inline constexpr ErrorCode tls_not_configured{"tls_not_configured", ErrorClass::invalid,
                                              "The server listens without TLS"};

// Time-outs are looked at a quarter of the shortest one apart (5 to 250 ms), so each
// may fire that much late.
struct ServerOptions {
  std::string host = "127.0.0.1";  // an address or a name
  std::uint16_t port = 0;          // 0: the kernel chooses
  unsigned threads = 1;
  // TLS 1.3 with this certificate (PEM, with its chain behind it) and key (PEM, no passphrase, a
  // file that its owner alone may read). Both, or neither: plain HTTP.
  std::string tls_certificate_file{};
  std::string tls_key_file{};
  // Above either: 503 with Retry-After and close; with TLS closed at once, since an answer would
  // cost the handshake that the limit is there to save.
  std::size_t max_connections = 10'000;
  std::size_t max_connections_per_peer = 0;  // from one address, loopback too; 0: any number
  unsigned handshake_timeout_ms = 10'000;    // for TLS's own opening
  unsigned header_timeout_ms = 10'000;       // from a request's first byte to its last header
  unsigned body_timeout_ms = 30'000;         // for the whole body
  unsigned idle_timeout_ms = 60'000;         // between two requests of a connection
  unsigned write_timeout_ms = 30'000;        // for one whole answer
  unsigned answer_timeout_ms = 120'000;      // for the handler; then 503 answer_timed_out
  std::size_t max_header_bytes = 16 * 1024;  // request line not counted
  std::size_t max_target_bytes = 8 * 1024;
  unsigned shutdown_grace_ms = 10'000;  // for requests under way when stop() is called
  std::size_t max_streams = 1'000;      // event streams at once; above it 503 too_many_streams
  unsigned heartbeat_ms = 15'000;       // a quiet event stream says so often that it is alive
  unsigned stream_retry_ms = 2'000;     // what clients are told to wait before they come again
};

// What the server shows to its clients, in the words of logs.
struct TlsCertificate {
  std::string subject;     // RFC 2253
  std::string not_before;  // RFC 3339, UTC
  std::string not_after;
  std::string sha256;  // of the certificate, hexadecimal
};

// What the connections of a server have come to; counts since start() but for the first two.
struct ServerStatistics {
  std::uint64_t connections = 0;  // open now
  std::uint64_t streams = 0;      // event streams being written now
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;             // above max_connections or max_connections_per_peer
  std::uint64_t accept_failures = 0;     // such as no free descriptor
  std::uint64_t handshake_failures = 0;  // TLS connections that came to nothing
};

class Server {
 public:
  Server(ServerOptions options, Router router);
  ~Server();  // stop()
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Listens and starts the threads; gives the port. port_taken and listen_failed name host:port,
  // route_invalid the route, the tls_ codes their file. Once only.
  Result<std::uint16_t> start();

  // Stops accepting, closes idle connections, lets requests under way finish within the grace,
  // then closes what is left and joins the threads. May be called often and from any thread but the
  // server's own (a handler must not).
  void stop();

  // Reads certificate and key again and uses them for the connections from now on; those there are
  // go on as they are. An error (tls_not_configured, or one of the files') leaves the pair that is
  // in use. Any thread; not before start().
  Result<TlsCertificate> reload_certificates();

  // Connections open now.
  std::size_t connections() const;
  ServerStatistics statistics() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pawl::net
