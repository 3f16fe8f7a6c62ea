// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/write_request.h"

#include <algorithm>

#include "core/json.h"
#include "net/entity_tag.h"
#include "systems/otc/errors.h"

namespace pawl::otc {

namespace {

constexpr std::size_t max_idempotency_key_bytes = 128;

}  // namespace

Result<std::optional<std::string>> idempotency_key(const net::Request& request) {
  const auto key = request.header("Idempotency-Key");
  if (!key) return std::nullopt;
  const bool sound = !key->empty() && key->size() <= max_idempotency_key_bytes &&
                     std::all_of(key->begin(), key->end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') || c == '.' || c == '_' || c == ':' ||
                              c == '-';
                     });
  if (!sound) return fail(error::idempotency_key_invalid);
  return std::string(*key);
}

Result<int> wait_ms_of(const Config& config, const net::Request& request, const RequestBody& body) {
  if (auto known = check_query(request, {"wait_ms"}); !known) {
    return std::unexpected(known.error());
  }
  const auto in_body = body.optional_integer("wait_ms");
  if (!in_body) return std::unexpected(in_body.error());
  if (in_body->has_value() && (**in_body < 0 || **in_body > config.wait_ms_max)) {
    return fail(error::field_invalid,
                "wait_ms must be from 0 to " + std::to_string(config.wait_ms_max));
  }
  const auto wait = query_integer(request, "wait_ms", in_body->value_or(config.wait_ms_default), 0,
                                  config.wait_ms_max);
  if (!wait) return std::unexpected(wait.error());
  return static_cast<int>(*wait);
}

Result<Wallet> wallet_in(const RequestBody& body, std::string_view name) {
  const auto text = body.text(name);
  if (!text) return std::unexpected(text.error());
  return Wallet::parse(*text);
}

Result<std::optional<std::string>> hash_in(const RequestBody& body) {
  auto text = body.optional_text("htlc_hash");
  if (!text) return std::unexpected(text.error());
  if (!*text) return std::nullopt;
  auto hash = parse_htlc_hash(**text);
  if (!hash) return std::unexpected(hash.error());
  return std::optional<std::string>(std::move(*hash));
}

Result<std::string> order_in(const net::Request& request) {
  auto id = parse_order_id(request.param("id"));
  if (!id) return fail(error::order_not_found);
  return id;
}

std::string default_id(std::initializer_list<std::string_view> parts) {
  json::Writer text;
  text.begin_array();
  for (const auto part : parts) text.string(part);
  text.end_array();
  return sha256_hex(text.text());
}

Result<std::int64_t> if_match_version_of(const net::Request& request) {
  const auto version = net::if_match_version(request);
  if (!version) return std::unexpected(version.error());
  return version->value_or(0);
}

std::string_view condition_of(const net::Request& request) {
  return request.header("If-Match").value_or("");
}

}  // namespace pawl::otc
