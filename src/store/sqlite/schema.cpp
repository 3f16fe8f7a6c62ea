// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/schema.h"

#include <pawl/engine.h>

#include <map>
#include <string>
#include <vector>

#include "store/migrations.h"

namespace pawl::sqlite {

namespace {

// Times are microseconds since 1970 UTC. Column names are those of protocol/storage.h.
constexpr std::string_view engine_schema = R"sql(
-- Which process owns a lane: who finds another epoch than its own writes nothing. The newest
-- sequence is the journal's; next_sequence is a floor under it, for when old entries are removed.
CREATE TABLE pawl_lanes (
  id INTEGER PRIMARY KEY,
  epoch INTEGER NOT NULL,
  next_sequence INTEGER NOT NULL
) STRICT;
INSERT INTO pawl_lanes VALUES (0, 0, 1);

-- One row per commit. An entity points at its newest entry (lane, sequence, byte offset in
-- `entries`), each entry at the one before it. Ids of rows made in a commit begin with its position.
CREATE TABLE pawl_journal (
  position INTEGER PRIMARY KEY,
  epoch INTEGER NOT NULL,
  time_us INTEGER NOT NULL,
  config_version INTEGER NOT NULL,
  entries TEXT NOT NULL,
  lane INTEGER GENERATED ALWAYS AS (position >> 36) VIRTUAL,
  sequence INTEGER GENERATED ALWAYS AS (position & 68719476735) VIRTUAL
) STRICT;

CREATE VIEW pawl_journal_entries AS
SELECT j.lane, j.sequence, j.time_us,
       e.value ->> 'machine' AS machine, e.value ->> 'key' AS entity_key,
       e.value ->> 'version' AS version, e.value ->> 'command' AS command,
       e.value ->> 'source' AS source, e.value ->> 'who' AS who, e.value ->> 'id' AS command_id,
       e.value ->> 'from' AS from_state, e.value ->> 'to' AS to_state,
       e.value ->> 'why' AS why, e.value ->> 'reason' AS reason
FROM pawl_journal AS j, json_each(j.entries) AS e;

CREATE TABLE pawl_receipts (
  machine TEXT NOT NULL,
  entity_key TEXT NOT NULL,
  principal TEXT NOT NULL,
  kind TEXT NOT NULL,
  command_id TEXT NOT NULL,
  fingerprint BLOB NOT NULL,
  done INTEGER NOT NULL,
  code TEXT NOT NULL,
  detail TEXT NOT NULL,
  error_class INTEGER NOT NULL,
  reply TEXT NOT NULL,
  version INTEGER NOT NULL,
  created_us INTEGER NOT NULL,
  -- The caller's id early in the key: where ids rise with time, new receipts share their pages.
  PRIMARY KEY (principal, command_id, kind, machine, entity_key)
) STRICT, WITHOUT ROWID;

-- Effects that have not ended. An effect that ends moves to pawl_effects_ended in the commit of its
-- outcome: what is to be driven is this table, however long the other one grows.
CREATE TABLE pawl_effects (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  machine TEXT NOT NULL,
  entity_key TEXT NOT NULL,
  payload TEXT NOT NULL,
  idempotency_key TEXT NOT NULL,
  created_us INTEGER NOT NULL,
  next_at_us INTEGER NOT NULL,
  -- Not IN (...): SQLite builds a list of more than two anew for every row that it checks.
  state TEXT NOT NULL DEFAULT 'ready' CHECK (state = 'ready' OR state = 'sending' OR
    state = 'accepted' OR state = 'polling' OR state = 'unknown' OR state = 'inquiring' OR
    state = 'waiting'),
  attempt INTEGER NOT NULL DEFAULT 0,
  inquiry INTEGER NOT NULL DEFAULT 0,
  token INTEGER NOT NULL DEFAULT 0,
  lease_until_us INTEGER NOT NULL DEFAULT 0,
  poll_until_us INTEGER NOT NULL DEFAULT 0,
  not_after_us INTEGER NOT NULL DEFAULT 0,
  accepted_reported INTEGER NOT NULL DEFAULT 0,
  maybe_sent INTEGER NOT NULL DEFAULT 0,
  outcome TEXT NOT NULL DEFAULT 'unknown',
  code TEXT NOT NULL DEFAULT '',
  reference TEXT NOT NULL DEFAULT '',
  ended_us INTEGER NOT NULL DEFAULT 0,
  history TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE pawl_effects_ended (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  machine TEXT NOT NULL,
  entity_key TEXT NOT NULL,
  payload TEXT NOT NULL,
  idempotency_key TEXT NOT NULL,
  created_us INTEGER NOT NULL,
  next_at_us INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state = 'ended'),
  attempt INTEGER NOT NULL,
  inquiry INTEGER NOT NULL,
  token INTEGER NOT NULL,
  lease_until_us INTEGER NOT NULL,
  poll_until_us INTEGER NOT NULL,
  not_after_us INTEGER NOT NULL,
  accepted_reported INTEGER NOT NULL,
  maybe_sent INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  code TEXT NOT NULL,
  reference TEXT NOT NULL,
  ended_us INTEGER NOT NULL,
  history TEXT NOT NULL
) STRICT;

CREATE VIEW pawl_effects_all AS
SELECT * FROM pawl_effects UNION ALL SELECT * FROM pawl_effects_ended;

CREATE TABLE pawl_deadlines (
  machine TEXT NOT NULL,
  entity_key TEXT NOT NULL,
  name TEXT NOT NULL,
  arming INTEGER NOT NULL,
  due_us INTEGER NOT NULL,
  kind TEXT NOT NULL,
  payload TEXT NOT NULL,
  PRIMARY KEY (machine, entity_key, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX pawl_deadlines_due ON pawl_deadlines (due_us);

CREATE TABLE pawl_messages (
  id INTEGER PRIMARY KEY,
  from_machine TEXT NOT NULL,
  from_key TEXT NOT NULL,
  to_machine TEXT NOT NULL,
  to_key TEXT NOT NULL,
  kind TEXT NOT NULL,
  payload TEXT NOT NULL,
  hops INTEGER NOT NULL,
  bounced INTEGER NOT NULL,
  code TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;

CREATE TABLE pawl_parked (
  id INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  from_machine TEXT NOT NULL,
  from_key TEXT NOT NULL,
  machine TEXT NOT NULL,
  entity_key TEXT NOT NULL,
  kind TEXT NOT NULL,
  payload TEXT NOT NULL,
  code TEXT NOT NULL,
  detail TEXT NOT NULL,
  effect_id INTEGER NOT NULL,
  hops INTEGER NOT NULL,
  parked_us INTEGER NOT NULL
) STRICT;

CREATE TABLE pawl_alerts (
  id INTEGER PRIMARY KEY,
  code TEXT NOT NULL,
  machine TEXT NOT NULL,
  entity_key TEXT NOT NULL,
  effect_id INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  detail TEXT NOT NULL,
  first_seen_us INTEGER NOT NULL,
  last_seen_us INTEGER NOT NULL,
  count INTEGER NOT NULL,
  acked_by TEXT NOT NULL DEFAULT '',
  UNIQUE (code, machine, entity_key, effect_id)
) STRICT;
CREATE INDEX pawl_alerts_open ON pawl_alerts (id) WHERE acked_by = '';
)sql";

constexpr std::string_view tracing_schema = R"sql(
-- Of the request that led to the effect.
ALTER TABLE pawl_effects ADD COLUMN trace_id TEXT NOT NULL DEFAULT '';
ALTER TABLE pawl_effects_ended ADD COLUMN trace_id TEXT NOT NULL DEFAULT '';
)sql";

constexpr std::string_view inner_tracing_schema = R"sql(
-- Of the request that led to it.
ALTER TABLE pawl_messages ADD COLUMN trace_id TEXT NOT NULL DEFAULT '';
ALTER TABLE pawl_deadlines ADD COLUMN trace_id TEXT NOT NULL DEFAULT '';
ALTER TABLE pawl_parked ADD COLUMN trace_id TEXT NOT NULL DEFAULT '';
)sql";

constexpr std::string_view keeping_schema = R"sql(
-- What store this is. The id is the same in every copy, the epoch another in each restored backup.
CREATE TABLE pawl_store (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  store_id TEXT NOT NULL,
  epoch TEXT NOT NULL,
  restores INTEGER NOT NULL,
  restored_us INTEGER NOT NULL
) STRICT;
INSERT INTO pawl_store VALUES
  (1, lower(hex(randomblob(8))), '0-' || lower(hex(randomblob(4))), 0, 0);

-- How far the removal of old rows has walked, per subject: an id, or the
-- columns of a key in hex.
CREATE TABLE pawl_retention (
  subject TEXT PRIMARY KEY,
  place TEXT NOT NULL,
  removed INTEGER NOT NULL,
  newest_removed_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE pawl_alerts ADD COLUMN acked_us INTEGER NOT NULL DEFAULT 0;
-- The count with which the webhook last took it.
ALTER TABLE pawl_alerts ADD COLUMN delivered_count INTEGER NOT NULL DEFAULT 0;
-- In newer stores since 1.
CREATE INDEX IF NOT EXISTS pawl_alerts_open ON pawl_alerts (id) WHERE acked_by = '';
CREATE INDEX pawl_alerts_undelivered ON pawl_alerts (id)
  WHERE delivered_count < count AND acked_by = '';
)sql";

constexpr std::string_view migrations_table = R"sql(
CREATE TABLE IF NOT EXISTS pawl_migrations (
  system TEXT NOT NULL,
  number INTEGER NOT NULL,
  applied_us INTEGER NOT NULL,
  PRIMARY KEY (system, number)
) STRICT;
)sql";

std::vector<Migration> all_migrations(const Registry& registry) {
  std::vector<Migration> out{{"engine", 1, engine_schema},
                             {"engine", 2, keeping_schema},
                             {"engine", 3, tracing_schema},
                             {"engine", 4, inner_tracing_schema}};
  out.insert(out.end(), registry.migrations().begin(), registry.migrations().end());
  return out;
}

Result<AppliedMigrations> applied(Connection& connection) {
  auto statement =
      connection.prepare("SELECT system, max(number) FROM pawl_migrations GROUP BY system");
  if (!statement) return std::unexpected(statement.error());
  AppliedMigrations numbers;
  auto row = statement->step();
  while (row && *row) {
    numbers[statement->text(0)] = static_cast<int>(statement->integer(1));
    row = statement->step();
  }
  if (!row) return std::unexpected(row.error());
  return numbers;
}

Result<void> apply(Connection& connection, const Migration& migration, Clock& clock) {
  if (auto done = connection.execute("BEGIN IMMEDIATE"); !done) return done;
  auto ran = connection.execute(std::string(migration.sqlite));
  if (ran) {
    auto note = connection.prepare("INSERT INTO pawl_migrations VALUES (?1, ?2, ?3)");
    if (!note) return std::unexpected(note.error());
    auto noted =
        note->bind(1, migration.system).bind(2, migration.number).bind(3, clock.now().us).run();
    if (noted) return connection.execute("COMMIT");
    ran = std::unexpected(noted.error());
  }
  (void)connection.execute("ROLLBACK");
  return fail(ran.error().code, "migration " + std::string(migration.system) + " " +
                                    std::to_string(migration.number) + ": " + ran.error().detail);
}

// The columns that the store puts behind a machine's own.
constexpr std::string_view engine_columns[] = {"pawl_version",  "pawl_time_us", "pawl_lane",
                                               "pawl_sequence", "pawl_offset",  "pawl_schema"};

Result<void> compare_table(Connection& connection, std::string_view table,
                           const std::vector<ColumnSpec>& expected) {
  auto statement = connection.prepare("SELECT name, type, \"notnull\" FROM pragma_table_info(?1)");
  if (!statement) return std::unexpected(statement.error());
  statement->bind(1, table);
  std::map<std::string, std::string, std::less<>> found;
  auto row = statement->step();
  while (row && *row) {
    found[statement->text(0)] = statement->text(1);
    row = statement->step();
  }
  if (!row) return std::unexpected(row.error());
  if (found.empty()) return fail(schema_differs, "there is no table " + std::string(table));
  for (const auto& column : expected) {
    const auto place = found.find(column.name);
    const std::string_view type = column.type == ColumnType::integer ? "INTEGER" : "TEXT";
    if (place == found.end() || place->second != type) {
      return fail(schema_differs, std::string(table) + "." + std::string(column.name) +
                                      " should be " + std::string(type) + " and is " +
                                      (place == found.end() ? "missing" : place->second));
    }
  }
  if (found.size() != expected.size()) {
    return fail(schema_differs,
                std::string(table) + " has columns that this program does not know");
  }
  return {};
}

Result<void> compare_tables(Connection& connection, const Registry& registry) {
  for (const auto& machine : registry.machines()) {
    auto expected = machine->columns;
    for (const auto name : engine_columns) expected.push_back({name, ColumnType::integer, false});
    if (auto same = compare_table(connection, machine->table, expected); !same) {
      return same;
    }
    for (const auto& record : machine->records) {
      auto columns = record.columns;
      columns.push_back({"record_id", ColumnType::integer, false});
      columns.push_back({"entity_key", ColumnType::text, false});
      if (auto same = compare_table(connection, record.table, columns); !same) {
        return same;
      }
    }
  }
  return {};
}

}  // namespace

Result<void> prepare_schema(Connection& connection, const Registry& registry, bool migrate,
                            Clock& clock) {
  if (auto done = connection.execute(std::string(migrations_table)); !done) return done;
  const auto numbers = applied(connection);
  if (!numbers) return std::unexpected(numbers.error());
  const auto missing = missing_migrations(*numbers, all_migrations(registry));
  if (!missing) return std::unexpected(missing.error());
  if (!migrate) {
    if (auto allowed = refuse_older_schema(*numbers, *missing); !allowed) return allowed;
  }
  for (const auto& migration : *missing) {
    if (auto done = apply(connection, migration, clock); !done) return done;
  }
  return compare_tables(connection, registry);
}

Result<std::vector<std::string>> pending_schema(Connection& connection, const Registry& registry) {
  auto table = connection.prepare("SELECT 1 FROM sqlite_master WHERE name = 'pawl_migrations'");
  if (!table) return std::unexpected(table.error());
  auto found = table->step();
  if (!found) return std::unexpected(found.error());
  table->reset();
  AppliedMigrations numbers;
  if (*found) {
    auto read = applied(connection);
    if (!read) return std::unexpected(read.error());
    numbers = std::move(*read);
  }
  const auto missing = missing_migrations(numbers, all_migrations(registry));
  if (!missing) return std::unexpected(missing.error());
  if (missing->empty()) {
    if (auto same = compare_tables(connection, registry); !same) {
      return std::unexpected(same.error());
    }
  }
  return names_of(*missing);
}

}  // namespace pawl::sqlite
