// SPDX-License-Identifier: Apache-2.0
//
// The SQL of a query that a system asks: only what its machines declare may be named, and values go
// in as parameters. The same text for every store but for the mark of a parameter ('?' or '$', and
// its number: first the conditions' values in their order, then limit and offset).
#pragma once

#include <pawl/machine.h>
#include <pawl/query.h>

#include <string>
#include <string_view>

namespace pawl::store {

std::string quoted(std::string_view name);

// Of a declared column, a record's own two among them.
ColumnType type_of(const Registry& registry, std::string_view table, std::string_view column);

// Errors: query_invalid. A condition on no value needs its parameter all the same.
Result<std::string> select_text(const Registry& registry, const Query& query, char mark);
// Without limit and offset. Gives the count and the sum (0 without a column).
Result<std::string> aggregate_text(const Registry& registry, const Query& query,
                                   std::string_view sum_column, char mark);

}  // namespace pawl::store
