// SPDX-License-Identifier: Apache-2.0
#include "protocol/fingerprint.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <string>

namespace pawl::protocol {

Fingerprint fingerprint_of(const Command& command) {
  const std::string text = std::string(command.kind()) + "\n" + command.identity();
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  Fingerprint out{};
  std::copy_n(digest.begin(), out.size(), out.begin());
  return out;
}

}  // namespace pawl::protocol
