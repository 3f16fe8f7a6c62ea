// SPDX-License-Identifier: Apache-2.0
#include "check/sql/steps.h"

#include <algorithm>
#include <stdexcept>

#include "check/sql/guards.h"
#include "check/sql/stages.h"

namespace pawl::check::sql {

namespace {

std::uint8_t place_of(std::size_t session) {
  return static_cast<std::uint8_t>(session + 1);
}

}  // namespace

Steps::Steps(const SqlScenario& scenario)
    : scenario_(scenario), database_(scenario.one_writer, scenario.eager), rows_(scenario) {
  if (scenario.rows.size() > max_rows || scenario.works.size() > max_works ||
      scenario.drivers.size() > max_drivers) {
    throw std::invalid_argument(scenario.name + " is too large for a state");
  }
}

State Steps::first() const {
  State out;
  for (std::size_t i = 0; i < scenario_.rows.size(); ++i) {
    out.rows[i].committed = scenario_.rows[i].first;
  }
  for (std::size_t i = 0; i < scenario_.drivers.size(); ++i) {
    Driver& driver = out.drivers[i];
    driver.epoch = scenario_.drivers[i].epoch;
    driver.task = settling;
    next_task(out, i);
    driver.waiting_batch = scenario_.drivers[i].waits_at_once ? 1 : 0;
  }
  return out;
}

// Works whose source is not there are left out: a message that was never sent, an exchange that was
// never begun.
void Steps::next_task(State& state, std::size_t at) const {
  Driver& driver = state.drivers[at];
  const auto& tasks = scenario_.drivers[at].tasks;
  driver.tries = driver.waiting_batch = driver.alone = driver.left = 0;
  while (++driver.task < tasks.size()) {
    driver.unread = tasks[driver.task].unread ? 1 : 0;
    if (tasks[driver.task].kind != TaskKind::batch) return;
    for (std::size_t i = 0; i < scenario_.works.size(); ++i) {
      const SqlWork& work = scenario_.works[i];
      const bool there =
          (work.kind != WorkKind::message || state.rows[work.source].committed.present != 0) &&
          (work.kind != WorkKind::answer || driver.token != 0);
      if ((tasks[driver.task].works >> i & 1) != 0 && there) {
        driver.left |= static_cast<std::uint8_t>(1U << i);
      }
    }
    if (driver.left != 0) return;
  }
}

bool Steps::has_task(const State& state, std::size_t at) const {
  const Driver& driver = state.drivers[at];
  if (driver.gone != Gone::no || driver.session != 0) return false;
  return driver.lost != 0 || driver.task < scenario_.drivers[at].tasks.size();
}

std::uint8_t Steps::works_now(const Driver& driver) const {
  if (driver.alone == 0) return driver.left;
  return driver.left & static_cast<std::uint8_t>(-driver.left);
}

// What was sent before the session was lost goes on: a second round, a COMMIT.
bool Steps::runs_on(const State& state, std::size_t at) {
  const Session& session = state.sessions[at];
  if (session.status == Status::open) return true;
  if (session.task == settling) return false;
  if (task_of(session).kind == TaskKind::batch) return session.stage >= stage::writes;
  const auto next = statement(state, at);
  return next && next->verb == Verb::commit;
}

void Steps::moves(const State& state, std::vector<Move>& out) {
  out.clear();
  for (std::uint8_t i = 0; i < max_sessions; ++i) {
    const Session& session = state.sessions[i];
    if (session.status == Status::closed) continue;
    if (session.waits == Wait::no) {
      if (runs_on(state, i)) out.push_back({MoveKind::run, i});
    } else if (Database::can_go_on(state, i)) {
      out.push_back({MoveKind::run, i});
    } else if (session.waits_for != the_writer && !scenario_.eager) {
      if (session.task != settling) out.push_back({MoveKind::time_out, i});
      if (Database::is_deadlocked(state, i)) out.push_back({MoveKind::deadlock, i});
    }
    if (scenario_.eager && session.waits == Wait::no && session.status == Status::open &&
        session.task != settling) {
      State trial = state;
      const auto next = statement(state, i);
      if (next && database_.run(trial, i, *next).end == End::blocked &&
          trial.sessions[i].waits_for != the_writer) {
        out.push_back({MoveKind::time_out, i});
      }
    }
    if (session.status == Status::lost) out.push_back({MoveKind::end_lost, i});
  }
  const auto drivers = static_cast<std::uint8_t>(scenario_.drivers.size());
  for (std::uint8_t i = 0; i < drivers; ++i) {
    if (has_task(state, i)) out.push_back({MoveKind::begin, i});
    if (state.faults >= scenario_.faults || state.drivers[i].session == 0) continue;
    out.push_back({MoveKind::crash, i});
    out.push_back({MoveKind::lose, i});
  }
}

bool Steps::is_end(const State& state) const {
  for (std::size_t i = 0; i < scenario_.drivers.size(); ++i) {
    if (has_task(state, i) || state.drivers[i].session != 0) return false;
  }
  return std::all_of(state.sessions.begin(), state.sessions.end(),
                     [](const Session& one) { return one.status == Status::closed; });
}

void Steps::apply(const Move& move, State& state, std::string& broken) {
  broken.clear();
  switch (move.kind) {
    case MoveKind::begin:
      begin(state, move.index, broken);
      break;
    case MoveKind::run:
      run(state, move.index, false, broken);
      break;
    case MoveKind::time_out:
      if (scenario_.eager) {
        run(state, move.index, true, broken);
      } else {
        database_.roll_back(state, move.index);
        failed(state, move.index, lock_not_available, broken);
      }
      break;
    case MoveKind::deadlock:
      database_.roll_back(state, move.index);
      failed(state, move.index, deadlock_detected, broken);
      break;
    case MoveKind::crash:
    case MoveKind::lose:
      ++state.faults;
      lose(state, move.index, move.kind == MoveKind::crash);
      break;
    case MoveKind::end_lost:
      tell_end(move.index, true);
      database_.roll_back(state, move.index);
      state.sessions[move.index] = {};
      break;
  }
  if (scenario_.eager && broken.empty()) go_on(state, broken);
  if (broken.empty()) broken = judge(state);
}

void Steps::go_on(State& state, std::string& broken) {
  while (broken.empty()) {
    std::size_t next = max_sessions;
    for (std::size_t i = 0; i < max_sessions; ++i) {
      const Session& session = state.sessions[i];
      if (session.waits == Wait::no || !Database::can_go_on(state, i)) continue;
      if (next == max_sessions || session.since < state.sessions[next].since) next = i;
    }
    if (next == max_sessions) return;
    run(state, next, false, broken);
  }
}

void Steps::begin(State& state, std::size_t at, std::string& broken) {
  Driver& driver = state.drivers[at];
  const auto free = std::find_if(state.sessions.begin(), state.sessions.end(),
                                 [](const Session& one) { return one.status == Status::closed; });
  if (free == state.sessions.end()) throw std::logic_error("no session is left");
  Session session;
  session.status = Status::open;
  session.driver = static_cast<std::uint8_t>(at);
  session.task = driver.lost != 0 ? settling : driver.task;
  session.works = works_now(driver);
  session.waiting_batch = driver.waiting_batch;
  session.epoch = driver.epoch;
  session.token = driver.token;
  session.unread = driver.unread;
  const bool batch = session.task != settling && task_of(session).kind == TaskKind::batch;
  // Who waits takes its locks in the one order of all, which places do not have.
  if (batch && task_of(session).at_places && session.waiting_batch == 0) {
    session.pass = Pass::at_places;
  }
  *free = session;
  const auto index = static_cast<std::size_t>(free - state.sessions.begin());
  driver.session = place_of(index);
  run(state, index, false, broken);
}

void Steps::run(State& state, std::size_t at, bool gives_up, std::string& broken) {
  const auto next = statement(state, at);
  if (!next) throw std::logic_error("a session has nothing to run");
  const bool went_on = state.sessions[at].waits != Wait::no;
  Answer outcome = database_.run(state, at, *next);
  const bool cycle = outcome.end == End::blocked && Database::is_deadlocked(state, at);
  if (outcome.end == End::blocked && (gives_up || (cycle && scenario_.eager))) {
    database_.roll_back(state, at);
    outcome = {End::failed, gives_up ? lock_not_available : deadlock_detected, 0};
  }
  tell(state, at, *next, outcome, went_on, gives_up, cycle);
  after(state, at, *next, outcome, broken);
}

void Steps::after(State& state, std::size_t at, const Statement& ran, const Answer& outcome,
                  std::string& broken) {
  Session& session = state.sessions[at];
  if (outcome.end == End::blocked) return;
  if (outcome.end == End::failed) return failed(state, at, outcome.sqlstate, broken);
  if (ran.client_counts && !ran.raises.empty() && outcome.count == 0) session.uncounted = 1;
  if (session.task != settling && task_of(session).kind == TaskKind::batch &&
      (session.stage == stage::exists || session.stage == stage::effects_exist)) {
    for (const RowId row : ran.rows) {
      if (session.cells[row].seen == Seen::present) session.cells[row] = {Seen::skipped, {}};
    }
  }
  if (ran.verb == Verb::commit) return committed(state, at, broken);
  if (ran.table == Table::lanes && !ran.joined_rows.empty()) count_journal(session);
  ++session.stage;
  advance(state, at, broken);
}

std::vector<RowId> Steps::journal_of(RowId lane) const {
  std::vector<RowId> out;
  for (std::size_t i = 0; i < scenario_.rows.size(); ++i) {
    const RowName& one = scenario_.rows[i];
    if (one.table != Table::journal || one.id / journal_rows != scenario_.rows[lane].id) continue;
    out.push_back(static_cast<RowId>(i));
  }
  return out;
}

// The next sequence is behind the lane's row and its journal, whichever has got further; that is
// all which was asked of the journal.
void Steps::count_journal(Session& session) const {
  const RowId lane = lane_of(session);
  Number& next = session.cells[lane].values[column::lane_next];
  for (const RowId row : journal_of(lane)) {
    const int sequence = scenario_.rows[row].id % journal_rows;
    if (session.cells[row].seen == Seen::present) {
      next = std::max(next, static_cast<Number>(sequence + 1));
    }
    session.cells[row] = {};
  }
}

// What the locks protect was read before all of them were held, unless the first pass got them all.
void Steps::end_pass(Session& session) {
  if (session.pass == Pass::what_is_left && session.stage > stage::rows) {
    session.pass = Pass::by_index;
    session.stage = stage::exists;
  }
  if (session.pass != Pass::at_places || session.stage < stage::exists) return;
  session.pass = Pass::by_index;
  const auto& entities = rows_.asked(session.works, session.token).entities;
  const bool all = std::all_of(entities.begin(), entities.end(),
                               [&](RowId row) { return session.cells[row].seen == Seen::present; });
  if (all) return;
  if (guard::is_off(guard::read_again)) {
    session.pass = Pass::what_is_left;
    session.stage = stage::rows;
    return;
  }
  session.stage = stage::early_receipts;
  session.cells = {};
}

void Steps::advance(State& state, std::size_t at, std::string& broken) {
  Session& session = state.sessions[at];
  const bool batch = session.task != settling && task_of(session).kind == TaskKind::batch;
  while (true) {
    if (batch) end_pass(session);
    if (batch && session.stage == stage::writes) return decided_in(state, at, broken);
    if (!batch && session.stage >= stage::last) return settled(state, at);
    if (statement(state, at)) return;
    ++session.stage;
  }
}

// Between the rounds: fenced, nothing to commit, or on.
void Steps::decided_in(State& state, std::size_t at, std::string& broken) {
  Session& session = state.sessions[at];
  const RowId lane = lane_of(session);
  const bool ours = session.cells[lane].values[column::lane_epoch] == session.epoch;
  const bool is_fenced = !ours && !guard::is_off(guard::lane_epoch);
  const Decided& decided = rows_.decided(session, session.token, lane);
  if (!is_fenced && !decided.needs_receipts && !decided.writes.empty()) return;
  tell_end(at, false);
  database_.roll_back(state, at);
  if (is_fenced) return failed(state, at, fenced, broken);
  if (decided.needs_receipts) return failed(state, at, unique_violation, broken);
  const Session was = session;
  session = {};
  state.drivers[was.driver].session = 0;
  published(state, was, broken);
}

void Steps::lose(State& state, std::size_t at, bool crashes) {
  Driver& driver = state.drivers[at];
  const std::size_t index = driver.session - 1U;
  Session& session = state.sessions[index];
  session.status = Status::lost;
  driver.session = 0;
  if (crashes) {
    driver.gone = Gone::crashed;
    return;
  }
  if (session.task == settling) return;  // settles again
  const bool batch = task_of(session).kind == TaskKind::batch;
  if (!batch || session.stage < stage::writes) return again(state, at, Said::nothing);
  driver.lost = place_of(index);
  // What was skipped, or held back by an earlier message, is none of the commit's.
  for (const WorkEnd& end : rows_.decided(session, session.token, lane_of(session)).ends) {
    if (end.fate == protocol::Fate::skipped || end.fate == protocol::Fate::held) continue;
    driver.doubted |= static_cast<std::uint8_t>(1U << end.work);
  }
  driver.sequence =
      static_cast<std::uint8_t>(session.cells[lane_of(session)].values[column::lane_next]);
}

void Steps::again(State& state, std::size_t at, Said otherwise) const {
  Driver& driver = state.drivers[at];
  if (++driver.tries < scenario_.max_tries) return;
  for (std::size_t i = 0; i < scenario_.works.size(); ++i) {
    if ((driver.left >> i & 1) != 0 && otherwise != Said::nothing) state.said[i] = otherwise;
  }
  next_task(state, at);
}

void Steps::tell(const State& state, std::size_t at, const Statement& statement,
                 const Answer& outcome, bool went_on, bool gives_up, bool closes_cycle) const {
  if (!observer_) return;
  Ran ran;
  ran.session = static_cast<std::uint8_t>(at);
  ran.statement = statement;
  ran.answer = outcome;
  ran.went_on = went_on;
  ran.gives_up = gives_up;
  ran.closes_cycle = closes_cycle;
  const Session& session = state.sessions[at];
  for (const RowId row : statement.rows) ran.answered.emplace_back(row, session.cells[row]);
  for (const RowId row : statement.joined_rows) ran.answered.emplace_back(row, session.cells[row]);
  observer_(ran);
}

void Steps::tell_end(std::size_t at, bool cut) const {
  if (!observer_) return;
  Ran ran;
  ran.session = static_cast<std::uint8_t>(at);
  ran.cut = cut;
  ran.rolls_back = !cut;
  observer_(ran);
}

}  // namespace pawl::check::sql
