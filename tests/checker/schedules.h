// SPDX-License-Identifier: Apache-2.0
//
// Schedules of the SQL model as text, with what the model says of each statement: those that a seed
// chose, and those that show what a missing guard does. One line each, fields separated by tabs:
//
//   scenario  NAME                        begins one
//   setup     SQL
//   step      SESSION FLAG SQL EXPECTED   FLAG: - or gives_up or closes_cycle
//   goes_on   SESSION EXPECTED            what it waited for is there
//   rollback  SESSION
//   cut       SESSION                     its connection is gone
//   rows      TABLE EXPECTED              what is committed in the end
//
// EXPECTED: blocked, error:SQLSTATE, count:N, done, or rows:id,column,...;id,...
#pragma once

#include <cstdint>
#include <string>

#include "checker/sql_text.h"

namespace pawl::check::sql {

// On PostgreSQL every scenario, and each guard's shortest failure; on SQLite those of one writer.
std::string schedules(Dialect dialect, std::uint64_t seed, int for_each_scenario);

}  // namespace pawl::check::sql
