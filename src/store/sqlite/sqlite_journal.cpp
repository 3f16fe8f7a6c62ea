// SPDX-License-Identifier: Apache-2.0
//
// Reads the journal: back along one entity's entries, and forward through all commits.
#include <algorithm>

#include "core/json.h"
#include "store/sqlite/journal_entry.h"
#include "store/sqlite/sqlite_reads.h"

namespace pawl::sqlite {

namespace {

std::string text_of(const json::Value& object, std::string_view name) {
  const auto* member = object.find(name);
  return member == nullptr ? std::string() : std::string(member->as_string().value_or(""));
}

// One row of pawl_journal: position, epoch, time_us, entries.
struct JournalRow {
  explicit JournalRow(const Statement& row)
      : sequence(row.integer(0) & ((std::int64_t{1} << protocol::sequence_bits) - 1)),
        epoch(row.integer(1)),
        time{row.integer(2)} {}
  std::int64_t sequence;
  std::int64_t epoch;
  Time time;
};

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

// The entries of a commit from the `skipped`th on.
Result<void> add_entries(std::string_view text, const JournalRow& row, std::int32_t lane,
                         std::int32_t skipped, std::vector<JournalEntry>& out) {
  const auto entries = json::parse(text);
  if (!entries || entries->as_array() == nullptr) {
    return fail(payload_unreadable, "journal row " + std::to_string(row.sequence));
  }
  const auto& list = *entries->as_array();
  for (auto i = static_cast<std::size_t>(skipped); i < list.size(); ++i) {
    JournalEntry& entry = out.emplace_back();
    const bool last = i + 1 == list.size();
    entry.after = {lane, row.epoch, row.sequence,
                   last ? JournalCursor::whole_commit : static_cast<std::int32_t>(i + 1)};
    entry.machine = text_of(list[i], "machine");
    entry.key = text_of(list[i], "key");
    entry.step = read_step(list[i], row.time, lane, row.sequence);
  }
  return {};
}

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
    const std::string text(entry_at((*select)->text_view(1), static_cast<std::size_t>(at.offset)));
    (*select)->reset();
    JournalPosition previous;
    auto entry = read_entry(text, time, at, previous);
    if (!entry) return std::unexpected(entry.error());
    out.push_back(std::move(*entry));
    at = previous;
  }
  return out;
}

Result<JournalPage> SqliteReads::journal_after(const JournalCursor& place, int limit) {
  JournalPage page;
  page.end = place;
  const Lease reader(*this);
  // The place's own commit is read, too: it shows that the place is one of this journal.
  auto select = reader->cached(
      "SELECT position, epoch, time_us, entries FROM pawl_journal WHERE position >= ?1 AND "
      "position < ?2 ORDER BY position LIMIT ?3");
  if (!select) return std::unexpected(select.error());
  const int commits = std::clamp(limit, 1, max_journal_commits);
  (*select)->bind(1, protocol::journal_position(place.lane, place.sequence));
  (*select)->bind(2, protocol::journal_position(place.lane + 1, 0));
  // One more than asked for, to know whether there are more.
  (*select)->bind(3, std::int64_t{commits} + (place.sequence > 0 ? 2 : 1));
  const StatementReset reset(**select);
  std::int64_t expected = std::max<std::int64_t>(place.sequence, 1);
  int taken = 0;
  for (auto stepped = (*select)->step();; stepped = (*select)->step()) {
    if (!stepped) return std::unexpected(stepped.error());
    if (!*stepped) break;
    const JournalRow row(**select);
    const bool own = row.sequence == place.sequence;
    if (row.sequence != expected || (own && row.epoch != place.epoch)) {
      return fail(journal_place_gone);
    }
    ++expected;
    if (!own && taken == commits) {
      page.more = true;
      break;
    }
    if (!own) ++taken;
    const std::int32_t skipped = own ? place.entries : 0;
    if (skipped == JournalCursor::whole_commit) continue;
    if (auto added = add_entries((*select)->text_view(3), row, place.lane, skipped, page.entries);
        !added) {
      return std::unexpected(added.error());
    }
    page.end = {place.lane, row.epoch, row.sequence};
  }
  if (place.sequence > 0 && expected == place.sequence) return fail(journal_place_gone);
  return page;
}

Result<JournalCursor> SqliteReads::journal_end(std::int32_t lane) {
  const Lease reader(*this);
  auto select = reader->cached(
      "SELECT position, epoch, time_us FROM pawl_journal WHERE position >= ?1 AND position < ?2 "
      "ORDER BY position DESC LIMIT 1");
  if (!select) return std::unexpected(select.error());
  (*select)->bind(1, protocol::journal_position(lane, 0));
  (*select)->bind(2, protocol::journal_position(lane + 1, 0));
  const StatementReset reset(**select);
  auto stepped = (*select)->step();
  if (!stepped) return std::unexpected(stepped.error());
  JournalCursor end;
  end.lane = lane;
  if (!*stepped) return end;
  const JournalRow row(**select);
  end.epoch = row.epoch;
  end.sequence = row.sequence;
  return end;
}

}  // namespace pawl::sqlite
