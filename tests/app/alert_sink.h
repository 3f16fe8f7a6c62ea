// SPDX-License-Identifier: Apache-2.0
//
// Where alerts are told to, in tests: a sink that works, or does what sinks do that do not.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "eventually.h"

namespace pawl::app::test {

// A sink on a port of its own that keeps what it is sent. Down, nothing listens there.
class AlertSink {
 public:
  enum class Mode { hang, hold, fail, half, refuse, work };
  struct Delivery {
    std::string id;
    std::string timestamp;
    std::string signature;
    std::string body;
    Mode mode = Mode::work;
  };

  AlertSink() {
    open();
    close();
  }
  ~AlertSink() { down(); }
  std::uint16_t port() const { return port_; }
  // hang: never answers; hold: answers once it is let go.
  void up(Mode mode) {
    let_go_ = false;
    mode_ = mode;
    if (thread_.joinable()) return;
    open();
    stopping_ = false;
    thread_ = std::thread([this] { run(); });
  }
  void down() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    close();
  }
  void let_go() { let_go_ = true; }
  std::vector<Delivery> seen() {
    const std::lock_guard lock(mutex_);
    return deliveries_;
  }
  std::vector<Delivery> seen(Mode mode) {
    const std::lock_guard lock(mutex_);
    std::vector<Delivery> out;
    for (const auto& delivery : deliveries_) {
      if (delivery.mode == mode) out.push_back(delivery);
    }
    return out;
  }

 private:
  void open() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port_);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  void close() {
    if (listener_ >= 0) ::close(listener_);
    listener_ = -1;
  }
  void run() {
    std::vector<int> hanging;
    while (!stopping_) {
      pollfd waiting{listener_, POLLIN, 0};
      if (::poll(&waiting, 1, 20) <= 0) continue;
      const int connection = ::accept(listener_, nullptr, nullptr);
      if (connection < 0) continue;
      if (serve(connection)) {
        ::close(connection);
      } else {
        hanging.push_back(connection);
      }
    }
    for (const int connection : hanging) ::close(connection);
  }
  static std::string header(const std::string& head, const std::string& name) {
    const auto at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const auto from = at + name.size() + 4;
    return head.substr(from, head.find("\r\n", from) - from);
  }
  bool serve(int connection) {
    std::string text;
    std::size_t end = std::string::npos;
    std::size_t wanted = 0;
    while (end == std::string::npos || text.size() < end + 4 + wanted) {
      char buffer[4'096];
      const auto size = ::recv(connection, buffer, sizeof buffer, 0);
      if (size <= 0) return true;
      text.append(buffer, static_cast<std::size_t>(size));
      end = text.find("\r\n\r\n");
      if (end != std::string::npos) wanted = std::stoul(header(text, "Content-Length"));
    }
    const Mode mode = mode_;
    {
      const std::lock_guard lock(mutex_);
      deliveries_.push_back({header(text, "webhook-id"), header(text, "webhook-timestamp"),
                             header(text, "webhook-signature"), text.substr(end + 4), mode});
    }
    std::string answer = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    if (mode == Mode::fail) {
      answer = "HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    } else if (mode == Mode::refuse) {
      answer = "HTTP/1.1 400 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    } else if (mode == Mode::half) {
      answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc";
    }
    if (mode == Mode::hang) return false;
    if (mode == Mode::hold && !pawl::test::eventually([&] { return let_go_ || stopping_; }))
      return true;
    (void)!::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
    return true;
  }

  std::uint16_t port_ = 0;
  int listener_ = -1;
  std::atomic<Mode> mode_ = Mode::work;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> let_go_ = false;
  std::mutex mutex_;
  std::vector<Delivery> deliveries_;
  std::thread thread_;
};

}  // namespace pawl::app::test
