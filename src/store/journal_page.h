// SPDX-License-Identifier: Apache-2.0
//
// Makes a page of the journal out of the rows that a store read: checks that each lane's rows
// follow its place without a gap, and merges the lanes. By the commits' times, so that what a
// reader sees is close to what happened; but a commit never comes before one that an entry of it
// follows on, whatever the clocks said. Pure; reading the rows is left to the stores.
#pragma once

#include <pawl/journal.h>

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/storage.h"

namespace pawl::store {

// One commit.
struct JournalRow {
  std::int32_t lane = 0;
  std::int64_t sequence = 0;
  std::int64_t epoch = 0;
  Time time;
  std::string entries;
};

// Of one store: a reader's cursor names them all.
inline constexpr std::int64_t max_lanes = 64;

// The number that a lane begins with which is new in a store that was restored so often: what a
// lane of that number committed in the life that the restore forgot is not numbered again.
// (PostgreSQL; SQLite has one lane.)
inline constexpr std::int64_t sequences_per_restore = std::int64_t{1} << 30;
inline constexpr std::int64_t max_restores = max_journal_sequence / sequences_per_restore;
constexpr std::int64_t first_sequence(std::int64_t restores) {
  return 1 + restores * sequences_per_restore;
}

// `rows`, by lane and sequence: of each lane that the cursor names the row of its place (its
// entries only if the place lies inside), and behind it so many that the page can be filled: of all
// lanes' rows the `commits` + 1 that come first by time, and at least one of each lane that has
// one. All of one snapshot. Errors: journal_place_gone, payload_unreadable.
Result<JournalPage> journal_page(const JournalCursor& after, const std::vector<JournalRow>& rows,
                                 int commits, std::int64_t restores);

}  // namespace pawl::store
