// SPDX-License-Identifier: Apache-2.0
#include <pawl/context.h>

#include <openssl/sha.h>

#include <array>

namespace pawl {

std::string Context::derived_id(std::string_view label) const {
  const std::string text = std::string(command_id) + "\n" + std::string(label);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < 16; ++i) {
    out += digits[digest[i] >> 4];
    out += digits[digest[i] & 15];
  }
  return out;
}

}  // namespace pawl
