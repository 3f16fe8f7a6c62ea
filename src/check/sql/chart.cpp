// SPDX-License-Identifier: Apache-2.0
//
// Moves in words, and what each changed: rows as committed and as their holder has them, who waits
// for whom, who is answered what.
#include <array>

#include "check/sql/explorer.h"

namespace pawl::check::sql {

namespace {

using Names = std::array<std::string_view, max_columns>;

constexpr std::array<Names, tables> column_names{{
    {"epoch", "next_sequence", "held"},
    {"version", "amount", "sent", "newest", "overtaken", "state"},
    {"writer", "version"},
    {"state", "token", "attempt"},
    {"from_version", "number"},
    {"epoch"},
}};

std::string driver_name(std::size_t driver) {
  return "p" + std::to_string(driver + 1);
}

std::string names(const std::vector<RowId>& rows, const SqlScenario& scenario) {
  std::string out;
  for (const RowId row : rows) {
    if (!out.empty()) out += ", ";
    out += scenario.rows[row].name;
  }
  return out;
}

std::string image_text(Table table, const Image& image) {
  if (image.present == 0) return "-";
  std::string out;
  for (std::size_t c = 0; c < max_columns && !column_name(table, c).empty(); ++c) {
    if (!out.empty()) out += ", ";
    out += std::string(column_name(table, c)) + " " + std::to_string(image.values[c]);
  }
  return out;
}

void line(std::string& chart, const std::string& text) {
  chart += "       " + text + "\n";
}

void row_lines(std::string& chart, const SqlScenario& scenario, const State& before,
               const State& after) {
  for (std::size_t i = 0; i < scenario.rows.size(); ++i) {
    const RowName& row = scenario.rows[i];
    const StoredRow& was = before.rows[i];
    const StoredRow& is = after.rows[i];
    if (was.committed != is.committed) {
      line(chart, row.name + ": " + image_text(row.table, was.committed) + " -> " +
                      image_text(row.table, is.committed));
    } else if (is.changed != 0 && (was.changed == 0 || was.pending != is.pending)) {
      line(chart, row.name + ", not committed: " + image_text(row.table, is.pending));
    }
  }
}

void session_lines(std::string& chart, const SqlScenario& scenario, const State& before,
                   const State& after) {
  for (std::size_t i = 0; i < max_sessions; ++i) {
    const Session& was = before.sessions[i];
    const Session& is = after.sessions[i];
    if (is.waits == Wait::waits && was.waits != Wait::waits) {
      const std::string what =
          is.waits_for == the_writer ? "its turn to write" : scenario.rows[is.waits_for].name;
      line(chart, driver_name(is.driver) + " waits for " + what);
    }
    for (std::size_t r = 0; r < scenario.rows.size(); ++r) {
      const bool same =
          was.cells[r].seen == is.cells[r].seen && was.cells[r].values == is.cells[r].values;
      if (same || is.cells[r].seen == Seen::not_asked) continue;
      const bool there = is.cells[r].seen == Seen::present;
      const std::string told = there ? image_text(scenario.rows[r].table, {1, is.cells[r].values})
                               : is.cells[r].seen == Seen::skipped ? "locked by another"
                                                                   : "nothing";
      line(chart, driver_name(is.driver) + " is told of " + scenario.rows[r].name + ": " + told);
    }
  }
}

}  // namespace

std::string_view table_name(Table table) {
  constexpr std::array<std::string_view, tables> names{"lanes",   "entities", "receipts",
                                                       "effects", "messages", "journal"};
  return names[static_cast<std::size_t>(table)];
}

std::string_view column_name(Table table, std::size_t column) {
  return column_names[static_cast<std::size_t>(table)][column];
}

std::string words(const Statement& s, const SqlScenario& scenario) {
  const std::string rows = names(s.rows, scenario);
  switch (s.verb) {
    case Verb::begin:
      return "BEGIN";
    case Verb::commit:
      return "COMMIT";
    case Verb::lock: {
      std::string out = (s.answers ? "lock and read " : "lock ") + rows;
      if (!s.where.empty()) {
        out += s.table == Table::entities ? " where it was left" : " where it is still ours";
      }
      if (s.snapshot_values) out = "lock in a CTE, and read " + rows;
      if (!s.joined_rows.empty()) out += ", joined with " + names(s.joined_rows, scenario);
      return out + (s.skip_locked ? ", skipping what is locked" : "");
    }
    case Verb::read:
      if (!s.where.empty()) return "look whether " + rows + " is still ours";
      return "read " + rows + (s.joined_rows.empty() ? "" : " and its journal");
    case Verb::next_value:
      return "read " + rows + ", and take a number of a sequence";
    case Verb::insert:
      return "insert " + rows;
    case Verb::remove:
      return "delete " + rows;
    case Verb::update:
      return "update " + rows;
  }
  return {};
}

std::string Steps::text(const Move& move, const State& state) {
  const auto session_name = [&](const char* lost) {
    const Session& session = state.sessions[move.index];
    return driver_name(session.driver) + (session.status == Status::lost ? lost : "");
  };
  const std::string lost = "'s lost session " + std::to_string(move.index + 1);
  switch (move.kind) {
    case MoveKind::begin:
      return driver_name(move.index) +
             (state.drivers[move.index].lost != 0 ? ": BEGIN, to settle" : ": BEGIN");
    case MoveKind::run: {
      const auto next = statement(state, move.index);
      return session_name(lost.c_str()) +
             (state.sessions[move.index].waits != Wait::no ? " goes on: " : ": ") +
             words(*next, scenario_);
    }
    case MoveKind::time_out:
      return session_name(lost.c_str()) + " waits no longer";
    case MoveKind::deadlock:
      return session_name(lost.c_str()) + " fails as deadlocked";
    case MoveKind::crash:
      return driver_name(move.index) + " dies";
    case MoveKind::lose:
      return driver_name(move.index) + " loses its session";
    case MoveKind::end_lost:
      return session_name(lost.c_str()) + " is ended by the server";
  }
  return {};
}

void Explorer::add_step(std::string& chart, int number, const std::string& text,
                        const State& before, const State& after) const {
  std::string count = std::to_string(number);
  count.insert(0, count.size() < 3 ? 3 - count.size() : 0, ' ');
  chart += count + "  " + text + "\n";
  row_lines(chart, scenario_, before, after);
  session_lines(chart, scenario_, before, after);
  for (std::size_t i = 0; i < scenario_.works.size(); ++i) {
    if (before.said[i] == after.said[i]) continue;
    constexpr std::array<const char*, 7> said{"",       "done", "refused", "already_exists",
                                              "locked", "held", "stale"};
    line(chart, scenario_.works[i].name +
                    " is answered: " + said[static_cast<std::size_t>(after.said[i])]);
  }
  for (std::size_t i = 0; i < scenario_.drivers.size(); ++i) {
    if (after.drivers[i].gone == Gone::fenced && before.drivers[i].gone == Gone::no) {
      line(chart, driver_name(i) + " has lost its lane");
    }
  }
}

}  // namespace pawl::check::sql
