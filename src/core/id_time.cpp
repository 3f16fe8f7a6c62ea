// SPDX-License-Identifier: Apache-2.0
//
// The time within ids that carry one: both kinds begin with 48 bits of milliseconds since 1970.
#include <pawl/retention.h>

#include <cstddef>

namespace pawl {

namespace {

constexpr std::string_view ulid_digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t ulid_size = 26;
constexpr std::size_t ulid_time_digits = 10;
constexpr std::size_t uuid_size = 36;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<Time> uuid_time(std::string_view id) {
  std::int64_t ms = 0;
  int digits = 0;
  for (std::size_t i = 0; i < id.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash != (id[i] == '-')) return {};
    if (dash) continue;
    const int digit = hex_digit(id[i]);
    if (digit < 0) return {};
    if (digits < 12) ms = ms * 16 + digit;
    ++digits;
  }
  const int variant = hex_digit(id[19]);
  if (id[14] != '7' || variant < 8 || variant > 11) return {};
  return Time{}.plus_ms(ms);
}

std::optional<Time> ulid_time(std::string_view id) {
  std::int64_t ms = 0;
  for (std::size_t i = 0; i < id.size(); ++i) {
    const char upper = id[i] >= 'a' && id[i] <= 'z' ? static_cast<char>(id[i] - 'a' + 'A') : id[i];
    const auto digit = ulid_digits.find(upper);
    // 26 digits hold 130 bits: the first carries only three.
    if (digit == std::string_view::npos || (i == 0 && digit > 7)) return {};
    if (i < ulid_time_digits) ms = ms * 32 + static_cast<std::int64_t>(digit);
  }
  return Time{}.plus_ms(ms);
}

}  // namespace

std::optional<Time> id_made_at(std::string_view id) {
  if (id.size() == uuid_size) return uuid_time(id);
  if (id.size() == ulid_size) return ulid_time(id);
  return {};
}

}  // namespace pawl
