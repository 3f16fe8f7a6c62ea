// SPDX-License-Identifier: Apache-2.0
//
// Paging by the last row seen: the next page is what sorts behind it, so rows that come or go
// meanwhile make no page skip or repeat a row. A cursor is opaque to clients: the listing it
// belongs to and the row's sort values, in hex.
#pragma once

#include <pawl/engine.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::otc {

inline constexpr std::size_t max_cursor_chars = 1'024;

// `listing` names the filters and the order: a cursor of another listing is refused.
std::string make_cursor(std::string_view listing, const std::vector<Value>& sort_values);
// Errors: cursor_invalid.
Result<std::vector<Value>> read_cursor(std::string_view cursor, std::string_view listing,
                                       std::size_t sort_columns);

// Rows that sort behind `after` (all, if nothing), at most `limit`, whole structs of T. The order's
// columns together must be unique.
template <HasFields T>
Result<std::vector<T>> page_after(Engine& engine, const std::vector<Condition>& where,
                                  const std::vector<OrderBy>& order,
                                  const std::optional<std::vector<Value>>& after, int limit) {
  if (!after) return engine.select<T>(where, order, limit);
  std::vector<T> out;
  // Rows that agree with `after` in the first `same` columns and are behind it in the next one:
  // with fewer and fewer columns in common, these come in the listing's order.
  for (std::size_t same = order.size(); same-- > 0;) {
    const int missing = limit - static_cast<int>(out.size());
    if (missing <= 0) break;
    auto conditions = where;
    for (std::size_t i = 0; i < same; ++i) {
      conditions.push_back({order[i].column, Comparison::equal, (*after)[i]});
    }
    conditions.push_back({order[same].column,
                          order[same].ascending ? Comparison::greater : Comparison::less,
                          (*after)[same]});
    auto rows = engine.select<T>(std::move(conditions), order, missing);
    if (!rows) return std::unexpected(rows.error());
    for (T& row : *rows) out.push_back(std::move(row));
  }
  return out;
}

}  // namespace pawl::otc
