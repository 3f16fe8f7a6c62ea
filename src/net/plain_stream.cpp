// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "net/stream.h"

namespace pawl::net {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

class PlainStream final : public Stream {
 public:
  explicit PlainStream(tcp::socket socket) : socket_(std::move(socket)) {}

  tcp::socket& socket() override { return socket_; }

  asio::awaitable<error_code> open() override { co_return error_code{}; }

  asio::awaitable<error_code> write(asio::const_buffer bytes) override {
    const auto [ec, n] =
        co_await asio::async_write(socket_, bytes, asio::as_tuple(asio::use_awaitable));
    co_return ec;
  }

  asio::awaitable<Read> read_some(asio::mutable_buffer room) override {
    const auto [ec, n] =
        co_await socket_.async_read_some(room, asio::as_tuple(asio::use_awaitable));
    co_return Read(ec, n);
  }

  asio::awaitable<error_code> wait_readable() override {
    const auto [ec] =
        co_await socket_.async_wait(tcp::socket::wait_read, asio::as_tuple(asio::use_awaitable));
    co_return ec;
  }

  void finish_sending() override {
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
  }

  bool has_input() override {
    error_code ec;
    return socket_.available(ec) > 0 && !ec;
  }

  bool drain_input() override {
    char dropped[4096];
    error_code ec;
    for (int i = 0; i < most_drained_pieces; ++i) {
      socket_.read_some(asio::buffer(dropped), ec);
      if (ec) return ec != asio::error::would_block;
    }
    return false;
  }

 private:
  tcp::socket socket_;
};

}  // namespace

std::unique_ptr<Stream> make_plain_stream(tcp::socket socket) {
  return std::make_unique<PlainStream>(std::move(socket));
}

}  // namespace pawl::net
