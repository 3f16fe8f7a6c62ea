// SPDX-License-Identifier: Apache-2.0
#include "protocol/fingerprint.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>
#include <string>

namespace pawl::protocol {

namespace {

using Digest = std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

// Looked up once: OpenSSL's one-shot functions look the algorithm up, under a lock, at every call.
const EVP_MD* sha256() {
  static const Digest digest(EVP_MD_fetch(nullptr, "SHA256", nullptr), EVP_MD_free);
  return digest.get();
}

}  // namespace

Fingerprint fingerprint_of(const Command& command) {
  thread_local const DigestContext context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const std::string identity = command.identity();
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  const bool hashed =
      context != nullptr && EVP_DigestInit_ex2(context.get(), sha256(), nullptr) == 1 &&
      EVP_DigestUpdate(context.get(), command.kind().data(), command.kind().size()) == 1 &&
      EVP_DigestUpdate(context.get(), "\n", 1) == 1 &&
      EVP_DigestUpdate(context.get(), identity.data(), identity.size()) == 1 &&
      EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1;
  if (!hashed) throw std::runtime_error("no SHA-256");
  Fingerprint out{};
  std::copy_n(digest.begin(), out.size(), out.begin());
  return out;
}

}  // namespace pawl::protocol
