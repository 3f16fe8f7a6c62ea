// SPDX-License-Identifier: Apache-2.0
//
// A client's socket by hand, for sending a server exactly the bytes a test wants. Blocking, with a
// deadline on everything; shares no code with what it tests.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "net/fault_server.h"

namespace pawl::test {

struct RawResponse {
  int status = 0;    // 0: the connection ended without an answer
  std::string head;  // status line and headers
  std::string body;

  bool has(std::string_view text) const { return head.find(text) != std::string::npos; }
  // The code of a problem.
  bool is(std::string_view code) const {
    return body.find("\"code\":\"" + std::string(code) + "\"") != std::string::npos;
  }
};

class RawConnection {
 public:
  explicit RawConnection(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    connect(port);
  }
  // From 127.0.0.`source`.
  RawConnection(std::uint16_t port, std::uint8_t source) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = loopback(0);
    address.sin_addr.s_addr = htonl(0x7F000000U | source);
    ::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    connect(port);
  }
  // Takes a socket that is there, for when no other can be opened.
  RawConnection(int socket, std::uint16_t port) : fd_(socket) { connect(port); }
  ~RawConnection() { close(); }
  RawConnection(RawConnection&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), input_(std::move(other.input_)) {}
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  int native_handle() const { return fd_; }
  bool connected() const { return fd_ >= 0; }

  bool send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  void finish_sending() { ::shutdown(fd_, SHUT_WR); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

  // The next answer; interim ones too.
  RawResponse read(bool to_head = false) {
    RawResponse out;
    std::size_t end = std::string::npos;
    while ((end = input_.find("\r\n\r\n")) == std::string::npos) {
      if (!read_more()) return out;
    }
    out.head = input_.substr(0, end + 4);
    input_.erase(0, end + 4);
    const std::size_t at = out.head.find("Content-Length: ");
    std::size_t length = 0;
    if (at != std::string::npos) length = std::strtoul(out.head.c_str() + at + 16, nullptr, 10);
    if (to_head) length = 0;
    while (input_.size() < length) {
      if (!read_more()) return out;
    }
    out.body = input_.substr(0, length);
    input_.erase(0, length);
    out.status = std::atoi(out.head.c_str() + 9);
    return out;
  }
  RawResponse get(std::string_view target) {
    send("GET " + std::string(target) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    return read();
  }

  // Everything from here until the server closes.
  std::string rest() {
    while (read_more()) {
    }
    return std::exchange(input_, {});
  }
  // Reads on until the text has come; it and all before it stays to be read.
  bool holds(std::string_view text) {
    while (input_.find(text) == std::string::npos) {
      if (!read_more()) return false;
    }
    return true;
  }
  // True when the server closed and sent nothing else before.
  bool ended() {
    while (read_more()) {
    }
    return input_.empty() && !timed_out_;
  }
  bool timed_out() const { return timed_out_; }

 private:
  void connect(std::uint16_t port) {
    const sockaddr_in address = loopback(port);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) close();
  }

  bool read_more() {
    constexpr int limit_ms = 20'000;
    pollfd wait{fd_, POLLIN, 0};
    if (::poll(&wait, 1, limit_ms) <= 0) {
      timed_out_ = true;
      return false;
    }
    char piece[65536];
    const ssize_t n = ::recv(fd_, piece, sizeof piece, 0);
    if (n <= 0) return false;
    input_.append(piece, static_cast<std::size_t>(n));
    return true;
  }

  int fd_;
  std::string input_;
  bool timed_out_ = false;
};

}  // namespace pawl::test
