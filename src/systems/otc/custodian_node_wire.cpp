// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/custodian_node_wire.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "systems/otc/identifiers.h"

namespace pawl::otc {
namespace {

// The one place where money meets binary floating point: the far side's own arithmetic, replayed.
constexpr int max_doubles_tried = 8;

MicroUnits as_the_node_reads(double amount) {
  return static_cast<MicroUnits>(amount * 1'000'000);
}

std::string shortest(double value) {
  std::array<char, 40> text;
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  return {text.data(), end.ptr};
}

}  // namespace

std::optional<std::string> node_amount_text(MicroUnits amount_micro) {
  // The division is correctly rounded, so this is the double that the decimal text denotes.
  double candidate = static_cast<double>(amount_micro) / 1'000'000;
  if (as_the_node_reads(candidate) == amount_micro) return format_amount(amount_micro);
  for (int i = 0; i < max_doubles_tried; ++i) {
    candidate = std::nextafter(candidate, std::numeric_limits<double>::infinity());
    if (as_the_node_reads(candidate) == amount_micro) return shortest(candidate);
  }
  return std::nullopt;
}

std::string node_transfer_hash(std::string_view key) {
  return sha256_hex("wallet_transfer_idempotency:" + std::string(key)).substr(0, 32);
}

std::string node_job_title(std::string_view key) {
  return "OTC escrow " + std::string(key);
}

std::optional<json::Value> node_object(const net::Response& response) {
  auto value = json::parse(response.body);
  if (!value || !value->is_object()) return std::nullopt;
  return std::move(*value);
}

std::string_view node_text(const json::Value& object, std::string_view name) {
  const auto* member = object.find(name);
  return member ? member->as_string().value_or("") : "";
}

bool is_node_refusal(const net::Response& response, const json::Value& object) {
  return response.status >= 400 && response.status < 500 && response.status != 408 &&
         !node_text(object, "error").empty();
}

}  // namespace pawl::otc
