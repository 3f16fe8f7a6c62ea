// SPDX-License-Identifier: Apache-2.0
//
// A backup is one VACUUM INTO on a reading connection: the store as of one commit, whatever its
// server writes meanwhile. A restore is made beside its place and linked there when it is sound.
#include <pawl/backup.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/json.h"
#include "protocol/effect_row.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/file_lock.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/sqlite_store.h"
#include "store/sqlite/whole_file.h"

namespace pawl {

namespace {

using namespace sqlite;

constexpr int busy_timeout_ms = 10'000;
constexpr std::string_view manifest_format = "pawl-backup-1";
constexpr std::size_t max_manifest_bytes = 64 * 1'024;
constexpr int effects_at_once = 1'000;

// Sequences that may have been used after the backup: ids begin with them, so none of those may be
// given out a second time. More commits in a second than any disk takes.
constexpr std::int64_t commits_per_second = 10'000;
constexpr std::int64_t min_skipped = std::int64_t{1} << 20;
constexpr std::int64_t max_skipped = std::int64_t{1} << 30;

std::string manifest_of(const std::string& file) {
  return file + ".json";
}

Result<std::int64_t> number_of(Connection& connection, std::string_view sql) {
  auto select = connection.prepare(sql);
  if (!select) return std::unexpected(select.error());
  auto row = select->step();
  if (!row) return std::unexpected(row.error());
  return *row ? select->integer(0) : 0;
}

Result<std::string> text_of(Connection& connection, std::string_view sql) {
  auto select = connection.prepare(sql);
  if (!select) return std::unexpected(select.error());
  auto row = select->step();
  if (!row) return std::unexpected(row.error());
  return *row ? select->text(0) : "";
}

Result<Connection> open_file(const std::string& path, int flags) {
  auto connection = Connection::open(path, flags | SQLITE_OPEN_NOMUTEX);
  if (connection) sqlite3_busy_timeout(connection->handle(), busy_timeout_ms);
  return connection;
}

Result<void> check_sound(Connection& connection, const std::string& path) {
  const auto verdict = text_of(connection, "PRAGMA integrity_check(1)");
  if (!verdict) return fail(backup_damaged, path + ": " + verdict.error().detail);
  if (*verdict != "ok") return fail(backup_damaged, path + ": " + *verdict);
  return {};
}

Result<BackupFacts> facts_of(const std::string& path) {
  auto connection = open_file(path, SQLITE_OPEN_READONLY);
  if (!connection) return std::unexpected(connection.error());
  if (auto sound = check_sound(*connection, path); !sound) return std::unexpected(sound.error());
  BackupFacts facts;
  // A store of the version before it had an identity is copied before it is migrated.
  auto named =
      number_of(*connection, "SELECT count(*) FROM sqlite_master WHERE name = 'pawl_store'");
  if (!named) return std::unexpected(named.error());
  if (*named > 0) {
    auto id = text_of(*connection, "SELECT store_id FROM pawl_store");
    auto epoch = text_of(*connection, "SELECT epoch FROM pawl_store");
    if (!id) return std::unexpected(id.error());
    if (!epoch) return std::unexpected(epoch.error());
    facts.store_id = std::move(*id);
    facts.epoch = std::move(*epoch);
  }
  auto sequence = number_of(*connection, "SELECT coalesce(max(position), 0) FROM pawl_journal");
  auto effects = number_of(*connection, "SELECT count(*) FROM pawl_effects");
  if (!sequence) return std::unexpected(sequence.error());
  if (!effects) return std::unexpected(effects.error());
  facts.newest_sequence = *sequence;
  facts.open_effects = *effects;
  facts.taken_at = system_clock().now();
  return facts;
}

std::string manifest_text(const BackupFacts& facts) {
  json::Writer out;
  out.begin_object().field("format", manifest_format);
  out.field("store", facts.store_id).field("epoch", facts.epoch);
  out.field("taken_at", to_rfc3339(facts.taken_at)).field("taken_at_us", facts.taken_at.us);
  out.field("size_bytes", facts.size_bytes).field("sha256", facts.sha256);
  out.field("newest_sequence", facts.newest_sequence).field("open_effects", facts.open_effects);
  out.end_object();
  return std::move(out).take() + "\n";
}

Result<BackupFacts> read_manifest(const std::string& file) {
  const std::string path = manifest_of(file);
  std::ifstream in(path, std::ios::binary);
  std::string text(max_manifest_bytes, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  const auto manifest = json::parse(text);
  if (!manifest) return fail(backup_damaged, path + " cannot be read");
  const auto text_member = [&](std::string_view name) {
    const auto* member = manifest->find(name);
    return std::string(member == nullptr ? "" : member->as_string().value_or(""));
  };
  const auto number_member = [&](std::string_view name) {
    const auto* member = manifest->find(name);
    return member == nullptr ? std::int64_t{-1} : member->as_int64().value_or(-1);
  };
  if (text_member("format") != manifest_format) {
    return fail(backup_damaged, path + " is no manifest of a backup");
  }
  BackupFacts facts;
  facts.store_id = text_member("store");
  facts.epoch = text_member("epoch");
  facts.taken_at = Time{number_member("taken_at_us")};
  facts.size_bytes = number_member("size_bytes");
  facts.sha256 = text_member("sha256");
  facts.newest_sequence = number_member("newest_sequence");
  facts.open_effects = number_member("open_effects");
  return facts;
}

// Reads on from an id: rows that are written are not read again.
Result<std::vector<protocol::EffectRow>> effects_after(Connection& connection,
                                                       const Registry& registry, std::int64_t id) {
  auto select = connection.prepare("SELECT " + std::string(effect_columns) +
                                   " FROM pawl_effects WHERE id > ?1 ORDER BY id LIMIT " +
                                   std::to_string(effects_at_once));
  if (!select) return std::unexpected(select.error());
  select->bind(1, id);
  std::vector<protocol::EffectRow> out;
  auto row = select->step();
  for (; row && *row; row = select->step()) {
    auto effect = read_effect_row(registry, *select);
    if (!effect) return std::unexpected(effect.error());
    out.push_back(std::move(*effect));
  }
  if (!row) return std::unexpected(row.error());
  return out;
}

// What had not ended may have been sent since: also what was only ready. Its key stays the same.
Result<std::int64_t> make_unknown(Connection& connection, const Registry& registry, Time now) {
  auto update = connection.prepare(
      "UPDATE pawl_effects SET state = ?2, token = ?3, inquiry = ?4, maybe_sent = ?5, "
      "lease_until_us = ?6, next_at_us = ?7, not_after_us = ?8, history = ?9 WHERE id = ?1");
  if (!update) return std::unexpected(update.error());
  std::int64_t changed = 0;
  for (std::int64_t id = 0;;) {
    auto rows = effects_after(connection, registry, id);
    if (!rows) return std::unexpected(rows.error());
    if (rows->empty()) return changed;
    for (protocol::EffectRow& row : *rows) {
      const EffectSpec* spec = registry.find_effect(row.kind);
      protocol::restored(row, spec == nullptr ? nullptr : &spec->policy, now);
      update->bind(1, row.id)
          .bind(2, name_of(row.state))
          .bind(3, row.token)
          .bind(4, std::int64_t{row.inquiry})
          .bind(5, std::int64_t{row.maybe_sent ? 1 : 0})
          .bind(6, row.lease_until.us)
          .bind(7, row.next_at.us)
          .bind(8, row.not_after.us)
          .bind(9, std::string_view(row.history));
      if (auto done = update->run(); !done) return std::unexpected(done.error());
      id = row.id;
      ++changed;
    }
  }
}

Result<void> begin_epoch(Connection& connection, const BackupFacts& backup, Time now) {
  auto epoch = connection.prepare(
      "UPDATE pawl_store SET restores = restores + 1, restored_us = ?1, epoch = (restores + 1) || "
      "'-' || lower(hex(randomblob(4)))");
  if (!epoch) return std::unexpected(epoch.error());
  if (auto done = epoch->bind(1, now.us).run(); !done) return std::unexpected(done.error());
  const std::int64_t elapsed = std::max<std::int64_t>(0, now.us - backup.taken_at.us) / 1'000'000;
  const std::int64_t skipped =
      std::clamp(std::min(elapsed, max_skipped) * commits_per_second, min_skipped, max_skipped);
  auto lane = connection.prepare(
      "UPDATE pawl_lanes SET epoch = epoch + 1, next_sequence = ?1 + max(next_sequence, (SELECT "
      "coalesce(max(position), 0) + 1 FROM pawl_journal))");
  if (!lane) return std::unexpected(lane.error());
  if (auto done = lane->bind(1, skipped).run(); !done) return std::unexpected(done.error());
  return {};
}

Result<RestoreFacts> renew(const std::string& path, const BackupFacts& backup,
                           const Registry& registry) {
  auto connection = open_file(path, SQLITE_OPEN_READWRITE);
  if (!connection) return std::unexpected(connection.error());
  if (auto sound = check_sound(*connection, path); !sound) return std::unexpected(sound.error());
  if (auto done = prepare_schema(*connection, registry, true, system_clock()); !done) {
    return std::unexpected(done.error());
  }
  const Time now = system_clock().now();
  if (auto begun = connection->execute("BEGIN IMMEDIATE"); !begun) {
    return std::unexpected(begun.error());
  }
  RestoreFacts facts;
  facts.backup = backup;
  if (auto done = begin_epoch(*connection, backup, now); !done) {
    return std::unexpected(done.error());
  }
  auto unknown = make_unknown(*connection, registry, now);
  if (!unknown) return std::unexpected(unknown.error());
  facts.effects_to_inquire = *unknown;
  if (auto ended = connection->execute("COMMIT"); !ended) return std::unexpected(ended.error());
  auto epoch = text_of(*connection, "SELECT epoch FROM pawl_store");
  if (!epoch) return std::unexpected(epoch.error());
  facts.epoch = std::move(*epoch);
  return facts;
}

Result<RestoreFacts> restore_beside(const std::string& file, const std::string& made,
                                    const Registry& registry) {
  const auto backup = read_manifest(file);
  if (!backup) return std::unexpected(backup.error());
  // Of the copy: it is what is used.
  std::error_code error;
  std::filesystem::copy_file(file, made, error);
  if (error) return fail(backup_failed, made + ": " + error.message());
  const auto digest = sha256_of_file(made);
  if (!digest) return std::unexpected(digest.error());
  if (*digest != backup->sha256) return fail(backup_damaged, file + " has another checksum");
  return renew(made, *backup, registry);
}

void remove_leftovers(const std::string& made) {
  std::error_code ignored;
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    std::filesystem::remove(made + suffix, ignored);
  }
}

}  // namespace

Result<BackupFacts> backup_sqlite(const std::string& store_path, const std::string& file) {
  if (file_exists(file)) return fail(backup_file_exists, file);
  if (file_exists(manifest_of(file))) return fail(backup_file_exists, manifest_of(file));
  const std::string made = file + ".partial";
  remove_leftovers(made);
  {
    auto connection = open_file(store_path, SQLITE_OPEN_READONLY);
    if (!connection) return std::unexpected(connection.error());
    auto copy = connection->prepare("VACUUM INTO ?1");
    if (!copy) return std::unexpected(copy.error());
    if (auto done = copy->bind(1, std::string_view(made)).run(); !done) {
      remove_leftovers(made);
      return std::unexpected(done.error());
    }
  }
  auto facts = facts_of(made);
  if (!facts) {
    remove_leftovers(made);
    return facts;
  }
  auto digest = sha256_of_file(made);
  if (!digest) return std::unexpected(digest.error());
  facts->sha256 = std::move(*digest);
  std::error_code error;
  facts->size_bytes = static_cast<std::int64_t>(std::filesystem::file_size(made, error));
  if (auto placed = put_in_place(made, file, backup_file_exists); !placed) {
    return std::unexpected(placed.error());
  }
  if (auto written = write_whole(manifest_of(file), manifest_text(*facts), backup_file_exists);
      !written) {
    return std::unexpected(written.error());
  }
  return facts;
}

Result<RestoreFacts> restore_sqlite(const std::string& file, const std::string& store_path,
                                    const Registry& registry) {
  if (auto sound = registry.check(); !sound) return std::unexpected(sound.error());
  std::error_code ignored;
  const std::string path = std::filesystem::weakly_canonical(store_path, ignored).string();
  const auto lock = FileLock::acquire(path + ".lock");
  if (!lock) return std::unexpected(lock.error());
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    if (file_exists(path + suffix)) return fail(store_file_exists, path + suffix);
  }
  const std::string made = path + ".restoring";
  remove_leftovers(made);
  auto facts = restore_beside(file, made, registry);
  if (!facts) {
    remove_leftovers(made);
    return facts;
  }
  // What another store was deciding when it died says nothing about this one.
  std::filesystem::remove(path + ".deciding", ignored);
  if (auto placed = put_in_place(made, path, store_file_exists); !placed) {
    return std::unexpected(placed.error());
  }
  return facts;
}

}  // namespace pawl
