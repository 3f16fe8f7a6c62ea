// SPDX-License-Identifier: Apache-2.0
//
// What the JSON reader takes and refuses, and that the writer's output is JSON whatever goes in.
// The random round trip is in tests/net/json_round_trip_test.cpp.
#include "core/json.h"

#include <gtest/gtest.h>

#include <string>

namespace pawl::json {
namespace {

using std::string_literals::operator""s;

std::string code_of(std::string_view text, ParseLimits limits = {}) {
  const Result<Value> value = parse(text, limits);
  return value ? "taken" : std::string(value.error().code.code);
}

TEST(JsonParse, GivesEachKindAndKeepsTheOrderOfMembers) {
  const Value value = parse(R"( {"z":1,"a":[null,true,false,"x"],"m":{},"e":[]} )").value();
  ASSERT_TRUE(value.is_object());
  EXPECT_EQ(value.as_object()->at(0).key, "z");
  EXPECT_EQ(value.as_object()->at(1).key, "a");
  const Value::Array& items = *value.find("a")->as_array();
  ASSERT_EQ(items.size(), 4U);
  EXPECT_TRUE(items[0].is_null());
  EXPECT_EQ(items[1].as_bool(), true);
  EXPECT_EQ(items[2].as_bool(), false);
  EXPECT_EQ(items[3].as_string(), "x");
  EXPECT_TRUE(value.find("m")->as_object()->empty());
  EXPECT_TRUE(value.find("e")->as_array()->empty());
  EXPECT_EQ(value.find("nothing"), nullptr);
  EXPECT_EQ(items[3].find("x"), nullptr);
  EXPECT_EQ(value.text(), R"({"z":1,"a":[null,true,false,"x"],"m":{},"e":[]})");
}

TEST(JsonParse, KeepsANumberAsItsText) {
  for (const char* text : {"0", "-0", "1.10", "1e999", "-1.5E-3", "18446744073709551615",
                           "0.1000000000000000055511151231257827", "123456789012345678901234567890",
                           "1.7976931348623159e308"}) {
    const Value value = parse(text).value();
    EXPECT_EQ(value.number_text(), text);
    EXPECT_EQ(value.text(), text);
  }
}

TEST(JsonParse, GivesAnIntegerOnlyForAnIntegerInRange) {
  const auto integer = [](const char* text) { return parse(text).value().as_int64(); };
  EXPECT_EQ(integer("0"), 0);
  EXPECT_EQ(integer("-0"), 0);
  EXPECT_EQ(integer("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(integer("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(integer("9223372036854775808"), std::nullopt);
  EXPECT_EQ(integer("1.0"), std::nullopt);
  EXPECT_EQ(integer("1e3"), std::nullopt);
  EXPECT_EQ(integer("\"1\""), std::nullopt);
  EXPECT_EQ(parse("18446744073709551615").value().as_uint64(), UINT64_MAX);
  EXPECT_EQ(parse("18446744073709551616").value().as_uint64(), std::nullopt);
  EXPECT_EQ(parse("-1").value().as_uint64(), std::nullopt);
}

TEST(JsonParse, DecodesEscapes) {
  EXPECT_EQ(parse(R"("\u0041\n\t\"\\\/\ud83d\ude00\u0000")").value().as_string(),
            "A\n\t\"\\/\xF0\x9F\x98\x80\0"s);
}

TEST(JsonParse, RefusesWhatIsNotJson) {
  const std::string refused[] = {
      "", " ", "nul", "NaN", "Infinity", "-Infinity", "+1", "01", "-01", "1.", ".5", "-", "1e",
      "1e+", "0x10", "1_000", "tru", "True", "'a'", "\"a", "\"\\x41\"", "\"\\u12g4\"", "[1,]",
      "[,1]", "[1 2]", "[", "]", "{\"a\":1,}", "{a:1}", "{\"a\" 1}", "{\"a\":}", "{1:2}", "{}{}",
      "[] x", "1 2", "null null", "/* c */ 1", "1 // c", "\xEF\xBB\xBF{}", "\"a\nb\"", "\"a\tb\"",
      // raw NUL inside and after
      "\"a\0b\""s, "1\0"s, "\0"s,
      // invalid UTF-8: stray continuation, overlong, surrogate, above U+10FFFF, cut short
      "\"\x80\"", "\"\xC0\xAF\"", "\"\xE0\x80\x80\"", "\"\xED\xA0\x80\"", "\"\xF4\x90\x80\x80\"",
      "\"\xE2\x82\"", "{\"\xFF\":1}",
      // lone surrogates
      "\"\\ud83d\"", "\"\\ude00\"", "\"\\ud83dx\"", "\"\\ud83d\\u0041\""};
  for (const std::string& text : refused) EXPECT_EQ(code_of(text), "json_invalid") << text;
}

TEST(JsonParse, RefusesADuplicateKeyHoweverItIsSpelled) {
  EXPECT_EQ(code_of(R"({"a":1,"a":2})"), "json_duplicate_key");
  EXPECT_EQ(code_of(R"({"a":1,"\u0061":2})"), "json_duplicate_key");
  EXPECT_EQ(code_of(R"([{"x":{"":1,"b":2,"":3}}])"), "json_duplicate_key");
  EXPECT_EQ(code_of(R"({"a":{"a":1},"b":{"a":1}})"), "taken");
  EXPECT_EQ(code_of(R"({"a":1,"A":2})"), "taken");
}

TEST(JsonParse, FindsADuplicateAmongManyKeys) {
  std::string text = "{";
  for (int i = 0; i < 5000; ++i) text += "\"k" + std::to_string(i) + "\":0,";
  EXPECT_EQ(code_of(text + "\"other\":0}"), "taken");
  EXPECT_EQ(code_of(text + "\"k2500\":0}"), "json_duplicate_key");
}

TEST(JsonParse, HoldsItsLimits) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_EQ(code_of(nested(32)), "taken");
  EXPECT_EQ(code_of(nested(33)), "json_too_deep");
  EXPECT_EQ(code_of(std::string(100'000, '[')), "json_too_deep");
  EXPECT_EQ(code_of("[[1]]", {.max_depth = 1}), "json_too_deep");

  EXPECT_EQ(code_of("[1,2,3]", {.max_elements = 4}), "taken");
  EXPECT_EQ(code_of("[1,2,3]", {.max_elements = 3}), "json_too_large");
  EXPECT_EQ(code_of("[]", {.max_elements = 0}), "json_too_large");

  EXPECT_EQ(code_of("12345", {.max_bytes = 5}), "taken");
  EXPECT_EQ(code_of("123456", {.max_bytes = 5}), "json_too_large");

  EXPECT_EQ(code_of(std::string(64, '1')), "taken");
  EXPECT_EQ(code_of(std::string(65, '1')), "json_too_large");
  EXPECT_EQ(code_of("[0." + std::string(63, '1') + "]"), "json_too_large");
}

TEST(JsonParse, NamesTheByte) {
  EXPECT_EQ(parse("[1, x]").error().detail.substr(parse("[1, x]").error().detail.find(" at ")),
            " at byte 4");
  const std::string deep = parse("[[[1]]]", {.max_depth = 2}).error().detail;
  EXPECT_EQ(deep, "more than 2 levels at byte 2");
  EXPECT_EQ(parse(R"({"a":1,"a":2})").error().detail, "the key \"a\" at byte 12");
  EXPECT_NE(parse("{} {}").error().detail.find("at byte 3"), std::string::npos)
      << parse("{} {}").error().detail;
}

TEST(JsonValue, NumberTakesExactlyOneNumber) {
  EXPECT_EQ(Value::number("1.50")->number_text(), "1.50");
  for (const char* text : {"", " 1", "1 ", "\"1\"", "null", "1,2", "NaN", "+1"}) {
    EXPECT_FALSE(Value::number(text)) << text;
  }
}

TEST(JsonValue, AddRefusesAKeyTwiceAndOtherKinds) {
  Value object = Value::object();
  EXPECT_TRUE(object.add("a", Value::integer(1)));
  EXPECT_FALSE(object.add("a", Value::integer(2)));
  EXPECT_FALSE(object.push(Value()));
  EXPECT_EQ(object.text(), R"({"a":1})");
  Value null;
  EXPECT_TRUE(null.push(Value::string("x")));
  EXPECT_FALSE(null.add("k", Value()));
  EXPECT_EQ(null.text(), R"(["x"])");
}

TEST(JsonWriter, PlacesCommas) {
  Writer writer;
  writer.begin_object()
      .field("text", "a\"b")
      .field("int", -1)
      .field("big", UINT64_MAX)
      .field("yes", true)
      .field("nothing", nullptr)
      .field("value", Value::string("v"));
  writer.key("list").begin_array().integer(1).begin_object().end_object().raw("[2]").null();
  writer.begin_array().end_array().end_array();
  writer.field("last", std::string("z")).end_object();
  EXPECT_EQ(writer.text(),
            R"({"text":"a\"b","int":-1,"big":18446744073709551615,"yes":true,"nothing":null,)"
            R"("value":"v","list":[1,{},[2],null,[]],"last":"z"})");
  writer.clear();
  EXPECT_EQ(writer.begin_array().end_array().text(), "[]");
}

TEST(JsonWriter, EscapesEveryByteSoThatItReadsBack) {
  std::string every;
  for (int c = 0; c < 128; ++c) every += static_cast<char>(c);
  every += "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";
  Writer writer;
  writer.string(every);
  EXPECT_EQ(parse(writer.text()).value().as_string(), every);
}

TEST(JsonWriter, ReplacesInvalidUtf8) {
  const std::string mark = "\xEF\xBF\xBD";
  const auto written = [](std::string_view text) {
    Writer writer;
    writer.string(text);
    return std::string(parse(writer.text()).value().as_string().value());
  };
  EXPECT_EQ(written("a\x80z"), "a" + mark + "z");
  EXPECT_EQ(written("\xC3"), mark);
  EXPECT_EQ(written("\xE2\x82z"), mark + "z");
  EXPECT_EQ(written("\xC0\xAF"), mark + mark);
  EXPECT_EQ(written("\xED\xA0\x80"), mark + mark + mark);
  EXPECT_EQ(written("\xF0\x9F\x98"), mark);
  EXPECT_EQ(written("\xF0\x9F\x98\xC3\xA9"), mark + "\xC3\xA9");
}

}  // namespace
}  // namespace pawl::json
