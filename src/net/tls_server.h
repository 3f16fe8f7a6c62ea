// SPDX-License-Identifier: Apache-2.0
//
// The server's certificate and key, read from files and checked against each other before anything
// is served with them. When they are read again, and what happens to connections made with the
// ones before, is left to the server. Private to net.
#pragma once

#include <pawl/error.h>

#include <memory>
#include <string>

#include "net/server.h"
#include "net/tls_stream.h"

namespace pawl::net {

// TLS 1.3 and nothing older, ALPN http/1.1, no session tickets. Immutable; any thread.
class TlsServerContext {
 public:
  // Errors: tls_certificate_unusable, tls_key_unusable, tls_pair_mismatched,
  // tls_certificate_out_of_date; each names its file.
  static Result<std::shared_ptr<const TlsServerContext>> load(const std::string& certificate_file,
                                                              const std::string& key_file);

  const TlsCertificate& certificate() const { return certificate_; }
  // nullptr when there is no memory.
  std::unique_ptr<Stream> make_stream(boost::asio::ip::tcp::socket socket) const;

 private:
  TlsServerContext(SslContextPtr context, TlsCertificate certificate)
      : context_(std::move(context)), certificate_(std::move(certificate)) {}

  SslContextPtr context_;
  TlsCertificate certificate_;
};

}  // namespace pawl::net
