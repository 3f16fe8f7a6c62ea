// SPDX-License-Identifier: Apache-2.0
#include "checker/sql_text.h"

namespace pawl::check::sql {

namespace {

std::string columns_of(Table table) {
  std::string out;
  for (std::size_t c = 0; c < max_columns && !column_name(table, c).empty(); ++c) {
    if (c > 0) out += ", ";
    out += column_name(table, c);
  }
  return out;
}

std::string values_of(Table table, const Values& values) {
  std::string out;
  for (std::size_t c = 0; c < max_columns && !column_name(table, c).empty(); ++c) {
    if (c > 0) out += ", ";
    out += std::to_string(values[c]);
  }
  return out;
}

std::string ids(const std::vector<RowId>& rows, const SqlScenario& scenario) {
  std::string out;
  for (const RowId row : rows) {
    if (!out.empty()) out += ", ";
    out += std::to_string(scenario.rows[row].id);
  }
  return out;
}

bool falls(const std::vector<RowId>& rows, const SqlScenario& scenario) {
  return rows.size() > 1 && scenario.rows[rows[0]].id > scenario.rows[rows[1]].id;
}

std::string conditions(const Statement& s) {
  std::string out;
  for (const Condition& c : s.where) {
    out += " AND " + std::string(column_name(s.table, c.column)) + " = " + std::to_string(c.value);
  }
  return out;
}

std::string where_of(const Statement& s, const SqlScenario& scenario) {
  return " WHERE id = " + std::to_string(scenario.rows[s.rows[0]].id) + conditions(s);
}

std::string select(const Statement& s, const SqlScenario& scenario, bool locks) {
  const std::string table(table_name(s.table));
  if (!s.where.empty() && !s.skip_locked) {
    return "SELECT id FROM " + table + where_of(s, scenario) + (locks ? " FOR NO KEY UPDATE" : "");
  }
  const std::string what = "SELECT id, " + columns_of(s.table) + " FROM " + table +
                           " WHERE id IN (" + ids(s.rows, scenario) + ")" + conditions(s) +
                           " ORDER BY id" + (falls(s.rows, scenario) ? " DESC" : "");
  if (!locks && s.joined_rows.empty()) return what;
  std::string lock;
  if (locks) {
    lock = s.update_lock ? " FOR UPDATE" : " FOR NO KEY UPDATE";
    if (!s.joined_rows.empty()) lock += " OF t";
    if (s.skip_locked) lock += " SKIP LOCKED";
  }
  if (s.snapshot_values) {
    std::string names;
    for (std::size_t c = 0; c < max_columns && !column_name(s.table, c).empty(); ++c) {
      names += ", t." + std::string(column_name(s.table, c));
    }
    return "WITH held AS MATERIALIZED (SELECT id FROM " + table + " WHERE id IN (" +
           ids(s.rows, scenario) + ") ORDER BY id" + lock + ") SELECT t.id" + names + " FROM " +
           table + " t JOIN held ON held.id = t.id ORDER BY t.id";
  }
  if (!s.joined_rows.empty()) {
    std::string names;
    for (std::size_t c = 0; c < max_columns && !column_name(s.table, c).empty(); ++c) {
      names += ", t." + std::string(column_name(s.table, c));
    }
    return "SELECT t.id" + names + ", (SELECT count(*) FROM " + std::string(table_name(s.joined)) +
           " j WHERE j.id IN (" + ids(s.joined_rows, scenario) + ")) FROM " + table +
           " t WHERE t.id IN (" + ids(s.rows, scenario) + ") ORDER BY t.id" + lock;
  }
  return what + lock;
}

std::string writing(const Statement& s, const SqlScenario& scenario) {
  const std::string table(table_name(s.table));
  if (s.verb == Verb::insert) {
    return "INSERT INTO " + table + " (id, " + columns_of(s.table) + ") VALUES (" +
           std::to_string(scenario.rows[s.rows[0]].id) + ", " + values_of(s.table, s.values) + ")" +
           (s.do_nothing ? " ON CONFLICT DO NOTHING" : "");
  }
  if (s.verb == Verb::remove) return "DELETE FROM " + table + where_of(s, scenario);
  std::string sets;
  for (std::size_t c = 0; c < max_columns; ++c) {
    if ((s.columns >> c & 1) == 0 || column_name(s.table, c).empty()) continue;
    if (!sets.empty()) sets += ", ";
    sets += std::string(column_name(s.table, c)) + " = " + std::to_string(s.values[c]);
  }
  return "UPDATE " + table + " SET " + sets + where_of(s, scenario);
}

std::string counted(const Statement& s, const std::string& text, Dialect dialect) {
  if (dialect != Dialect::postgres || s.raises.empty() || s.client_counts) return text;
  const bool reads = s.verb == Verb::lock || s.verb == Verb::read;
  return "WITH done AS (" + text + (reads ? "" : " RETURNING 1") +
         ") SELECT expect((SELECT count(*) FROM done), '" + std::string(s.raises) + "')";
}

}  // namespace

std::string to_sql(const Statement& s, const SqlScenario& scenario, Dialect dialect) {
  const bool postgres = dialect == Dialect::postgres;
  switch (s.verb) {
    case Verb::begin:
      return postgres ? "BEGIN ISOLATION LEVEL READ COMMITTED" : "BEGIN IMMEDIATE";
    case Verb::commit:
      return "COMMIT";
    case Verb::lock:
    case Verb::read:
      return counted(s, select(s, scenario, postgres && s.verb == Verb::lock), dialect);
    case Verb::next_value:
      return "SELECT nextval('sequence')";
    case Verb::insert:
    case Verb::update:
    case Verb::remove:
      break;
  }
  return counted(s, writing(s, scenario), dialect);
}

std::string to_sql(const SqlScenario& scenario, Dialect dialect) {
  std::string out;
  for (std::size_t t = 0; t < tables; ++t) {
    const auto table = static_cast<Table>(t);
    out += "CREATE TABLE " + std::string(table_name(table)) + " (id int PRIMARY KEY";
    for (std::size_t c = 0; c < max_columns && !column_name(table, c).empty(); ++c) {
      out += ", " + std::string(column_name(table, c)) + " int NOT NULL";
    }
    out += "); ";
  }
  if (dialect == Dialect::postgres) {
    out +=
        "CREATE FUNCTION expect(rows_changed bigint, code text) RETURNS void LANGUAGE plpgsql AS "
        "$$ BEGIN "
        "IF rows_changed = 0 THEN RAISE EXCEPTION 'no row' USING ERRCODE = code; END IF; END $$; ";
  }
  for (const RowName& row : scenario.rows) {
    if (row.first.present == 0) continue;
    out += "INSERT INTO " + std::string(table_name(row.table)) + " VALUES (" +
           std::to_string(row.id) + ", " + values_of(row.table, row.first.values) + "); ";
  }
  return out;
}

}  // namespace pawl::check::sql
