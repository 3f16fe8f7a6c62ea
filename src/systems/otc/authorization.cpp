// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/authorization.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <cstdlib>
#include <memory>

#include "core/json.h"
#include "systems/otc/canonical_json.h"

namespace pawl::otc {
namespace {

using SignatureBytes = std::array<unsigned char, 64>;

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeKey>;
using ContextPtr = std::unique_ptr<EVP_MD_CTX, FreeContext>;

// OpenSSL without Ed25519, memory or randomness: nothing that is signed can be trusted.
template <class T>
T must(T value) {
  if (!value) std::abort();
  return value;
}

KeyPtr private_key(const std::array<unsigned char, 32>& seed) {
  return KeyPtr(
      must(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size())));
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

struct Describe {
  CanonicalObject& object;

  void operator()(const CreateOrder& a) const {
    object.set("action", "create_order").set("order_id", "create_order");
    object.set("side", name_of(a.side)).set("pair", name_of(a.pair));
    object.set("amount_micro_rtc", a.amount_micro);
    object.set("price_per_rtc_nano_quote", a.price_nano);
    object.set("ttl_seconds", a.ttl_seconds).set("eth_address", a.eth_address);
    object.set("nonce", a.nonce).set("htlc_hash", a.htlc_hash);
  }
  void operator()(const MatchOrder& a) const {
    object.set("action", "match_order").set("order_id", a.order_id);
    object.set("eth_address", a.eth_address);
    if (!a.htlc_hash.empty()) object.set("htlc_hash", a.htlc_hash);
  }
  void operator()(const CancelOrder& a) const {
    object.set("action", "cancel_order").set("order_id", a.order_id);
  }
  void operator()(const ConfirmOrder& a) const {
    object.set("action", "confirm_order").set("order_id", a.order_id);
    object.set("quote_tx", a.quote_tx).set("secret_sha256", a.secret_sha256);
  }
};

bool within_window(std::int64_t timestamp, std::int64_t now) {
  // Compared without a difference: any 64-bit integer may have been sent.
  return timestamp >= now - wallet_auth_window_seconds &&
         timestamp <= now + wallet_auth_window_seconds;
}

// All that can be told before the text is known.
Result<void> check_form(const std::optional<WalletAuth>& auth, const Wallet& wallet,
                        std::int64_t now_seconds) {
  using Kind = WalletAuth::TimestampKind;
  if (wallet.is_none()) return fail(wallet_must_be_native_rtc_address);
  if (!auth) return fail(wallet_auth_required);
  if (auth->public_key.empty() || auth->signature.empty() || auth->timestamp_kind == Kind::absent) {
    return fail(wallet_auth_public_key_signature_timestamp_required);
  }
  if (auth->timestamp_kind != Kind::integer) return fail(wallet_auth_invalid_timestamp);
  if (!within_window(auth->timestamp_seconds, now_seconds)) {
    return fail(wallet_auth_timestamp_expired,
                "the server's time is " + std::to_string(now_seconds));
  }
  return {};
}

}  // namespace

Result<std::string> canonical_text(const Action& action, const Wallet& wallet,
                                   std::int64_t timestamp_seconds) {
  CanonicalObject object;
  object.set("wallet", wallet.text()).set("timestamp", timestamp_seconds);
  std::visit(Describe{object}, action);
  return object.text();
}

std::optional<WalletAuth> read_wallet_auth(const json::Value* value) {
  if (value == nullptr || !value->is_object()) return std::nullopt;
  const auto text = [value](std::string_view key) {
    const auto* member = value->find(key);
    return std::string(member ? member->as_string().value_or("") : "");
  };
  WalletAuth auth;
  auth.public_key = text("public_key");
  auth.signature = text("signature");
  const auto* timestamp = value->find("timestamp");
  if (timestamp == nullptr || timestamp->is_null()) return auth;
  const auto seconds = timestamp->as_int64();
  auth.timestamp_kind =
      seconds ? WalletAuth::TimestampKind::integer : WalletAuth::TimestampKind::not_an_integer;
  auth.timestamp_seconds = seconds.value_or(0);
  return auth;
}

Result<SignedText> authorize(const std::optional<WalletAuth>& auth, const Wallet& wallet,
                             const Action& action, std::int64_t now_seconds) {
  if (auto form = check_form(auth, wallet, now_seconds); !form) {
    return std::unexpected(form.error());
  }
  auto text = canonical_text(action, wallet, auth->timestamp_seconds);
  if (!text) return std::unexpected(text.error());
  SignedText signed_text{auth->public_key, auth->signature, std::move(*text)};
  if (auto valid = verify_signed(signed_text, wallet); !valid) {
    return std::unexpected(valid.error());
  }
  return signed_text;
}

Result<void> verify(const std::optional<WalletAuth>& auth, const Wallet& wallet,
                    std::string_view text, std::int64_t now_seconds) {
  if (auto form = check_form(auth, wallet, now_seconds); !form) return form;
  return verify_signed(SignedText{auth->public_key, auth->signature, std::string(text)}, wallet);
}

Result<void> verify_signed(const SignedText& signed_text, const Wallet& wallet) {
  PublicKeyBytes key;
  if (!from_hex(signed_text.public_key, key)) return fail(wallet_auth_invalid_encoding);
  if (Wallet::of(key) != wallet) return fail(wallet_auth_public_key_does_not_match_wallet);
  SignatureBytes signature;
  if (!from_hex(signed_text.signature, signature)) return fail(wallet_auth_invalid_encoding);
  if (!signature_is_valid(key, signed_text.text, signed_text.signature)) {
    return fail(wallet_auth_invalid_signature);
  }
  return {};
}

SigningKey::SigningKey(const std::array<unsigned char, 32>& seed) : seed_(seed) {
  const auto key = private_key(seed_);
  std::size_t size = public_key_.size();
  must(EVP_PKEY_get_raw_public_key(key.get(), public_key_.data(), &size) == 1);
}

SigningKey::~SigningKey() {
  OPENSSL_cleanse(seed_.data(), seed_.size());
}

SigningKey SigningKey::generate() {
  std::array<unsigned char, 32> seed;
  must(RAND_bytes(seed.data(), static_cast<int>(seed.size())) == 1);
  SigningKey key(seed);
  OPENSSL_cleanse(seed.data(), seed.size());
  return key;
}

SigningKey SigningKey::from_seed(const std::array<unsigned char, 32>& seed) {
  return SigningKey(seed);
}

std::string SigningKey::sign(std::string_view message) const {
  const auto key = private_key(seed_);
  const ContextPtr context(must(EVP_MD_CTX_new()));
  SignatureBytes signature;
  std::size_t size = signature.size();
  must(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1);
  must(EVP_DigestSign(context.get(), signature.data(), &size, bytes_of(message), message.size()) ==
       1);
  return to_hex(signature);
}

WalletAuth SigningKey::sign_action(const Action& action, std::int64_t timestamp_seconds) const {
  const auto text = canonical_text(action, wallet(), timestamp_seconds);
  return WalletAuth(public_key_hex(), sign(text.value_or("")), timestamp_seconds);
}

bool signature_is_valid(const PublicKeyBytes& public_key, std::string_view message,
                        std::string_view signature_hex) {
  SignatureBytes signature;
  if (!from_hex(signature_hex, signature)) return false;
  // Null for a key that is no point of the curve, too.
  const KeyPtr key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, public_key.data(), public_key.size()));
  const ContextPtr context(EVP_MD_CTX_new());
  if (!key || !context) return false;
  if (EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1) return false;
  return EVP_DigestVerify(context.get(), signature.data(), signature.size(), bytes_of(message),
                          message.size()) == 1;
}

}  // namespace pawl::otc
