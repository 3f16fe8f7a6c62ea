// SPDX-License-Identifier: Apache-2.0
#include "app/sandbox_custodian_front.h"

#include <pawl/log.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>

namespace pawl::app {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;
using ErrorFlag = boost::system::error_code;

constexpr std::uint32_t accept_retry_ms = 20;

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

net::Request request_of(const http::request<http::string_body>& message) {
  net::Request out;
  out.method = view(message.method_string());
  out.target = view(message.target());
  out.path = out.target.substr(0, out.target.find('?'));
  for (const auto& header : message) {
    out.headers.push_back(
        {std::string(view(header.name_string())), std::string(view(header.value()))});
  }
  out.body = message.body();
  return out;
}

std::string wire_text(const net::Response& response, bool keep_alive) {
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " ";
  out += view(http::obsolete_reason(static_cast<http::status>(response.status)));
  out += "\r\nContent-Type: " + response.content_type;
  for (const auto& header : response.headers) out += "\r\n" + header.name + ": " + header.value;
  out += "\r\nContent-Length: " + std::to_string(response.body.size());
  if (!keep_alive) out += "\r\nConnection: close";
  return out + "\r\n\r\n" + response.body;
}

}  // namespace

class SandboxFront::Impl final : public FrontPause {
 public:
  explicit Impl(Answer answer) : answer_(std::move(answer)) {}
  ~Impl() override { stop(); }

  Result<std::uint16_t> start(const std::string& host, std::uint16_t port);
  void stop();
  bool wait_ms(std::uint32_t delay_ms) override;

 private:
  struct Connection {
    explicit Connection(tcp::socket s) : socket(std::move(s)) {}
    tcp::socket socket;
    std::thread thread;
    bool over = false;  // under mutex_
  };

  void accept_all();
  void serve(Connection& connection);
  // False if the connection is used up.
  bool serve_one(tcp::socket& socket, boost::beast::flat_buffer& buffer);
  bool deliver(tcp::socket& socket, const Delivered& delivered, bool keep_alive);
  void drip(tcp::socket& socket, std::string_view text, std::uint32_t delay_ms);
  void join_those_over();

  const Answer answer_;
  asio::io_context context_;  // never run: all calls block their own thread
  tcp::acceptor acceptor_{context_};
  std::thread accepting_;
  std::mutex mutex_;
  std::condition_variable stopped_changed_;
  bool stopped_ = false;
  std::list<Connection> connections_;
};

Result<std::uint16_t> SandboxFront::Impl::start(const std::string& host, std::uint16_t port) {
  ErrorFlag error;
  const auto address = asio::ip::make_address(host, error);
  if (error || !address.is_loopback()) return fail(sandbox_not_loopback, "found " + host);
  const tcp::endpoint endpoint(address, port);
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error)
    return fail(sandbox_listen_failed, host + ":" + std::to_string(port) + ": " + error.message());
  const auto chosen = acceptor_.local_endpoint().port();
  accepting_ = std::thread([this] { accept_all(); });
  return chosen;
}

void SandboxFront::Impl::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    stopped_ = true;
    stopped_changed_.notify_all();
    // Shut down and not closed: a thread that is blocked in the call would keep waiting.
    if (acceptor_.is_open()) ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
    for (auto& connection : connections_) {
      if (!connection.over) ::shutdown(connection.socket.native_handle(), SHUT_RDWR);
    }
  }
  if (accepting_.joinable()) accepting_.join();
  for (auto& connection : connections_) connection.thread.join();
  connections_.clear();
}

bool SandboxFront::Impl::wait_ms(std::uint32_t delay_ms) {
  std::unique_lock lock(mutex_);
  return !stopped_changed_.wait_for(lock, std::chrono::milliseconds(delay_ms),
                                    [this] { return stopped_; });
}

void SandboxFront::Impl::accept_all() {
  for (;;) {
    ErrorFlag error;
    tcp::socket socket(context_);
    acceptor_.accept(socket, error);
    // Out of descriptors, say: trying again at once would only burn the processor.
    if (error && !wait_ms(accept_retry_ms)) return;
    join_those_over();
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    if (error || connections_.size() >= max_front_connections) continue;
    auto& connection = connections_.emplace_back(std::move(socket));
    connection.thread = std::thread([this, &connection] { serve(connection); });
  }
}

void SandboxFront::Impl::join_those_over() {
  std::list<Connection> over;
  {
    const std::lock_guard lock(mutex_);
    for (auto it = connections_.begin(); it != connections_.end();) {
      const auto next = std::next(it);
      if (it->over) over.splice(over.end(), connections_, it);
      it = next;
    }
  }
  for (auto& connection : over) connection.thread.join();
}

void SandboxFront::Impl::serve(Connection& connection) {
  ErrorFlag error;
  connection.socket.set_option(tcp::no_delay(true), error);
  boost::beast::flat_buffer buffer;
  try {
    while (serve_one(connection.socket, buffer)) {
    }
  } catch (const std::exception& thrown) {
    // Out of memory or a broken message: this connection ends, the others go on.
    log::warn("sandbox_connection_ended", {{"error", thrown.what()}});
  }
  const std::lock_guard lock(mutex_);
  connection.socket.close(error);
  connection.over = true;
}

bool SandboxFront::Impl::serve_one(tcp::socket& socket, boost::beast::flat_buffer& buffer) {
  http::request_parser<http::string_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(max_front_header_bytes));
  parser.body_limit(max_front_body_bytes);
  ErrorFlag error;
  http::read(socket, buffer, parser, error);
  if (error) return false;
  const auto delivered = answer_(request_of(parser.get()), *this);
  return deliver(socket, delivered, parser.get().keep_alive());
}

bool SandboxFront::Impl::deliver(tcp::socket& socket, const Delivered& delivered, bool keep_alive) {
  const auto text = wire_text(delivered.response, keep_alive);
  ErrorFlag error;
  const auto write = [&](std::string_view bytes) {
    asio::write(socket, asio::buffer(bytes.data(), bytes.size()), error);
  };
  switch (delivered.delivery) {
    case Delivery::whole:
      if (delivered.delay_ms > 0 && !wait_ms(delivered.delay_ms)) return false;
      write(text);
      return keep_alive && !error;
    case Delivery::close:
      return false;
    case Delivery::reset:
      // Lingering for no time makes close() send RST instead of FIN.
      socket.set_option(asio::socket_base::linger(true, 0), error);
      return false;
    case Delivery::hang:
      wait_ms(delivered.delay_ms);
      return false;
    case Delivery::half:
      write(std::string_view(text).substr(0, text.size() / 2));
      return false;
    case Delivery::garbage:
      write("\x16\x03\x01 this is not HTTP\r\n\r\n");
      return false;
    case Delivery::slow_drip:
      drip(socket, text, delivered.delay_ms);
      return false;
  }
  return false;
}

void SandboxFront::Impl::drip(tcp::socket& socket, std::string_view text, std::uint32_t delay_ms) {
  // The last byte is kept back: however patient the client is, the answer is never whole.
  const auto bytes = std::min<std::size_t>(text.size() - 1, delay_ms / slow_drip_interval_ms);
  for (std::size_t i = 0; i < bytes; ++i) {
    ErrorFlag error;
    asio::write(socket, asio::buffer(text.data() + i, 1), error);
    if (error || !wait_ms(slow_drip_interval_ms)) return;
  }
}

SandboxFront::SandboxFront(Answer answer) : impl_(std::make_unique<Impl>(std::move(answer))) {}
SandboxFront::~SandboxFront() = default;

Result<std::uint16_t> SandboxFront::start(const std::string& host, std::uint16_t port) {
  return impl_->start(host, port);
}

void SandboxFront::stop() {
  impl_->stop();
}

}  // namespace pawl::app
