// SPDX-License-Identifier: Apache-2.0
//
// Who signed what. A wallet's owner signs the canonical JSON of an action (canonical_json.h) with
// Ed25519; here are the fields of each action, the check of a signature that came with a request,
// and the signing key that clients, tests and the demo use. A signature alone may be replayed
// inside its time window: that it works once follows from the order id, which a create's nonce
// fixes and every other action names. Pure but for the random key; thread-safe.
#pragma once

#include <pawl/error.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "systems/otc/decimal.h"
#include "systems/otc/identifiers.h"

namespace pawl::json {
class Value;
}

namespace pawl::otc {

// A signature's time may differ from the server's by at most this, both ways.
inline constexpr std::int64_t wallet_auth_window_seconds = 300;

// In the order in which they are found.
inline constexpr ErrorCode wallet_must_be_native_rtc_address{
    "wallet_must_be_native_rtc_address", ErrorClass::unauthorized, "The action names no wallet."};
inline constexpr ErrorCode wallet_auth_required{"wallet_auth_required", ErrorClass::unauthorized,
                                                "The request carries no wallet_auth object."};
inline constexpr ErrorCode wallet_auth_public_key_signature_timestamp_required{
    "wallet_auth_public_key_signature_timestamp_required", ErrorClass::unauthorized,
    "wallet_auth lacks public_key, signature or timestamp."};
inline constexpr ErrorCode wallet_auth_invalid_timestamp{
    "wallet_auth_invalid_timestamp", ErrorClass::unauthorized,
    "The timestamp is not an integer number of seconds."};
inline constexpr ErrorCode wallet_auth_timestamp_expired{
    "wallet_auth_timestamp_expired", ErrorClass::unauthorized,
    "The timestamp is more than 300 seconds away from the server's time."};
inline constexpr ErrorCode wallet_auth_public_key_does_not_match_wallet{
    "wallet_auth_public_key_does_not_match_wallet", ErrorClass::unauthorized,
    "The wallet does not belong to the public key."};
inline constexpr ErrorCode wallet_auth_invalid_encoding{
    "wallet_auth_invalid_encoding", ErrorClass::unauthorized,
    "The public key is not 64, or the signature not 128, hexadecimal digits."};
inline constexpr ErrorCode wallet_auth_invalid_signature{
    "wallet_auth_invalid_signature", ErrorClass::unauthorized,
    "The signature does not verify for this action, these fields and this key."};

// What each action binds. The wallet and the timestamp are added to each; `action` is its name.
struct CreateOrder {  // create_order; signed with the text create_order as the order id
  Side side = Side::sell;
  Pair pair = Pair::rtc_usdc;
  MicroUnits amount_micro = 0;
  NanoQuote price_nano = 0;
  std::int64_t ttl_seconds = 0;
  std::string eth_address;  // "" if none, here and below
  std::string nonce;        // 32 hex digits; with the wallet it is the order's id
  std::string htlc_hash;    // 64 hex digits; "" on a buy order: the seller makes the secret
};
struct MatchOrder {  // match_order
  std::string order_id;
  std::string eth_address;
  // The seller's hash, when the taker is the seller (of a buy order); "" is left out of the text.
  std::string htlc_hash;
};
struct CancelOrder {  // cancel_order
  std::string order_id;
};
struct ConfirmOrder {  // confirm_order
  std::string order_id;
  std::string quote_tx;
  std::string secret_sha256;  // the order's htlc hash: the secret itself is not in the text
};
using Action = std::variant<CreateOrder, MatchOrder, CancelOrder, ConfirmOrder>;

// The text that is signed. Errors: text_not_utf8 (canonical_json.h).
Result<std::string> canonical_text(const Action& action, const Wallet& wallet,
                                   std::int64_t timestamp_seconds);

// A request's `wallet_auth` before it is believed. What was a JSON value of another type than
// asked for stands here as absent (the texts) or as not_an_integer (the timestamp).
struct WalletAuth {
  enum class TimestampKind { absent, not_an_integer, integer };

  std::string public_key;  // 64 hex digits
  std::string signature;   // 128 hex digits
  TimestampKind timestamp_kind = TimestampKind::absent;
  std::int64_t timestamp_seconds = 0;

  WalletAuth() = default;
  WalletAuth(std::string key, std::string sig, std::int64_t timestamp)
      : public_key(std::move(key)),
        signature(std::move(sig)),
        timestamp_kind(TimestampKind::integer),
        timestamp_seconds(timestamp) {}
};

// Reads a request body's `wallet_auth` member (nullptr if it has none); nothing if it is no object.
// The timestamp must be a JSON integer: no digits in quotes, no fraction or exponent, no bool.
std::optional<WalletAuth> read_wallet_auth(const json::Value* value);

// A signed text, as it is handed on: to the custodian, which checks it for itself.
struct SignedText {
  std::string public_key;
  std::string signature;
  std::string text;

  friend bool operator==(const SignedText&, const SignedText&) = default;
};

// Checks that `wallet`'s owner signed `action`, at about now_seconds (Unix time). Returns what was
// signed. Errors: the wallet_auth codes in the order above, text_not_utf8.
Result<SignedText> authorize(const std::optional<WalletAuth>& auth, const Wallet& wallet,
                             const Action& action, std::int64_t now_seconds);

// The same for a text that the caller has already; `auth`'s timestamp is only checked for its
// window, that it stands in the text is the caller's business.
Result<void> verify(const std::optional<WalletAuth>& auth, const Wallet& wallet,
                    std::string_view text, std::int64_t now_seconds);

// Only key, wallet and signature: for a text that was accepted earlier. Errors: the last three.
Result<void> verify_signed(const SignedText& signed_text, const Wallet& wallet);

// An Ed25519 private key. Copying copies the key; it is wiped when destroyed.
class SigningKey {
 public:
  static SigningKey generate();
  // The 32 bytes of RFC 8032's private key.
  static SigningKey from_seed(const std::array<unsigned char, 32>& seed);
  SigningKey(const SigningKey&) = default;
  SigningKey& operator=(const SigningKey&) = default;
  ~SigningKey();

  const PublicKeyBytes& public_key() const { return public_key_; }
  std::string public_key_hex() const { return to_hex(public_key_); }
  const std::array<unsigned char, 32>& seed() const { return seed_; }
  Wallet wallet() const { return Wallet::of(public_key_); }
  std::string sign(std::string_view message) const;  // 128 hex digits

  // A complete wallet_auth for this key's own wallet. The action's texts must be valid UTF-8.
  WalletAuth sign_action(const Action& action, std::int64_t timestamp_seconds) const;

 private:
  explicit SigningKey(const std::array<unsigned char, 32>& seed);
  std::array<unsigned char, 32> seed_;
  PublicKeyBytes public_key_;
};

// Whether `signature_hex` is `public_key`'s signature over `message`. False also if it is no hex.
bool signature_is_valid(const PublicKeyBytes& public_key, std::string_view message,
                        std::string_view signature_hex);

}  // namespace pawl::otc
