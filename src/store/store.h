// SPDX-License-Identifier: Apache-2.0
//
// What the engine needs of a database. Two sides:
//   - the lane's side: lock, commit, abandon and the scans; asynchronous by completion, called by
//   one
//     thread per lane, a new call only after the one before has completed. A store may complete
//     before the call returns.
//   - the readers' side (Reads): committed rows for answers and listings; blocking, thread-safe.
// SQL lives in the stores alone. One conformance suite (tests/store) holds for all of them.
#pragma once

#include <pawl/engine.h>
#include <pawl/query.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/retention.h"
#include "protocol/storage.h"

namespace pawl {

template <class T>
using Completion = std::function<void(Result<T>)>;

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
  // The rows must follow each other without a gap, and the place must be one that is kept; else
  // journal_place_gone. A place after a whole commit does not decode that commit again.
  virtual Result<JournalPage> journal_after(const JournalCursor& place, int limit) = 0;
  virtual Result<JournalCursor> journal_end(std::int32_t lane) = 0;
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

class Store {
 public:
  virtual ~Store() = default;

  // Begins a transaction, locks and reads everything asked for. On failure nothing is locked.
  virtual void lock(const protocol::LockRequest& request,
                    Completion<protocol::LockedBatch> done) = 0;
  // Writes and commits what was decided on the rows locked before. Durable when it completes well.
  // On failure the transaction is rolled back and nothing has happened, but for `in_doubt`.
  virtual void commit(const protocol::WriteBatch& writes, Completion<bool> done) = 0;
  // Ends the transaction without a trace.
  virtual void abandon() = 0;

  // The entity as last committed, between two transactions; unlike Reads it waits for nobody.
  virtual void entity(const EntityRef& ref, Completion<EntitySlot> done) = 0;

  // What belongs to a machine that this program does not know is left where it is by all of these.
  // Scans, in order of id (of the due time for deadlines), at most `limit`.
  virtual void open_effects(std::int64_t after_id, int limit,
                            Completion<std::vector<EffectSummary>> done) = 0;
  virtual void waiting_messages(std::int64_t after_id, int limit,
                                Completion<std::vector<protocol::MessageRow>> done) = 0;
  virtual void due_deadlines(Time until, int limit,
                             Completion<std::vector<protocol::DeadlineRow>> done) = 0;
  // Time::never() if there is none.
  virtual void next_deadline(Completion<Time> done) = 0;
  virtual void parked_pairs(Completion<std::vector<std::pair<EntityRef, EntityRef>>> done) = 0;

  // Looks at a few rows from where the last pass of this subject stopped and removes, in a commit
  // of its own, those that are older than `before` and that nobody needs any more: no effect that a
  // parked command or an open alert speaks of, no open alert, never the newest journal row. Between
  // two transactions. Where the walk stands is remembered as far as rows were removed.
  virtual void remove_old(const protocol::RetentionPass& pass,
                          Completion<protocol::RetentionPassed> done) = 0;

  virtual StoreIdentity identity() const = 0;
  // A file of this process's own that outlives it, for notes; empty: none.
  virtual std::string notes_path() const = 0;
  // True: no other process can have an exchange under way on this store.
  virtual bool sole_owner() const = 0;
  virtual Clock& clock() = 0;
  virtual Reads& reads() = 0;
};

}  // namespace pawl
