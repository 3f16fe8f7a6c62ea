// SPDX-License-Identifier: Apache-2.0
//
// Struct to row, struct to payload, and back: what was written is read, and what this binary does
// not know is refused instead of guessed.
#include <gtest/gtest.h>
#include <pawl/fields.h>

#include <limits>
#include <string>

namespace {

enum class Colour { red, green };
constexpr auto pawl_names(Colour) {
  return std::array<std::string_view, 2>{"red", "green"};
}

struct Thing {
  static constexpr int schema_number = 3;
  std::string name;
  std::int64_t big = 0;
  std::uint8_t small = 0;
  bool flag = false;
  Colour colour = Colour::red;
  pawl::Time when;
  std::optional<std::string> maybe_text;
  std::optional<int> maybe_number;
  bool operator==(const Thing&) const = default;
  static constexpr auto fields() {
    return std::tuple{pawl::field("name", &Thing::name),
                      pawl::field("big", &Thing::big),
                      pawl::field("small", &Thing::small),
                      pawl::field("flag", &Thing::flag),
                      pawl::field("colour", &Thing::colour),
                      pawl::field("when_us", &Thing::when),
                      pawl::field("maybe_text", &Thing::maybe_text),
                      pawl::field("maybe_number", &Thing::maybe_number)};
  }
};

std::vector<Thing> samples() {
  Thing full{"Ann \"the\" \\ \n\x01 ü €",
             std::numeric_limits<std::int64_t>::min(),
             255,
             true,
             Colour::green,
             pawl::Time{std::numeric_limits<std::int64_t>::max()},
             "",
             -5};
  Thing other = full;
  other.big = std::numeric_limits<std::int64_t>::max();
  other.maybe_text = "x";
  return {Thing{}, full, other};
}

TEST(Fields, RowGivesBackWhatItWasMadeOf) {
  for (const Thing& thing : samples()) {
    const pawl::Row row = pawl::to_row(thing);
    Thing back;
    ASSERT_TRUE(pawl::from_row(std::span<const pawl::Value>(row), back));
    EXPECT_EQ(back, thing);
  }
}

TEST(Fields, PayloadGivesBackWhatItWasMadeOf) {
  for (const Thing& thing : samples()) {
    const auto back = pawl::from_payload<Thing>(pawl::to_payload(thing));
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(*back, thing);
  }
}

TEST(Fields, ColumnsSayTypeAndNullability) {
  const auto columns = pawl::column_specs<Thing>();
  ASSERT_EQ(columns.size(), 8U);
  EXPECT_EQ(columns[0].type, pawl::ColumnType::text);
  EXPECT_EQ(columns[1].type, pawl::ColumnType::integer);
  EXPECT_EQ(columns[4].type, pawl::ColumnType::text);
  EXPECT_FALSE(columns[1].nullable);
  EXPECT_TRUE(columns[6].nullable);
  EXPECT_TRUE(columns[7].nullable);
}

struct BadCell {
  std::size_t column;
  pawl::Value value;
  const char* what;
};

TEST(Fields, RowWithACellTheTypeDoesNotKnowIsRefused) {
  const BadCell cells[] = {{0, std::int64_t{1}, "integer in text"},
                           {0, {}, "null in text"},
                           {1, "1", "text in integer"},
                           {1, {}, "null in integer"},
                           {2, std::int64_t{256}, "more than the type holds"},
                           {2, std::int64_t{-1}, "less than the type holds"},
                           {3, std::int64_t{2}, "a boolean that is neither"},
                           {4, "blue", "an enumerator of a newer binary"},
                           {4, "?", "the name of no enumerator"},
                           {4, {}, "null in an enumerator"},
                           {5, "now", "text in a time"},
                           {7, std::int64_t{1} << 40, "an optional out of range"}};
  for (const BadCell& cell : cells) {
    pawl::Row row = pawl::to_row(Thing{});
    row[cell.column] = cell.value;
    Thing back;
    EXPECT_FALSE(pawl::from_row(std::span<const pawl::Value>(row), back)) << cell.what;
  }
}

TEST(Fields, RowOfAnotherLengthIsRefused) {
  pawl::Row row = pawl::to_row(Thing{});
  Thing back;
  row.emplace_back();
  EXPECT_FALSE(pawl::from_row(std::span<const pawl::Value>(row), back));
  row.resize(7);
  EXPECT_FALSE(pawl::from_row(std::span<const pawl::Value>(row), back));
  EXPECT_FALSE(pawl::from_row(std::span<const pawl::Value>(), back));
}

struct Small {
  std::string a;
  std::optional<std::int64_t> b;
  Colour c = Colour::red;
  static constexpr auto fields() {
    return std::tuple{pawl::field("a", &Small::a), pawl::field("b", &Small::b),
                      pawl::field("c", &Small::c)};
  }
};

TEST(Fields, PayloadIsAFlatObjectWithItsSchemaNumber) {
  EXPECT_EQ(pawl::to_payload(Small{"x", {}, Colour::green}),
            R"({"a":"x","b":null,"c":"green","schema_number":1})");
}

TEST(Fields, PayloadThatThisVersionDoesNotKnowIsRefused) {
  const char* payloads[] = {
      "",
      "[]",
      "7",
      "{",
      R"({"a":"x","b":1,"c":"red"})",                                      // no schema number
      R"({"a":"x","b":1,"c":"red","schema_number":2})",                    // a newer one
      R"({"a":"x","b":1,"c":"red","schema_number":"1"})",                  // not a number
      R"({"a":"x","b":1,"c":"red","d":1,"schema_number":1})",              // an unknown field
      R"({"a":"x","b":1,"schema_number":1})",                              // a missing field
      R"({"a":"x","b":1,"d":"red","schema_number":1})",                    // another field
      R"({"a":null,"b":1,"c":"red","schema_number":1})",                   // null in non-optional
      R"({"a":1,"b":1,"c":"red","schema_number":1})",                      // another type
      R"({"a":"x","b":"1","c":"red","schema_number":1})",                  // another type
      R"({"a":"x","b":1.5,"c":"red","schema_number":1})",                  // not an integer
      R"({"a":"x","b":9223372036854775808,"c":"red","schema_number":1})",  // 2^63
      R"({"a":"x","b":1,"c":"blue","schema_number":1})",                   // unknown enumerator
      R"({"a":"x","a":"y","b":1,"c":"red","schema_number":1})",            // a field twice
      R"({"a":"x","b":1,"c":"red","schema_number":1}x)",                   // something behind it
  };
  for (const char* payload : payloads) {
    const auto read = pawl::from_payload<Small>(payload);
    ASSERT_FALSE(read) << payload;
    EXPECT_EQ(read.error().code, pawl::payload_unreadable) << payload;
  }
  EXPECT_TRUE(pawl::from_payload<Small>(R"({"c":"red","schema_number":1,"b":1,"a":"x"})"));
}

TEST(Fields, EnumeratorsHaveNames) {
  EXPECT_EQ(pawl::name_of(Colour::green), "green");
  EXPECT_EQ(pawl::name_of(static_cast<Colour>(9)), "?");
  EXPECT_EQ(pawl::enum_from_name<Colour>("red"), Colour::red);
  EXPECT_FALSE(pawl::enum_from_name<Colour>("Red"));
  EXPECT_FALSE(pawl::enum_from_name<Colour>(""));
}

}  // namespace
