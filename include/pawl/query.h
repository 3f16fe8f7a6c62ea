// SPDX-License-Identifier: Apache-2.0
//
// Reads for answers and listings: committed rows, not locked, so nothing may be decided on them.
// A query names columns, never SQL: both stores answer it.
#pragma once

#include <pawl/error.h>
#include <pawl/fields.h>
#include <pawl/key.h>
#include <pawl/value.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pawl {

enum class Comparison { equal, less, less_or_equal, greater, greater_or_equal };

struct Condition {
  std::string_view column;
  Comparison comparison = Comparison::equal;
  Value value;
};

struct OrderBy {
  std::string_view column;
  bool ascending = true;
};

inline constexpr int max_query_rows = 10'000;

// All conditions hold (and). `columns` must be those of a declared machine or record table.
struct Query {
  std::string_view table;
  std::vector<std::string_view> columns;
  std::vector<Condition> where;
  std::vector<OrderBy> order;
  int limit = 100;  // 1 to max_query_rows
  int offset = 0;
};

// The count of matching rows, and the sum of an integer column if one is named. For a window of
// time, give a condition.
struct Aggregate {
  std::int64_t count = 0;
  std::int64_t sum = 0;
};

inline constexpr ErrorCode query_invalid{"query_invalid", ErrorClass::defect,
                                         "a query names a table or column that is not declared"};

// All rows of struct T that match, in the struct's own fields.
template <HasFields T>
Query query_for(std::vector<Condition> where, std::vector<OrderBy> order, int limit) {
  Query query;
  query.table = T::table;
  for (const auto& column : column_specs<T>()) query.columns.push_back(column.name);
  query.where = std::move(where);
  query.order = std::move(order);
  query.limit = limit;
  return query;
}

}  // namespace pawl
