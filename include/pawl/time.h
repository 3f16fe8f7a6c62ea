// SPDX-License-Identifier: Apache-2.0
//
// Points in time: microseconds since 1970-01-01T00:00:00Z, as stored, journaled and compared. The
// engine's Context carries one; nothing that decides reads a clock of its own.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pawl {

struct Time {
  std::int64_t us = 0;

  friend constexpr auto operator<=>(const Time&, const Time&) = default;

  constexpr Time plus_us(std::int64_t d) const { return Time{us + d}; }
  constexpr Time plus_ms(std::int64_t d) const { return Time{us + d * 1'000}; }
  constexpr Time plus_seconds(std::int64_t d) const { return Time{us + d * 1'000'000}; }
  constexpr std::int64_t seconds() const { return us / 1'000'000; }

  static constexpr Time from_seconds(std::int64_t s) { return Time{s * 1'000'000}; }
  // Further away than anything that is ever stored; "no time set" in schedules.
  static constexpr Time never() { return Time{INT64_MAX}; }
};

// RFC 3339 in UTC with microseconds, e.g. "2026-01-02T03:04:05.678901Z".
std::string to_rfc3339(Time time);

}  // namespace pawl
