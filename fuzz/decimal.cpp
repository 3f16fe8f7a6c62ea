// SPDX-License-Identifier: Apache-2.0
//
// Money: text to integers and back is exact, and every total stays in its range. The input is eight
// bytes for each of two integers, then a text.
#include "systems/otc/decimal.h"

#include <algorithm>

#include "fuzz/target.h"

namespace {

using namespace pawl;
using fuzz::check;
__extension__ using Wide = __int128;

// Another way to the same: all digits as one integer, then as many zeros as are missing.
Wide value_of(std::string_view text, int digits) {
  Wide value = 0;
  int after_point = -1;
  for (const char c : text) {
    if (c == '.') {
      after_point = 0;
    } else if (c != '-') {
      value = value * 10 + (c - '0');
      if (after_point >= 0) ++after_point;
    }
  }
  for (int i = std::max(after_point, 0); i < digits; ++i) value *= 10;
  return text.starts_with('-') ? -value : value;
}

template <class Parse>
void check_text(std::string_view text, Parse parse, std::string (*format)(std::int64_t), int digits,
                std::int64_t least, std::int64_t most) {
  const auto value = parse(text);
  if (!value) {
    check(value.error().code.error_class == ErrorClass::invalid, "a refusal is the caller's");
    return;
  }
  check(*value >= least && *value <= most, "it is within the limits");
  check(value_of(text, digits) == *value, "it is exact");
  const std::string again = format(*value);
  check(parse(again) == *value, "its text is the same amount");
  check(again.size() <= text.size(), "and the shortest");
}

void check_format(std::int64_t value, std::string (*format)(std::int64_t), int digits) {
  check(value_of(format(value), digits) == value, "any integer has its exact text");
}

}  // namespace

PAWL_FUZZ(decimal) {
  fuzz::Input parts(input);
  const std::int64_t first = parts.integer();
  const std::int64_t second = parts.integer();
  check_format(first, otc::format_amount, otc::amount_digits);
  check_format(first, otc::format_nano, otc::price_digits);

  const auto ttl = otc::check_ttl_seconds(first);
  check(ttl.has_value() == (first >= otc::min_ttl_seconds && first <= otc::max_ttl_seconds),
        "a time to live is taken as it is or refused");

  const auto within = [](std::int64_t value, std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(static_cast<std::uint64_t>(value) %
                                             static_cast<std::uint64_t>(most - least + 1));
  };
  const auto amount = within(first, otc::min_amount_micro, otc::max_amount_micro);
  const auto price = within(second, otc::min_price_nano, otc::max_price_nano);
  const Wide total = otc::total_nano(amount, price);
  const Wide remainder = Wide{amount} * price - total * 1'000'000;  // micro times nano
  check(remainder < 500'000 && remainder >= -500'000, "a total is rounded half up");

  check_text(parts.rest(), otc::parse_amount, otc::format_amount, otc::amount_digits,
             otc::min_amount_micro, otc::max_amount_micro);
  check_text(parts.rest(), otc::parse_price, otc::format_nano, otc::price_digits,
             otc::min_price_nano, otc::max_price_nano);
}
