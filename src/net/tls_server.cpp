// SPDX-License-Identifier: Apache-2.0
#include "net/tls_server.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace pawl::net {
namespace {

constexpr std::size_t max_pem_bytes = std::size_t{1} << 20;
constexpr int max_chain_certificates = 16;

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using BioPtr = std::unique_ptr<BIO, Deleter<&BIO_free>>;
using CertificatePtr = std::unique_ptr<X509, Deleter<&X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter<&EVP_PKEY_free>>;

// The bytes of a PEM file, wiped afterwards since they may be a key.
class PemFile {
 public:
  PemFile() = default;
  ~PemFile() { explicit_bzero(bytes_.data(), bytes_.size()); }
  PemFile(const PemFile&) = delete;
  PemFile& operator=(const PemFile&) = delete;

  // Why it cannot be read; nothing when it was. secret: others may not read it, either.
  std::optional<std::string> read(const std::string& path, bool secret) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return std::system_category().message(errno);
    std::optional<std::string> problem = read(fd, secret);
    ::close(fd);
    return problem;
  }

  BioPtr open() const {
    return BioPtr(BIO_new_mem_buf(bytes_.data(), static_cast<int>(bytes_.size())));
  }

 private:
  // Looks at the file that was opened, and not at what its name may stand for by then.
  std::optional<std::string> read(int fd, bool secret) {
    struct stat status{};
    if (::fstat(fd, &status) != 0) return std::system_category().message(errno);
    if (!S_ISREG(status.st_mode)) return "it is no regular file";
    if (secret && (status.st_mode & 077) != 0) {
      return "others than its owner may use it; make it mode 0600";
    }
    if (status.st_size > static_cast<off_t>(max_pem_bytes)) return "it is larger than 1 MiB";
    bytes_.resize(static_cast<std::size_t>(status.st_size));
    std::size_t done = 0;
    while (done < bytes_.size()) {
      const ssize_t n = ::read(fd, bytes_.data() + done, bytes_.size() - done);
      if (n < 0) return std::system_category().message(errno);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    bytes_.resize(done);
    return std::nullopt;
  }

  std::string bytes_;
};

// A server asks nobody for a passphrase.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

Error with_reason(const ErrorCode& code, const std::string& file, const std::string& what) {
  const std::string reason = take_ssl_error().message();
  return {code, file + ": " + what + " (" + reason + ")"};
}

std::string text_of_time(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "?";
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text.data(), size};
}

std::string text_of_subject(const X509* certificate) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  if (!out ||
      X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) < 0) {
    return "?";
  }
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string fingerprint_of(const X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) != 1) return "?";
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (unsigned i = 0; i < size; ++i) {
    out += digits[digest[i] >> 4];
    out += digits[digest[i] & 15];
  }
  return out;
}

// The first certificate is the server's own, those behind it lead to the root.
Result<TlsCertificate> use_certificates(SSL_CTX* context, const std::string& path) {
  PemFile pem;
  if (const auto problem = pem.read(path, false)) {
    return fail(tls_certificate_unusable, path + ": " + *problem);
  }
  const BioPtr in = pem.open();
  const CertificatePtr own(in ? PEM_read_bio_X509(in.get(), nullptr, no_passphrase, nullptr)
                              : nullptr);
  if (!own) {
    return std::unexpected(with_reason(tls_certificate_unusable, path, "no PEM certificate"));
  }
  TlsCertificate out{.subject = text_of_subject(own.get()),
                     .not_before = text_of_time(X509_get0_notBefore(own.get())),
                     .not_after = text_of_time(X509_get0_notAfter(own.get())),
                     .sha256 = fingerprint_of(own.get())};
  if (X509_cmp_current_time(X509_get0_notBefore(own.get())) >= 0 ||
      X509_cmp_current_time(X509_get0_notAfter(own.get())) <= 0) {
    return fail(tls_certificate_out_of_date,
                path + ": valid from " + out.not_before + " to " + out.not_after);
  }
  if (SSL_CTX_use_certificate(context, own.get()) != 1) {
    return std::unexpected(with_reason(tls_certificate_unusable, path, "not usable"));
  }
  for (int i = 0; i < max_chain_certificates; ++i) {
    CertificatePtr next(PEM_read_bio_X509(in.get(), nullptr, no_passphrase, nullptr));
    if (!next) break;
    if (SSL_CTX_add0_chain_cert(context, next.get()) != 1) {
      return std::unexpected(with_reason(tls_certificate_unusable, path, "a bad chain"));
    }
    static_cast<void>(next.release());
  }
  const unsigned long last = ERR_peek_last_error();
  const bool at_end = last == 0 || ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
  if (!at_end) {
    return std::unexpected(with_reason(tls_certificate_unusable, path, "a bad chain"));
  }
  ERR_clear_error();
  return out;
}

Result<void> use_key(SSL_CTX* context, const std::string& path) {
  PemFile pem;
  if (const auto problem = pem.read(path, true)) {
    return fail(tls_key_unusable, path + ": " + *problem);
  }
  const BioPtr in = pem.open();
  const KeyPtr key(in ? PEM_read_bio_PrivateKey(in.get(), nullptr, no_passphrase, nullptr)
                      : nullptr);
  if (!key) {
    return std::unexpected(with_reason(tls_key_unusable, path, "no PEM key without a passphrase"));
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    return std::unexpected(with_reason(tls_pair_mismatched, path, "not the certificate's key"));
  }
  return {};
}

// A client that offers other protocols only is told so in the handshake; one that offers none is
// taken, since many do not name HTTP/1.1.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* offered, unsigned offered_size, void*) {
  static constexpr std::array<unsigned char, 9> http_1_1{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* chosen = nullptr;
  const int found = SSL_select_next_proto(&chosen, out_size, http_1_1.data(), http_1_1.size(),
                                          offered, offered_size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

Result<std::shared_ptr<const TlsServerContext>> TlsServerContext::load(
    const std::string& certificate_file, const std::string& key_file) {
  ERR_clear_error();
  SslContextPtr context = make_ssl_context(true);
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_max_proto_version(context.get(), TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_num_tickets(context.get(), 0) != 1) {
    return std::unexpected(with_reason(tls_certificate_unusable, certificate_file, "no TLS"));
  }
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  Result<TlsCertificate> certificate = use_certificates(context.get(), certificate_file);
  if (!certificate) return std::unexpected(certificate.error());
  if (Result<void> used = use_key(context.get(), key_file); !used) {
    return std::unexpected(used.error());
  }
  return std::shared_ptr<const TlsServerContext>(
      new TlsServerContext(std::move(context), std::move(*certificate)));
}

std::unique_ptr<Stream> TlsServerContext::make_stream(boost::asio::ip::tcp::socket socket) const {
  SslPtr ssl(SSL_new(context_.get()));
  if (!ssl) return nullptr;
  SSL_set_accept_state(ssl.get());
  return make_tls_stream(std::move(socket), std::move(ssl));
}

}  // namespace pawl::net
