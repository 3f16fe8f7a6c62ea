// SPDX-License-Identifier: Apache-2.0
//
// A set-wise statement: its rows come by columns, each as an array, or, where all rows of a batch
// have the same value, as that value once. An element of an array costs a tenth of a microsecond on
// the way to its row; a value that is given once next to nothing. How many rows such a statement
// changed is compared on the server with how many there were to be.
#pragma once

#include <pawl/time.h>
#include <pawl/value.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "store/postgres/pipeline.h"

namespace pawl::postgres {

constexpr Type array_type(ColumnType type) {
  return type == ColumnType::integer ? Type::bigint_array : Type::text_array;
}

// Which columns are given once, a bit each; columns from the 65th on never are.
using GivenOnce = std::uint64_t;

struct RowsStatement {
  std::string name;
  std::string sql;               // with rows_place where the rows stand
  std::vector<Type> columns;     // of arrays
  std::vector<Type> parameters;  // behind the columns

  // "(SELECT unnest($1) AS c1, $2 AS c2) AS u" in the place. In the select list the arrays go on
  // row by row, side by side; in FROM each would be written to a store of its own first.
  Statement with(GivenOnce once) const;
};

inline constexpr std::string_view rows_place = "{rows}";

// Of a statement that changes rows of a table t which it has locked: they are where they were, so
// that no index is walked again. The key is compared in a way that no index is good for: an
// equality would let the planner walk the whole index and look up each of its entries among the
// batch's rows, which is cheap by statistics of when the table was nearly empty.
std::string at_place(const std::string& row_place, std::string_view key_column,
                     const std::string& key);

class RowsText {
 public:
  // One more column; gives how the statement names it: "u.c3".
  std::string add(Type array) {
    types_.push_back(array);
    return "u.c" + std::to_string(types_.size());
  }
  // The place of the next parameter behind the columns: "$4".
  std::string behind() const { return "$" + std::to_string(types_.size() + 1); }

  // As it stands; what is not one of the columns follows them.
  RowsStatement plain(std::string name, std::string sql, std::vector<Type> further = {}) const {
    return {std::move(name), std::move(sql), types_, std::move(further)};
  }
  // Takes one parameter more, the number of rows; raises `state` if it changes another.
  RowsStatement counted(std::string name, const std::string& changing,
                        std::string_view state) const;
  // The same; its one row has, behind that, an array of where it left the rows, in their order.
  RowsStatement counted_with_places(std::string name, const std::string& changing,
                                    std::string_view state) const;

 private:
  std::vector<Type> types_;
};

// The parameters of such a statement for the rows of one batch. There is at least one row.
class GivenRows {
 public:
  // Begins anew in a buffer that outlives it: kept from batch to batch, it is not allocated for
  // each.
  explicit GivenRows(Parameters& buffer) : parameters_(buffer) { buffer.clear(); }

  // What `get` gives of each element of the list: a number, a time, or a text that stays. An array,
  // for what differs from row to row ...
  template <class List, class Get>
  void each(const List& list, Get get) {
    auto& elements = array(array_of<List, Get>());
    for (const auto& item : list) elements.element(value_of(get(item)));
  }
  // ... or once, where all are alike.
  template <class List, class Get>
  void alike(const List& list, Get get) {
    const auto first = value_of(get(*list.begin()));
    const bool same =
        columns_ < 64 && std::all_of(
                             list.begin(), list.end(),
                             [&](const auto& item) { return value_of(get(item)) == first; });
    if (!same) return each(list, get);
    once_ |= GivenOnce{1} << columns_++;
    if constexpr (array_of<List, Get>() == Type::bigint_array) {
      parameters_.integer(first);
    } else {
      parameters_.text(first);
    }
  }
  // Its elements are the caller's to add.
  Parameters& array(Type type) {
    ++columns_;
    return parameters_.array(type);
  }
  // Behind the columns.
  GivenRows& integer(std::int64_t value) {
    parameters_.integer(value);
    return *this;
  }

  GivenOnce once() const { return once_; }
  const Parameters& parameters() const { return parameters_; }

 private:
  template <class Given>
  static auto value_of(const Given& given) {
    if constexpr (std::is_same_v<Given, Time>) {
      return given.us;
    } else if constexpr (std::is_integral_v<Given>) {
      return static_cast<std::int64_t>(given);
    } else {
      return std::string_view(given);
    }
  }
  template <class List, class Get>
  static constexpr Type array_of() {
    using Item = decltype(*std::declval<const List&>().begin());
    using Value = decltype(value_of(std::declval<Get&>()(std::declval<Item>())));
    return std::is_same_v<Value, std::int64_t> ? Type::bigint_array : Type::text_array;
  }

  Parameters& parameters_;
  GivenOnce once_ = 0;
  int columns_ = 0;
};

}  // namespace pawl::postgres
