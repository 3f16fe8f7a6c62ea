// SPDX-License-Identifier: Apache-2.0
//
// Reads the journal: back along one entity's entries, and forward through all commits.
#include <algorithm>

#include "store/journal_entry.h"
#include "store/journal_page.h"
#include "store/sqlite/sqlite_reads.h"

namespace pawl::sqlite {

namespace {

// A statement that is left in the middle of its rows would hold its snapshot.
class StatementReset {
 public:
  explicit StatementReset(Statement& statement) : statement_(statement) {}
  ~StatementReset() { statement_.reset(); }
  StatementReset(const StatementReset&) = delete;
  StatementReset& operator=(const StatementReset&) = delete;

 private:
  Statement& statement_;
};

}  // namespace

Result<std::vector<TimelineEntry>> SqliteReads::timeline(const EntityRef& ref, int limit) {
  auto slot = entity(ref);
  if (!slot) return std::unexpected(slot.error());
  std::vector<TimelineEntry> out;
  const Lease reader(*this);
  auto select = reader->cached("SELECT time_us, entries FROM pawl_journal WHERE position = ?1");
  if (!select) return std::unexpected(select.error());
  JournalPosition at = slot->newest;
  while (at.sequence != 0 && static_cast<int>(out.size()) < limit) {
    (*select)->bind(1, protocol::journal_position(at.lane, at.sequence));
    auto row = (*select)->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) break;  // older than what is kept
    const Time time{(*select)->integer(0)};
    const std::string text(
        store::entry_at((*select)->text_view(1), static_cast<std::size_t>(at.offset)));
    (*select)->reset();
    JournalPosition previous;
    auto entry = store::read_entry(text, time, at, previous);
    if (!entry) return std::unexpected(entry.error());
    out.push_back(std::move(*entry));
    at = previous;
  }
  return out;
}

Result<JournalPage> SqliteReads::journal_after(const JournalCursor& place, int limit) {
  const Lease reader(*this);
  auto select = reader->cached(
      "SELECT lane, sequence, epoch, time_us, entries FROM pawl_journal WHERE position >= ?1 "
      "ORDER BY position LIMIT ?2");
  if (!select) return std::unexpected(select.error());
  const int commits = std::clamp(limit, 1, max_journal_commits);
  // There is one lane. The place's own commit, and one more than asked for.
  const JournalPlace* in_lane = place.in_lane(0);
  (*select)->bind(1, in_lane == nullptr ? 0 : in_lane->sequence);
  (*select)->bind(2, std::int64_t{commits} + 2);
  const StatementReset reset(**select);
  std::vector<store::JournalRow> rows;
  for (auto stepped = (*select)->step();; stepped = (*select)->step()) {
    if (!stepped) return std::unexpected(stepped.error());
    if (!*stepped) break;
    const Statement& row = **select;
    rows.push_back({static_cast<std::int32_t>(row.integer(0)), row.integer(1), row.integer(2),
                    Time{row.integer(3)}, row.text(4)});
  }
  return store::journal_page(place, rows, commits, 0);
}

Result<JournalCursor> SqliteReads::journal_end() {
  const Lease reader(*this);
  auto select = reader->cached(
      "SELECT lane, epoch, sequence FROM pawl_journal ORDER BY position DESC LIMIT 1");
  if (!select) return std::unexpected(select.error());
  const StatementReset reset(**select);
  auto stepped = (*select)->step();
  if (!stepped) return std::unexpected(stepped.error());
  JournalCursor end;
  if (*stepped) {
    const Statement& row = **select;
    end.reach(
        JournalPlace{static_cast<std::int32_t>(row.integer(0)), row.integer(1), row.integer(2)});
  }
  return end;
}

}  // namespace pawl::sqlite
