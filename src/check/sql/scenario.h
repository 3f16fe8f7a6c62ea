// SPDX-License-Identifier: Apache-2.0
//
// What a scenario of the SQL protocol is made of: the rows that can be there, the works, and the
// drivers (each with a lane and a list of tasks) that bring them to the database at the same time.
#pragma once

#include <pawl/command.h>
#include <pawl/machine.h>

#include <memory>
#include <string>
#include <vector>

#include "check/sql/database.h"

namespace pawl::check::sql {

// The columns of each table, as the model keeps them.
namespace column {
inline constexpr std::uint8_t lane_epoch = 0, lane_next = 1, lane_held = 2;
inline constexpr std::uint8_t version = 0, amount = 1, sent = 2, newest = 3, overtaken = 4,
                              entity_state = 5;
inline constexpr std::uint8_t writer = 0, decided_version = 1;
inline constexpr std::uint8_t effect_state = 0, token = 1, attempt = 2;
inline constexpr std::uint8_t from_version = 0, number = 1;
inline constexpr std::uint8_t journal_epoch = 0;
}  // namespace column

std::string_view table_name(Table table);
std::string_view column_name(Table table, std::size_t column);  // empty: there is no such column

struct RowName {
  Table table = Table::lanes;
  Number id = 0;  // of a journal row: lane * journal_rows + sequence
  std::string name;
  Image first;
};
inline constexpr int journal_rows = 8;

enum class WorkKind : std::uint8_t { request, message, claim, answer };

struct SqlWork {
  WorkKind kind = WorkKind::request;
  std::string name;
  std::shared_ptr<const Command> command;  // of a request
  std::string id;                          // of a request
  RowId entity = 0;
  RowId source = 0;  // its receipt, message or effect
  int amount = 0;    // what carrying it out adds to the entity
};

enum class TaskKind : std::uint8_t { batch, take_over, renew };
struct Task {
  TaskKind kind = TaskKind::batch;
  std::uint8_t works = 0;  // a bit each
  // A part of the lease has passed: the batch's commit writes its lane's row. Else it locks it.
  bool renews = false;
  // Its receipts are taken to be absent, at first.
  bool unread = false;
  // Its rows are looked for where they were when the scenario began, at first.
  bool at_places = false;
};

struct DriverPlan {
  RowId lane = 0;
  std::uint8_t epoch = 0;  // 0: takes the lane over first
  std::vector<Task> tasks;
  bool waits_at_once = false;  // its first pass has skipped everything already
};

struct SqlScenario {
  std::string name;
  std::string about;
  std::shared_ptr<const Registry> registry;
  std::vector<RowName> rows;
  std::vector<SqlWork> works;
  std::vector<DriverPlan> drivers;
  int faults = 0;           // sessions lost and drivers crashed, in one schedule
  int max_tries = 3;        // of one batch
  bool one_writer = false;  // BEGIN IMMEDIATE
  // Waiting sessions go on at once, in their order, and a deadlock is found at once by who closes
  // it: as schedules are driven on a real database.
  bool eager = false;

  RowId row(Table table, Number id) const;  // throws if nobody declared it
};

std::vector<SqlScenario> scenarios();

}  // namespace pawl::check::sql
