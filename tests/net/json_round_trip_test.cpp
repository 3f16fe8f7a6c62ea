// SPDX-License-Identifier: Apache-2.0
//
// Random JSON trees survive writing and reading unchanged, and random damage to a text never gives
// anything but a value or a typed error. RC_PARAMS="seed=..." repeats a run.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <rapidcheck/gtest.h>

#include "core/json.h"
#include "core/utf8.h"

namespace pawl::json {
namespace {

std::string any_character() {
  switch (*rc::gen::inRange(0, 6)) {
    case 0:
      return std::string(1, static_cast<char>(*rc::gen::inRange(0, 0x20)));
    case 1:
      return *rc::gen::element<std::string>("\"", "\\", "/", "\x7F");
    case 2:
      return *rc::gen::element<std::string>("\xC2\x80", "\xE2\x82\xAC", "\xED\x9F\xBF",
                                            "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF");
    default:
      return std::string(1, static_cast<char>(*rc::gen::inRange(0x20, 0x7F)));
  }
}

std::string any_string() {
  std::string out;
  for (int n = *rc::gen::inRange(0, 12); n > 0; --n) out += any_character();
  return out;
}

Value any_number() {
  std::string text = std::to_string(*rc::gen::arbitrary<std::int64_t>());
  if (*rc::gen::arbitrary<bool>()) text += "." + std::to_string(*rc::gen::inRange(0, 1 << 30));
  if (*rc::gen::arbitrary<bool>()) text += "E" + std::to_string(*rc::gen::inRange(-400, 400));
  return Value::number(text).value();
}

Value any_value(int depth) {
  switch (*rc::gen::inRange(0, depth > 0 ? 6 : 4)) {
    case 0:
      return {};
    case 1:
      return Value::boolean(*rc::gen::arbitrary<bool>());
    case 2:
      return any_number();
    case 3:
      return Value::string(any_string());
    case 4: {
      Value array = Value::array();
      for (int n = *rc::gen::inRange(0, 6); n > 0; --n) array.push(any_value(depth - 1));
      return array;
    }
    default: {
      Value object = Value::object();
      for (int n = *rc::gen::inRange(0, 12); n > 0; --n) {
        object.add(any_string(), any_value(depth - 1));
      }
      return object;
    }
  }
}

RC_GTEST_PROP(JsonRoundTrip, EveryTreeComesBackEqual, ()) {
  const Value value = any_value(4);
  const Result<Value> back = parse(value.text());
  RC_ASSERT(back.has_value());
  RC_ASSERT(*back == value);
  RC_ASSERT(back->text() == value.text());
}

RC_GTEST_PROP(JsonRoundTrip, DamageIsRefusedOrReadsBack, ()) {
  std::string text = any_value(3).text();
  for (int n = *rc::gen::inRange(1, 4); n > 0; --n) {
    const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
    text[at] = static_cast<char>(*rc::gen::inRange(0, 256));
  }
  if (const Result<Value> value = parse(text)) {
    RC_ASSERT(utf8::is_valid(text));
    RC_ASSERT(parse(value->text()).value() == *value);
  }
}

}  // namespace
}  // namespace pawl::json
