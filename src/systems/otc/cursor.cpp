// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/cursor.h"

#include "core/json.h"
#include "systems/otc/errors.h"
#include "systems/otc/identifiers.h"

namespace pawl::otc {

std::string make_cursor(std::string_view listing, const std::vector<Value>& sort_values) {
  json::Writer text;
  text.begin_array().string(listing);
  for (const Value& value : sort_values) {
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      text.integer(*number);
    } else if (const auto* words = std::get_if<std::string>(&value)) {
      text.string(*words);
    }
  }
  text.end_array();
  const std::string& bytes = text.text();
  return to_hex({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});
}

Result<std::vector<Value>> read_cursor(std::string_view cursor, std::string_view listing,
                                       std::size_t sort_columns) {
  if (cursor.empty() || cursor.size() > max_cursor_chars || cursor.size() % 2 != 0) {
    return fail(error::cursor_invalid);
  }
  std::string bytes(cursor.size() / 2, '\0');
  if (!from_hex(cursor, {reinterpret_cast<unsigned char*>(bytes.data()), bytes.size()})) {
    return fail(error::cursor_invalid);
  }
  const auto value = json::parse(bytes);
  const auto* items = value ? value->as_array() : nullptr;
  if (items == nullptr || items->size() != sort_columns + 1 ||
      items->front().as_string() != listing) {
    return fail(error::cursor_invalid);
  }
  std::vector<Value> out;
  for (std::size_t i = 1; i < items->size(); ++i) {
    const auto& item = (*items)[i];
    if (const auto number = item.as_int64()) {
      out.emplace_back(*number);
    } else if (const auto words = item.as_string()) {
      out.emplace_back(std::string(*words));
    } else {
      return fail(error::cursor_invalid);
    }
  }
  return out;
}

}  // namespace pawl::otc
