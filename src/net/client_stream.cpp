// SPDX-License-Identifier: Apache-2.0
#include "net/client_stream.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace pawl::net {

namespace asio = boost::asio;

namespace {

class PlainClientStream final : public ClientStream {
 public:
  explicit PlainClientStream(asio::any_io_executor executor) : socket_(executor) {}

  asio::ip::tcp::socket& socket() override { return socket_; }

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

 private:
  asio::ip::tcp::socket socket_;
};

}  // namespace

std::unique_ptr<ClientStream> make_plain_stream(asio::any_io_executor executor) {
  return std::make_unique<PlainClientStream>(std::move(executor));
}

}  // namespace pawl::net
