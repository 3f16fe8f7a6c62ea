// SPDX-License-Identifier: Apache-2.0
#include "app/text_table.h"

#include <algorithm>
#include <string_view>

#include "core/obeyed_characters.h"
#include "core/utf8.h"

namespace pawl::app {

namespace {

// Characters, not bytes; wide ones count as one.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const utf8::Step next = utf8::step(text);
    const std::string_view character = text.substr(0, next.length);
    if (!next.valid) {
      out.append(next.length, '?');
    } else if (is_obeyed(decode_utf8(character))) {
      out += '?';
    } else {
      out += character;
    }
    text.remove_prefix(next.length);
  }
  return out;
}

std::string TextTable::text() const {
  std::vector<std::size_t> widths(heads_.size());
  std::vector<std::vector<std::string>> lines{heads_};
  for (const auto& row : rows_) {
    auto& line = lines.emplace_back();
    for (std::size_t i = 0; i < heads_.size(); ++i) {
      line.push_back(i < row.size() ? printable(row[i]) : "");
    }
  }
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i)
      widths[i] = std::max(widths[i], width_of(line[i]));
  }
  std::string out;
  for (const auto& line : lines) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      text += line[i];
      if (i + 1 < line.size()) text.append(widths[i] - width_of(line[i]) + 2, ' ');
    }
    while (text.ends_with(' ')) text.pop_back();
    out += text + "\n";
  }
  return out;
}

}  // namespace pawl::app
