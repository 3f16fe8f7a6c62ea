// SPDX-License-Identifier: Apache-2.0
#include "app/sandbox_custodian_consent.h"

#include <optional>

#include "core/json.h"

namespace pawl::app {
namespace {

constexpr std::string_view invalid = "authorization_invalid";
constexpr std::string_view other_order = "authorization_other_order";
constexpr std::string_view other_amount = "authorization_other_amount";
constexpr std::string_view without_terms = "authorization_without_terms";
constexpr std::string_view expired = "authorization_expired";

// A signed text whose signature is its wallet's.
struct Consent {
  json::Value text;
  otc::Wallet wallet;

  std::string_view string(std::string_view name) const {
    const auto* member = text.find(name);
    return member ? member->as_string().value_or("") : "";
  }
  std::int64_t integer(std::string_view name) const {
    const auto* member = text.find(name);
    return member ? member->as_int64().value_or(0) : 0;
  }
  // The order that a create_order makes.
  std::string created_order() const { return otc::make_order_id(wallet, string("nonce")); }
};

std::optional<Consent> read(const otc::SignedText& signed_text) {
  auto text = json::parse(signed_text.text);
  if (!text || !text->is_object()) return std::nullopt;
  Consent consent{std::move(*text), {}};
  auto wallet = otc::Wallet::parse(consent.string("wallet"));
  if (!wallet || !otc::verify_signed(signed_text, *wallet)) return std::nullopt;
  consent.wallet = std::move(*wallet);
  return consent;
}

// A create_order of that side, for this order and amount.
std::string_view check_create(const Consent& create, std::string_view side,
                              const otc::LockRequest& request) {
  if (create.string("action") != "create_order" || create.string("side") != side) return invalid;
  if (create.created_order() != request.order_id) return other_order;
  if (create.integer("amount_micro_rtc") != request.amount_micro) return other_amount;
  return "";
}

std::string_view check_match(const Consent& match, const otc::LockRequest& request) {
  if (match.string("order_id") != request.order_id) return other_order;
  if (request.terms_text.empty()) return without_terms;
  const auto terms = read(request.terms());
  if (!terms) return invalid;
  return check_create(*terms, "buy", request);
}

}  // namespace

std::string_view check_consent(const otc::LockRequest& request, std::int64_t now_seconds,
                               std::int64_t max_age_seconds) {
  const auto consent = read(request.authorization());
  if (!consent || consent->wallet != request.holder) return invalid;
  const auto signed_at = consent->integer("timestamp");
  if (signed_at < now_seconds - max_age_seconds ||
      signed_at > now_seconds + otc::wallet_auth_window_seconds) {
    return expired;
  }
  const auto action = consent->string("action");
  if (action == "create_order") return check_create(*consent, "sell", request);
  if (action == "match_order") return check_match(*consent, request);
  return invalid;
}

}  // namespace pawl::app
