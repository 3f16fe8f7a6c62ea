// SPDX-License-Identifier: Apache-2.0
#include <pawl/time.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>

namespace pawl {

namespace {

// So many digits, with zeros in front.
void add_digits(std::string& out, std::int64_t value, int count) {
  out.append(static_cast<std::size_t>(count), '0');
  for (auto at = out.rbegin(); count > 0; ++at, --count, value /= 10) {
    *at = static_cast<char>('0' + value % 10);
  }
}

// Within the years of four digits, which are nearly all that is ever asked: a tenth of what
// gmtime_r and snprintf take, and each step of an effect's history begins with a time.
std::string four_digit_year(Time time) {
  using namespace std::chrono;
  const sys_time<microseconds> when{microseconds{time.us}};
  const auto day = floor<days>(when);
  const year_month_day date{day};
  const hh_mm_ss<microseconds> clock{when - day};
  std::string out;
  out.reserve(sizeof "2026-01-01T00:00:00.000000Z");
  const auto part = [&out](std::int64_t value, int digits, char behind) {
    add_digits(out, value, digits);
    out += behind;
  };
  part(static_cast<int>(date.year()), 4, '-');
  part(static_cast<unsigned>(date.month()), 2, '-');
  part(static_cast<unsigned>(date.day()), 2, 'T');
  part(clock.hours().count(), 2, ':');
  part(clock.minutes().count(), 2, ':');
  part(clock.seconds().count(), 2, '.');
  part(clock.subseconds().count(), 6, 'Z');
  return out;
}

}  // namespace

std::string to_rfc3339(Time time) {
  constexpr std::int64_t year_0000_us = -62'167'219'200'000'000;
  constexpr std::int64_t year_10000_us = 253'402'300'800'000'000;
  if (time.us >= year_0000_us && time.us < year_10000_us) return four_digit_year(time);
  std::int64_t seconds = time.us / 1'000'000;
  std::int64_t micros = time.us % 1'000'000;
  if (micros < 0) {
    micros += 1'000'000;
    --seconds;
  }
  const auto when = static_cast<std::time_t>(seconds);
  std::tm parts{};
  gmtime_r(&when, &parts);
  std::array<char, 64> text{};
  const int size =
      std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ",
                    parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour,
                    parts.tm_min, parts.tm_sec, static_cast<int>(micros));
  return {text.data(), static_cast<std::size_t>(size)};
}

}  // namespace pawl
