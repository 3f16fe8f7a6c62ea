// SPDX-License-Identifier: Apache-2.0
//
// Reads the journal: back along one entity's entries, through whatever lanes they are in, and
// forward through all lanes' commits at once.
#include <algorithm>

#include "store/journal_entry.h"
#include "store/journal_page.h"
#include "store/postgres/postgres_reads.h"
#include "store/postgres/rows.h"

namespace pawl::postgres {

namespace {

// $1 lanes, $2 sequences, $3 whether the place is behind a whole commit, $4 how many commits. The
// rows of the places themselves, and behind them each lane's; of these what comes first by time.
constexpr std::string_view page_sql = R"sql(
WITH place AS (SELECT * FROM unnest($1, $2, $3) AS p (lane, sequence, whole)),
behind AS (
  SELECT j.*, row_number() OVER by_lane AS nth, max(j.time_us) OVER by_lane AS reached
  FROM pawl_lanes l LEFT JOIN place p ON p.lane = l.id
  CROSS JOIN LATERAL (
    SELECT lane, sequence, epoch, time_us, entries FROM pawl_journal
    WHERE lane = l.id AND sequence > coalesce(p.sequence, 0)
    ORDER BY sequence LIMIT $4) j
  WINDOW by_lane AS (PARTITION BY j.lane ORDER BY j.sequence)),
ranked AS (SELECT *, row_number() OVER (ORDER BY reached, lane, sequence) AS rank FROM behind)
SELECT lane, sequence, epoch, time_us, entries, (SELECT restores FROM pawl_store)
FROM ranked WHERE rank <= $4 OR nth = 1
UNION ALL
SELECT j.lane, j.sequence, j.epoch, j.time_us, CASE WHEN p.whole THEN '' ELSE j.entries END, 0
FROM place p JOIN pawl_journal j ON j.lane = p.lane AND j.sequence = p.sequence
ORDER BY 1, 2)sql";

// Lanes whose first commits are gone: what is kept of all begins where the last of them does.
constexpr std::string_view start_sql = R"sql(
SELECT max(j.time_us) FROM pawl_lanes l CROSS JOIN LATERAL (
  SELECT time_us, sequence FROM pawl_journal WHERE lane = l.id ORDER BY sequence LIMIT 1) j
WHERE (j.sequence - 1) % $1 <> 0
  AND EXISTS (SELECT FROM pawl_retention WHERE subject = 'journal' AND removed > 0))sql";

constexpr std::string_view end_sql = R"sql(
SELECT j.lane, j.epoch, j.sequence FROM pawl_lanes l CROSS JOIN LATERAL (
  SELECT lane, epoch, sequence FROM pawl_journal WHERE lane = l.id
  ORDER BY sequence DESC LIMIT 1) j
ORDER BY j.lane)sql";

std::int32_t lane_at(const ResultSet& rows, int row) {
  return static_cast<std::int32_t>(rows.integer(row, 0));
}

}  // namespace

Result<std::vector<TimelineEntry>> PostgresReads::timeline(const EntityRef& ref, int limit) {
  const auto slot = entity(ref);
  if (!slot) return std::unexpected(slot.error());
  std::vector<TimelineEntry> out;
  JournalPosition at = slot->newest;
  while (at.sequence != 0 && static_cast<int>(out.size()) < limit) {
    const auto rows =
        ask("SELECT time_us, entries FROM pawl_journal WHERE lane = $1 AND sequence = $2",
            Parameters().int4(at.lane).integer(at.sequence));
    if (!rows) return std::unexpected(rows.error());
    if (rows->rows() == 0) break;  // older than what is kept
    const auto text = store::entry_at(rows->text_view(0, 1), static_cast<std::size_t>(at.offset));
    JournalPosition previous;
    auto entry = store::read_entry(text, Time{rows->integer(0, 0)}, at, previous);
    if (!entry) return std::unexpected(entry.error());
    out.push_back(std::move(*entry));
    at = previous;
  }
  return out;
}

Result<std::optional<Time>> PostgresReads::history_starts_at() {
  const auto rows = ask(start_sql, Parameters().integer(store::sequences_per_restore));
  if (!rows) return std::unexpected(rows.error());
  if (rows->rows() == 0 || rows->is_null(0, 0)) return std::optional<Time>();
  return std::optional<Time>(Time{rows->integer(0, 0)});
}

Result<JournalPage> PostgresReads::journal_after(const JournalCursor& place, int limit) {
  const int commits = std::clamp(limit, 1, max_journal_commits);
  Parameters parameters;
  parameters.array(Type::int4_array);
  for (const auto& at : place.places) parameters.element(std::int64_t{at.lane});
  parameters.array(Type::bigint_array);
  for (const auto& at : place.places) parameters.element(at.sequence);
  parameters.array(Type::boolean_array);
  for (const auto& at : place.places) {
    parameters.element(at.entries == JournalPlace::whole_commit);
  }
  // One more than asked for, to know whether there are more.
  parameters.integer(std::int64_t{commits} + 1);
  const auto rows = ask(page_sql, parameters);
  if (!rows) return std::unexpected(rows.error());
  std::vector<store::JournalRow> found;
  std::int64_t restores = 0;
  for (int row = 0; row < rows->rows(); ++row) {
    found.push_back({lane_at(*rows, row), rows->integer(row, 1), rows->integer(row, 2),
                     Time{rows->integer(row, 3)}, text_of(*rows, row, 4)});
    restores = std::max(restores, rows->integer(row, 5));
  }
  return store::journal_page(place, found, commits, restores);
}

Result<JournalCursor> PostgresReads::journal_end() {
  const auto rows = ask(end_sql, Parameters());
  if (!rows) return std::unexpected(rows.error());
  JournalCursor end;
  for (int row = 0; row < rows->rows(); ++row) {
    end.reach(JournalPlace{lane_at(*rows, row), rows->integer(row, 1), rows->integer(row, 2)});
  }
  return end;
}

}  // namespace pawl::postgres
