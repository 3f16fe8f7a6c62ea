// SPDX-License-Identifier: Apache-2.0
//
// UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF. One
// function steps through a text; who meets invalid bytes decides what becomes of them.
#pragma once

#include <cstddef>
#include <string_view>

namespace pawl::utf8 {

// One step: the length of the character at the front, or, when it is no valid character, the
// length of the invalid piece (at least 1, never into the next valid character).
struct Step {
  std::size_t length;
  bool valid;
};

// text must not be empty.
constexpr Step step(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {1, true};
  std::size_t length = 0;
  // The second byte's range excludes overlong forms, surrogates and what is above U+10FFFF.
  unsigned low = 0x80;
  unsigned high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {1, false};
  }
  for (std::size_t i = 1; i < length; ++i) {
    if (i >= text.size() || byte(i) < low || byte(i) > high) return {i, false};
    low = 0x80;
    high = 0xBF;
  }
  return {length, true};
}

constexpr bool is_valid(std::string_view text) {
  while (!text.empty()) {
    const Step next = step(text);
    if (!next.valid) return false;
    text.remove_prefix(next.length);
  }
  return true;
}

}  // namespace pawl::utf8
