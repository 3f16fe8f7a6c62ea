// SPDX-License-Identifier: Apache-2.0
//
// core/json: what parse() takes is written back as text that parses to the same, and the limits
// hold whatever the nesting. What the text means is the other targets' business.
#include "core/json.h"

#include <algorithm>

#include "core/utf8.h"
#include "fuzz/target.h"

namespace {

using namespace pawl;
using fuzz::check;

struct Shape {
  std::size_t elements = 0;
  std::size_t depth = 0;
};

void measure(const json::Value& value, std::size_t depth, Shape& shape) {
  ++shape.elements;
  if (const auto text = value.as_string()) check(utf8::is_valid(*text), "a string is UTF-8");
  if (const auto text = value.number_text()) {
    check(!text->empty() && text->size() <= json::max_number_length,
          "a number's length is bounded");
    const auto again = json::Value::number(*text);
    check(again && *again == value, "a number's text is a number");
  }
  const auto* items = value.as_array();
  const auto* members = value.as_object();
  if (items == nullptr && members == nullptr) return;
  shape.depth = std::max(shape.depth, depth + 1);
  if (items != nullptr) {
    for (const auto& item : *items) measure(item, depth + 1, shape);
    return;
  }
  for (const auto& member : *members) {
    check(utf8::is_valid(member.key), "a key is UTF-8");
    check(value.find(member.key) == &member.value, "a key stands once");
    measure(member.value, depth + 1, shape);
  }
}

void check_limits(std::string_view input, const Result<json::Value>& unlimited) {
  const json::ParseLimits narrow{.max_bytes = 64, .max_depth = 3, .max_elements = 8};
  const auto limited = json::parse(input, narrow);
  if (!limited) return;
  check(unlimited && *limited == *unlimited, "limits change no value");
  Shape shape;
  measure(*limited, 0, shape);
  check(input.size() <= narrow.max_bytes && shape.depth <= narrow.max_depth &&
            shape.elements <= narrow.max_elements,
        "the limits hold");
}

}  // namespace

PAWL_FUZZ(json) {
  const auto value = json::parse(input);
  check_limits(input, value);
  if (!value) {
    const auto code = value.error().code;
    check(code == json::json_invalid || code == json::json_too_deep ||
              code == json::json_duplicate_key || code == json::json_too_large,
          "a refusal is one of the reader's own");
    return;
  }
  Shape shape;
  measure(*value, 0, shape);
  const std::string text = value->text();
  const auto again = json::parse(text);
  check(again.has_value() && *again == *value, "text() parses to the same value");
  check(again->text() == text, "text() is stable");
  json::Writer writer;
  writer.value(*value);
  check(writer.text() == text, "the writer writes the same text");
}
