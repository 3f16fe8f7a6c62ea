// SPDX-License-Identifier: Apache-2.0
//
// Characters that a terminal obeys instead of showing them, and those that nobody sees: what text
// that a stranger wrote may not bring before an operator's eyes. What becomes of them (a question
// mark in a table, an escape in a log line) is left to who meets them.
#pragma once

#include <cstddef>
#include <string_view>

namespace pawl {

// Controls (also DEL and C1), and those of Unicode that turn the direction of a line or cannot be
// seen.
constexpr bool is_obeyed(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0xAD || c == 0x61C || c == 0x180E ||
         (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
         (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) ||
         (c >= 0xE0000 && c <= 0xE007F);
}

// Of one whole, valid UTF-8 character.
constexpr char32_t decode_utf8(std::string_view character) {
  const auto lead = static_cast<unsigned char>(character.front());
  char32_t c = character.size() == 1 ? lead : lead & (0x7FU >> character.size());
  for (const char next : character.substr(1)) {
    c = (c << 6) | (static_cast<unsigned char>(next) & 0x3FU);
  }
  return c;
}

// C0, DEL and C1, which terminals obey as well: U+0080 to U+009F are C2 80 to C2 9F. Of valid
// UTF-8.
constexpr bool has_control_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7F) return true;
    const bool pair = c == 0xC2 && i + 1 < text.size();
    if (pair && static_cast<unsigned char>(text[i + 1]) < 0xA0) return true;
  }
  return false;
}

}  // namespace pawl
