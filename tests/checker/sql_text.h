// SPDX-License-Identifier: Apache-2.0
//
// A model's statement as the SQL that it stands for, on tables with the model's own columns, so
// that the same schedule can be driven on a real database.
#pragma once

#include <string>
#include <string_view>

#include "check/sql/scenario.h"

namespace pawl::check::sql {

enum class Dialect : std::uint8_t { postgres, sqlite };

// On PostgreSQL what is counted raises, by expect(found, code); SQLite's driver counts changes.
std::string to_sql(const Statement& statement, const SqlScenario& scenario, Dialect dialect);
// The tables, the function expect() and the rows that are there at first.
std::string to_sql(const SqlScenario& scenario, Dialect dialect);

}  // namespace pawl::check::sql
