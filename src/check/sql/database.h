// SPDX-License-Identifier: Apache-2.0
//
// A database as sessions at READ COMMITTED meet it, small enough to be explored: rows with what is
// committed and what is not, row locks with those who wait, statements that each begin with a
// snapshot of their own. A locked row comes back as it is after the wait; whatever else the same
// statement reads is as it was before. In the other mode one transaction writes at a time (SQLite's
// BEGIN IMMEDIATE). Deterministic; a State is plain data.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::check::sql {

inline constexpr std::size_t max_rows = 20;
inline constexpr std::size_t max_columns = 6;
inline constexpr std::size_t max_sessions = 4;
inline constexpr std::size_t max_drivers = 3;
inline constexpr std::size_t max_works = 6;

enum class Table : std::uint8_t { lanes, entities, receipts, effects, messages, journal };
inline constexpr std::size_t tables = 6;

using Number = std::uint8_t;
using Values = std::array<Number, max_columns>;
using RowId = std::uint8_t;  // an index into the scenario's rows, present or not

struct Image {
  std::uint8_t present = 0;
  Values values{};
  friend bool operator==(const Image&, const Image&) = default;
};

struct StoredRow {
  Image committed;
  Image pending;             // what the holder has made of it
  std::uint8_t changed = 0;  // by the holder
  std::uint8_t holder = 0;   // a session's index plus one; 0: not locked
};

// What a session was told of a row.
enum class Seen : std::uint8_t { not_asked, missing, skipped, present };
struct Cell {
  Seen seen = Seen::not_asked;
  Values values{};
};

enum class Status : std::uint8_t { closed, open, lost };  // lost: nobody hears its answers
// What a session waits for if not for a row: to be the one that writes.
inline constexpr std::uint8_t the_writer = 0xFF;

// Between: it has locked some of its statement's rows, and not yet the next.
enum class Wait : std::uint8_t { no, waits, between };

// How a batch's rows are found. What is left: what the first pass did not get, and nothing else is
// read again.
enum class Pass : std::uint8_t { by_index, at_places, what_is_left };

struct Session {
  Status status = Status::closed;
  std::uint8_t driver = 0;
  std::uint8_t stage = 0;        // of the driver's task; see steps.h
  std::uint8_t written_off = 0;  // its driver was told that nothing of it is committed
  std::uint8_t in_transaction = 0;
  Wait waits = Wait::no;
  std::uint8_t waits_for = 0;  // a row, or the_writer
  std::uint8_t since = 0;      // its place among those who wait, from 1
  std::uint8_t at = 0;         // how far into the statement's rows
  std::array<Cell, max_rows> cells{};
  std::array<Image, max_rows> snapshot{};  // of the statement under way, while it waits
  std::uint8_t uncounted = 0;              // a count was wrong, and nothing raised: which, plus one
  // What the driver had when it began this: a lost session goes on without it.
  std::uint8_t task = 0;
  std::uint8_t works = 0;  // a bit each
  std::uint8_t waiting_batch = 0;
  std::uint8_t epoch = 0;
  std::uint8_t token = 0;
  std::uint8_t unread = 0;
  Pass pass = Pass::by_index;  // of the round under way
};

enum class Gone : std::uint8_t { no, fenced, crashed };

struct Driver {
  std::uint8_t task = 0;  // of its list; beyond its end: done
  std::uint8_t left = 0;  // works of the task, a bit each
  std::uint8_t tries = 0;
  std::uint8_t waiting_batch = 0;
  std::uint8_t alone = 0;     // each work on its own
  std::uint8_t epoch = 0;     // of its lane, as it took it
  std::uint8_t session = 0;   // an index plus one; 0: none
  std::uint8_t lost = 0;      // the session whose commit is in doubt, plus one
  std::uint8_t sequence = 0;  // of that commit
  std::uint8_t doubted = 0;   // its works, a bit each
  Gone gone = Gone::no;
  std::uint8_t token = 0;       // of the exchange that it began
  std::uint8_t conflicted = 0;  // works that lost a create once, a bit each
  std::uint8_t unread = 0;      // the batch takes its receipts to be absent
};

enum class Said : std::uint8_t { nothing, done, refused, conflict, locked, held, stale };

struct State {
  std::array<StoredRow, max_rows> rows{};
  std::array<Session, max_sessions> sessions{};
  std::array<Driver, max_drivers> drivers{};
  std::array<std::uint8_t, max_works> executed{};  // commits in which the work was carried out
  std::array<Said, max_works> said{};
  std::uint8_t faults = 0;
  std::uint8_t writer = 0;  // the session that writes, plus one; only where one writes at a time
};

enum class Verb : std::uint8_t { begin, lock, read, next_value, insert, update, remove, commit };

// The column has this value.
struct Condition {
  std::uint8_t column = 0;
  Number value = 0;
};

struct Statement {
  Verb verb = Verb::begin;
  Table table = Table::lanes;
  std::vector<RowId> rows;  // in the order in which they are locked
  bool skip_locked = false;
  bool update_lock = false;      // FOR UPDATE; else FOR NO KEY UPDATE
  bool snapshot_values = false;  // a CTE locks, the statement around it reads
  bool answers = true;           // else it locks only
  Table joined = Table::lanes;   // read beside the rows, by the same snapshot
  std::vector<RowId> joined_rows;
  // Of one row: insert and update.
  Values values{};
  std::uint8_t columns = 0;      // of update: those set, a bit each
  std::vector<Condition> where;  // beside the rows' ids
  bool do_nothing = false;       // ON CONFLICT DO NOTHING
  std::string_view raises;       // this, if no row was found or changed; empty: nothing
  bool client_counts = false;    // it does not raise: the client will see the count
};

enum class End : std::uint8_t { done, blocked, failed };
struct Answer {
  End end = End::done;
  std::string_view sqlstate;
  int count = 0;  // rows answered or changed
};

inline constexpr std::string_view deadlock_detected = "40P01";
inline constexpr std::string_view lock_not_available = "55P03";
inline constexpr std::string_view unique_violation = "23505";
inline constexpr std::string_view fenced = "PW001";
inline constexpr std::string_view create_lost = "PW002";
inline constexpr std::string_view update_lost = "PW003";

class Database {
 public:
  // `whole_statements`: others come between two rows of one statement only where it waits.
  Database(bool one_writer, bool whole_statements)
      : one_writer_(one_writer), whole_statements_(whole_statements) {}

  // Begins the session's statement, or goes on with the one that waited. What fails voids its
  // transaction at once.
  Answer run(State& state, std::size_t session, const Statement& statement) const;
  // What it waits for is free.
  static bool can_go_on(const State& state, std::size_t session);
  // It waits, directly or not, for itself.
  static bool is_deadlocked(const State& state, std::size_t session);
  void roll_back(State& state, std::size_t session) const;

 private:
  static Image seen(const State& state, std::size_t session, RowId row);
  static bool holds_other(const StoredRow& row, std::size_t session) {
    return row.holder != 0 && row.holder != session + 1;
  }
  static Answer stop(State& state, std::size_t session, Wait how, std::uint8_t what);
  Answer fail(State& state, std::size_t session, std::string_view sqlstate) const;
  static Answer read(State& state, std::size_t session, const Statement& statement);
  Answer lock(State& state, std::size_t session, const Statement& statement) const;
  Answer change(State& state, std::size_t session, const Statement& statement) const;
  Answer insert(State& state, std::size_t session, const Statement& statement) const;
  void end(State& state, std::size_t session, bool commits) const;

  bool one_writer_;
  bool whole_statements_;
};

}  // namespace pawl::check::sql
