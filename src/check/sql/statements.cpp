// SPDX-License-Identifier: Apache-2.0
//
// The statements that each task sends, one after another: the committer's two rounds, taking a lane
// over, renewing it, settling a commit in doubt. With a guard switched off, the statement that
// somebody might have written instead.
#include <algorithm>

#include "check/sql/guards.h"
#include "check/sql/stages.h"
#include "check/sql/steps.h"

namespace pawl::check::sql {

namespace {

// Of a row that is still where it was when the scenario began.
constexpr Number version_at_first = 1;

Statement reading(Table table, std::vector<RowId> rows) {
  Statement out;
  out.verb = Verb::read;
  out.table = table;
  out.rows = std::move(rows);
  return out;
}

Statement locks(Table table, std::vector<RowId> rows, bool skip) {
  Statement out = reading(table, std::move(rows));
  out.verb = Verb::lock;
  out.skip_locked = skip;
  return out;
}

Statement plain(Verb verb) {
  Statement out;
  out.verb = verb;
  return out;
}

Statement lane_update(RowId lane, std::uint8_t col, Number value) {
  Statement out;
  out.verb = Verb::update;
  out.table = Table::lanes;
  out.rows = {lane};
  out.columns = static_cast<std::uint8_t>(1U << col);
  out.values[col] = value;
  return out;
}

}  // namespace

std::optional<Statement> Steps::statement(const State& state, std::size_t at) {
  const Session& session = state.sessions[at];
  if (session.stage == stage::begin) return plain(Verb::begin);
  if (session.task == settling) return settle_statement(state, session);
  switch (task_of(session).kind) {
    case TaskKind::batch:
      return batch_statement(session);
    case TaskKind::take_over:
      return take_over_statement(session);
    case TaskKind::renew:
      return renew_statement(session);
  }
  return {};
}

std::optional<Statement> Steps::batch_statement(const Session& session) {
  if (session.stage >= stage::writes) return write(session, session.stage - stage::writes);
  const Asked& asked = rows_.asked(session.works, session.token);
  if (auto out = locking(session, session.stage, asked)) {
    if (out->rows.empty()) return {};
    return out;
  }
  const RowId lane = lane_of(session);
  switch (session.stage) {
    case stage::receipts:
      if (asked.receipts.empty() || session.unread != 0 ||
          guard::is_off(guard::receipt_after_lock) || guard::is_off(guard::one_table)) {
        return {};
      }
      return reading(Table::receipts, asked.receipts);
    case stage::behind: {
      if (asked.messages.empty() || guard::is_off(guard::earlier_first)) return {};
      std::vector<RowId> others;
      for (std::size_t i = 0; i < scenario_.rows.size(); ++i) {
        const auto id = static_cast<RowId>(i);
        const bool own =
            std::find(asked.messages.begin(), asked.messages.end(), id) != asked.messages.end();
        if (scenario_.rows[i].table == Table::messages && !own) others.push_back(id);
      }
      if (others.empty()) return {};
      return reading(Table::messages, std::move(others));
    }
    case stage::lane: {
      Statement out = reading(Table::lanes, {lane});
      if (guard::is_off(guard::sequence_in_row)) {
        out.verb = Verb::next_value;
      } else {
        out.joined = Table::journal;
        out.joined_rows = journal_of(lane);
      }
      return out;
    }
    case stage::exists: {
      if (guard::is_off(guard::skipped_is_not_absent)) return {};
      std::vector<RowId> missing;
      for (const RowId row : asked.entities) {
        if (session.cells[row].seen == Seen::missing) missing.push_back(row);
      }
      if (missing.empty()) return {};
      return reading(Table::entities, std::move(missing));
    }
    case stage::effects_exist: {
      std::vector<RowId> missing;
      for (const RowId row : asked.effects) {
        if (session.cells[row].seen == Seen::missing) missing.push_back(row);
      }
      if (missing.empty()) return {};
      return reading(Table::effects, std::move(missing));
    }
    default:
      return {};
  }
}

// The stages that read early or lock. An answer without rows: there is nothing to do.
std::optional<Statement> Steps::locking(const Session& session, std::uint8_t at,
                                        const Asked& asked) {
  const bool waits = session.waiting_batch != 0;
  switch (at) {
    case stage::early_receipts:
      if (!guard::is_off(guard::receipt_after_lock)) return Statement{};
      return reading(Table::receipts, asked.receipts);
    case stage::early_rows:
      if (!guard::is_off(guard::locked_read) && !guard::is_off(guard::lock_or_version)) {
        return Statement{};
      }
      return reading(Table::entities, asked.entities);
    case stage::rows: {
      if (guard::is_off(guard::lock_or_version)) return Statement{};
      Statement out = locks(Table::entities, asked.entities, !waits);
      if (session.pass == Pass::at_places) {
        out.where.push_back({column::version, version_at_first});
        return out;
      }
      if (session.pass == Pass::what_is_left) {
        std::erase_if(out.rows,
                      [&](RowId row) { return session.cells[row].seen == Seen::present; });
      }
      if (guard::is_off(guard::locked_read)) {
        out.skip_locked = false;
        out.answers = false;
      }
      if (guard::is_off(guard::key_order) && session.driver % 2 == 1) {
        std::reverse(out.rows.begin(), out.rows.end());
      }
      out.snapshot_values = guard::is_off(guard::fresh_values);
      if (guard::is_off(guard::one_table)) {
        out.joined = Table::receipts;
        out.joined_rows = asked.receipts;
      }
      return out;
    }
    case stage::effects:
      if (guard::is_off(guard::effect_locked)) return reading(Table::effects, asked.effects);
      return locks(Table::effects, asked.effects, !waits);
    case stage::messages: {
      Statement out = locks(Table::messages, asked.messages, false);
      out.update_lock = true;
      return out;
    }
    default:
      return {};
  }
}

// Where somebody else has the lane by now, nothing is found, and it raises.
Statement Steps::lane_kept(const Session& session) const {
  const RowId lane = lane_of(session);
  const bool counted_in_rows = !guard::is_off(guard::sequence_in_row);
  Statement out;
  if (task_of(session).renews) {
    out = lane_update(lane, column::lane_held, 1);
    if (counted_in_rows) {
      const Number sequence = session.cells[lane].values[column::lane_next];
      out.columns |= static_cast<std::uint8_t>(1U << column::lane_next);
      out.values[column::lane_next] = static_cast<Number>(sequence + 1);
    }
  } else {
    const bool locked = !guard::is_off(guard::lane_locked);
    out = locked ? locks(Table::lanes, {lane}, false) : reading(Table::lanes, {lane});
    out.answers = false;
  }
  if (!guard::is_off(guard::lane_epoch)) {
    out.where.push_back({column::lane_epoch, static_cast<Number>(session.epoch)});
  }
  out.raises = fenced;
  return out;
}

Statement Steps::journal_row(const Session& session) const {
  const RowId lane = lane_of(session);
  const int id =
      scenario_.rows[lane].id * journal_rows + session.cells[lane].values[column::lane_next];
  Statement out;
  out.verb = Verb::insert;
  out.table = Table::journal;
  out.rows = {scenario_.row(Table::journal, static_cast<Number>(id))};
  out.values[column::journal_epoch] = static_cast<Number>(session.epoch);
  return out;
}

// Round two: the lane and its journal first, then what was decided, COMMIT. Where one transaction
// writes at a time the lane's row was read under that lock, and the journal comes last.
std::optional<Statement> Steps::write(const Session& session, std::size_t place) {
  const auto& writes = rows_.decided(session, session.token, lane_of(session)).writes;
  const std::size_t first = scenario_.one_writer ? 0 : 2;
  Statement out;
  if (place >= first && place < first + writes.size()) {
    out = writes[place - first];
  } else if (place == (scenario_.one_writer ? writes.size() : 1)) {
    out = journal_row(session);
  } else if (place < first) {
    out = lane_kept(session);
  } else {
    return plain(Verb::commit);
  }
  out.client_counts = guard::is_off(guard::raised_on_server);
  return out;
}

std::optional<Statement> Steps::take_over_statement(const Session& session) const {
  const RowId lane = lane_of(session);
  switch (session.stage) {
    case 1: {
      if (guard::is_off(guard::take_over_locked)) return reading(Table::lanes, {lane});
      Statement out = locks(Table::lanes, {lane}, false);
      out.update_lock = true;
      return out;
    }
    case 2:
      return lane_update(lane, column::lane_epoch,
                         static_cast<Number>(session.cells[lane].values[column::lane_epoch] + 1));
    case 3:
      return plain(Verb::commit);
    default:
      return {};
  }
}

std::optional<Statement> Steps::renew_statement(const Session& session) const {
  if (session.stage == 1) {
    Statement out = lane_update(lane_of(session), column::lane_held, 1);
    out.where.push_back({column::lane_epoch, static_cast<Number>(session.epoch)});
    out.raises = fenced;
    return out;
  }
  if (session.stage == 2) return plain(Verb::commit);
  return {};
}

std::optional<Statement> Steps::settle_statement(const State& state, const Session& session) const {
  const RowId lane = lane_of(session);
  const bool locked = !guard::is_off(guard::settled_under_lock);
  switch (session.stage) {
    case 1: {
      if (!locked) return {};
      Statement out = locks(Table::lanes, {lane}, false);
      out.update_lock = true;
      return out;
    }
    case 2: {
      const Number epoch = session.cells[lane].values[column::lane_epoch];
      if (!locked || guard::is_off(guard::settling_raises_epoch) || epoch != session.epoch) {
        return {};
      }
      return lane_update(lane, column::lane_epoch, static_cast<Number>(epoch + 1));
    }
    case 3:
      return plain(Verb::commit);
    case 4: {
      const int id =
          scenario_.rows[lane].id * journal_rows + state.drivers[session.driver].sequence;
      return reading(Table::journal, {scenario_.row(Table::journal, static_cast<Number>(id))});
    }
    default:
      return {};
  }
}

}  // namespace pawl::check::sql
