// SPDX-License-Identifier: Apache-2.0
//
// Paging cursors: one that is taken holds what it was made of, for its listing alone; any other
// text is refused. The input is a line of cursor, a line of listing, a text and an integer.
#include "systems/otc/cursor.h"

#include "core/utf8.h"
#include "fuzz/target.h"
#include "systems/otc/errors.h"
#include "systems/otc/identifiers.h"

PAWL_FUZZ(cursor) {
  using namespace pawl;
  using fuzz::check;
  fuzz::Input parts(input);
  const std::string_view text = parts.line();
  const std::string_view listing = parts.line();
  // As clients send them, and without the hex, so that the JSON inside is reached too.
  const std::string inner =
      otc::to_hex({reinterpret_cast<const unsigned char*>(text.data()), text.size()});
  for (const std::string_view cursor : {text, std::string_view(inner)}) {
    for (const std::size_t columns : {std::size_t{0}, std::size_t{2}, std::size_t{3}}) {
      const auto values = otc::read_cursor(cursor, listing, columns);
      if (!values) {
        check(values.error().code == otc::error::cursor_invalid, "a refusal is the cursor's");
        continue;
      }
      check(values->size() == columns, "it has a value for each column");
      check(otc::read_cursor(otc::make_cursor(listing, *values), listing, columns) == *values,
            "made again it holds the same");
    }
  }
  const std::vector<Value> values{parts.integer(), std::string(parts.rest())};
  const std::string made = otc::make_cursor(listing, values);
  const auto read = otc::read_cursor(made, listing, values.size());
  const bool sound = utf8::is_valid(listing) && utf8::is_valid(parts.rest()) &&
                     made.size() <= otc::max_cursor_chars;
  if (sound) check(read == values, "what was made is read");
  check(!otc::read_cursor(made, std::string(listing) + "x", values.size()),
        "another listing's is refused");
}
