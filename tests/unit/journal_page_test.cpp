// SPDX-License-Identifier: Apache-2.0
//
// Pages of the journal of several lanes: nothing is skipped or given twice, a lane's commits come
// in its order and an entity's entries in the order of its versions, wherever pages are cut and
// whatever the lanes' clocks say.
#include "store/journal_page.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <random>
#include <set>

#include "core/json.h"
#include "seed.h"

namespace pawl::store {

namespace {

// A journal as several lanes write it.
class Lanes {
 public:
  // A commit that makes the next version of each of these entities.
  void commit(std::int32_t lane, std::int64_t time, const std::vector<std::string>& keys) {
    auto& own = rows_[lane];
    const auto sequence = static_cast<std::int64_t>(own.size()) + 1;
    json::Writer entries;
    entries.begin_array();
    for (const auto& key : keys) {
      auto& newest = newest_[key];
      entries.begin_object().field("machine", "account").field("key", key);
      entries.field("version", ++newest.version).key("previous").begin_array();
      entries.integer(newest.lane).integer(newest.sequence).integer(0).end_array().end_object();
      newest.lane = lane;
      newest.sequence = sequence;
    }
    entries.end_array();
    own.push_back({lane, sequence, 7, Time{time}, std::move(entries).take()});
  }

  // What a store reads for a page: see journal_page().
  std::vector<JournalRow> read(const JournalCursor& after, int commits) const {
    struct Ranked {
      Time reached;
      const JournalRow* row;
      bool first;
    };
    std::vector<Ranked> behind;
    std::vector<JournalRow> out;
    for (const auto& [lane, rows] : rows_) {
      const JournalPlace* place = after.in_lane(lane);
      const std::int64_t from = place == nullptr ? 0 : place->sequence;
      if (from > 0) out.push_back(rows.at(static_cast<std::size_t>(from - 1)));
      Time reached;
      for (auto i = static_cast<std::size_t>(from); i < rows.size(); ++i) {
        reached = std::max(reached, rows[i].time);
        behind.push_back({reached, &rows[i], static_cast<std::int64_t>(i) == from});
      }
    }
    std::ranges::sort(behind, {}, [](const Ranked& r) {
      return std::tuple(r.reached, r.row->lane, r.row->sequence);
    });
    for (std::size_t i = 0; i < behind.size(); ++i) {
      if (behind[i].first || i < static_cast<std::size_t>(commits) + 1) {
        out.push_back(*behind[i].row);
      }
    }
    std::ranges::sort(out, {}, [](const JournalRow& r) { return std::pair(r.lane, r.sequence); });
    return out;
  }

  Result<JournalPage> page(const JournalCursor& after, int commits) const {
    return journal_page(after, read(after, commits), commits, 0);
  }

  std::size_t commits() const {
    std::size_t out = 0;
    for (const auto& [lane, rows] : rows_) out += rows.size();
    return out;
  }
  std::map<std::int32_t, std::vector<JournalRow>>& rows() { return rows_; }

 private:
  struct Newest {
    std::int32_t lane = 0;
    std::int64_t sequence = 0;
    std::int64_t version = 0;
  };
  std::map<std::int32_t, std::vector<JournalRow>> rows_;
  std::map<std::string, Newest> newest_;
};

std::string words_of(const std::vector<JournalEntry>& entries) {
  std::string out;
  for (const auto& entry : entries) {
    out += (out.empty() ? "" : " ") + entry.key + std::to_string(entry.step.version);
  }
  return out;
}

TEST(JournalPage, LanesAreMergedByTime) {
  Lanes lanes;
  lanes.commit(0, 10, {"a"});
  lanes.commit(2, 20, {"b"});
  lanes.commit(0, 30, {"c"});
  lanes.commit(1, 30, {"d"});
  lanes.commit(2, 40, {"a"});
  EXPECT_EQ(words_of(lanes.page({}, 10)->entries), "a1 b1 c1 d1 a2");
  const auto two = lanes.page({}, 2).value();
  EXPECT_EQ(words_of(two.entries), "a1 b1");
  EXPECT_TRUE(two.more);
  EXPECT_EQ(words_of(lanes.page(two.end, 10)->entries), "c1 d1 a2");
}

TEST(JournalPage, WhatFollowsOnAnotherCommitComesBehindItWhateverTheClocksSay) {
  Lanes lanes;
  lanes.commit(1, 100, {"a"});
  lanes.commit(0, 50, {"a"});  // on a server whose clock is behind
  lanes.commit(0, 60, {"b"});
  lanes.commit(1, 110, {"b"});
  for (const int commits : {1, 2, 10}) {
    JournalCursor at;
    std::vector<JournalEntry> seen;
    for (bool more = true; more;) {
      auto page = lanes.page(at, commits);
      ASSERT_TRUE(page) << page.error().text();
      for (auto& entry : page->entries) seen.push_back(std::move(entry));
      at = page->end;
      more = page->more;
    }
    EXPECT_EQ(words_of(seen), "a1 a2 b1 b2") << commits;
  }
}

TEST(JournalPage, ALaneThatCommitsLaterIsReadFromItsBeginning) {
  Lanes lanes;
  lanes.commit(3, 10, {"a"});
  const auto first = lanes.page({}, 10).value();
  lanes.commit(1, 5, {"b"});
  lanes.commit(3, 20, {"a"});
  EXPECT_EQ(words_of(lanes.page(first.end, 10)->entries), "b1 a2");
}

TEST(JournalPage, AGapInAnyLaneIsToldAndNotPassedOver) {
  Lanes lanes;
  for (int i = 1; i <= 4; ++i) lanes.commit(i % 2, i * 10, {"a"});
  const auto all = lanes.page({}, 10).value();
  auto rows = lanes.read({}, 10);
  std::erase_if(rows, [](const JournalRow& r) { return r.lane == 1 && r.sequence == 1; });
  EXPECT_EQ(journal_page({}, rows, 10, 0).error().code, journal_place_gone);
  auto middle = lanes.read(JournalCursor(), 10);
  std::erase_if(middle, [](const JournalRow& r) { return r.lane == 0 && r.sequence == 2; });
  middle.push_back(middle.back());
  middle.back().sequence += 2;
  EXPECT_EQ(journal_page({}, middle, 10, 0).error().code, journal_place_gone);
  // A lane that is new after a restore begins with another number; one of an older life does not.
  for (JournalRow& row : rows) {
    if (row.lane == 1) row.sequence = first_sequence(1);
    row.entries = "[]";
  }
  EXPECT_TRUE(journal_page({}, rows, 10, 1));
  EXPECT_EQ(journal_page({}, rows, 10, 0).error().code, journal_place_gone);
  // The place's own commit must be there and be of that epoch, in every lane.
  for (const JournalPlace& place : all.end.places) {
    JournalCursor other = all.end;
    for (JournalPlace& own : other.places) own.epoch += own.lane == place.lane ? 1 : 0;
    EXPECT_EQ(lanes.page(other, 10).error().code, journal_place_gone) << place.lane;
    rows = lanes.read(all.end, 10);
    std::erase_if(rows, [&](const JournalRow& r) { return r.lane == place.lane; });
    EXPECT_EQ(journal_page(all.end, rows, 10, 0).error().code, journal_place_gone) << place.lane;
  }
}

TEST(JournalPage, CommitsThatFollowOnOneAnotherInACircleAreNoEndlessRead) {
  Lanes lanes;
  lanes.commit(0, 10, {"a"});
  lanes.commit(1, 20, {"b"});
  const auto link = [](std::int32_t lane) {
    return R"([{"machine":"m","key":"k","version":2,"previous":[)" + std::to_string(lane) +
           ",1,0]}]";
  };
  lanes.rows()[0][0].entries = link(1);
  lanes.rows()[1][0].entries = link(0);
  const auto page = lanes.page({}, 10);
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, payload_unreadable);
}

// Lanes with clocks of their own, entities that go from lane to lane, pages cut anywhere, resumed
// from any entry.
TEST(JournalPage, RandomJournalsAreReadWholeAndInOrder) {
  const auto seed = test::seed_of_run();
  std::cout << "PAWL_SEED=" << seed << "\n";
  std::mt19937_64 random(seed);
  const auto below = [&](std::int64_t bound) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(bound));
  };
  for (int round = 0; round < 300; ++round) {
    Lanes lanes;
    const auto lane_count = 1 + below(5);
    std::int64_t now = 1'000;
    const auto write = [&](std::int64_t commits) {
      for (std::int64_t i = 0; i < commits; ++i) {
        now += below(5);
        const auto lane = static_cast<std::int32_t>(3 * below(lane_count));
        std::set<std::string> keys;
        for (auto left = below(4); left > 0; --left)
          keys.insert(std::string(1, static_cast<char>('a' + below(6))));
        const std::int64_t skew = round % 2 == 0 ? 0 : below(200) - 100;
        lanes.commit(lane, now + skew, {keys.begin(), keys.end()});
      }
    };
    write(below(60));
    JournalCursor at;
    std::map<std::string, std::int64_t> versions;
    std::map<std::int32_t, std::pair<std::int64_t, std::int32_t>> places;
    std::int64_t writes_left = 3;
    for (bool more = true; more || writes_left > 0;) {
      if (!more || below(4) == 0) {
        write(writes_left > 0 ? below(10) : 0);
        --writes_left;
      }
      const int commits = static_cast<int>(1 + below(7));
      const auto page = lanes.page(at, commits);
      ASSERT_TRUE(page) << page.error().text();
      // As one who stops in the middle and comes again.
      const auto taken =
          below(3) == 0 ? below(std::ssize(page->entries) + 1) : std::ssize(page->entries);
      for (std::int64_t i = 0; i < taken; ++i) {
        const JournalEntry& entry = page->entries[static_cast<std::size_t>(i)];
        EXPECT_EQ(entry.step.version, ++versions[entry.key]) << entry.key << " in round " << round;
        const std::pair place(entry.place.sequence, entry.place.entries);
        EXPECT_LT(places[entry.place.lane], place);
        places[entry.place.lane] = place;
        at.reach(entry.place);
      }
      const bool whole = taken == std::ssize(page->entries);
      if (whole) at = page->end;
      more = page->more || !whole;
    }
    std::int64_t committed = 0;
    for (const JournalPlace& place : at.places) committed += place.sequence;
    EXPECT_EQ(committed, static_cast<std::int64_t>(lanes.commits())) << "in round " << round;
    if (HasFailure()) return;
  }
}

TEST(JournalCursor, CoversWhatItHasReachedInEachLane) {
  JournalCursor cursor;
  cursor.reach(JournalPlace{2, 1, 5, 3});
  cursor.reach(JournalPlace{0, 1, 9});
  EXPECT_TRUE(cursor.covers(JournalPlace{2, 1, 5, 3}));
  EXPECT_TRUE(cursor.covers(JournalPlace{2, 1, 4}));
  EXPECT_FALSE(cursor.covers(JournalPlace{2, 1, 5}));
  EXPECT_FALSE(cursor.covers(JournalPlace{1, 1, 1}));
  const JournalCursor before = cursor;
  cursor.reach(JournalPlace{0, 1, 8});
  EXPECT_EQ(cursor, before) << "never back";
  JournalCursor other{{{0, 1, 4}, {7, 1, 1}}};
  EXPECT_FALSE(cursor.covers(other));
  cursor.reach(other);
  EXPECT_TRUE(cursor.covers(other) && cursor.covers(before));
  EXPECT_EQ(cursor.places.size(), 3U);
}

}  // namespace

}  // namespace pawl::store
