// SPDX-License-Identifier: Apache-2.0
//
// Conformance of a store, part 4: the journal can be followed from any place that is kept, without
// a skip and without a double. Part of the suite that conformance.h registers.
#pragma once

#include <set>

#include "store/conformance_fixture.h"

namespace pawl::test {

inline std::string words_of(const JournalPage& page) {
  std::string out;
  for (const auto& entry : page.entries) {
    out += (out.empty() ? "" : " ") + entry.key + std::to_string(entry.step.version);
  }
  return out;
}

TYPED_TEST_P(StoreConformance, TheJournalIsReadOnFromAnyPlace) {
  Reads& reads = this->store->reads();
  EXPECT_EQ(reads.journal_end().value(), JournalCursor{});
  EXPECT_TRUE(reads.journal_after({}, 10).value().entries.empty());
  this->commit_entries("a1 b1");
  this->commit_entries("");
  this->commit_entries("a2 b2 c1");
  this->commit_entries("a3");
  const auto all = reads.journal_after({}, 10);
  ASSERT_TRUE(all) << all.error().text();
  EXPECT_EQ(words_of(*all), "a1 b1 a2 b2 c1 a3");
  EXPECT_FALSE(all->more);
  EXPECT_EQ(all->end, reads.journal_end().value());
  const JournalEntry& entry = all->entries[3];
  EXPECT_EQ(entry.machine, "account");
  EXPECT_EQ(entry.step.from, "one");
  EXPECT_EQ(entry.step.to, "other");
  EXPECT_EQ(entry.step.time, Time{777});
  // The place behind each entry is where the rest begins; also in the middle of a commit.
  JournalCursor behind;
  for (std::size_t i = 0; i < all->entries.size(); ++i) {
    behind.reach(all->entries[i].place);
    const auto rest = reads.journal_after(behind, 10);
    ASSERT_TRUE(rest) << rest.error().text();
    EXPECT_EQ(words_of(*rest), words_of(*all).substr(std::min<std::size_t>(3 * i + 3, 17)));
    EXPECT_EQ(rest->end, all->end);
  }
  // Page by page, with the commit without entries as a page of its own.
  std::string seen;
  JournalCursor place;
  int pages = 0;
  for (bool more = true; more; ++pages) {
    const auto page = reads.journal_after(place, 1);
    ASSERT_TRUE(page) << page.error().text();
    if (!page->entries.empty()) seen += (seen.empty() ? "" : " ") + words_of(*page);
    place = page->end;
    more = page->more;
  }
  EXPECT_EQ(seen, words_of(*all));
  EXPECT_EQ(pages, 4);
  EXPECT_EQ(place, all->end);
  // Nothing new is not the end: the same place gives what comes later, of the next process too.
  EXPECT_TRUE(reads.journal_after(place, 10).value().entries.empty());
  this->reopen();
  this->commit_entries("b3");
  const auto later = this->store->reads().journal_after(place, 10);
  ASSERT_TRUE(later) << later.error().text();
  EXPECT_EQ(words_of(*later), "b3");
  EXPECT_GT(later->end.places.at(0).epoch, place.places.at(0).epoch);
}

TYPED_TEST_P(StoreConformance, APlaceThatTheJournalDoesNotHaveIsRefused) {
  for (const char* words : {"a1", "a2", "a3", "a4"}) this->commit_entries(words);
  const auto all = this->store->reads().journal_after({}, 10).value();
  const auto refused = [&](JournalCursor place) {
    const auto page = this->store->reads().journal_after(place, 10);
    return !page && page.error().code == journal_place_gone;
  };
  const auto behind = [&](std::size_t entry) { return JournalCursor{{all.entries[entry].place}}; };
  JournalCursor ahead = all.end;
  ++ahead.places[0].sequence;
  EXPECT_TRUE(refused(ahead)) << "a later one than there is: of the original of a restored copy";
  JournalCursor other = behind(1);
  ++other.places[0].epoch;
  EXPECT_TRUE(refused(other)) << "that commit was another process's";
  JournalCursor stranger = all.end;
  stranger.reach(JournalPlace{all.end.places[0].lane + 7, 1, 1});
  EXPECT_TRUE(refused(stranger)) << "it has been in a lane that there is not";
  this->world.sql("DELETE FROM pawl_journal WHERE sequence <= " +
                  std::to_string(all.entries[1].place.sequence));
  EXPECT_TRUE(refused({})) << "from the beginning: it is not there";
  EXPECT_TRUE(refused(behind(0)));
  EXPECT_TRUE(refused(behind(1))) << "the place's own commit tells whose it is";
  EXPECT_FALSE(refused(behind(2)));
  EXPECT_EQ(words_of(this->store->reads().journal_after(behind(2), 10).value()), "a4");
  EXPECT_EQ(this->store->reads().journal_end().value(), all.end);
  // A gap in the middle is none that may be passed over.
  this->commit_entries("a5");
  this->world.sql("DELETE FROM pawl_journal WHERE sequence = " +
                  std::to_string(all.end.places[0].sequence));
  EXPECT_TRUE(refused(behind(2)));
}

}  // namespace pawl::test
