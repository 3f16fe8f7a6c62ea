// SPDX-License-Identifier: Apache-2.0
//
// TLS for tests: self-signed certificates made on the spot for a name, a server that answers each
// request, and a client by hand. By OpenSSL alone, so that it shares no code with what it tests.
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
    file_ = write_temporary([&](std::FILE* out) { PEM_write_X509(out, certificate_); });
    key_file_ = write_temporary([&](std::FILE* out) {
      PEM_write_PrivateKey(out, key_, nullptr, nullptr, 0, nullptr, nullptr);
    });
  }
  ~TestCertificate() {
    ::unlink(file_.c_str());
    ::unlink(key_file_.c_str());
    X509_free(certificate_);
    EVP_PKEY_free(key_);
  }
  TestCertificate(const TestCertificate&) = delete;
  TestCertificate& operator=(const TestCertificate&) = delete;

  const std::string& file() const { return file_; }
  const std::string& key_file() const { return key_file_; }  // mode 0600
  EVP_PKEY* key() const { return key_; }
  X509* certificate() const { return certificate_; }

 private:
  template <class Write>
  static std::string write_temporary(Write write) {
    char pattern[] = "/tmp/pawl-test-tls-XXXXXX";
    std::FILE* out = ::fdopen(::mkstemp(pattern), "w");
    write(out);
    std::fclose(out);
    return pattern;
  }

  EVP_PKEY* key_;
  X509* certificate_;
  std::string file_;
  std::string key_file_;
};

struct RawTlsOptions {
  int max_version = 0;
  std::string protocols{};  // ALPN's wire form: "\x08http/1.1"
};

// A client's TLS by hand on a connection of its own; blocking, each wait bounded by the socket's
// time-out. Trusts anybody: what it was shown is for the test to look at.
class RawTls {
 public:
  explicit RawTls(std::uint16_t port, RawTlsOptions options = {})
      : context_(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free),
        ssl_(nullptr, &SSL_free),
        fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    std::signal(SIGPIPE, SIG_IGN);
    const timeval limit{.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (options.max_version != 0) {
      SSL_CTX_set_max_proto_version(context_.get(), options.max_version);
    }
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_alpn_protos(ssl_.get(),
                        reinterpret_cast<const unsigned char*>(options.protocols.data()),
                        static_cast<unsigned>(options.protocols.size()));
    SSL_set_fd(ssl_.get(), fd_);
    const sockaddr_in address = loopback(port);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return;
    connected_ = SSL_connect(ssl_.get()) == 1;
    ERR_clear_error();
  }
  ~RawTls() {
    ssl_.reset();
    ::close(fd_);
  }
  RawTls(const RawTls&) = delete;
  RawTls& operator=(const RawTls&) = delete;

  // The handshake succeeded, as this side sees it.
  bool connected() const { return connected_; }
  std::string version() const { return SSL_get_version(ssl_.get()); }
  std::string protocol() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
  }
  bool was_shown(const TestCertificate& certificate) const {
    const std::unique_ptr<X509, decltype(&X509_free)> peer(SSL_get1_peer_certificate(ssl_.get()),
                                                           &X509_free);
    return peer && X509_cmp(peer.get(), certificate.certificate()) == 0;
  }

  bool send(std::string_view text) {
    return SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) ==
           static_cast<int>(text.size());
  }
  // Until so many bytes are there, or nothing more comes.
  std::string read(std::size_t size) {
    std::string out;
    char piece[16384];
    while (out.size() < size) {
      const int n = SSL_read(ssl_.get(), piece, sizeof piece);
      if (n <= 0) {
        // Told so, and not cut.
        clean_end_ = SSL_get_error(ssl_.get(), n) == SSL_ERROR_ZERO_RETURN;
        ERR_clear_error();
        break;
      }
      out.append(piece, static_cast<std::size_t>(n));
    }
    return out;
  }
  std::string read_all() { return read(static_cast<std::size_t>(-1)); }
  std::string get(std::string_view target) {
    send("GET " + std::string(target) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    return read(1);
  }
  bool ended_cleanly() const { return clean_end_; }
  int native_handle() const { return fd_; }

 private:
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  int fd_;
  bool connected_ = false;
  bool clean_end_ = false;
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
