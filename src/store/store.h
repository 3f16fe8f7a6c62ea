// SPDX-License-Identifier: Apache-2.0
//
// What the engine needs of a database. Three parts:
//   - StoreLane: lock, commit, abandon and the scans of one lane. Each call waits for its answer,
//   up
//     to the store's own deadlines; one thread at a time, a lane's own. More lanes, each with a
//     thread and a connection of its own, are what keeps a database busy.
//   - Store: opens lanes, and what holds for all of them. Thread-safe.
//   - Reads: committed rows for answers and listings; blocking, thread-safe.
// SQL lives in the stores alone. One conformance suite (tests/store) holds for all of them.
#pragma once

#include <pawl/engine.h>
#include <pawl/query.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/permits.h"
#include "protocol/retention.h"
#include "protocol/storage.h"

namespace pawl {

// What is left of an earlier process, or of this one, to be driven.
struct EffectSummary {
  std::int64_t id = 0;
  std::string kind;
  protocol::EffectState state = protocol::EffectState::ready;
  std::int64_t token = 0;
  Time next_at;
  Time lease_until;
};

class Reads {
 public:
  virtual ~Reads() = default;
  virtual Result<EntitySlot> entity(const EntityRef& ref) = 0;
  virtual Result<std::vector<Row>> query(const Query& query) = 0;
  virtual Result<Aggregate> aggregate(const Query& query, std::string_view sum_column) = 0;
  virtual Result<std::vector<TimelineEntry>> timeline(const EntityRef& ref, int limit) = 0;
  // Set if entries of the journal were removed: the time of the oldest that is left.
  virtual Result<std::optional<Time>> history_starts_at() = 0;
  // Of all lanes, at most `limit` commits (journal_page.h). Each lane's rows must follow its place
  // without a gap, and the place must be one that is kept; else journal_place_gone.
  virtual Result<JournalPage> journal_after(const JournalCursor& place, int limit) = 0;
  virtual Result<JournalCursor> journal_end() = 0;
  virtual Result<std::vector<EffectInfo>> effects(bool with_ended, std::int64_t after_id,
                                                  int limit) = 0;
  virtual Result<std::optional<protocol::EffectRow>> effect(std::int64_t id) = 0;
  virtual Result<std::vector<AlertInfo>> alerts(bool with_acked, int limit) = 0;
  // Open alerts whose count is above that of their newest delivery, oldest first.
  virtual Result<std::vector<AlertInfo>> undelivered_alerts(int limit) = 0;
  virtual Result<std::vector<ParkedInfo>> parked(int limit) = 0;
  virtual Result<StoreProgress> progress() = 0;
  virtual Result<std::optional<protocol::ParkedRow>> parked_row(std::int64_t id) = 0;
};

// One lane: an originator of commits, with a sequence of its own. Ids of what it commits begin with
// its number, and what it began (effects, messages, deadlines) is driven by whoever has the lane.
class StoreLane {
 public:
  virtual ~StoreLane() = default;

  virtual std::int32_t id() const = 0;
  // No exchange of an earlier holder can still be under way: it is known to be dead. Else what it
  // claimed is its own until the lease has passed.
  virtual bool earlier_holder_is_dead() const = 0;

  // Begins a transaction, locks and reads everything asked for. On failure nothing is locked.
  // Errors: `lane_fenced`, `rows_locked` (a request that waits), `transaction_aborted` (again as a
  // whole), `store_failed`.
  virtual Result<protocol::LockedBatch> lock(const protocol::LockRequest& request) = 0;
  // Writes and commits what was decided on the rows locked before; the slots are moved from what
  // lock() answered. Durable when it returns well. On failure the transaction is rolled back and
  // nothing has happened, but for `outcome_in_doubt`: then nothing more is done on this lane until
  // it is known, and what was committed is to be loaded anew.
  virtual Result<void> commit(const protocol::WriteBatch& writes) = 0;
  // Ends the transaction without a trace.
  virtual void abandon() = 0;

  // The entities as last committed, in the order asked for, between two transactions; unlike Reads
  // it waits for no other reader.
  virtual Result<std::vector<EntitySlot>> entities(const std::vector<EntityRef>& refs) = 0;

  // What belongs to a machine that this program does not know is left where it is by all of these.
  // Scans of what this lane drives, in order of id (of the due time for deadlines), at most
  // `limit`.
  virtual Result<std::vector<EffectSummary>> open_effects(std::int64_t after_id, int limit) = 0;
  virtual Result<std::vector<protocol::MessageRow>> waiting_messages(std::int64_t after_id,
                                                                     int limit) = 0;
  virtual Result<std::vector<protocol::DeadlineRow>> due_deadlines(Time until, int limit) = 0;
  // Time::never() if there is none.
  virtual Result<Time> next_deadline() = 0;
  virtual Result<std::vector<std::pair<EntityRef, EntityRef>>> parked_pairs() = 0;

  // How many exchanges this lane may have under way with each destination from now on, in the order
  // asked for (protocol/permits.h). Asked only where processes share the store.
  virtual Result<std::vector<int>> share_permits(
      const std::vector<protocol::PermitWish>& wishes) = 0;
  // Is anything left for this lane to drive: an open effect, a message, a deadline?
  virtual Result<bool> has_work() = 0;

  // Looks at a few rows from where the last pass of this subject stopped and removes, in a commit
  // of its own, those that are older than `before` and that nobody needs any more: no effect that a
  // parked command or an open alert speaks of, no open alert, never the newest journal row. Between
  // two transactions. Where the walk stands is remembered as far as rows were removed.
  virtual Result<protocol::RetentionPassed> remove_old(const protocol::RetentionPass& pass) = 0;

  // Says that the holder of this lane lives; `lane_fenced` if it has been taken over. Commits say
  // so, too. Call again within renew_interval_ms(); 0: there is nothing to renew.
  virtual Result<void> renew() = 0;
  virtual int renew_interval_ms() const = 0;
  // Gives the lane back: nobody holds it, and another may take it at once. Nothing more is called.
  virtual void release() = 0;
  // The same while exchanges that were begun in it may still be under way: what is claimed is left
  // alone until its lease has passed, or this process is dead.
  virtual void leave() = 0;
};

// Which lane is wanted of a store.
enum class LaneWish {
  own,  // to begin work in: a free one, one that another process drives for a dead one, a new one
  orphaned  // one whose holder is gone and that has work left to be driven
};

// What other processes on the same store did, as far as this one was told: a hint to look.
struct Tidings {
  bool committed = false;
  std::vector<std::int32_t> lanes;  // an effect of theirs was changed by another lane
  bool all_lanes = false;           // tidings were lost: any lane's effects may have been changed
};

class Store {
 public:
  virtual ~Store() = default;

  // Has `told` called, from a thread of the store's, until the store is closed or nothing is given.
  // Tidings can be lost: what they wake must look by itself from time to time.
  virtual void listen(std::function<void(const Tidings&)> told) = 0;

  // Takes a lane over: from here on nobody else writes it. With LaneWish::orphaned nothing if there
  // is none.
  virtual Result<std::unique_ptr<StoreLane>> take_lane(LaneWish wish) = 0;
  // More lanes are of no use in one process.
  virtual int max_lanes() const = 0;

  // What one of the processes on the store does for all of them. True: it is this one's to do for
  // lease_ms, and longer if it asks again before. Whose lease has passed, or who is known to be
  // dead, is succeeded by who asks. It may still be at it where it was frozen meanwhile.
  virtual Result<bool> take_duty(std::string_view duty, int lease_ms) = 0;
  virtual void leave_duty(std::string_view duty) = 0;

  virtual StoreIdentity identity() const = 0;
  // A file of this process's own that outlives it, for notes of one lane; empty: none.
  virtual std::string notes_path(std::int32_t lane) const = 0;
  // True: no other process can have an exchange under way on this store, or change a row.
  virtual bool sole_owner() const = 0;
  virtual Clock& clock() = 0;
  virtual Reads& reads() = 0;
};

}  // namespace pawl
