// SPDX-License-Identifier: Apache-2.0
#include "check/sql/database.h"

#include <algorithm>

namespace pawl::check::sql {

namespace {

bool holds(const Statement& statement, const Image& image) {
  return std::all_of(statement.where.begin(), statement.where.end(),
                     [&](const Condition& c) { return image.values[c.column] == c.value; });
}

}  // namespace

Image Database::seen(const State& state, std::size_t session, RowId row) {
  const StoredRow& stored = state.rows[row];
  return stored.changed != 0 && stored.holder == session + 1 ? stored.pending : stored.committed;
}

// The snapshot is that of the statement's start: nothing else has happened since.
Answer Database::stop(State& state, std::size_t session, Wait how, std::uint8_t what) {
  Session& me = state.sessions[session];
  if (me.waits == Wait::no) {
    for (std::size_t i = 0; i < max_rows; ++i) {
      me.snapshot[i] = seen(state, session, static_cast<RowId>(i));
    }
    std::uint8_t last = 0;
    for (const Session& other : state.sessions) last = std::max(last, other.since);
    me.since = last + 1;
  }
  me.waits = how;
  me.waits_for = what;
  return {End::blocked, {}, 0};
}

bool Database::can_go_on(const State& state, std::size_t session) {
  const Session& me = state.sessions[session];
  if (me.waits != Wait::waits) return true;
  if (me.waits_for == the_writer) return state.writer == 0;
  return !holds_other(state.rows[me.waits_for], session);
}

bool Database::is_deadlocked(const State& state, std::size_t session) {
  std::size_t at = session;
  for (std::size_t hops = 0; hops <= max_sessions; ++hops) {
    const Session& one = state.sessions[at];
    if (one.waits != Wait::waits || one.waits_for == the_writer) return false;
    const std::uint8_t holder = state.rows[one.waits_for].holder;
    if (holder == 0) return false;
    at = holder - 1U;
    if (at == session) return true;
  }
  return false;
}

void Database::end(State& state, std::size_t session, bool commits) const {
  Session& me = state.sessions[session];
  for (StoredRow& row : state.rows) {
    if (row.holder != session + 1) continue;
    if (commits && row.changed != 0) row.committed = row.pending;
    row.pending = {};
    row.changed = 0;
    row.holder = 0;
  }
  if (state.writer == session + 1) state.writer = 0;
  me.in_transaction = 0;
  me.waits = Wait::no;
  me.waits_for = me.since = me.at = 0;
  me.snapshot = {};
}

void Database::roll_back(State& state, std::size_t session) const {
  end(state, session, false);
}

Answer Database::fail(State& state, std::size_t session, std::string_view sqlstate) const {
  roll_back(state, session);
  return {End::failed, sqlstate, 0};
}

Answer Database::run(State& state, std::size_t session, const Statement& statement) const {
  Session& me = state.sessions[session];
  if (me.waits == Wait::no) me.at = 0;
  Answer out;
  switch (statement.verb) {
    case Verb::begin:
      if (one_writer_ && state.writer != 0) return stop(state, session, Wait::waits, the_writer);
      if (one_writer_) state.writer = static_cast<std::uint8_t>(session + 1);
      me.in_transaction = 1;
      break;
    case Verb::lock:
      out = lock(state, session, statement);
      break;
    case Verb::read:
      out = read(state, session, statement);
      break;
    case Verb::next_value: {
      // Not undone by a rollback, and not locked: that is what such a sequence is.
      StoredRow& row = state.rows[statement.rows[0]];
      me.cells[statement.rows[0]] = {Seen::present, row.committed.values};
      ++row.committed.values[1];
      break;
    }
    case Verb::insert:
      out = insert(state, session, statement);
      break;
    case Verb::update:
    case Verb::remove:
      out = change(state, session, statement);
      break;
    case Verb::commit:
      end(state, session, true);
      return out;
  }
  if (out.end == End::blocked) return out;
  const bool raises = !statement.raises.empty() && !statement.client_counts;
  if (out.end == End::done && raises && out.count == 0) {
    return fail(state, session, statement.raises);
  }
  me.waits = Wait::no;
  me.waits_for = me.since = me.at = 0;
  me.snapshot = {};
  return out;
}

Answer Database::read(State& state, std::size_t session, const Statement& statement) {
  Session& me = state.sessions[session];
  const auto told = [&](RowId row) {
    const Image image = seen(state, session, row);
    const bool found = image.present != 0 && holds(statement, image);
    if (statement.answers) me.cells[row] = {found ? Seen::present : Seen::missing, image.values};
    return found ? 1 : 0;
  };
  Answer out;
  for (const RowId row : statement.rows) out.count += told(row);
  for (const RowId row : statement.joined_rows) {
    const Image image = seen(state, session, row);
    me.cells[row] = {image.present != 0 ? Seen::present : Seen::missing, image.values};
  }
  return out;
}

// As a change does, it finds a row by its snapshot, and looks at it again once it is free.
Answer Database::lock(State& state, std::size_t session, const Statement& statement) const {
  Session& me = state.sessions[session];
  const auto at_start = [&](RowId row) {
    return me.waits != Wait::no ? me.snapshot[row] : seen(state, session, row);
  };
  const auto rows = static_cast<std::uint8_t>(statement.rows.size());
  for (; me.at < rows; ++me.at) {
    const RowId id = statement.rows[me.at];
    const Image before = at_start(id);
    Cell unused;
    Cell& cell = statement.answers ? me.cells[id] : unused;
    cell = {Seen::missing, {}};
    if (before.present == 0 || !holds(statement, before)) continue;
    StoredRow& row = state.rows[id];
    if (holds_other(row, session)) {
      if (!statement.skip_locked) return stop(state, session, Wait::waits, id);
      continue;
    }
    const Image now = seen(state, session, id);
    if (now.present == 0 || !holds(statement, now)) continue;
    row.holder = static_cast<std::uint8_t>(session + 1);
    cell = {Seen::present, statement.snapshot_values ? before.values : now.values};
    if (!whole_statements_ && me.at + 1 < rows) {
      const Answer out = stop(state, session, Wait::between, 0);
      ++me.at;
      return out;
    }
  }
  Answer out;
  for (const RowId id : statement.rows) {
    const bool locked = state.rows[id].holder == session + 1;
    out.count += locked && holds(statement, seen(state, session, id)) ? 1 : 0;
  }
  for (const RowId id : statement.joined_rows) {
    const Image image = at_start(id);
    me.cells[id] = {image.present != 0 ? Seen::present : Seen::missing, image.values};
  }
  return out;
}

// The row is found by the snapshot, and looked at again once it is free.
Answer Database::change(State& state, std::size_t session, const Statement& statement) const {
  const Session& me = state.sessions[session];
  const RowId id = statement.rows[0];
  StoredRow& row = state.rows[id];
  const Image before = me.waits != Wait::no ? me.snapshot[id] : seen(state, session, id);
  if (before.present == 0 || !holds(statement, before)) return {};
  if (holds_other(row, session)) return stop(state, session, Wait::waits, id);
  Image now = seen(state, session, id);
  if (now.present == 0 || !holds(statement, now)) return {};
  if (statement.verb == Verb::remove) now = {};
  for (std::size_t c = 0; c < max_columns; ++c) {
    if ((statement.columns >> c & 1) != 0) now.values[c] = statement.values[c];
  }
  row.holder = static_cast<std::uint8_t>(session + 1);
  row.changed = 1;
  row.pending = now;
  return {End::done, {}, 1};
}

// Waits for whoever has inserted this key, or is changing its row; a row that is only locked is
// there, and conflicts at once.
Answer Database::insert(State& state, std::size_t session, const Statement& statement) const {
  StoredRow& row = state.rows[statement.rows[0]];
  if (holds_other(row, session) && row.changed != 0) {
    return stop(state, session, Wait::waits, statement.rows[0]);
  }
  if (seen(state, session, statement.rows[0]).present != 0) {
    if (statement.do_nothing) return {};
    return fail(state, session, unique_violation);
  }
  row.holder = static_cast<std::uint8_t>(session + 1);
  row.changed = 1;
  row.pending = {1, statement.values};
  return {End::done, {}, 1};
}

}  // namespace pawl::check::sql
