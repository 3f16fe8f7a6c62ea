// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/rows_statement.h"

#include "store/postgres/rows.h"

namespace pawl::postgres {

Statement RowsStatement::with(GivenOnce once) const {
  Statement out{name, {}, columns};
  std::string rows = "(SELECT ";
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    const bool is_once = i < 64 && (once >> i & 1) != 0;
    if (i > 0) rows += ", ";
    rows.append(is_once ? "$" : "unnest($").append(number);
    rows.append(is_once ? " AS c" : ") AS c").append(number);
    if (is_once) out.types[i] = element_type(columns[i]);
  }
  rows += ") AS u";
  // Different statements of one name would be taken for one another.
  if (once != 0) out.name.append(" ").append(std::to_string(once));
  out.sql = sql;
  out.sql.replace(out.sql.find(rows_place), rows_place.size(), rows);
  out.types.insert(out.types.end(), parameters.begin(), parameters.end());
  return out;
}

std::string at_place(const std::string& row_place, std::string_view key_column,
                     const std::string& key) {
  return "t.ctid = " + row_place + " AND t." + quoted_name(key_column) + " IS NOT DISTINCT FROM " +
         key;
}

RowsStatement RowsText::counted(std::string name, const std::string& changing,
                                std::string_view state) const {
  return plain(std::move(name),
               "WITH done AS (" + changing +
                   " RETURNING 1) SELECT pawl_expect((SELECT count(*) FROM done), " + behind() +
                   ", '" + std::string(state) + "')",
               {Type::bigint});
}

RowsStatement RowsText::counted_with_places(std::string name, const std::string& changing,
                                            std::string_view state) const {
  return plain(std::move(name),
               "WITH done AS (" + changing +
                   " RETURNING ctid AS place) SELECT pawl_expect(count(*), " + behind() + ", '" +
                   std::string(state) + "'), array_agg(place) FROM done",
               {Type::bigint});
}

}  // namespace pawl::postgres
