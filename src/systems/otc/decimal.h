// SPDX-License-Identifier: Apache-2.0
//
// Money as text and as integers. Amounts of the base coin are millionths (micro), prices and
// totals of the quote coin are thousand-millionths (nano); text is plain ASCII decimal and is
// converted exactly, digit by digit: no floating point, no rounding, no locale. What has more
// digits than the unit can hold is refused, so what was signed is what is stored. Leaves balances
// and fees to others. Everything here is pure and thread-safe.
#pragma once

#include <pawl/error.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace pawl::otc {

using MicroUnits = std::int64_t;  // 10^-6 of the base coin
using NanoQuote = std::int64_t;   // 10^-9 of the quote coin

inline constexpr std::size_t max_decimal_chars = 32;
inline constexpr int amount_digits = 6;  // digits after the point
inline constexpr int price_digits = 9;
inline constexpr MicroUnits min_amount_micro = 100'000;          // 0.1
inline constexpr MicroUnits max_amount_micro = 100'000'000'000;  // 100000
inline constexpr NanoQuote min_price_nano = 1;                   // the smallest above zero
inline constexpr NanoQuote max_price_nano = 1'000'000'000'000;   // 1000
inline constexpr std::int64_t min_ttl_seconds = 3'600;           // an hour
inline constexpr std::int64_t max_ttl_seconds = 2'592'000;       // 30 days
inline constexpr std::int64_t default_ttl_seconds = 604'800;     // 7 days

inline constexpr ErrorCode amount_malformed{"amount_malformed", ErrorClass::invalid,
                                            "The amount is not plain decimal text."};
inline constexpr ErrorCode amount_too_precise{"amount_too_precise", ErrorClass::invalid,
                                              "The amount has more than 6 digits after the point."};
inline constexpr ErrorCode amount_out_of_range{"amount_out_of_range", ErrorClass::invalid,
                                               "The amount is outside the limits."};
inline constexpr ErrorCode price_malformed{"price_malformed", ErrorClass::invalid,
                                           "The price is not plain decimal text."};
inline constexpr ErrorCode price_too_precise{"price_too_precise", ErrorClass::invalid,
                                             "The price has more than 9 digits after the point."};
inline constexpr ErrorCode price_out_of_range{"price_out_of_range", ErrorClass::invalid,
                                              "The price is outside the limits."};
inline constexpr ErrorCode ttl_out_of_range{"ttl_out_of_range", ErrorClass::invalid,
                                            "The time to live is outside the limits."};

// `-?digits[.digits]`, at most max_decimal_chars, ASCII only; no exponent, blank, plus sign or
// digit separator. Zeros after the last digit the unit holds are refused like any other digit.
// Errors: *_malformed, *_too_precise, *_out_of_range (the limits stand in the detail).
Result<MicroUnits> parse_amount(std::string_view text);
Result<NanoQuote> parse_price(std::string_view text);

// Refuses, where the reference clamps: a client that signed 30 seconds must not get an hour.
Result<std::int64_t> check_ttl_seconds(std::int64_t ttl_seconds);

// The shortest decimal text with the same value: "12", "0.000001", "-0.5".
std::string format_amount(MicroUnits amount_micro);
std::string format_nano(NanoQuote nano);  // prices and totals

// amount x price in nano of the quote coin, from the stored integers, through 128 bits; what is
// finer than a nano is rounded half up (so a dust order of 0.1 at the smallest price totals 0).
// Both arguments within the limits above; the largest total is 10^17.
NanoQuote total_nano(MicroUnits amount_micro, NanoQuote price_nano);

}  // namespace pawl::otc
