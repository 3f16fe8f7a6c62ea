// SPDX-License-Identifier: Apache-2.0
//
// A machine's statements, and how set-wise ones are put together. The engine's own texts:
// engine_statements.cpp.
#include "store/postgres/statements.h"

#include <utility>

#include "store/postgres/engine_schema.h"
#include "store/postgres/rows.h"
#include "store/postgres/rows_statement.h"

namespace pawl::postgres {

namespace {

std::vector<ColumnSpec> with_engine_columns(const MachineSpec& machine) {
  std::vector<ColumnSpec> columns = machine.columns;
  for (const auto name : engine_columns) columns.push_back({name, ColumnType::integer, false});
  return columns;
}

Statement lock_of(const MachineSpec& machine, std::string_view name, std::string_view how) {
  // The WHERE names nothing but the key: a row that was waited for is then never lost to a
  // condition that it met before, and what comes back is as its last holder left it.
  const std::string key = quoted_name(machine.columns[0].name);
  return {std::string(name) + " " + std::string(machine.name),
          "SELECT " + entity_columns(machine) + ", ctid FROM " + quoted_name(machine.table) +
              " WHERE " + key + " = ANY($1) ORDER BY " + key + " FOR NO KEY UPDATE" +
              std::string(how),
          {Type::text_array}};
}

Statement lock_at_places_of(const MachineSpec& machine) {
  return {"lock at places " + std::string(machine.name),
          "SELECT " + entity_columns(machine) + ", ctid FROM " + quoted_name(machine.table) +
              " WHERE ctid = ANY($1) FOR NO KEY UPDATE SKIP LOCKED",
          {Type::tid_array}};
}

RowsStatement update_of(const MachineSpec& machine) {
  RowsText u;
  const auto columns = with_engine_columns(machine);
  std::string set;
  std::string key;
  for (const auto& column : columns) {
    const std::string place = u.add(array_type(column.type));
    if (key.empty()) {
      key = place;
      continue;
    }
    if (!set.empty()) set += ", ";
    set += quoted_name(column.name) + " = " + place;
  }
  const std::string row_place = u.add(Type::tid_array);
  const std::string locked_version = u.add(Type::bigint_array);
  const std::string changed = "UPDATE " + quoted_name(machine.table) + " AS t SET " + set +
                              " FROM " + std::string(rows_place) + " WHERE " +
                              at_place(row_place, machine.columns[0].name, key) +
                              " AND t.pawl_version = " + locked_version;
  return u.counted_with_places("update " + std::string(machine.name), changed, lost_update_state);
}

RowsStatement insert_of(const MachineSpec& machine) {
  RowsText u;
  for (const auto& column : with_engine_columns(machine)) u.add(array_type(column.type));
  // A lost create, or another unique value, is no error of the statement but a row too few.
  const std::string inserted = "INSERT INTO " + quoted_name(machine.table) + " (" +
                               entity_columns(machine) + ") SELECT * FROM " +
                               std::string(rows_place) + " ON CONFLICT DO NOTHING";
  return u.counted_with_places("insert " + std::string(machine.name), inserted,
                               create_conflict_state);
}

RecordStatements record_of(const RecordSpec& record) {
  RecordStatements out;
  out.spec = &record;
  RowsText u;
  u.add(Type::bigint_array);
  u.add(Type::text_array);
  std::string columns;
  for (const auto& column : record.columns) {
    u.add(array_type(column.type));
    columns += quoted_name(column.name) + ", ";
  }
  const std::string table = quoted_name(record.table);
  std::string names = "record_id, entity_key";
  for (const auto& column : record.columns) names += ", " + quoted_name(column.name);
  out.insert = u.counted("insert record " + std::string(record.table),
                         "INSERT INTO " + table + " (" + names + ") SELECT * FROM " +
                             std::string(rows_place) + " ON CONFLICT DO NOTHING",
                         create_conflict_state);
  out.newest = {"newest " + std::string(record.table),
                "SELECT u.place, r.* FROM unnest($1, $2) WITH ORDINALITY AS u(key, most, place) "
                "CROSS JOIN LATERAL (SELECT " +
                    columns + "record_id FROM " + table +
                    " WHERE entity_key = u.key ORDER BY record_id DESC LIMIT u.most) AS r "
                    "ORDER BY u.place, r.record_id",
                {Type::text_array, Type::bigint_array}};
  return out;
}

}  // namespace

Statements::Statements(const Registry& registry) {
  for (const auto& machine : registry.machines()) {
    MachineStatements& out = machines_[machine->name];
    const std::string key = quoted_name(machine->columns[0].name);
    const std::string name(machine->name);
    out.spec = machine.get();
    out.lock = lock_of(*machine, "lock", " SKIP LOCKED");
    out.lock_at_places = lock_at_places_of(*machine);
    out.lock_waiting = lock_of(*machine, "lock waiting", "");
    std::string of_keys = " WHERE ";
    of_keys.append(key).append(" = ANY($1)");
    std::string existing = "SELECT ";
    existing.append(key).append(" FROM ").append(quoted_name(machine->table)).append(of_keys);
    out.select = {"select " + name, entity_select(*machine) + of_keys, {Type::text_array}};
    out.existing = {"existing " + name, std::move(existing), {Type::text_array}};
    out.insert = insert_of(*machine);
    out.update = update_of(*machine);
    for (const auto& record : machine->records) out.records[record.table] = record_of(record);
  }
  name_locks();
  name_writes();
  name_scans();
  name_permits();
}

const MachineStatements* Statements::of(std::string_view machine) const {
  const auto found = machines_.find(machine);
  return found == machines_.end() ? nullptr : &found->second;
}

}  // namespace pawl::postgres
