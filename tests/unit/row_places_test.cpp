// SPDX-License-Identifier: Apache-2.0
//
// What a lane remembers of where its rows lie: what was left and nothing else, until a page is to
// be cleaned, room is needed, or the places turn out to be wrong. What comes of a wrong one stands
// in the postgres tests.
#include "store/postgres/row_places.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace pawl::test {

namespace {

using postgres::RowPlace;
using postgres::RowPlaces;

constexpr std::string_view accounts = "account";
constexpr std::string_view drawers = "drawers";

constexpr RowPlace here{7, 1};
constexpr RowPlace there{8, 2};
constexpr std::size_t row_bytes = 100;
// Written to a page before the index is asked again.
constexpr std::size_t most_written_bytes = 800;

constexpr int first_rest = 64;  // locks
constexpr int longest_rest = 4'096;

bool known(RowPlaces& places, std::string_view key) {
  return places.use(accounts, key).has_value();
}

// How many locks must begin until a place of a key that is known is used again.
int rest(RowPlaces& places) {
  int locks = 0;
  for (; !known(places, "x") && locks <= 2 * longest_rest; ++locks) places.next_lock();
  return locks;
}

RowPlaces with_x() {
  RowPlaces places;
  places.left(accounts, "x", here, row_bytes);
  return places;
}

}  // namespace

TEST(RowPlaces, GiveWhatWasLeftLastAndNothingElse) {
  RowPlaces places;
  EXPECT_EQ(places.use(accounts, "x"), std::nullopt) << "before anything was left";
  places.left(accounts, "x", here, row_bytes);
  EXPECT_EQ(places.use(accounts, "x"), here);
  EXPECT_EQ(places.use(accounts, "y"), std::nullopt);
  places.left(accounts, "x", there, row_bytes);
  EXPECT_EQ(places.use(accounts, "x"), there);
}

// A table's name comes from a registry, a command or a row.
TEST(RowPlaces, KnowATableByItsNameWhereverThatStands) {
  RowPlaces places;
  places.left(accounts, "x", here, row_bytes);
  EXPECT_EQ(places.use(std::string(accounts), "x"), here);
  EXPECT_EQ(places.use(drawers, "x"), std::nullopt);
}

TEST(RowPlaces, AreForgottenOneByOne) {
  RowPlaces places;
  places.forget(accounts, "x");
  places.left(accounts, "x", here, row_bytes);
  places.left(accounts, "y", there, row_bytes);
  places.forget(accounts, "x");
  EXPECT_EQ(places.use(accounts, "x"), std::nullopt);
  EXPECT_EQ(places.use(accounts, "y"), there);
}

TEST(RowPlaces, AreCorrectedByTheIndexWhereOneWasKnown) {
  RowPlaces places;
  places.found(accounts, "x", here);
  EXPECT_EQ(places.use(accounts, "x"), std::nullopt) << "before anything was left";
  places.left(accounts, "x", here, row_bytes);
  places.found(accounts, "x", there);
  EXPECT_EQ(places.use(accounts, "x"), there);
  places.found(accounts, "y", here);
  EXPECT_EQ(places.use(accounts, "y"), std::nullopt);
}

TEST(RowPlaces, OfTwoTablesWithTheSameKeyAreTwo) {
  RowPlaces places;
  places.left(accounts, "x", here, row_bytes);
  EXPECT_EQ(places.use(drawers, "x"), std::nullopt);
  places.left(drawers, "x", there, row_bytes);
  EXPECT_EQ(places.use(accounts, "x"), here);
  EXPECT_EQ(places.use(drawers, "x"), there);
  places.forget(accounts, "x");
  EXPECT_EQ(places.use(drawers, "x"), there);
}

TEST(RowPlaces, OfAPageThatMuchWasWrittenToAreNotUsedUntilTheIndexLedThere) {
  RowPlaces places;
  places.left(accounts, "x", here, most_written_bytes / 2);
  places.left(accounts, "y", {here.block, 2}, most_written_bytes / 2);
  places.left(accounts, "elsewhere", there, row_bytes);
  places.left(drawers, "x", here, row_bytes);
  EXPECT_TRUE(known(places, "x"));
  places.left(accounts, "y", {here.block, 3}, 1);
  EXPECT_FALSE(known(places, "x"));
  EXPECT_FALSE(known(places, "y"));
  EXPECT_TRUE(known(places, "elsewhere"));
  EXPECT_EQ(places.use(drawers, "x"), here) << "the same page of another table is another";

  places.found(accounts, "elsewhere", there);
  EXPECT_FALSE(known(places, "x")) << "the index led to another page";
  places.found(accounts, "z", {here.block, 4});
  EXPECT_EQ(places.use(accounts, "x"), here);
  EXPECT_EQ(places.use(accounts, "y"), (RowPlace{here.block, 3}));
  places.left(accounts, "y", {here.block, 5}, most_written_bytes);
  EXPECT_TRUE(known(places, "x")) << "it is counted from then on";
  places.left(accounts, "y", {here.block, 6}, 1);
  EXPECT_FALSE(known(places, "x"));
}

TEST(RowPlaces, OfAPageAreNotUsedAfterOneHugeRowEither) {
  // As many bytes as a count of 16 bits would come back to nothing by, at once or by and by.
  constexpr std::size_t round_trip_bytes = std::size_t{1} << 16;
  RowPlaces places;
  places.left(accounts, "x", here, round_trip_bytes);
  EXPECT_FALSE(known(places, "x"));
  places.left(accounts, "y", there, round_trip_bytes - 1);
  places.left(accounts, "y", there, 1);
  EXPECT_FALSE(known(places, "y"));
}

TEST(RowPlaces, AreBoundedAndTheNewestStay) {
  constexpr int keys = 1'000'000;
  constexpr int bound = 131'072;
  constexpr int newest = 20'000;
  const auto key = [](int i) { return "key " + std::to_string(i); };
  RowPlaces places;
  for (int i = 0; i < keys; ++i) {
    places.left(accounts, key(i), {static_cast<std::uint32_t>(i), 1}, 0);
    ASSERT_TRUE(known(places, key(i))) << i;
  }
  int known_keys = 0;
  int known_newest = 0;
  for (int i = 0; i < keys; ++i) {
    const auto place = places.use(accounts, key(i));
    if (!place) continue;
    ASSERT_EQ(place->block, static_cast<std::uint32_t>(i)) << "another key's";
    ++known_keys;
    if (i >= keys - newest) ++known_newest;
  }
  EXPECT_LE(known_keys, bound);
  // Where four newer ones share a line with one, it has given way.
  EXPECT_GT(known_newest, newest * 99 / 100);
  places.left(accounts, "x", here, row_bytes);
  EXPECT_EQ(places.use(accounts, "x"), here);
}

TEST(RowPlaces, RestAfterAWrongOneForLongerEachTime) {
  RowPlaces places = with_x();
  EXPECT_EQ(rest(places), 0);
  for (int wanted = first_rest; wanted < longest_rest; wanted *= 2) {
    places.judge(true);
    EXPECT_EQ(rest(places), wanted);
  }
  for (int i = 0; i < 3; ++i) {
    places.judge(true);
    EXPECT_EQ(rest(places), longest_rest);
  }
}

TEST(RowPlaces, RestShortlyAgainAfterManyRightLocksInARow) {
  RowPlaces places = with_x();
  const auto judge_right = [&](int times) {
    for (int i = 0; i < times; ++i) places.judge(false);
  };
  places.judge(true);
  EXPECT_EQ(rest(places), first_rest);
  judge_right(longest_rest - 1);
  places.judge(true);
  EXPECT_EQ(rest(places), 2 * first_rest) << "one too few";
  judge_right(1);
  places.judge(true);
  EXPECT_EQ(rest(places), 4 * first_rest) << "not in a row";
  judge_right(longest_rest);
  EXPECT_EQ(rest(places), 0) << "right ones cost no rest";
  places.judge(true);
  EXPECT_EQ(rest(places), first_rest);
  judge_right(longest_rest - 1);
  places.judge(true);
  EXPECT_EQ(rest(places), 2 * first_rest) << "they are counted anew";
}

TEST(RowPlaces, GoOnBeingRememberedAtRest) {
  RowPlaces places = with_x();
  places.left(accounts, "y", there, row_bytes);
  places.judge(true);
  places.left(accounts, "x", {9, 3}, row_bytes);
  places.forget(accounts, "y");
  EXPECT_EQ(rest(places), first_rest);
  EXPECT_EQ(places.use(accounts, "x"), (RowPlace{9, 3}));
  EXPECT_FALSE(known(places, "y"));
}

}  // namespace pawl::test
