// SPDX-License-Identifier: Apache-2.0
//
// The stages of a batch's session, in their order: the first round's statements, each left out
// where there is nothing to ask; then the second round's writes, counted from `writes`.
#pragma once

#include <cstdint>

namespace pawl::check::sql::stage {

inline constexpr std::uint8_t begin = 0;
inline constexpr std::uint8_t early_receipts = 1;  // with a guard switched off
inline constexpr std::uint8_t early_rows = 2;      // the same
inline constexpr std::uint8_t rows = 3;
inline constexpr std::uint8_t effects = 4;
inline constexpr std::uint8_t messages = 5;
inline constexpr std::uint8_t receipts = 6;
inline constexpr std::uint8_t behind = 7;
inline constexpr std::uint8_t lane = 8;
inline constexpr std::uint8_t exists = 9;
inline constexpr std::uint8_t effects_exist = 10;
inline constexpr std::uint8_t writes = 11;
// Of the other tasks.
inline constexpr std::uint8_t last = 5;

}  // namespace pawl::check::sql::stage
