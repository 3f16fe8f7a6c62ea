// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/identifiers.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

namespace pawl::otc {
namespace {

constexpr std::string_view wallet_prefix = "RTC";
constexpr std::string_view order_prefix = "otc_";
constexpr std::string_view trade_prefix = "trade_";
constexpr std::size_t wallet_digits = 40;
constexpr std::size_t id_digits = 32;
constexpr std::size_t hash_digits = 64;

using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

Digest sha256(const void* bytes, std::size_t size) {
  Digest out;
  SHA256(static_cast<const unsigned char*>(bytes), size, out.data());
  return out;
}

bool is_lower_hex(std::string_view text, std::size_t digits) {
  if (text.size() != digits) return false;
  for (const char c : text) {
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
  }
  return true;
}

bool is_prefixed_hex(std::string_view text, std::string_view prefix, std::size_t digits) {
  return text.starts_with(prefix) && is_lower_hex(text.substr(prefix.size()), digits);
}

// ASCII only: the result of toupper() depends on the locale.
char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

bool equal_any_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (upper(a[i]) != upper(b[i])) return false;
  }
  return true;
}

template <NamedEnum E>
Result<E> parse_named(std::string_view text, ErrorCode unknown) {
  constexpr auto names = pawl_names(E{});
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (equal_any_case(text, names[i])) return static_cast<E>(i);
  }
  return fail(unknown);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Result<Wallet> Wallet::parse(std::string_view text) {
  if (!is_prefixed_hex(text, wallet_prefix, wallet_digits)) return fail(wallet_not_canonical);
  return Wallet(std::string(text));
}

Wallet Wallet::of(const PublicKeyBytes& public_key) {
  const auto digest = sha256(public_key.data(), public_key.size());
  return Wallet(std::string(wallet_prefix) + to_hex(digest).substr(0, wallet_digits));
}

Result<Side> parse_side(std::string_view text) {
  return parse_named<Side>(text, side_unknown);
}

Result<Pair> parse_pair(std::string_view text) {
  return parse_named<Pair>(text, pair_unknown);
}

std::string_view quote_currency(Pair pair) {
  const auto name = name_of(pair);
  return name.substr(name.find('/') + 1);
}

Result<std::string> parse_nonce(std::string_view text) {
  if (!is_lower_hex(text, id_digits)) return fail(nonce_malformed);
  return std::string(text);
}

std::string make_order_id(const Wallet& maker, std::string_view nonce) {
  const auto digest = sha256_hex(maker.text() + ":" + std::string(nonce));
  return std::string(order_prefix) + digest.substr(0, id_digits);
}

Result<std::string> parse_order_id(std::string_view text) {
  if (!is_prefixed_hex(text, order_prefix, id_digits)) return fail(order_id_malformed);
  return std::string(text);
}

std::string make_trade_id(std::string_view order_id) {
  const auto digest = sha256_hex(std::string(trade_prefix) + std::string(order_id));
  return std::string(trade_prefix) + digest.substr(0, id_digits);
}

Result<Secret> parse_secret(std::string_view hex) {
  Secret secret;
  if (!from_hex(hex, secret.bytes)) return fail(secret_malformed);
  return secret;
}

std::string format_secret(const Secret& secret) {
  return to_hex(secret.bytes);
}

std::string htlc_hash_of(const Secret& secret) {
  return to_hex(sha256(secret.bytes.data(), secret.bytes.size()));
}

Result<std::string> parse_htlc_hash(std::string_view text) {
  if (!is_lower_hex(text, hash_digits)) return fail(htlc_hash_malformed);
  return std::string(text);
}

Result<void> check_secret(const Secret& secret, std::string_view htlc_hash) {
  const auto hash = htlc_hash_of(secret);
  const bool same = htlc_hash.size() == hash.size() &&
                    CRYPTO_memcmp(htlc_hash.data(), hash.data(), hash.size()) == 0;
  if (!same) return fail(secret_wrong);
  return {};
}

std::string sha256_hex(std::string_view bytes) {
  return to_hex(sha256(bytes.data(), bytes.size()));
}

std::string to_hex(std::span<const unsigned char> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const auto byte : bytes) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

bool from_hex(std::string_view hex, std::span<unsigned char> out) {
  if (hex.size() != out.size() * 2) return false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = hex_digit(hex[2 * i]);
    const int low = hex_digit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<unsigned char>(high * 16 + low);
  }
  return true;
}

}  // namespace pawl::otc
