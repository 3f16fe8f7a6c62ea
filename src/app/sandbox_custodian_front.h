// SPDX-License-Identifier: Apache-2.0
//
// The sandbox's own small HTTP/1.1 front: it reads whole requests, asks for the answer, and
// delivers it as well or as badly as it is told. net::Server cannot be used here, because it never
// sends half an answer or a reset. One thread a connection, a bounded number of them; for trying
// and testing on loopback only.
#pragma once

#include <pawl/error.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "net/http.h"

namespace pawl::app {

inline constexpr ErrorCode sandbox_not_loopback{
    "sandbox_not_loopback", ErrorClass::invalid,
    "The sandbox listens on 127.0.0.1 or ::1 only: its faucet is open to everybody."};
inline constexpr ErrorCode sandbox_listen_failed{"sandbox_listen_failed", ErrorClass::unavailable,
                                                 "The sandbox cannot listen on its address."};

inline constexpr std::size_t max_front_connections = 512;  // above it: closed at once
inline constexpr std::size_t max_front_header_bytes = std::size_t{16} << 10;
inline constexpr std::size_t max_front_body_bytes = std::size_t{256} << 10;
inline constexpr std::uint32_t slow_drip_interval_ms = 20;

// How an answer leaves.
enum class Delivery { whole, close, reset, hang, half, garbage, slow_drip };

struct Delivered {
  net::Response response;
  Delivery delivery = Delivery::whole;
  std::uint32_t delay_ms = 0;  // before the first byte; for hang and slow_drip, until the end
};

// Cuts waits short when the front stops.
class FrontPause {
 public:
  virtual ~FrontPause() = default;
  // False if the front stopped before the time was over.
  virtual bool wait_ms(std::uint32_t delay_ms) = 0;
};

class SandboxFront {
 public:
  // Called on a connection's thread, by many at once; must not throw.
  using Answer = std::function<Delivered(const net::Request&, FrontPause&)>;

  explicit SandboxFront(Answer answer);
  ~SandboxFront();  // stop()
  SandboxFront(const SandboxFront&) = delete;
  SandboxFront& operator=(const SandboxFront&) = delete;

  // Gives the port (0 lets the kernel choose). Errors: sandbox_not_loopback, sandbox_listen_failed.
  Result<std::uint16_t> start(const std::string& host, std::uint16_t port);
  // Closes everything and joins. Not from within an answer.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pawl::app
