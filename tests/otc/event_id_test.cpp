// SPDX-License-Identifier: Apache-2.0
//
// An event's id names a place in each lane, is as long as it must be, and has one spelling.
#include <gtest/gtest.h>

#include "systems/otc/errors.h"
#include "systems/otc/order_event.h"

namespace pawl::otc {

namespace {

TEST(EventId, NamesAPlaceInEachLane) {
  const JournalCursor cursor{{{0, 7, 12}, {3, 1, 1'073'741'825, 2}, {63, 2, 5}}};
  const std::string id = event_id_of("1-ab", cursor);
  EXPECT_EQ(id, "1-ab.7-12_3.1-1073741825-2_63.2-5");
  const auto parsed = parse_event_id(id);
  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_EQ(parsed->store_epoch, "1-ab");
  EXPECT_EQ(parsed->place, cursor);
  EXPECT_EQ(parse_event_id(event_id_of("1-ab", {}))->place, JournalCursor{});
}

TEST(EventId, OfLanesInAnotherOrderTwiceOrTooManyIsRefused) {
  JournalCursor many;
  for (std::int32_t lane = 0; lane < 64; ++lane) many.reach(JournalPlace{lane, 1, 1});
  EXPECT_TRUE(parse_event_id(event_id_of("0-a", many)));
  many.reach(JournalPlace{64, 1, 1});
  for (const std::string& bad :
       {event_id_of("0-a", many), std::string("0-a.3.1-1_1-1"), std::string("0-a.3.1-1_3.1-2"),
        std::string("0-a.0.1-1"), std::string("0-a.1-1_"), std::string("0-a._1-1"),
        std::string("0-a.4294967296.1-1"), std::string("0-a.x.1-1"), std::string("0-a.1-0")}) {
    const auto parsed = parse_event_id(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code, error::event_id_invalid) << bad;
  }
}

}  // namespace

}  // namespace pawl::otc
