// SPDX-License-Identifier: Apache-2.0
//
// A TLS server for one test: a self-signed certificate made on the spot for a name, and an HTTP
// answer to each request. By OpenSSL alone.
#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "net/fault_server.h"

namespace pawl::test {

// A key and a certificate for `san` ("DNS:localhost", "IP:127.0.0.1"), valid from `from_s` to
// `until_s` seconds from now, and the certificate as a PEM file for a client to trust.
class TestCertificate {
 public:
  explicit TestCertificate(const std::string& san, long from_s = -3600, long until_s = 3600)
      : key_(EVP_EC_gen("P-256")), certificate_(X509_new()) {
    X509_set_version(certificate_, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate_), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate_), from_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate_), until_s);
    X509_set_pubkey(certificate_, key_);
    X509_NAME* name = X509_get_subject_name(certificate_);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("pawl test"), -1, -1, 0);
    X509_set_issuer_name(certificate_, name);
    X509_EXTENSION* extension =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, san.c_str());
    X509_add_ext(certificate_, extension, -1);
    X509_EXTENSION_free(extension);
    X509_sign(certificate_, key_, EVP_sha256());
    char pattern[] = "/tmp/pawl-test-ca-XXXXXX";
    const int fd = ::mkstemp(pattern);
    file_ = pattern;
    std::FILE* out = ::fdopen(fd, "w");
    PEM_write_X509(out, certificate_);
    std::fclose(out);
  }
  ~TestCertificate() {
    ::unlink(file_.c_str());
    X509_free(certificate_);
    EVP_PKEY_free(key_);
  }
  TestCertificate(const TestCertificate&) = delete;
  TestCertificate& operator=(const TestCertificate&) = delete;

  const std::string& file() const { return file_; }
  EVP_PKEY* key() const { return key_; }
  X509* certificate() const { return certificate_; }

 private:
  EVP_PKEY* key_;
  X509* certificate_;
  std::string file_;
};

// A script for FaultServer: TLS up to `max_version`, then "200 OK" with the given framing to each
// request until the peer closes. cut: closes the socket without TLS's own end.
class TlsScript {
 public:
  explicit TlsScript(const TestCertificate& certificate, int max_version = 0,
                     std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecure",
                     bool cut = false)
      : context_(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free),
        answer_(std::move(answer)),
        cut_(cut) {
    std::signal(SIGPIPE, SIG_IGN);                  // OpenSSL writes to a peer that may be gone
    SSL_CTX_set_security_level(context_.get(), 0);  // so that old versions can be offered
    if (max_version != 0) {
      SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
      SSL_CTX_set_max_proto_version(context_.get(), max_version);
    }
    SSL_CTX_use_certificate(context_.get(), certificate.certificate());
    SSL_CTX_use_PrivateKey(context_.get(), certificate.key());
  }

  void operator()(FaultPeer& peer) const {
    const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context_.get()), &SSL_free);
    SSL_set_fd(ssl.get(), peer.native_handle());
    if (SSL_accept(ssl.get()) != 1) return ERR_clear_error();
    std::string input;
    char piece[4096];
    for (int n = 0; (n = SSL_read(ssl.get(), piece, sizeof piece)) > 0;) {
      input.append(piece, static_cast<std::size_t>(n));
      if (input.find("\r\n\r\n") == std::string::npos) continue;
      input.clear();
      SSL_write(ssl.get(), answer_.data(), static_cast<int>(answer_.size()));
      if (cut_) return;
    }
    ERR_clear_error();
  }

 private:
  std::shared_ptr<SSL_CTX> context_;
  std::string answer_;
  bool cut_;
};

}  // namespace pawl::test
