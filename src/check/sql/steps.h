// SPDX-License-Identifier: Apache-2.0
//
// What can happen next: a session runs its next statement, or goes on with one that waited; a
// driver begins a task, dies, or loses its session, which then goes on by itself as far as its
// statements were sent. The statements are those of docs/checker.md, one scheduling point before
// each; what a batch writes is decided by the production committer.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "check/sql/batch_rows.h"
#include "check/sql/database.h"
#include "check/sql/scenario.h"

namespace pawl::check::sql {

enum class MoveKind : std::uint8_t {
  begin,     // a driver: a session, and BEGIN
  run,       // a session: its next statement, or the one that waited
  time_out,  // a session: waits no longer than lock_timeout
  deadlock,  // a session: it is the one that is chosen to fail
  crash,     // a driver
  lose,      // a driver: its session
  end_lost   // a lost session: the server finds that nobody is there
};

struct Move {
  MoveKind kind = MoveKind::begin;
  std::uint8_t index = 0;
};

// What happened in a session, for whoever drives the same on a real database.
struct Ran {
  std::uint8_t session = 0;
  Statement statement;
  Answer answer;
  std::vector<std::pair<RowId, Cell>> answered;  // of what reads or locks, in the order asked
  bool went_on = false;                          // it had waited
  bool gives_up = false;                         // its lock_timeout is short
  bool closes_cycle = false;
  bool rolls_back = false;  // no statement: the client ends its transaction
  bool cut = false;         // no statement: the connection is gone
};
using Observer = std::function<void(const Ran& ran)>;

class Steps {
 public:
  explicit Steps(const SqlScenario& scenario);

  const SqlScenario& scenario() const { return scenario_; }
  State first() const;
  void moves(const State& state, std::vector<Move>& out);
  // `broken`: what the move showed to be wrong; empty if nothing.
  void apply(const Move& move, State& state, std::string& broken);
  // A short phrase, unique among the moves of a state.
  std::string text(const Move& move, const State& state);
  bool is_end(const State& state) const;

  void observe(Observer observer) { observer_ = std::move(observer); }
  // The session's next one; none: nothing is to be asked at this stage.
  std::optional<Statement> statement(const State& state, std::size_t session);

 private:
  static constexpr std::uint8_t settling = 0xFF;  // Session::task

  const Task& task_of(const Session& session) const {
    return scenario_.drivers[session.driver].tasks[session.task];
  }
  RowId lane_of(const Session& session) const { return scenario_.drivers[session.driver].lane; }
  bool has_task(const State& state, std::size_t driver) const;
  void next_task(State& state, std::size_t driver) const;
  std::uint8_t works_now(const Driver& driver) const;

  std::optional<Statement> batch_statement(const Session& session);
  std::optional<Statement> locking(const Session& session, std::uint8_t stage, const Asked& asked);
  Statement lane_kept(const Session& session) const;
  Statement journal_row(const Session& session) const;
  std::vector<RowId> journal_of(RowId lane) const;
  void count_journal(Session& session) const;
  std::optional<Statement> write(const Session& session, std::size_t place);
  std::optional<Statement> take_over_statement(const Session& session) const;
  std::optional<Statement> renew_statement(const Session& session) const;
  std::optional<Statement> settle_statement(const State& state, const Session& session) const;
  // Past the stages that have nothing to do; ends what has come to its end without a commit.
  void advance(State& state, std::size_t session, std::string& broken);
  void end_pass(Session& session);
  void decided_in(State& state, std::size_t session, std::string& broken);
  bool runs_on(const State& state, std::size_t session);

  void begin(State& state, std::size_t driver, std::string& broken);
  void run(State& state, std::size_t session, bool gives_up, std::string& broken);
  void after(State& state, std::size_t session, const Statement& statement, const Answer& outcome,
             std::string& broken);
  void failed(State& state, std::size_t session, std::string_view sqlstate, std::string& broken);
  void met_receipt(State& state, const Session& was) const;
  void lost_create(State& state, const Session& session) const;
  void committed(State& state, std::size_t session, std::string& broken);
  void batch_committed(State& state, const Session& session, std::string& broken);
  void took_over(State& state, const Session& session, std::string& broken) const;
  void published(State& state, const Session& session, std::string& broken);
  void settled(State& state, std::size_t session);
  void again(State& state, std::size_t driver, Said otherwise) const;
  void lose(State& state, std::size_t driver, bool crashes);
  void tell(const State& state, std::size_t session, const Statement& statement,
            const Answer& outcome, bool went_on, bool gives_up, bool closes_cycle) const;
  void tell_end(std::size_t session, bool cut) const;
  void go_on(State& state, std::string& broken);
  std::string judge(const State& state) const;
  std::string judge_entity(const State& state, RowId row) const;
  std::string judge_lane(const State& state, RowId row) const;

  const SqlScenario& scenario_;
  Database database_;
  BatchRows rows_;
  Observer observer_;
};

// "update lanes 1 ..." in words, for schedules and charts.
std::string words(const Statement& statement, const SqlScenario& scenario);

}  // namespace pawl::check::sql
