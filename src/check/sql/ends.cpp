// SPDX-License-Identifier: Apache-2.0
//
// What follows from the end of a session's transaction, as the lane's driver and the stores do it:
// answers after a commit, another try, a lane that is lost, a commit in doubt that is settled; and
// what must hold of every state.
#include <algorithm>

#include "check/sql/guards.h"
#include "check/sql/stages.h"
#include "check/sql/steps.h"

namespace pawl::check::sql {

void Steps::failed(State& state, std::size_t at, std::string_view sqlstate, std::string& broken) {
  const Session was = state.sessions[at];
  state.sessions[at] = {};
  if (was.status == Status::lost) return;
  Driver& driver = state.drivers[was.driver];
  driver.session = 0;
  if (sqlstate == fenced) {
    driver.gone = Gone::fenced;
  } else if (sqlstate == update_lost) {
    broken = "a row was changed since it was locked and read (PW003)";
  } else if (sqlstate == deadlock_detected) {
    broken = "sessions waited for each other (40P01)";
  } else if (sqlstate == unique_violation && was.unread != 0) {
    met_receipt(state, was);
  } else if (sqlstate == unique_violation) {
    broken = "what was there was not seen under the lock (23505)";
  } else if (sqlstate == create_lost) {
    lost_create(state, was);
  } else if (was.task != settling) {
    driver.waiting_batch = 1;
    again(state, was.driver, Said::locked);
  }
}

// Again, and now the receipts are looked up.
void Steps::met_receipt(State& state, const Session& was) const {
  Driver& driver = state.drivers[was.driver];
  driver.unread = 0;
  if (!guard::is_off(guard::repeat_runs_again)) return;
  for (std::size_t i = 0; i < scenario_.works.size(); ++i) {
    if ((was.works >> i & 1) != 0) state.said[i] = Said::conflict;
  }
  driver.left &= static_cast<std::uint8_t>(~was.works);
  if (driver.left == 0) next_task(state, was.driver);
}

// Several: each on its own. One: again, on the row that is there now; twice is a value of its own
// that another has.
void Steps::lost_create(State& state, const Session& was) const {
  Driver& driver = state.drivers[was.driver];
  if ((was.works & (was.works - 1)) != 0) {
    driver.alone = 1;
    return;
  }
  const bool twice = (driver.conflicted & was.works) != 0;
  driver.conflicted |= was.works;
  if (!twice && !guard::is_off(guard::create_runs_again)) return;
  for (std::size_t i = 0; i < scenario_.works.size(); ++i) {
    if ((was.works >> i & 1) != 0) state.said[i] = Said::conflict;
  }
  driver.left &= static_cast<std::uint8_t>(~was.works);
  if (driver.left == 0) next_task(state, was.driver);
}

void Steps::committed(State& state, std::size_t at, std::string& broken) {
  Session& session = state.sessions[at];
  if (session.task == settling) {
    ++session.stage;
    return advance(state, at, broken);
  }
  const Session was = session;
  session = {};
  Driver& driver = state.drivers[was.driver];
  if (was.status == Status::open) driver.session = 0;
  switch (task_of(was).kind) {
    case TaskKind::batch:
      batch_committed(state, was, broken);
      break;
    case TaskKind::take_over:
      if (was.status == Status::open) took_over(state, was, broken);
      break;
    case TaskKind::renew:
      if (was.status == Status::open) next_task(state, was.driver);
      break;
  }
}

void Steps::batch_committed(State& state, const Session& was, std::string& broken) {
  const RowId lane = lane_of(was);
  for (const WorkEnd& end : rows_.decided(was, was.token, lane).ends) {
    const bool claim = scenario_.works[end.work].kind == WorkKind::claim;
    if (claim || end.fate != protocol::Fate::decided || !end.done || end.repeated) continue;
    ++state.executed[end.work];
  }
  if (was.written_off != 0) {
    broken = "a commit of which was said that nothing had happened is there";
  } else if (state.rows[lane].committed.values[column::lane_epoch] != was.epoch) {
    broken = "whoever was superseded has written into its lane";
  } else if (was.status == Status::open && was.uncounted != 0) {
    broken = "the client says that nothing has happened, and it is committed";
  } else if (was.status == Status::open) {
    published(state, was, broken);
  }
}

void Steps::took_over(State& state, const Session& was, std::string& broken) const {
  const RowId lane = lane_of(was);
  Driver& driver = state.drivers[was.driver];
  driver.epoch = static_cast<std::uint8_t>(was.cells[lane].values[column::lane_epoch] + 1);
  next_task(state, was.driver);
  for (std::size_t i = 0; i < scenario_.drivers.size(); ++i) {
    const bool same = i != was.driver && scenario_.drivers[i].lane == lane &&
                      state.drivers[i].epoch == driver.epoch;
    if (same) broken = "two hold one lane under one epoch";
  }
}

// Answers, and what runs again.
void Steps::published(State& state, const Session& was, std::string& broken) {
  Driver& driver = state.drivers[was.driver];
  const Decided& decided = rows_.decided(was, was.token, lane_of(was));
  Said otherwise = Said::locked;
  for (const WorkEnd& end : decided.ends) {
    if (end.fate == protocol::Fate::skipped) {
      driver.waiting_batch = 1;
      continue;
    }
    if (end.fate == protocol::Fate::held) {
      otherwise = Said::held;
      continue;
    }
    driver.left &= static_cast<std::uint8_t>(~(1U << end.work));
    state.said[end.work] = end.fate == protocol::Fate::stale ? Said::stale
                           : end.done                        ? Said::done
                                                             : Said::refused;
    if (state.said[end.work] == Said::refused) {
      broken = scenario_.works[end.work].name + " is answered " + end.code;
    }
  }
  if (decided.token != 0) {
    driver.token = decided.token;
    for (std::size_t i = 0; i < scenario_.drivers.size(); ++i) {
      if (i == was.driver || state.drivers[i].token != driver.token) continue;
      broken = "two carry out one effect under one token";
    }
  }
  if (driver.left == 0) {
    next_task(state, was.driver);
  } else if (driver.alone == 0 || (was.works & driver.left) != 0) {
    again(state, was.driver, otherwise);
  }
}

// The journal row says how the commit in doubt ended.
void Steps::settled(State& state, std::size_t at) {
  const Session was = state.sessions[at];
  state.sessions[at] = {};
  Driver& driver = state.drivers[was.driver];
  driver.session = 0;
  Session& lost = state.sessions[driver.lost - 1U];
  const RowId lane = lane_of(was);
  const int id = scenario_.rows[lane].id * journal_rows + driver.sequence;
  const Cell& journal = was.cells[scenario_.row(Table::journal, static_cast<Number>(id))];
  const bool ours =
      journal.seen == Seen::present &&
      (guard::is_off(guard::journal_epoch) || journal.values[column::journal_epoch] == was.epoch);
  const bool same_session = lost.status == Status::lost && lost.driver == was.driver;
  if (!ours && same_session) lost.written_off = 1;
  const bool held = guard::is_off(guard::settled_under_lock) ||
                    was.cells[lane].values[column::lane_epoch] == was.epoch;
  const bool raised = held && !guard::is_off(guard::settled_under_lock) &&
                      !guard::is_off(guard::settling_raises_epoch);
  if (raised) ++driver.epoch;
  driver.lost = 0;
  if (ours) {
    for (std::size_t i = 0; i < scenario_.works.size(); ++i) {
      if ((driver.doubted >> i & 1) != 0) state.said[i] = Said::done;
    }
    driver.left &= static_cast<std::uint8_t>(~driver.doubted);
    if (driver.left == 0) {
      next_task(state, was.driver);
    } else if (driver.alone == 0) {
      driver.waiting_batch = 1;
      again(state, was.driver, Said::locked);
    }
  } else {
    again(state, was.driver, Said::nothing);
  }
  driver.sequence = driver.doubted = 0;
  if (!held) driver.gone = Gone::fenced;
}

std::string Steps::judge(const State& state) const {
  for (std::size_t i = 0; i < scenario_.works.size(); ++i) {
    const SqlWork& work = scenario_.works[i];
    int times = 0;
    for (std::size_t j = 0; j < scenario_.works.size(); ++j) {
      const SqlWork& other = scenario_.works[j];
      if (other.kind == work.kind && other.source == work.source) times += state.executed[j];
    }
    if (times > 1) return work.name + " was carried out twice";
    if (state.said[i] == Said::conflict)
      return work.name + " is answered as failed: already_exists";
    const bool carried_out = work.kind == WorkKind::claim || times == 1;
    if (state.said[i] == Said::done && !carried_out) {
      return work.name + " is answered as done, and is not there";
    }
  }
  for (std::size_t i = 0; i < scenario_.rows.size(); ++i) {
    const auto row = static_cast<RowId>(i);
    std::string wrong;
    if (scenario_.rows[i].table == Table::entities) wrong = judge_entity(state, row);
    if (scenario_.rows[i].table == Table::lanes) wrong = judge_lane(state, row);
    if (!wrong.empty()) return wrong;
  }
  return {};
}

// One version for each change, and none of them lost.
std::string Steps::judge_entity(const State& state, RowId row) const {
  const Image& is = state.rows[row].committed;
  int versions = scenario_.rows[row].first.values[column::version];
  int amount = scenario_.rows[row].first.values[column::amount];
  for (std::size_t i = 0; i < scenario_.works.size(); ++i) {
    if (scenario_.works[i].entity != row) continue;
    versions += state.executed[i];
    amount += state.executed[i] * scenario_.works[i].amount;
  }
  const std::string& name = scenario_.rows[row].name;
  if (is.values[column::version] != versions) {
    return name + " was changed " + std::to_string(versions) + " times, and its version is " +
           std::to_string(is.values[column::version]);
  }
  if (is.values[column::amount] != amount) {
    return name + " holds " + std::to_string(is.values[column::amount]) + " instead of " +
           std::to_string(amount);
  }
  if (is.values[column::overtaken] != 0) return "a message overtook an earlier one of its pair";
  return {};
}

std::string Steps::judge_lane(const State& state, RowId row) const {
  const RowName& lane = scenario_.rows[row];
  int rows = 0;
  int highest = 0;
  for (const RowId one : journal_of(row)) {
    if (state.rows[one].committed.present == 0) continue;
    ++rows;
    highest = std::max(highest, scenario_.rows[one].id % journal_rows);
  }
  if (rows != highest) return "the journal of " + lane.name + " has a gap";
  const int next = state.rows[row].committed.values[column::lane_next];
  if (!guard::is_off(guard::sequence_in_row) && next > highest + 1) {
    return lane.name + " is ahead of its journal";
  }
  return {};
}

}  // namespace pawl::check::sql
