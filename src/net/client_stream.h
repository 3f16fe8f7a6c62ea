// SPDX-License-Identifier: Apache-2.0
//
// What the client talks through: a TCP socket, bare or with TLS on it. TLS is in a translation unit
// of its own, since it is costly to compile. Private to net; used on the client's thread only.
#pragma once

#include <pawl/error.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>

namespace pawl::net {

class ClientStream {
 public:
  using error_code = boost::system::error_code;
  struct Read {
    Read(error_code e, std::size_t n) : ec(e), bytes(n) {}
    error_code ec;
    std::size_t bytes;
  };

  virtual ~ClientStream() = default;
  virtual boost::asio::ip::tcp::socket& socket() = 0;
  // What stands between the connection and the first byte of a request.
  virtual boost::asio::awaitable<error_code> open() = 0;
  virtual boost::asio::awaitable<error_code> write(boost::asio::const_buffer bytes) = 0;
  virtual boost::asio::awaitable<Read> read_some(boost::asio::mutable_buffer room) = 0;
};

std::unique_ptr<ClientStream> make_plain_stream(boost::asio::any_io_executor executor);

// The certificates to trust; TLS 1.2 or later, with the peer's certificate and name checked.
class TlsClientContext {
 public:
  static Result<std::unique_ptr<TlsClientContext>> make(const std::string& ca_file);
  virtual ~TlsClientContext() = default;
  virtual std::unique_ptr<ClientStream> make_stream(boost::asio::any_io_executor executor,
                                                    const std::string& host) = 0;
};

}  // namespace pawl::net
