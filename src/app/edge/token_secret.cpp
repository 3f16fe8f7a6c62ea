// SPDX-License-Identifier: Apache-2.0
#include "app/edge/token_secret.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "systems/otc/identifiers.h"
#include "systems/tokens/token.h"

namespace pawl::app {

namespace {

constexpr std::string_view prefix = "pawl_";
constexpr std::size_t secret_bytes = 32;

bool is_lower_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::optional<TokenText> parse_token_text(std::string_view text) {
  constexpr std::size_t id_end = prefix.size() + tokens::token_id_digits;
  if (text.size() != id_end + 1 + 2 * secret_bytes || !text.starts_with(prefix) ||
      text[id_end] != '_') {
    return std::nullopt;
  }
  const std::string_view id = text.substr(prefix.size(), tokens::token_id_digits);
  const std::string_view secret = text.substr(id_end + 1);
  if (!is_lower_hex(id) || !is_lower_hex(secret)) return std::nullopt;
  return TokenText{std::string(id), std::string(secret)};
}

std::string make_token_secret() {
  std::array<unsigned char, secret_bytes> bytes{};
  // A guessable secret must not exist: without randomness there is no going on.
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    throw std::runtime_error("the system gives no random bytes");
  }
  std::string out = otc::to_hex(bytes);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return out;
}

std::string token_id_of(std::string_view principal, std::string_view command_id) {
  const std::string hash =
      otc::sha256_hex("token\n" + std::string(principal) + "\n" + std::string(command_id));
  return hash.substr(0, tokens::token_id_digits);
}

std::string token_secret_hash(std::string_view secret) {
  std::array<unsigned char, secret_bytes> bytes{};
  if (!otc::from_hex(secret, bytes)) return {};
  std::string out = otc::sha256_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return out;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace pawl::app
