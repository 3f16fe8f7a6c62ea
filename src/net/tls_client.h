// SPDX-License-Identifier: Apache-2.0
//
// The certificates that the client trusts, and streams that check the peer against them. Private to
// net.
#pragma once

#include <pawl/error.h>

#include <memory>
#include <string>

#include "net/tls_stream.h"

namespace pawl::net {

// TLS 1.2 or later; the peer's certificate and name are always checked, there is no switch to turn
// that off.
class TlsClientContext {
 public:
  // ca_file: PEM; empty: the system's certificates.
  static Result<std::unique_ptr<TlsClientContext>> make(const std::string& ca_file);

  // To speak with `host`, a name or an address.
  Result<std::unique_ptr<Stream>> make_stream(boost::asio::ip::tcp::socket socket,
                                              const std::string& host);

 private:
  explicit TlsClientContext(SslContextPtr context) : context_(std::move(context)) {}
  SslContextPtr context_;
};

}  // namespace pawl::net
