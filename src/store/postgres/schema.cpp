// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/schema.h"

#include <pawl/engine.h>

#include <map>
#include <utility>

#include "protocol/storage.h"
#include "store/migrations.h"
#include "store/postgres/engine_schema.h"
#include "store/postgres/pipeline.h"
#include "store/postgres/rows.h"
#include "store/postgres/store_error.h"

namespace pawl::postgres {

namespace {

std::vector<Migration> all_migrations(const Registry& registry) {
  std::vector<Migration> out = engine_migrations();
  out.insert(out.end(), registry.migrations().begin(), registry.migrations().end());
  return out;
}

Result<ResultSet> ask(Connection& connection, const std::string& sql,
                      const Parameters& parameters = {}) {
  Pipeline round(connection);
  round.add(sql, parameters);
  auto outcome = round.run(deadline_in(max_migration_ms));
  if (!outcome) return std::unexpected(store_error(outcome.error()));
  return std::move(outcome.results[0]);
}

Result<AppliedMigrations> applied(Connection& connection, const std::string& schema) {
  const auto table =
      ask(connection,
          "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = "
          "'pawl_migrations')",
          Parameters().text(schema));
  if (!table) return std::unexpected(table.error());
  AppliedMigrations numbers;
  if (!table->boolean(0, 0)) return numbers;
  const auto rows =
      ask(connection, "SELECT system, max(number) FROM pawl_migrations GROUP BY system");
  if (!rows) return std::unexpected(rows.error());
  for (int i = 0; i < rows->rows(); ++i) {
    numbers[text_of(*rows, i, 0)] = static_cast<int>(rows->integer(i, 1));
  }
  return numbers;
}

Result<void> apply(Connection& connection, const Migration& migration) {
  const std::string name =
      "migration " + std::string(migration.system) + " " + std::to_string(migration.number);
  // Several statements in one: EXECUTE takes them, the protocol's Parse does not.
  constexpr std::string_view body = "$pawl_body$";
  constexpr std::string_view quote = "$pawl_migration$";
  if (migration.postgres.find(body) != std::string_view::npos ||
      migration.postgres.find(quote) != std::string_view::npos) {
    return fail(registry_invalid, name + ": it contains what it is quoted with");
  }
  if (!migration.postgres.empty()) {
    std::string sql = "DO ";
    sql.append(body).append(" BEGIN EXECUTE ").append(quote).append(migration.postgres);
    sql.append(quote).append("; END ").append(body);
    if (auto done = ask(connection, sql); !done) {
      return fail(done.error().code, name + ": " + done.error().detail);
    }
  }
  auto noted = ask(connection,
                   "INSERT INTO pawl_migrations VALUES ($1, $2, "
                   "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint)",
                   Parameters().text(migration.system).integer(migration.number));
  if (!noted) return std::unexpected(noted.error());
  return {};
}

// In a transaction: first of all who else is at it is waited for.
Result<void> apply_missing(Connection& connection, const std::string& schema,
                           const Registry& registry, bool migrate) {
  auto locked = ask(connection, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
                    Parameters().text("pawl_migrations " + schema));
  if (!locked) return std::unexpected(locked.error());
  const auto numbers = applied(connection, schema);
  if (!numbers) return std::unexpected(numbers.error());
  const auto missing = missing_migrations(*numbers, all_migrations(registry));
  if (!missing) return std::unexpected(missing.error());
  if (!migrate) {
    if (auto allowed = refuse_older_schema(*numbers, *missing); !allowed) return allowed;
  }
  // A role that may not change tables can work on those that are as they should be.
  if (missing->empty()) return {};
  const auto there = ask(connection, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)",
                         Parameters().text(schema));
  if (!there) return std::unexpected(there.error());
  if (!there->boolean(0, 0)) {
    if (auto made = ask(connection, "CREATE SCHEMA " + quoted_name(schema)); !made) {
      return fail(made.error().code, "schema " + schema + ": " + made.error().detail);
    }
  }
  // Without USAGE the server says no more than that no schema was named.
  const auto rights = ask(connection,
                          "SELECT has_schema_privilege($1, 'USAGE'), has_schema_privilege($1, "
                          "'CREATE')",
                          Parameters().text(schema));
  if (!rights) return std::unexpected(rights.error());
  if (!rights->boolean(0, 0) || !rights->boolean(0, 1)) {
    return fail(protocol::store_failed,
                "the role has no right " + std::string(rights->boolean(0, 0) ? "CREATE" : "USAGE") +
                    " on the schema " + schema + " (42501)");
  }
  auto table = ask(connection,
                   "CREATE TABLE IF NOT EXISTS pawl_migrations (system text COLLATE \"C\" NOT "
                   "NULL, number bigint NOT NULL, applied_us bigint NOT NULL, PRIMARY KEY (system, "
                   "number))");
  if (!table) return std::unexpected(table.error());
  for (const auto& migration : *missing) {
    if (auto done = apply(connection, migration); !done) return done;
  }
  return {};
}

// As the catalogue has it.
struct FoundColumn {
  std::string type;
  bool unique = false;
};
using FoundColumns = std::map<std::string, FoundColumn, std::less<>>;

Result<std::map<std::string, FoundColumns, std::less<>>> found_tables(Connection& connection,
                                                                      const std::string& schema) {
  // A text whose order or equality is another collation's would be ordered unlike the engine does.
  const auto rows = ask(
      connection,
      "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) || CASE WHEN "
      "l.collname IS NULL THEN '' ELSE ' COLLATE \"' || l.collname || '\"' END, EXISTS (SELECT "
      "FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred "
      "IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum) "
      "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
      "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
      "LEFT JOIN pg_collation l ON l.oid = a.attcollation "
      "WHERE n.nspname = $1 AND c.relkind IN ('r', 'p')",
      Parameters().text(schema));
  if (!rows) return std::unexpected(rows.error());
  std::map<std::string, FoundColumns, std::less<>> out;
  for (int i = 0; i < rows->rows(); ++i) {
    out[text_of(*rows, i, 0)][text_of(*rows, i, 1)] = {text_of(*rows, i, 2), rows->boolean(i, 3)};
  }
  return out;
}

Result<void> compare_table(const std::map<std::string, FoundColumns, std::less<>>& tables,
                           std::string_view table, const std::vector<ColumnSpec>& expected,
                           std::string_view key) {
  const auto found = tables.find(table);
  if (found == tables.end()) return fail(schema_differs, "there is no table " + std::string(table));
  for (const auto& column : expected) {
    const auto place = found->second.find(column.name);
    const std::string_view type =
        column.type == ColumnType::integer ? "bigint" : "text COLLATE \"C\"";
    const std::string name = std::string(table) + "." + std::string(column.name);
    if (place == found->second.end() || place->second.type != type) {
      return fail(schema_differs,
                  name + " should be " + std::string(type) + " and is " +
                      (place == found->second.end() ? "missing" : place->second.type));
    }
    if (column.name == key && !place->second.unique) {
      return fail(schema_differs, name + " is a key and has no unique index of its own");
    }
  }
  if (found->second.size() != expected.size()) {
    return fail(schema_differs,
                std::string(table) + " has columns that this program does not know");
  }
  return {};
}

Result<void> compare_tables(Connection& connection, const std::string& schema,
                            const Registry& registry) {
  const auto tables = found_tables(connection, schema);
  if (!tables) return std::unexpected(tables.error());
  for (const auto& machine : registry.machines()) {
    auto expected = machine->columns;
    for (const auto name : engine_columns) expected.push_back({name, ColumnType::integer, false});
    const auto key = machine->columns[0].name;
    if (auto same = compare_table(*tables, machine->table, expected, key); !same) return same;
    for (const auto& record : machine->records) {
      auto columns = record.columns;
      columns.push_back({"record_id", ColumnType::integer, false});
      columns.push_back({"entity_key", ColumnType::text, false});
      if (auto same = compare_table(*tables, record.table, columns, "record_id"); !same) {
        return same;
      }
    }
  }
  return {};
}

}  // namespace

Result<void> prepare_schema(Connection& connection, const std::string& schema,
                            const Registry& registry, bool migrate) {
  // Most starts find everything done, and need no lock to see it.
  const auto numbers = applied(connection, schema);
  if (!numbers) return std::unexpected(numbers.error());
  const auto missing = missing_migrations(*numbers, all_migrations(registry));
  if (!missing) return std::unexpected(missing.error());
  if (!missing->empty()) {
    if (auto begun = ask(connection, "BEGIN"); !begun) return std::unexpected(begun.error());
    if (auto done = apply_missing(connection, schema, registry, migrate); !done) {
      (void)ask(connection, "ROLLBACK");
      return done;
    }
    if (auto ended = ask(connection, "COMMIT"); !ended) return std::unexpected(ended.error());
  }
  return compare_tables(connection, schema, registry);
}

Result<std::vector<std::string>> pending_schema(Connection& connection, const std::string& schema,
                                                const Registry& registry) {
  const auto numbers = applied(connection, schema);
  if (!numbers) return std::unexpected(numbers.error());
  const auto missing = missing_migrations(*numbers, all_migrations(registry));
  if (!missing) return std::unexpected(missing.error());
  if (missing->empty()) {
    if (auto same = compare_tables(connection, schema, registry); !same) {
      return std::unexpected(same.error());
    }
  }
  return names_of(*missing);
}

}  // namespace pawl::postgres
