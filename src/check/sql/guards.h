// SPDX-License-Identifier: Apache-2.0
//
// What the engine's SQL protocol rests on, named: each of these stands in the stores' statements,
// and so in none of the functions that the rest of the checker runs. The model of those statements
// asks them by name; switched off, it sends the statement that somebody might have written instead.
#pragma once

#include <pawl/guard.h>

#include <array>

namespace pawl::check::sql::guard {

// One statement locks a row and answers it. Else: a plain read, and the lock in a later statement.
inline constexpr Guard locked_read{"sql.locked_read"};
// The values answered are those of the locked row. Else: a CTE locks the keys, and the statement
// around it reads the table, in a snapshot from before the wait.
inline constexpr Guard fresh_values{"sql.fresh_values"};
// The locking statement names one table. Else: it joins the receipts, as they were before the wait.
inline constexpr Guard one_table{"sql.one_table"};
// Receipts are looked up after the lock is held.
inline constexpr Guard receipt_after_lock{"sql.receipt_after_lock"};
// A first pass looks for rows where they were left, and where one of them was not got there the
// whole round is made again. Else: only what it did not get is locked.
inline constexpr Guard read_again{"sql.read_again"};
// Receipts have a unique key, which a commit that did not look them up meets. Else: it goes by.
inline constexpr Guard receipt_key{"sql.receipt_key"};
// What met a receipt is decided again, with it. Else: its callers are told that it failed.
inline constexpr Guard repeat_runs_again{"sql.repeat_runs_again"};
// Rows are locked, and changed only from the version that was read. Else: neither.
inline constexpr Guard lock_or_version{"sql.lock_or_version"};
// Rows are locked, and created, in the order of their keys. Else: in the order of arrival.
inline constexpr Guard key_order{"sql.key_order"};
// A row that the first pass skipped is told from one that is not there.
inline constexpr Guard skipped_is_not_absent{"sql.skipped_is_not_absent"};
// ON CONFLICT DO NOTHING is counted. Else: a create that lost is taken for one that won.
inline constexpr Guard create_counted{"sql.create_counted"};
// Who lost a create is decided again, on the row that is there now.
inline constexpr Guard create_runs_again{"sql.create_runs_again"};
// A commit goes on only where its lane's epoch is its own.
inline constexpr Guard lane_epoch{"sql.lane_epoch"};
// A commit that leaves its lane's row as it is locks it to its end. Else: it reads the epoch there.
inline constexpr Guard lane_locked{"sql.lane_locked"};
// What does not stand raises on the server. Else: the client counts, when COMMIT has run already.
inline constexpr Guard raised_on_server{"sql.raised_on_server"};
// The sequence is what rows say, the lane's and its journal's. Else: one of the database's
// sequences.
inline constexpr Guard sequence_in_row{"sql.sequence_in_row"};
// A lane is taken over under its row's lock.
inline constexpr Guard take_over_locked{"sql.take_over_locked"};
// A commit in doubt is looked for only once its lane's row is locked: it has ended by then.
inline constexpr Guard settled_under_lock{"sql.settled_under_lock"};
// Settling raises the epoch: what the lost session has not begun to write it cannot write any more.
inline constexpr Guard settling_raises_epoch{"sql.settling_raises_epoch"};
// The journal row that is looked for has the epoch of the commit in doubt.
inline constexpr Guard journal_epoch{"sql.journal_epoch"};
// An effect is locked when it is claimed.
inline constexpr Guard effect_locked{"sql.effect_locked"};
// A message waits for the earlier ones of its pair, whichever lane drives them.
inline constexpr Guard earlier_first{"sql.earlier_first"};

inline constexpr std::array all{locked_read,
                                fresh_values,
                                one_table,
                                receipt_after_lock,
                                read_again,
                                receipt_key,
                                repeat_runs_again,
                                lock_or_version,
                                key_order,
                                skipped_is_not_absent,
                                create_counted,
                                create_runs_again,
                                lane_epoch,
                                lane_locked,
                                raised_on_server,
                                sequence_in_row,
                                take_over_locked,
                                settled_under_lock,
                                settling_raises_epoch,
                                journal_epoch,
                                effect_locked,
                                earlier_first};

// Switched off, in this exploration?
inline bool is_off(const Guard& guard) {
  return guard_holds(guard, false);
}

}  // namespace pawl::check::sql::guard
