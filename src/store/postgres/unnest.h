// SPDX-License-Identifier: Apache-2.0
//
// Puts the text of a set-wise statement together: its rows come as one array for each column, and
// how many it changed is compared on the server with how many there were to be.
#pragma once

#include <pawl/value.h>

#include <string>
#include <string_view>
#include <vector>

#include "store/postgres/pipeline.h"

namespace pawl::postgres {

constexpr Type array_type(ColumnType type) {
  return type == ColumnType::integer ? Type::bigint_array : Type::text_array;
}

class UnnestText {
 public:
  // One more column; gives how the statement names it: "u.c3".
  std::string add(Type array) {
    types_.push_back(array);
    return "u.c" + std::to_string(types_.size());
  }

  // "(SELECT unnest($1) AS c1, unnest($2) AS c2) AS u". In the select list the arrays go on row by
  // row, side by side; in FROM each would be written to a store of its own first.
  std::string from() const {
    std::string columns;
    for (std::size_t i = 1; i <= types_.size(); ++i) {
      const std::string number = std::to_string(i);
      columns.append(i > 1 ? ", unnest($" : "unnest($").append(number);
      columns.append(") AS c").append(number);
    }
    return "(SELECT " + columns + ") AS u";
  }

  // As it stands; what is not one of the columns follows them.
  Statement plain(std::string name, std::string sql, std::vector<Type> further = {}) const {
    std::vector<Type> types = types_;
    types.insert(types.end(), further.begin(), further.end());
    return {std::move(name), std::move(sql), std::move(types)};
  }

  // Takes one parameter more, the number of rows; raises `state` if it changes another.
  Statement counted(std::string name, const std::string& changing, std::string_view state) const {
    const std::string place = "$" + std::to_string(types_.size() + 1);
    return plain(std::move(name),
                 "WITH done AS (" + changing +
                     " RETURNING 1) SELECT pawl_expect((SELECT count(*) "
                     "FROM done), " +
                     place + ", '" + std::string(state) + "')",
                 {Type::bigint});
  }

 private:
  std::vector<Type> types_;
};

}  // namespace pawl::postgres
