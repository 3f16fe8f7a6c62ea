// SPDX-License-Identifier: Apache-2.0
#include "store/query_text.h"

#include <algorithm>
#include <variant>
#include <vector>

namespace pawl::store {

namespace {

std::string_view sign_of(Comparison comparison) {
  switch (comparison) {
    case Comparison::equal:
      return "=";
    case Comparison::less:
      return "<";
    case Comparison::less_or_equal:
      return "<=";
    case Comparison::greater:
      return ">";
    case Comparison::greater_or_equal:
      return ">=";
  }
  return "=";
}

std::string where_of(const Query& query, char mark) {
  std::string sql = " FROM " + quoted(query.table);
  for (std::size_t i = 0; i < query.where.size(); ++i) {
    const Condition& condition = query.where[i];
    sql += (i == 0 ? " WHERE " : " AND ") + quoted(condition.column);
    if (std::holds_alternative<std::monostate>(condition.value)) {
      sql += " IS NULL";
    } else {
      sql += " " + std::string(sign_of(condition.comparison)) + " " + mark + std::to_string(i + 1);
    }
  }
  return sql;
}

const std::vector<ColumnSpec>* columns_of(const Registry& registry, std::string_view table) {
  for (const auto& machine : registry.machines()) {
    if (machine->table == table) return &machine->columns;
    if (const auto* record = machine->record(table)) return &record->columns;
  }
  return nullptr;
}

// Stores differ in whether nothing comes before or behind everything. Where a column has always a
// value it is not said, so that an index is of use.
std::string ordered_by(const Registry& registry, const Query& query, const OrderBy& order) {
  std::string sql = quoted(order.column) + (order.ascending ? "" : " DESC");
  const auto* columns = columns_of(registry, query.table);
  const bool nullable = std::ranges::any_of(
      *columns, [&](const ColumnSpec& c) { return c.name == order.column && c.nullable; });
  if (nullable) sql += order.ascending ? " NULLS FIRST" : " NULLS LAST";
  return sql;
}

Result<void> check_columns(const Registry& registry, const Query& query,
                           std::string_view sum_column) {
  const std::vector<ColumnSpec>* columns = columns_of(registry, query.table);
  const bool is_record = std::ranges::none_of(
      registry.machines(), [&](const auto& machine) { return machine->table == query.table; });
  if (columns == nullptr) return fail(query_invalid, "table " + std::string(query.table));
  // Nothing unknown may pass: SQLite takes a quoted name that is no column for a text.
  const auto known = [&](std::string_view name) {
    return (is_record && (name == "record_id" || name == "entity_key")) ||
           std::any_of(columns->begin(), columns->end(),
                       [&](const ColumnSpec& c) { return c.name == name; });
  };
  std::vector<std::string_view> names = query.columns;
  for (const auto& condition : query.where) names.push_back(condition.column);
  for (const auto& order : query.order) names.push_back(order.column);
  if (!sum_column.empty()) names.push_back(sum_column);
  for (const auto name : names) {
    if (!known(name)) return fail(query_invalid, "column " + std::string(name));
  }
  if (query.limit < 1 || query.limit > max_query_rows || query.offset < 0) {
    return fail(query_invalid, "limit or offset");
  }
  return {};
}

}  // namespace

std::string quoted(std::string_view name) {
  return "\"" + std::string(name) + "\"";
}

ColumnType type_of(const Registry& registry, std::string_view table, std::string_view column) {
  if (const auto* columns = columns_of(registry, table)) {
    const auto found = std::ranges::find(*columns, column, &ColumnSpec::name);
    if (found != columns->end()) return found->type;
  }
  return column == "record_id" ? ColumnType::integer : ColumnType::text;
}

Result<std::string> select_text(const Registry& registry, const Query& query, char mark) {
  if (auto sound = check_columns(registry, query, {}); !sound) {
    return std::unexpected(sound.error());
  }
  if (query.columns.empty()) return fail(query_invalid, "no columns");
  std::string sql = "SELECT ";
  for (std::size_t i = 0; i < query.columns.size(); ++i) {
    if (i > 0) sql += ", ";
    sql += quoted(query.columns[i]);
  }
  sql += where_of(query, mark);
  for (std::size_t i = 0; i < query.order.size(); ++i) {
    sql += i == 0 ? " ORDER BY " : ", ";
    sql += ordered_by(registry, query, query.order[i]);
  }
  const std::size_t places = query.where.size();
  return sql + " LIMIT " + mark + std::to_string(places + 1) + " OFFSET " + mark +
         std::to_string(places + 2);
}

Result<std::string> aggregate_text(const Registry& registry, const Query& query,
                                   std::string_view sum_column, char mark) {
  if (auto sound = check_columns(registry, query, sum_column); !sound) {
    return std::unexpected(sound.error());
  }
  // CAST: PostgreSQL sums whole numbers up to what fits into none of them.
  const std::string sum =
      sum_column.empty() ? "0" : "CAST(coalesce(sum(" + quoted(sum_column) + "), 0) AS bigint)";
  return "SELECT count(*), " + sum + where_of(query, mark);
}

}  // namespace pawl::store
