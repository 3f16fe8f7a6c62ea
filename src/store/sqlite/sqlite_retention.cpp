// SPDX-License-Identifier: Apache-2.0
//
// Removal of old rows in small walks along the keys. What is looked at is read outside any
// transaction: the lane's thread is here, so nobody changes it meanwhile. Where nothing is old
// there is no commit either, and the walk's place is remembered in memory alone.
#include <algorithm>

#include "store/retention_place.h"
#include "store/sqlite/sqlite_store.h"

namespace pawl::sqlite {

using protocol::RetentionPass;
using protocol::RetentionPassed;
using protocol::RetentionSubject;

struct SqliteLane::OldRows {
  std::vector<std::int64_t> ids;
  std::vector<store::ReceiptPlace> receipts;
  std::string place;  // where the next walk goes on; empty: from the beginning
  bool finished = false;
  std::int64_t newest_us = 0;  // of what is removed

  std::size_t size() const { return ids.size() + receipts.size(); }
};

namespace {

// Each gives: id, the time that counts, whether it may go, and the time before which nothing that
// follows can be old (ids rise with time; alerts are few and walked to their end).
constexpr std::string_view old_effects =
    "SELECT id, ended_us, id NOT IN (SELECT effect_id FROM pawl_parked UNION ALL SELECT effect_id "
    "FROM pawl_alerts WHERE acked_by = ''), created_us FROM pawl_effects_ended WHERE id > ?1 "
    "ORDER BY id LIMIT ?2";
constexpr std::string_view old_alerts =
    "SELECT id, max(last_seen_us, acked_us), acked_by <> '', 0 FROM pawl_alerts WHERE id > ?1 "
    "ORDER BY id LIMIT ?2";
// The newest row stays: the next sequence follows from it.
constexpr std::string_view old_journal =
    "SELECT position, time_us, 1, time_us FROM pawl_journal WHERE position > ?1 AND position < "
    "(SELECT max(position) FROM pawl_journal) ORDER BY position LIMIT ?2";

// A record's time is that of its commit. Where the journal does not reach back so far, it is not
// after the newest row that was removed there.
std::string old_records(std::string_view table) {
  const std::string time =
      "coalesce((SELECT time_us FROM pawl_journal WHERE position <= (record_id >> " +
      std::to_string(protocol::ordinal_bits) +
      ") ORDER BY position DESC LIMIT 1), (SELECT newest_removed_us FROM pawl_retention WHERE "
      "subject = 'journal'), 9223372036854775807)";
  return "SELECT record_id, " + time + " AS t, 1, " + time + " FROM \"" + std::string(table) +
         "\" WHERE record_id > ?1 ORDER BY record_id LIMIT ?2";
}

std::string delete_by_id(const RetentionPass& pass) {
  switch (pass.subject) {
    case RetentionSubject::ended_effects:
      return "DELETE FROM pawl_effects_ended WHERE id = ?1";
    case RetentionSubject::alerts:
      return "DELETE FROM pawl_alerts WHERE id = ?1";
    case RetentionSubject::journal:
      return "DELETE FROM pawl_journal WHERE position = ?1";
    case RetentionSubject::records:
    case RetentionSubject::receipts:
      break;
  }
  return "DELETE FROM \"" + std::string(pass.table) + "\" WHERE record_id = ?1";
}

}  // namespace

Result<std::string> SqliteLane::place_of(const std::string& subject) {
  const auto known = places_.find(subject);
  if (known != places_.end()) return known->second;
  auto select = cached("SELECT place FROM pawl_retention WHERE subject = ?1");
  if (!select) return std::unexpected(select.error());
  (*select)->bind(1, std::string_view(subject));
  auto row = (*select)->step();
  if (!row) return std::unexpected(row.error());
  std::string place = *row ? (*select)->text(0) : "";
  (*select)->reset();
  places_[subject] = place;
  return place;
}

Result<void> SqliteLane::find_old_receipts(const RetentionPass& pass, OldRows& out) {
  const auto key = store::key_of_place(out.place);
  auto select = cached(
      "SELECT principal, command_id, kind, machine, entity_key, created_us FROM pawl_receipts "
      "WHERE (principal, command_id, kind, machine, entity_key) > (?1, ?2, ?3, ?4, ?5) "
      "ORDER BY principal, command_id, kind, machine, entity_key LIMIT ?6");
  if (!select) return std::unexpected(select.error());
  for (int i = 0; i < 5; ++i) {
    (*select)->bind(i + 1, std::string_view(key[static_cast<std::size_t>(i)]));
  }
  (*select)->bind(6, std::int64_t{pass.rows});
  int looked_at = 0;
  auto row = (*select)->step();
  store::ReceiptPlace found;
  for (; row && *row; row = (*select)->step()) {
    ++looked_at;
    const std::int64_t created_us = (*select)->integer(5);
    const bool old = created_us < pass.before.us;
    // Only the last one's key is needed, unless it goes.
    if (!old && looked_at < pass.rows) continue;
    for (int i = 0; i < 5; ++i) found[static_cast<std::size_t>(i)] = (*select)->text(i);
    if (!old) continue;
    out.receipts.push_back(found);
    out.newest_us = std::max(out.newest_us, created_us);
  }
  if (!row) return std::unexpected(row.error());
  out.finished = looked_at < pass.rows;
  out.place = out.finished ? "" : store::place_at(found);
  return {};
}

Result<void> SqliteLane::find_old_by_id(const RetentionPass& pass, std::string_view sql,
                                        OldRows& out) {
  auto select = cached(sql);
  if (!select) return std::unexpected(select.error());
  std::int64_t last = out.place.empty() ? 0 : std::stoll(out.place);
  (*select)->bind(1, last).bind(2, std::int64_t{pass.rows});
  int looked_at = 0;
  auto row = (*select)->step();
  for (; row && *row; row = (*select)->step()) {
    if ((*select)->integer(3) >= pass.before.us) break;
    ++looked_at;
    last = (*select)->integer(0);
    if ((*select)->integer(1) >= pass.before.us || (*select)->integer(2) == 0) continue;
    out.ids.push_back(last);
    out.newest_us = std::max(out.newest_us, (*select)->integer(1));
  }
  if (!row) return std::unexpected(row.error());
  (*select)->reset();
  out.finished = looked_at < pass.rows;
  out.place = out.finished ? "" : std::to_string(last);
  return {};
}

Result<SqliteLane::OldRows> SqliteLane::find_old(const RetentionPass& pass) {
  OldRows out;
  auto place = place_of(store::subject_of(pass));
  if (!place) return std::unexpected(place.error());
  out.place = std::move(*place);
  Result<void> found;
  switch (pass.subject) {
    case RetentionSubject::receipts:
      found = find_old_receipts(pass, out);
      break;
    case RetentionSubject::ended_effects:
      found = find_old_by_id(pass, old_effects, out);
      break;
    case RetentionSubject::alerts:
      found = find_old_by_id(pass, old_alerts, out);
      break;
    case RetentionSubject::journal:
      found = find_old_by_id(pass, old_journal, out);
      break;
    case RetentionSubject::records:
      found = find_old_by_id(pass, old_records(pass.table), out);
      break;
  }
  if (!found) return std::unexpected(found.error());
  return out;
}

Result<void> SqliteLane::delete_old(const RetentionPass& pass, const OldRows& rows) {
  if (!rows.receipts.empty()) {
    auto remove = cached(
        "DELETE FROM pawl_receipts WHERE principal = ?1 AND command_id = ?2 AND kind = ?3 AND "
        "machine = ?4 AND entity_key = ?5");
    if (!remove) return std::unexpected(remove.error());
    for (const auto& key : rows.receipts) {
      for (int i = 0; i < 5; ++i) {
        (*remove)->bind(i + 1, std::string_view(key[static_cast<std::size_t>(i)]));
      }
      if (auto done = (*remove)->run(); !done) return std::unexpected(done.error());
    }
  }
  if (!rows.ids.empty()) {
    auto remove = cached(delete_by_id(pass));
    if (!remove) return std::unexpected(remove.error());
    for (const std::int64_t id : rows.ids) {
      (*remove)->bind(1, id);
      if (auto done = (*remove)->run(); !done) return std::unexpected(done.error());
    }
  }
  auto note = cached(
      "INSERT INTO pawl_retention VALUES (?1, ?2, ?3, ?4) ON CONFLICT (subject) DO UPDATE SET "
      "place = excluded.place, removed = removed + excluded.removed, newest_removed_us = "
      "max(newest_removed_us, excluded.newest_removed_us)");
  if (!note) return std::unexpected(note.error());
  const std::string subject = store::subject_of(pass);
  (*note)->bind(1, std::string_view(subject)).bind(2, std::string_view(rows.place));
  (*note)->bind(3, static_cast<std::int64_t>(rows.size())).bind(4, rows.newest_us);
  if (auto done = (*note)->run(); !done) return std::unexpected(done.error());
  return {};
}

Result<RetentionPassed> SqliteLane::remove_rows(const RetentionPass& pass) {
  auto rows = find_old(pass);
  if (!rows) return std::unexpected(rows.error());
  if (rows->size() > 0) {
    auto begin = cached("BEGIN IMMEDIATE");
    if (!begin) return std::unexpected(begin.error());
    if (auto begun = (*begin)->run(); !begun) return std::unexpected(begun.error());
    in_transaction_ = true;
    // A process that was taken over removes nothing either: the other one may have brought these
    // rows back to use.
    auto removed = check_lane();
    if (removed) removed = delete_old(pass, *rows);
    if (!removed) {
      abandon();
      return std::unexpected(removed.error());
    }
    if (auto ended = end_transaction(); !ended) return std::unexpected(ended.error());
  }
  places_[store::subject_of(pass)] = rows->place;
  return RetentionPassed{static_cast<std::int64_t>(rows->size()), rows->finished};
}

Result<RetentionPassed> SqliteLane::remove_old(const RetentionPass& pass) {
  if (refuses_writes_) return fail(protocol::store_refuses_writes);
  return remove_rows(pass);
}

}  // namespace pawl::sqlite
