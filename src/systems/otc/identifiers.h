// SPDX-License-Identifier: Apache-2.0
//
// The names of the otc system: wallets, order and trade ids, nonces, secrets and their hashes,
// pairs and sides. Each has one canonical spelling; what comes from outside is parsed once, at the
// edge, and is canonical from there on, so that comparing bytes is comparing identities. Pure and
// thread-safe; who may do what is left to authorization.h.
#pragma once

#include <pawl/error.h>
#include <pawl/value.h>

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace pawl::otc {

inline constexpr ErrorCode wallet_not_canonical{
    "wallet_not_canonical", ErrorClass::invalid,
    "A wallet is RTC followed by 40 lower-case hexadecimal digits."};
inline constexpr ErrorCode nonce_malformed{"nonce_malformed", ErrorClass::invalid,
                                           "A nonce is 32 lower-case hexadecimal digits."};
inline constexpr ErrorCode order_id_malformed{
    "order_id_malformed", ErrorClass::invalid,
    "An order id is otc_ followed by 32 lower-case hexadecimal digits."};
inline constexpr ErrorCode secret_malformed{"secret_malformed", ErrorClass::invalid,
                                            "A secret is 64 hexadecimal digits, 32 bytes."};
inline constexpr ErrorCode secret_wrong{"secret_wrong", ErrorClass::forbidden,
                                        "The secret does not belong to this order's hash."};
inline constexpr ErrorCode htlc_hash_malformed{
    "htlc_hash_malformed", ErrorClass::invalid,
    "A hash is 64 lower-case hexadecimal digits: SHA-256 over the secret's 32 bytes."};
inline constexpr ErrorCode pair_unknown{"pair_unknown", ErrorClass::invalid,
                                        "The pair is none of RTC/ETH, RTC/USDC, RTC/ERG."};
inline constexpr ErrorCode side_unknown{"side_unknown", ErrorClass::invalid,
                                        "The side is neither buy nor sell."};

using PublicKeyBytes = std::array<unsigned char, 32>;  // a raw Ed25519 public key

// An account at the custodian, in its canonical form, or (default-constructed) none. An alias in
// another case is refused: coins sent to it could never be spent.
class Wallet {
 public:
  Wallet() = default;
  // Errors: wallet_not_canonical.
  static Result<Wallet> parse(std::string_view text);
  // RTC and the first 40 hex digits of SHA-256 over the raw key.
  static Wallet of(const PublicKeyBytes& public_key);

  bool is_none() const { return text_.empty(); }
  const std::string& text() const { return text_; }

  friend auto operator<=>(const Wallet&, const Wallet&) = default;

 private:
  explicit Wallet(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

enum class Side { buy, sell };  // from the maker's view, of RTC
constexpr auto pawl_names(Side) {
  return std::array<std::string_view, 2>{"buy", "sell"};
}

enum class Pair { rtc_eth, rtc_usdc, rtc_erg };
constexpr auto pawl_names(Pair) {
  return std::array<std::string_view, 3>{"RTC/ETH", "RTC/USDC", "RTC/ERG"};
}

// Any letter case is accepted, blanks are not. Errors: side_unknown, pair_unknown.
Result<Side> parse_side(std::string_view text);
Result<Pair> parse_pair(std::string_view text);
// "ETH", "USDC" or "ERG".
std::string_view quote_currency(Pair pair);

// 16 random bytes of the client's as 32 lower-case hex digits. Errors: nonce_malformed.
Result<std::string> parse_nonce(std::string_view text);

// `otc_` and the first 32 hex digits of SHA-256 over `wallet:nonce`: a nonce is used once per
// wallet by construction, and a client knows its order's id before it asks.
std::string make_order_id(const Wallet& maker, std::string_view nonce);
// Errors: order_id_malformed.
Result<std::string> parse_order_id(std::string_view text);
// `trade_` and 32 hex digits that follow from the order's id alone: an order has one trade.
std::string make_trade_id(std::string_view order_id);

// What releases an order, 32 raw bytes. Never logged, never compared but by check_secret().
struct Secret {
  std::array<unsigned char, 32> bytes{};
};

// Any letter case. Errors: secret_malformed (31 or 33 bytes, an odd digit, no hex).
Result<Secret> parse_secret(std::string_view hex);
std::string format_secret(const Secret& secret);  // 64 lower-case hex digits
// 64 lower-case hex digits: SHA-256 over the 32 raw bytes.
std::string htlc_hash_of(const Secret& secret);
// Errors: htlc_hash_malformed.
Result<std::string> parse_htlc_hash(std::string_view text);
// In constant time. Errors: secret_wrong.
Result<void> check_secret(const Secret& secret, std::string_view htlc_hash);

// SHA-256 as 64 lower-case hex digits.
std::string sha256_hex(std::string_view bytes);
std::string to_hex(std::span<const unsigned char> bytes);
// Fills `out` from exactly twice as many hex digits of any case; false, and out undefined, if not.
bool from_hex(std::string_view hex, std::span<unsigned char> out);

}  // namespace pawl::otc

namespace pawl {

// Stored as its text; "" is none.
template <>
struct Codec<otc::Wallet> {
  static constexpr ColumnType type = ColumnType::text;
  static Value to_value(const otc::Wallet& v) { return v.text(); }
  static bool from_value(const Value& v, otc::Wallet& out) {
    const auto* text = std::get_if<std::string>(&v);
    if (text == nullptr) return false;
    if (text->empty()) {
      out = otc::Wallet();
      return true;
    }
    auto parsed = otc::Wallet::parse(*text);
    if (!parsed) return false;
    out = std::move(*parsed);
    return true;
  }
};

}  // namespace pawl
