// SPDX-License-Identifier: Apache-2.0
//
// The HTTP/1.1 client for effects on the outside. Its whole point is one honest distinction: a
// request that failed was either never sent (no byte of it was handed to the kernel) or its fate is
// unknown. It retries nothing, follows no redirect and judges no status; that is left to the
// caller.
#pragma once

#include <pawl/error.h>

#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/event_stream.h"
#include "net/http.h"

namespace pawl::net {

// Before the first write.
inline constexpr ErrorCode client_request_invalid{"client_request_invalid", ErrorClass::invalid,
                                                  "The outgoing request is malformed"};
inline constexpr ErrorCode client_queue_full{"client_queue_full", ErrorClass::too_many,
                                             "Too many requests wait for this host"};
inline constexpr ErrorCode client_resolve_failed{"client_resolve_failed", ErrorClass::unavailable,
                                                 "The host name could not be resolved"};
inline constexpr ErrorCode client_connect_failed{"client_connect_failed", ErrorClass::unavailable,
                                                 "No connection could be made"};
inline constexpr ErrorCode client_tls_failed{"client_tls_failed", ErrorClass::unavailable,
                                             "The TLS handshake failed"};
// Before or after it; ClientFailure.kind tells which.
inline constexpr ErrorCode client_timed_out{"client_timed_out", ErrorClass::unavailable,
                                            "The request's time ran out"};
inline constexpr ErrorCode client_cancelled{"client_cancelled", ErrorClass::unavailable,
                                            "The request was cancelled"};
inline constexpr ErrorCode client_stopped{"client_stopped", ErrorClass::unavailable,
                                          "The client was shut down"};
// After it.
inline constexpr ErrorCode client_connection_lost{"client_connection_lost", ErrorClass::in_doubt,
                                                  "The connection ended before the answer did"};
inline constexpr ErrorCode client_response_invalid{"client_response_invalid", ErrorClass::in_doubt,
                                                   "The answer is not HTTP"};
inline constexpr ErrorCode client_response_too_large{
    "client_response_too_large", ErrorClass::in_doubt, "The answer is larger than allowed"};

struct ClientOptions {
  std::size_t max_connections_per_host = 8;
  std::size_t max_queued_per_host = 1'024;  // waiting for a connection; above it client_queue_full
  unsigned connect_timeout_ms = 5'000;      // name, TCP and TLS together
  unsigned idle_timeout_ms = 30'000;        // a connection unused that long is not used again
  std::string ca_file{};                    // PEM; empty: the system's certificates
};

struct ClientRequest {
  std::string method = "GET";
  std::string url{};  // absolute, http or https, no user information
  // Host, Connection, Content-Length and Transfer-Encoding are the client's own: naming them here
  // is client_request_invalid.
  std::vector<Header> headers{};
  std::string body{};
  unsigned timeout_ms = 10'000;  // for the whole exchange, waiting for a connection included
  std::size_t max_response_bytes = std::size_t{1} << 20;
  std::size_t max_header_bytes = std::size_t{16} << 10;
};

// How server-sent events are taken (Client::follow).
struct ClientEvents {
  // For each event, on the client's thread; must not wait and must not throw.
  std::function<void(const Event&)> on_event;
  // Without a byte for so long, heartbeats included, the stream is lost (client_timed_out).
  unsigned quiet_timeout_ms = 60'000;
  std::size_t max_event_bytes = std::size_t{1} << 20;
};

struct ClientFailure {
  enum class Kind {
    never_sent,  // no byte of the request was handed to the kernel: sending it again is safe
    unknown      // a write was begun: the other side may have seen all of it
  };
  Kind kind;
  Error error;
};

std::string_view to_string(ClientFailure::Kind kind);

// A whole answer (of any status, redirects too) or a failure.
using ClientResult = std::expected<Response, ClientFailure>;

class Client {
 public:
  using Done = std::move_only_function<void(ClientResult)>;

  // Names one exchange; may outlive it and the client.
  class Handle {
   public:
    Handle() = default;
    // Ends the exchange now: never_sent if no write was begun, else unknown. No effect when it is
    // over. Any thread.
    void cancel() const;

   private:
    friend class Client;
    struct Target;
    explicit Handle(std::shared_ptr<Target> target) : target_(std::move(target)) {}
    std::shared_ptr<Target> target_;
  };

  explicit Client(ClientOptions options = {});
  // Ends what is under way (done is called with client_stopped) and joins the thread. Waits for a
  // name look-up that is under way. Not from within a done callback.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // done is called exactly once, on the client's thread and never from within send(); it must not
  // wait and must not throw. Any thread.
  Handle send(ClientRequest request, Done done);

  // Follows an event stream until it ends, one of its hosts' connections meanwhile; the request's
  // timeout_ms is for the answer's head. done is given the answer without a body when the server
  // ended the stream, any other answer whole when it is no event stream, and a failure when the
  // stream was cut. Coming again, with Last-Event-ID, is the caller's.
  Handle follow(ClientRequest request, ClientEvents events, Done done);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace pawl::net
