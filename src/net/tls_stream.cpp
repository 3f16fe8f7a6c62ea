// SPDX-License-Identifier: Apache-2.0
//
// Each operation asks OpenSSL, and waits for the socket to be readable or writable as often as
// OpenSSL says that it would block. OpenSSL's own socket BIO raises SIGPIPE on a peer that is gone,
// so there is one of ours that sends with MSG_NOSIGNAL.
#include "net/tls_stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

namespace pawl::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

void SslContextDeleter::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}

void SslDeleter::operator()(ssl_st* ssl) const {
  SSL_free(ssl);
}

namespace {

// Asked each time and not kept: the number of a closed socket may be another connection's by now.
int socket_of(BIO* bio) {
  return static_cast<tcp::socket*>(BIO_get_data(bio))->native_handle();
}

int write_socket(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const auto sent =
      ::send(socket_of(bio), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && BIO_sock_should_retry(-1) != 0) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

int read_socket(BIO* bio, char* room, int size) {
  BIO_clear_retry_flags(bio);
  const auto got = ::recv(socket_of(bio), room, static_cast<std::size_t>(size), MSG_DONTWAIT);
  if (got < 0 && BIO_sock_should_retry(-1) != 0) BIO_set_retry_read(bio);
  if (got == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(got);
}

long control_socket(BIO* bio, int what, long, void*) {
  if (what == BIO_CTRL_FLUSH) return 1;
  if (what == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return 0;
}

BIO_METHOD* make_socket_method() {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "pawl socket");
  if (method == nullptr) return nullptr;
  BIO_meth_set_write(method, write_socket);
  BIO_meth_set_read(method, read_socket);
  BIO_meth_set_ctrl(method, control_socket);
  return method;
}

class TlsStream final : public Stream {
 public:
  TlsStream(tcp::socket socket, SslPtr ssl) : socket_(std::move(socket)), ssl_(std::move(ssl)) {}

  tcp::socket& socket() override { return socket_; }

  asio::awaitable<error_code> open() override {
    if (error_code ec = attach()) co_return ec;
    for (;;) {
      ERR_clear_error();
      const int done = SSL_do_handshake(ssl_.get());
      if (done == 1) co_return error_code{};
      const error_code ec = co_await wait_as_told(done);
      if (ec) co_return ec;
    }
  }

  asio::awaitable<error_code> write(asio::const_buffer bytes) override {
    while (bytes.size() > 0) {
      std::size_t written = 0;
      ERR_clear_error();
      const int done = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written);
      if (done == 1) {
        bytes += written;
        continue;
      }
      const error_code ec = co_await wait_as_told(done);
      if (ec) co_return ec;
    }
    co_return error_code{};
  }

  asio::awaitable<Read> read_some(asio::mutable_buffer room) override {
    for (;;) {
      std::size_t got = 0;
      ERR_clear_error();
      const int done = SSL_read_ex(ssl_.get(), room.data(), room.size(), &got);
      if (done == 1) co_return Read(error_code{}, got);
      const error_code ec = co_await wait_as_told(done);
      if (ec) co_return Read(ec, 0);
    }
  }

  asio::awaitable<error_code> wait_readable() override {
    if (SSL_pending(ssl_.get()) > 0) co_return error_code{};
    const auto [ec] =
        co_await socket_.async_wait(tcp::socket::wait_read, asio::as_tuple(asio::use_awaitable));
    co_return ec;
  }

  void finish_sending() override {
    ERR_clear_error();
    // The word to the peer that this is the end; its own is not waited for.
    if (SSL_is_init_finished(ssl_.get()) != 0) SSL_shutdown(ssl_.get());
    ERR_clear_error();
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
  }

  bool has_input() override {
    error_code ec;
    return SSL_pending(ssl_.get()) > 0 || (socket_.available(ec) > 0 && !ec);
  }

  bool drain_input() override {
    char dropped[4096];
    for (int i = 0; i < most_drained_pieces; ++i) {
      std::size_t got = 0;
      ERR_clear_error();
      const int done = SSL_read_ex(ssl_.get(), dropped, sizeof dropped, &got);
      if (done != 1) return SSL_get_error(ssl_.get(), done) != SSL_ERROR_WANT_READ;
    }
    return false;
  }

 private:
  error_code attach() {
    static BIO_METHOD* const method = make_socket_method();
    BIO* bio = method == nullptr ? nullptr : BIO_new(method);
    if (bio == nullptr) return take_ssl_error();
    BIO_set_data(bio, &socket_);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);
    return {};
  }

  // After a call that did not succeed: waits for what OpenSSL needs, or gives why it failed.
  asio::awaitable<error_code> wait_as_told(int result) {
    const int saved_errno = errno;
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ: {
        const auto [ec] = co_await socket_.async_wait(tcp::socket::wait_read,
                                                      asio::as_tuple(asio::use_awaitable));
        co_return ec;
      }
      case SSL_ERROR_WANT_WRITE: {
        const auto [ec] = co_await socket_.async_wait(tcp::socket::wait_write,
                                                      asio::as_tuple(asio::use_awaitable));
        co_return ec;
      }
      case SSL_ERROR_ZERO_RETURN:
        co_return asio::error::make_error_code(asio::error::misc_errors::eof);
      case SSL_ERROR_SYSCALL:
        ERR_clear_error();
        if (saved_errno != 0) co_return error_code(saved_errno, boost::system::system_category());
        co_return asio::ssl::error::make_error_code(asio::ssl::error::stream_truncated);
      default:
        co_return take_ssl_error();
    }
  }

  tcp::socket socket_;
  SslPtr ssl_;
};

}  // namespace

SslContextPtr make_ssl_context(bool server) {
  SslContextPtr context(SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()));
  if (!context) return nullptr;
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  return context;
}

std::unique_ptr<Stream> make_tls_stream(tcp::socket socket, SslPtr ssl) {
  return std::make_unique<TlsStream>(std::move(socket), std::move(ssl));
}

error_code take_ssl_error() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  if (error == 0) return asio::ssl::error::make_error_code(asio::ssl::error::stream_truncated);
  if (ERR_GET_LIB(error) == ERR_LIB_SSL &&
      ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    return asio::ssl::error::make_error_code(asio::ssl::error::stream_truncated);
  }
  return {static_cast<int>(error), asio::error::get_ssl_category()};
}

}  // namespace pawl::net
