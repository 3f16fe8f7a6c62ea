// SPDX-License-Identifier: Apache-2.0
#include "checker/schedules.h"

#include <algorithm>
#include <random>
#include <stdexcept>
#include <utility>

#include "check/guard_switch.h"
#include "check/sql/explorer.h"
#include "check/sql/guards.h"

namespace pawl::check::sql {

namespace {

constexpr int max_moves = 400;

std::string row_text(const SqlScenario& scenario, RowId row, const Values& values) {
  std::string out = std::to_string(scenario.rows[row].id);
  const Table table = scenario.rows[row].table;
  for (std::size_t c = 0; c < max_columns && !column_name(table, c).empty(); ++c) {
    out += "," + std::to_string(values[c]);
  }
  return out;
}

class Lines {
 public:
  Lines(const SqlScenario& scenario, Dialect dialect) : scenario_(scenario), dialect_(dialect) {
    out_ = "scenario\t" + scenario.name + "\nsetup\t" + to_sql(scenario, dialect) + "\n";
  }

  void add(const Ran& ran) {
    const std::string session = std::to_string(ran.session);
    if (ran.cut || ran.rolls_back) {
      out_ += (ran.cut ? "cut\t" : "rollback\t") + session + "\n";
      return;
    }
    const std::string expected = expected_of(ran);
    if (ran.went_on) {
      out_ += "goes_on\t" + session + "\t" + expected + "\n";
    } else {
      const char* flag = ran.gives_up ? "gives_up" : ran.closes_cycle ? "closes_cycle" : "-";
      out_ += "step\t" + session + "\t" + flag + "\t" + to_sql(ran.statement, scenario_, dialect_) +
              "\t" + expected + "\n";
    }
    const bool by_client = dialect_ == Dialect::sqlite && ran.answer.end == End::failed;
    if (by_client) out_ += "rollback\t" + session + "\n";
  }

  std::string finish(const State& state) {
    for (std::size_t t = 0; t < tables; ++t) {
      std::vector<std::pair<Number, std::string>> rows;
      for (std::size_t i = 0; i < scenario_.rows.size(); ++i) {
        const RowName& row = scenario_.rows[i];
        if (row.table != static_cast<Table>(t) || state.rows[i].committed.present == 0) continue;
        rows.emplace_back(
            row.id, row_text(scenario_, static_cast<RowId>(i), state.rows[i].committed.values));
      }
      std::sort(rows.begin(), rows.end());
      out_ += "rows\t" + std::string(table_name(static_cast<Table>(t))) + "\trows:";
      for (std::size_t i = 0; i < rows.size(); ++i) out_ += (i > 0 ? ";" : "") + rows[i].second;
      out_ += "\n";
    }
    return std::move(out_);
  }

 private:
  std::string expected_of(const Ran& ran) const {
    const Statement& s = ran.statement;
    if (ran.answer.end == End::blocked) return "blocked";
    const bool counted = !s.raises.empty() && !s.client_counts;
    if (ran.answer.end == End::failed) {
      if (dialect_ == Dialect::sqlite && ran.answer.sqlstate == s.raises) return "count:0";
      return "error:" + std::string(ran.answer.sqlstate);
    }
    if (s.verb == Verb::lock || s.verb == Verb::read) return s.answers ? rows_of(ran) : "done";
    if (s.verb == Verb::insert || s.verb == Verb::update || s.verb == Verb::remove) {
      if (counted && dialect_ == Dialect::postgres) return "done";
      return "count:" + std::to_string(ran.answer.count);
    }
    return "done";
  }

  std::string rows_of(const Ran& ran) const {
    std::string out;
    int joined = 0;
    const auto is_joined = [&](RowId row) {
      const auto& rows = ran.statement.joined_rows;
      return std::find(rows.begin(), rows.end(), row) != rows.end();
    };
    for (const auto& [row, cell] : ran.answered) {
      if (is_joined(row) && cell.seen == Seen::present) ++joined;
    }
    auto rows = ran.answered;
    const bool sorted = ran.statement.verb == Verb::read || ran.statement.snapshot_values;
    const auto before = [&](const auto& a, const auto& b) {
      return scenario_.rows[a.first].id < scenario_.rows[b.first].id;
    };
    if (sorted) std::stable_sort(rows.begin(), rows.end(), before);
    for (const auto& [row, cell] : rows) {
      if (is_joined(row) || cell.seen != Seen::present) continue;
      if (!out.empty()) out += ";";
      out += row_text(scenario_, row, cell.values);
      if (!ran.statement.joined_rows.empty()) out += "," + std::to_string(joined);
    }
    return "rows:" + out;
  }

  const SqlScenario& scenario_;
  Dialect dialect_;
  std::string out_;
};

std::string drive(const SqlScenario& scenario, Dialect dialect,
                  const std::function<const Move*(const std::vector<Move>&)>& choose) {
  Steps steps(scenario);
  Lines lines(scenario, dialect);
  steps.observe([&](const Ran& ran) { lines.add(ran); });
  State state = steps.first();
  std::vector<Move> moves;
  std::string broken;
  for (int i = 0; i < max_moves && broken.empty(); ++i) {
    steps.moves(state, moves);
    if (moves.empty()) break;
    const Move* move = choose(moves);
    if (move == nullptr) break;
    steps.apply(*move, state, broken);
  }
  return lines.finish(state);
}

std::string by_chance(const SqlScenario& scenario, Dialect dialect, std::mt19937_64& random) {
  return drive(scenario, dialect, [&](const std::vector<Move>& moves) {
    const Move* move = &moves[random() % moves.size()];
    // Faults and short time-outs would end most schedules early.
    if (move->kind != MoveKind::run && random() % 4 != 0) move = &moves[random() % moves.size()];
    return move;
  });
}

// The shortest failure without the guard; empty: there is none in this scenario.
std::string failure(const SqlScenario& scenario, Dialect dialect, std::string_view guard) {
  const GuardOff off{std::string(guard)};
  const Options options;
  const Result result = Explorer(scenario, options).run();
  if (!result.violation) return {};
  const auto schedule = Explorer(scenario, options).moves_of(result.violation->schedule);
  std::size_t next = 0;
  return drive(scenario, dialect, [&](const std::vector<Move>&) {
    return next < schedule.size() ? &schedule[next++] : nullptr;
  });
}

}  // namespace

std::string schedules(Dialect dialect, std::uint64_t seed, int for_each_scenario) {
  std::mt19937_64 random(seed);
  std::string out;
  for (SqlScenario scenario : scenarios()) {
    if (scenario.one_writer != (dialect == Dialect::sqlite)) continue;
    scenario.eager = true;
    for (int i = 0; i < for_each_scenario; ++i) {
      // Else most batches skip what is locked, and few wait.
      for (DriverPlan& driver : scenario.drivers) driver.waits_at_once = random() % 3 != 0;
      out += by_chance(scenario, dialect, random);
    }
  }
  if (dialect == Dialect::sqlite) return out;
  for (const Guard& guard : guard::all) {
    // A sequence of the database's is not among the tables here.
    if (guard.name == guard::sequence_in_row.name) continue;
    std::string found;
    for (SqlScenario scenario : scenarios()) {
      if (scenario.one_writer || !found.empty()) continue;
      scenario.eager = true;
      found = failure(scenario, dialect, guard.name);
    }
    if (found.empty()) throw std::logic_error("no failure without " + std::string(guard.name));
    out += found;
  }
  return out;
}

}  // namespace pawl::check::sql
