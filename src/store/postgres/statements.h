// SPDX-License-Identifier: Apache-2.0
//
// The SQL of a lane's rounds: a machine's, made once from its description, and the engine's own.
// Everything is set-wise (rows_statement.h), so that a batch is a fixed number of statements. What
// may void a commit is counted by pawl_expect on the server.
#pragma once

#include <pawl/machine.h>

#include <map>
#include <string>
#include <string_view>

#include "store/postgres/rows_statement.h"

namespace pawl::postgres {

// The database's clock in microseconds.
inline constexpr std::string_view now_us_sql =
    "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
// The epoch of whoever takes a lane's row. Not merely the next number: after a fail-over that lost
// a taking, the next taker would come to the number that the lost one still goes by.
inline const std::string next_epoch_sql = "greatest(epoch + 1, " + std::string(now_us_sql) + ")";

struct RecordStatements {
  const RecordSpec* spec = nullptr;
  Statement newest;      // $1 keys, $2 limits: place in the request, then the record's columns
  RowsStatement insert;  // $1 ids, $2 owners' keys, then the columns, then how many
};

struct MachineStatements {
  const MachineSpec* spec = nullptr;
  Statement lock;            // $1 keys; leaves out what others hold; each row's place comes last
  Statement lock_at_places;  // $1 places; the same columns, of what lies there, in no order
  Statement lock_waiting;    // $1 keys; waits for them
  Statement select;          // $1 keys; locks nothing
  Statement existing;        // $1 keys: those that there are
  RowsStatement insert;      // the columns, then how many
  RowsStatement update;      // the columns, the rows' places and locked versions, then how many
  std::map<std::string_view, RecordStatements> records;
};

class Statements {
 public:
  explicit Statements(const Registry& registry);

  // Null: the registry has no such machine.
  const MachineStatements* of(std::string_view machine) const;

  Statement begin{"begin", "BEGIN ISOLATION LEVEL READ COMMITTED", {}};
  Statement commit{"commit", "COMMIT", {}};

  // Sources and receipts, once the entities are locked.
  Statement lock_effects;  // $1 ids, as the next two; the row's place comes last
  Statement lock_effects_waiting;
  Statement lock_claimed_effects;  // id, token, state, place
  Statement effects;               // $1 ids; locks nothing
  Statement existing_effects;
  Statement ended_effects;
  Statement messages;
  Statement lock_deadlines;
  Statement lock_parked;
  // $1 id: epoch, next sequence, the time, held until; the last statement of a lock.
  Statement lane;
  Statement lane_and_receipts;  // behind those: $2 ... keys of receipts: place and receipt

  // The lane's row is locked, or, once in a while, written with a new lease: were it written in
  // every commit, its dead versions would be walked by every commit while somebody's snapshot keeps
  // them.
  Statement write_journal;
  Statement write_journal_renewing;
  RowsStatement insert_receipts;
  RowsStatement insert_effects;
  RowsStatement update_effects;
  RowsStatement end_effects;
  Statement delete_messages;
  RowsStatement insert_messages;
  RowsStatement delete_deadlines;
  RowsStatement arm_deadlines;
  Statement delete_parked;
  RowsStatement insert_parked;
  // Ended effects of which something new is said in this commit: retention lets them be.
  Statement keep_ended_effects;
  Statement raise_alert;
  Statement acknowledge_alert;
  Statement deliver_alert;

  // Of destinations, $1: their locks made and taken, then what other lanes that live ($2 is ours)
  // want and have.
  Statement make_permit_locks;
  Statement lock_permits;
  Statement others_permits;
  Statement set_permits;

  // Scans of a lane, whose ids are a range. $1 the first or the one before, $2 the last.
  Statement open_effects;
  Statement waiting_messages;
  Statement due_deadlines;
  Statement next_deadline;
  Statement parked_pairs;
  Statement has_work;

 private:
  void name_locks();
  void name_writes();
  void name_scans();
  void name_permits();

  std::map<std::string_view, MachineStatements> machines_;
};

}  // namespace pawl::postgres
