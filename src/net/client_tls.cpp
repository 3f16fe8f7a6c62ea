// SPDX-License-Identifier: Apache-2.0
//
// TLS for the client, by OpenSSL through Asio: TLS 1.2 or later, the chain and the host's name are
// always checked, there is no switch to turn that off.
#include <openssl/ssl.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "net/client.h"
#include "net/client_stream.h"

namespace pawl::net {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

class TlsClientStream final : public ClientStream {
 public:
  TlsClientStream(asio::any_io_executor executor, asio::ssl::context& context, std::string host)
      : stream_(std::move(executor), context), host_(std::move(host)) {}

  tcp::socket& socket() override { return stream_.next_layer(); }

  asio::awaitable<error_code> open() override {
    error_code ec;
    stream_.set_verify_callback(asio::ssl::host_name_verification(host_), ec);
    if (ec) co_return ec;
    asio::ip::make_address(host_, ec);
    // RFC 6066 section 3: a server name is a name, never an address.
    const bool is_name = static_cast<bool>(ec);
    if (is_name && SSL_set_tlsext_host_name(stream_.native_handle(), host_.c_str()) != 1) {
      co_return asio::error::make_error_code(asio::error::invalid_argument);
    }
    const auto [failure] = co_await stream_.async_handshake(asio::ssl::stream_base::client,
                                                            asio::as_tuple(asio::use_awaitable));
    co_return failure;
  }

  asio::awaitable<error_code> write(asio::const_buffer bytes) override {
    const auto [ec, n] =
        co_await asio::async_write(stream_, bytes, asio::as_tuple(asio::use_awaitable));
    co_return ec;
  }

  asio::awaitable<Read> read_some(asio::mutable_buffer room) override {
    const auto [ec, n] =
        co_await stream_.async_read_some(room, asio::as_tuple(asio::use_awaitable));
    co_return Read(ec, n);
  }

 private:
  asio::ssl::stream<tcp::socket> stream_;
  std::string host_;
};

class OpenSslClientContext final : public TlsClientContext {
 public:
  OpenSslClientContext() : context_(asio::ssl::context::tls_client) {}

  boost::system::error_code set_up(const std::string& ca_file) {
    boost::system::error_code ec;
    SSL_CTX_set_min_proto_version(context_.native_handle(), TLS1_2_VERSION);
    context_.set_verify_mode(asio::ssl::verify_peer, ec);
    if (ec) return ec;
    if (ca_file.empty()) {
      context_.set_default_verify_paths(ec);
    } else {
      context_.load_verify_file(ca_file, ec);
    }
    return ec;
  }

  std::unique_ptr<ClientStream> make_stream(asio::any_io_executor executor,
                                            const std::string& host) override {
    return std::make_unique<TlsClientStream>(std::move(executor), context_, host);
  }

 private:
  asio::ssl::context context_;
};

}  // namespace

Result<std::unique_ptr<TlsClientContext>> TlsClientContext::make(const std::string& ca_file) {
  auto context = std::make_unique<OpenSslClientContext>();
  if (const boost::system::error_code ec = context->set_up(ca_file)) {
    const std::string source = ca_file.empty() ? "the system's certificates" : ca_file;
    return fail(client_tls_failed, source + ": " + ec.message());
  }
  return context;
}

}  // namespace pawl::net
