// SPDX-License-Identifier: Apache-2.0
//
// A TCP server by hand that does to its callers whatever a script says: for testing clients against
// an outside that refuses, hangs, resets, cuts, drips and lies. Plain sockets and a thread for each
// connection, so that it shares no code with what it tests. Header only, for use by other tests.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace pawl::test {

// One accepted connection in the hands of a script. Calls end early when the server stops.
class FaultPeer {
 public:
  FaultPeer(int fd, const std::atomic<bool>& stopping) : fd_(fd), stopping_(stopping) {}
  ~FaultPeer() { close(); }
  FaultPeer(const FaultPeer&) = delete;
  FaultPeer& operator=(const FaultPeer&) = delete;

  // Headers and the declared body of one request; false when the peer closed before.
  bool read_request() {
    std::size_t head = std::string::npos;
    while ((head = input_.find("\r\n\r\n")) == std::string::npos) {
      if (!read_more()) return false;
    }
    const std::size_t size = head + 4 + declared_length(input_.substr(0, head));
    while (input_.size() < size) {
      if (!read_more()) return false;
    }
    request_ = input_.substr(0, size);
    input_.erase(0, size);
    return true;
  }
  const std::string& request() const { return request_; }
  int native_handle() const { return fd_; }

  // False when the peer takes no more.
  bool send(std::string_view text) {
    while (!text.empty() && !stopping_ && fd_ >= 0) {
      pollfd wait{fd_, POLLOUT, 0};
      if (::poll(&wait, 1, slice_ms) <= 0) continue;
      const ssize_t n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0 && errno == EAGAIN) continue;
      if (n <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return text.empty();
  }
  bool answer(std::string_view body, std::string_view status = "200 OK") {
    return send("HTTP/1.1 " + std::string(status) + "\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n\r\n" + std::string(body));
  }
  // One byte at a time.
  void drip(std::string_view text, std::chrono::milliseconds pause) {
    for (const char c : text) {
      if (stopping_ || !send({&c, 1})) return;
      // lint: allow(sleep): the slow pace of the bytes is the subject
      std::this_thread::sleep_for(pause);
    }
  }
  // Until the peer closes or the server stops; what comes is dropped.
  void hang() {
    while (read_more()) input_.clear();
  }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  // RST instead of FIN.
  void reset() {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }

 private:
  static constexpr int slice_ms = 10;

  static std::size_t declared_length(const std::string& head) {
    const std::size_t at = head.find("Content-Length: ");
    return at == std::string::npos ? 0 : std::strtoul(head.c_str() + at + 16, nullptr, 10);
  }

  bool read_more() {
    while (!stopping_ && fd_ >= 0) {
      pollfd wait{fd_, POLLIN, 0};
      if (::poll(&wait, 1, slice_ms) <= 0) continue;
      char piece[65536];
      const ssize_t n = ::recv(fd_, piece, sizeof piece, 0);
      if (n <= 0) return false;
      input_.append(piece, static_cast<std::size_t>(n));
      return true;
    }
    return false;
  }

  int fd_;
  const std::atomic<bool>& stopping_;
  std::string input_;
  std::string request_;
};

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

inline std::uint16_t port_of(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

// Holds a port on which nobody listens: connecting to it is refused as long as this lives.
class RefusingPort {
 public:
  RefusingPort() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const sockaddr_in address = loopback(0);
    if (::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) std::abort();
  }
  ~RefusingPort() { ::close(fd_); }
  RefusingPort(const RefusingPort&) = delete;
  RefusingPort& operator=(const RefusingPort&) = delete;
  std::uint16_t port() const { return port_of(fd_); }

 private:
  int fd_;
};

class FaultServer {
 public:
  // The script runs once for each connection, on a thread of that connection.
  using Script = std::function<void(FaultPeer&)>;

  // accepting = false: the kernel completes handshakes until the backlog is full, nobody reads.
  explicit FaultServer(Script script, bool accepting = true)
      : script_(std::move(script)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const sockaddr_in address = loopback(0);
    constexpr int backlog = 1024;
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_, backlog) != 0) {
      std::abort();
    }
    port_ = port_of(listener_);
    if (accepting) acceptor_ = std::thread([this] { accept_all(); });
  }
  ~FaultServer() { stop(); }
  FaultServer(const FaultServer&) = delete;
  FaultServer& operator=(const FaultServer&) = delete;

  std::uint16_t port() const { return port_; }
  std::string url(std::string_view path = "/", std::string_view scheme = "http") const {
    return std::string(scheme) + "://127.0.0.1:" + std::to_string(port_) + std::string(path);
  }
  // Connections accepted so far.
  int accepted() const { return accepted_.load(); }

  void stop() {
    if (stopping_.exchange(true)) return;
    if (acceptor_.joinable()) acceptor_.join();
    ::close(listener_);
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void accept_all() {
    while (!stopping_) {
      constexpr int slice_ms = 10;
      pollfd wait{listener_, POLLIN, 0};
      if (::poll(&wait, 1, slice_ms) <= 0) continue;
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      ++accepted_;
      threads_.emplace_back([this, fd] {
        FaultPeer peer(fd, stopping_);
        script_(peer);
      });
    }
  }

  Script script_;
  int listener_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> accepted_{0};
  std::thread acceptor_;
  std::vector<std::thread> threads_;  // the acceptor's until it is joined
};

}  // namespace pawl::test
