// SPDX-License-Identifier: Apache-2.0
//
// TLS on a socket, of either side, by OpenSSL. OpenSSL reads and writes the socket itself, and
// gives its buffers back when they are empty, so that an idle connection holds none (a stream of
// Asio's own holds two of a record each beside OpenSSL's). Certificates and what is checked are
// left to whoever makes the SSL (tls_client, tls_server). Private to net.
#pragma once

#include <memory>

#include "net/stream.h"

struct ssl_st;      // SSL
struct ssl_ctx_st;  // SSL_CTX

namespace pawl::net {

struct SslContextDeleter {
  void operator()(ssl_ctx_st* context) const;
};
struct SslDeleter {
  void operator()(ssl_st* ssl) const;
};
using SslContextPtr = std::unique_ptr<ssl_ctx_st, SslContextDeleter>;
using SslPtr = std::unique_ptr<ssl_st, SslDeleter>;

// A context with what both sides share; nullptr when there is no memory.
SslContextPtr make_ssl_context(bool server);

// Of a context, in its connect or accept state; not null.
std::unique_ptr<Stream> make_tls_stream(boost::asio::ip::tcp::socket socket, SslPtr ssl);

// OpenSSL's newest error of this thread as Asio carries it, and its queue emptied.
boost::system::error_code take_ssl_error();

}  // namespace pawl::net
