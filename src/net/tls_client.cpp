// SPDX-License-Identifier: Apache-2.0
#include "net/tls_client.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/ip/address.hpp>

#include "net/client.h"

namespace pawl::net {
namespace {

bool expect_host(SSL* ssl, const std::string& host) {
  boost::system::error_code no_address;
  boost::asio::ip::make_address(host, no_address);
  X509_VERIFY_PARAM* checks = SSL_get0_param(ssl);
  if (!no_address) return X509_VERIFY_PARAM_set1_ip_asc(checks, host.c_str()) == 1;
  X509_VERIFY_PARAM_set_hostflags(checks, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  // RFC 6066 section 3: a server name is a name, never an address.
  return X509_VERIFY_PARAM_set1_host(checks, host.c_str(), host.size()) == 1 &&
         SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

}  // namespace

Result<std::unique_ptr<TlsClientContext>> TlsClientContext::make(const std::string& ca_file) {
  const std::string source = ca_file.empty() ? "the system's certificates" : ca_file;
  const auto failed = [&] {
    return fail(client_tls_failed, source + ": " + take_ssl_error().message());
  };
  SslContextPtr context = make_ssl_context(false);
  if (!context) return failed();
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  const int loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context.get())
                                     : SSL_CTX_load_verify_file(context.get(), ca_file.c_str());
  if (loaded != 1) return failed();
  return std::unique_ptr<TlsClientContext>(new TlsClientContext(std::move(context)));
}

Result<std::unique_ptr<Stream>> TlsClientContext::make_stream(boost::asio::ip::tcp::socket socket,
                                                              const std::string& host) {
  SslPtr ssl(SSL_new(context_.get()));
  if (!ssl || !expect_host(ssl.get(), host)) {
    return fail(client_tls_failed, host + ": " + take_ssl_error().message());
  }
  SSL_set_connect_state(ssl.get());
  return make_tls_stream(std::move(socket), std::move(ssl));
}

}  // namespace pawl::net
