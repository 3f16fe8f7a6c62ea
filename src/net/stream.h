// SPDX-License-Identifier: Apache-2.0
//
// What client and server talk through: a connected TCP socket, bare or with TLS on it. All of it on
// the thread of the socket's event loop, one operation of a direction at a time; an operation ends
// early when the socket is cancelled or closed. Private to net.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>

namespace pawl::net {

class Stream {
 public:
  using error_code = boost::system::error_code;
  // With constructors, so that g++ 12 destroys a temporary of it once.
  struct Read {
    Read(error_code e, std::size_t n) : ec(e), bytes(n) {}
    error_code ec;
    std::size_t bytes;
  };

  static constexpr int most_drained_pieces = 16;

  virtual ~Stream() = default;
  virtual boost::asio::ip::tcp::socket& socket() = 0;
  // What stands between the connection and the first byte: nothing, or a TLS handshake.
  virtual boost::asio::awaitable<error_code> open() = 0;
  // All of the bytes, or an error.
  virtual boost::asio::awaitable<error_code> write(boost::asio::const_buffer bytes) = 0;
  // asio::error::eof: the peer said that it sends no more. A TLS connection that is cut without
  // that word gives another error.
  virtual boost::asio::awaitable<Read> read_some(boost::asio::mutable_buffer room) = 0;
  // Until a read would have something to say; holds no buffer meanwhile. May return for nothing.
  virtual boost::asio::awaitable<error_code> wait_readable() = 0;
  // Says to the peer that nothing more will be sent. Does not wait.
  virtual void finish_sending() = 0;
  // Whether there is input that was not read yet. May be true for input that is no data.
  virtual bool has_input() = 0;
  // Reads and drops what has come, up to a bound; true when that was the end. Not while another
  // operation is under way.
  virtual bool drain_input() = 0;
};

std::unique_ptr<Stream> make_plain_stream(boost::asio::ip::tcp::socket socket);

}  // namespace pawl::net
