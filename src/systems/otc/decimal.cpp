// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/decimal.h"

#include <algorithm>
#include <optional>

namespace pawl::otc {
namespace {

__extension__ using Wide = unsigned __int128;

// One kind of number: how fine, how large, and what to answer when it is not one.
struct Grammar {
  int digits;
  std::int64_t min;
  std::int64_t max;
  ErrorCode malformed;
  ErrorCode too_precise;
  ErrorCode out_of_range;
};

constexpr Grammar amount_grammar{amount_digits,    min_amount_micro,   max_amount_micro,
                                 amount_malformed, amount_too_precise, amount_out_of_range};
constexpr Grammar price_grammar{price_digits,    min_price_nano,    max_price_nano,
                                price_malformed, price_too_precise, price_out_of_range};

struct Split {
  bool negative = false;
  std::string_view whole;
  std::string_view fraction;
};

bool all_digits(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
  }
  return true;
}

std::optional<Split> split(std::string_view text) {
  if (text.empty() || text.size() > max_decimal_chars) return std::nullopt;
  Split out;
  if (text.front() == '-') {
    out.negative = true;
    text.remove_prefix(1);
  }
  const auto point = text.find('.');
  out.whole = text.substr(0, point);
  if (!all_digits(out.whole)) return std::nullopt;
  if (point == std::string_view::npos) return out;
  out.fraction = text.substr(point + 1);
  if (!all_digits(out.fraction)) return std::nullopt;
  return out;
}

std::string format(std::int64_t value, int digits) {
  const bool negative = value < 0;
  // Negated as unsigned, so that the smallest integer has an absolute value too.
  const auto magnitude =
      negative ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  std::uint64_t unit = 1;
  for (int i = 0; i < digits; ++i) unit *= 10;
  std::string out = negative ? "-" : "";
  out += std::to_string(magnitude / unit);
  const auto rest = magnitude % unit;
  if (rest == 0) return out;
  std::string fraction = std::to_string(rest);
  fraction.insert(0, static_cast<std::size_t>(digits) - fraction.size(), '0');
  fraction.erase(fraction.find_last_not_of('0') + 1);
  return out + "." + fraction;
}

Result<std::int64_t> parse(std::string_view text, const Grammar& grammar) {
  const auto parts = split(text);
  if (!parts) {
    return fail(grammar.malformed, "expected digits, optionally a point and digits, in at most " +
                                       std::to_string(max_decimal_chars) + " characters");
  }
  if (parts->fraction.size() > static_cast<std::size_t>(grammar.digits)) {
    return fail(grammar.too_precise);
  }
  // Held at one above the limit once it is passed, so that no text can overflow it.
  const std::int64_t ceiling = grammar.max + 1;
  std::int64_t value = 0;
  const auto push = [&](char c) { value = std::min(ceiling, value * 10 + (c - '0')); };
  for (const char c : parts->whole) push(c);
  for (const char c : parts->fraction) push(c);
  for (auto i = parts->fraction.size(); i < static_cast<std::size_t>(grammar.digits); ++i)
    push('0');
  const bool inside = !parts->negative && value >= grammar.min && value <= grammar.max;
  if (!inside) {
    return fail(grammar.out_of_range, "from " + format(grammar.min, grammar.digits) + " to " +
                                          format(grammar.max, grammar.digits));
  }
  return value;
}

}  // namespace

Result<MicroUnits> parse_amount(std::string_view text) {
  return parse(text, amount_grammar);
}

Result<NanoQuote> parse_price(std::string_view text) {
  return parse(text, price_grammar);
}

Result<std::int64_t> check_ttl_seconds(std::int64_t ttl_seconds) {
  if (ttl_seconds < min_ttl_seconds || ttl_seconds > max_ttl_seconds) {
    return fail(ttl_out_of_range, "from " + std::to_string(min_ttl_seconds) + " to " +
                                      std::to_string(max_ttl_seconds) + " seconds");
  }
  return ttl_seconds;
}

std::string format_amount(MicroUnits amount_micro) {
  return format(amount_micro, amount_digits);
}

std::string format_nano(NanoQuote nano) {
  return format(nano, price_digits);
}

NanoQuote total_nano(MicroUnits amount_micro, NanoQuote price_nano) {
  constexpr Wide micro_per_unit = 1'000'000;
  const Wide product = static_cast<Wide>(amount_micro) * static_cast<Wide>(price_nano);
  return static_cast<NanoQuote>((product + micro_per_unit / 2) / micro_per_unit);
}

}  // namespace pawl::otc
