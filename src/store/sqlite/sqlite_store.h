// SPDX-License-Identifier: Apache-2.0
//
// The store on SQLite: one connection writes and checkpoints (BEGIN IMMEDIATE before any read,
// synchronous FULL), a few others read. Calls complete before they return. After a failed write to
// the disk it takes no more writes: what a failed sync left behind is not known until reopened.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "store/machine_name.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/file_lock.h"
#include "store/store.h"

namespace pawl::sqlite {

class SqliteReads;

// The one lane there is: the connection that writes.
class SqliteLane final : public StoreLane {
 public:
  static Result<std::unique_ptr<SqliteLane>> open(std::shared_ptr<Connection> writer,
                                                  const Registry& registry, Clock& clock);
  ~SqliteLane() override;

  std::int32_t id() const override { return 0; }
  // By the lock on the file beside the data file.
  bool earlier_holder_is_dead() const override { return true; }
  Result<protocol::LockedBatch> lock(const protocol::LockRequest& request) override;
  Result<void> commit(const protocol::WriteBatch& writes) override;
  void abandon() override;
  Result<std::vector<EntitySlot>> entities(const std::vector<EntityRef>& refs) override;
  Result<std::vector<EffectSummary>> open_effects(std::int64_t after_id, int limit) override;
  Result<std::vector<protocol::MessageRow>> waiting_messages(std::int64_t after_id,
                                                             int limit) override;
  Result<std::vector<protocol::DeadlineRow>> due_deadlines(Time until, int limit) override;
  Result<Time> next_deadline() override;
  Result<std::vector<std::pair<EntityRef, EntityRef>>> parked_pairs() override;
  Result<protocol::RetentionPassed> remove_old(const protocol::RetentionPass& pass) override;
  Result<std::vector<int>> share_permits(const std::vector<protocol::PermitWish>& wishes) override;
  Result<bool> has_work() override { return true; }  // it is never another's
  Result<void> renew() override { return {}; }
  int renew_interval_ms() const override { return 0; }
  void release() override {}
  void leave() override {}
  const StoreIdentity& identity() const { return identity_; }

 private:
  SqliteLane(std::shared_ptr<Connection> writer, const Registry& registry, Clock& clock);

  Result<void> take_lane();
  Result<void> read_identity();
  // In a transaction: `lane_fenced` if another process has taken the lane over.
  Result<void> check_lane();
  // Commits what is under way; after a failure nothing is.
  Result<void> end_transaction();
  // The statement for this text, prepared once.
  Result<Statement*> cached(std::string_view sql);
  // A machine's statements, their texts made once.
  struct MachineStatements {
    std::string select;
    std::string insert;
    std::string update;
  };
  const MachineStatements& texts_of(const MachineSpec& machine);

  Result<protocol::LockedBatch> lock_rows(const protocol::LockRequest& request);
  Result<void> lock_entities(const protocol::LockRequest& request, protocol::LockedBatch& out);
  Result<void> lock_records(const protocol::LockRequest& request, protocol::LockedBatch& out);
  Result<void> lock_receipts(const protocol::LockRequest& request, protocol::LockedBatch& out);
  Result<void> lock_sources(const protocol::LockRequest& request, protocol::LockedBatch& out);
  Result<void> lock_effects(const protocol::LockRequest& request, protocol::LockedBatch& out);
  Result<void> lock_messages(const protocol::LockRequest& request, protocol::LockedBatch& out);
  Result<void> lock_deadlines(const protocol::LockRequest& request, protocol::LockedBatch& out);
  Result<void> lock_parked(const protocol::LockRequest& request, protocol::LockedBatch& out);

  Result<void> write(const protocol::WriteBatch& writes);
  Result<void> write_entities(const protocol::WriteBatch& writes);
  Result<void> write_records(const protocol::WriteBatch& writes);
  Result<void> write_receipts(const protocol::WriteBatch& writes);
  Result<void> insert_effects(const protocol::WriteBatch& writes);
  Result<void> update_effects(const protocol::WriteBatch& writes);
  Result<void> end_effect(const protocol::EffectRow& row);
  Result<void> write_messages(const protocol::WriteBatch& writes);
  Result<void> write_deadlines(const protocol::WriteBatch& writes);
  Result<void> write_parked(const protocol::WriteBatch& writes);
  Result<void> write_alerts(const protocol::WriteBatch& writes);
  Result<void> write_journal(const protocol::WriteBatch& writes);

  // Removal of old rows: what a walk found, and what is to be done about it.
  struct OldRows;
  Result<OldRows> find_old(const protocol::RetentionPass& pass);
  Result<void> find_old_receipts(const protocol::RetentionPass& pass, OldRows& out);
  Result<void> find_old_by_id(const protocol::RetentionPass& pass, std::string_view sql,
                              OldRows& out);
  Result<void> delete_old(const protocol::RetentionPass& pass, const OldRows& rows);
  Result<protocol::RetentionPassed> remove_rows(const protocol::RetentionPass& pass);
  Result<std::string> place_of(const std::string& subject);

  std::shared_ptr<Connection> writer_;
  Connection& connection_;  // the writer
  const Registry& registry_;
  Clock& clock_;
  std::string known_machines_;  // their names as a list of SQL texts
  std::map<std::string, Statement, std::less<>> statements_;
  std::map<std::string_view, MachineStatements> machine_texts_;
  std::int64_t epoch_ = 0;
  std::int64_t next_sequence_ = 1;  // of the next commit; nobody else writes this lane
  StoreIdentity identity_;
  std::map<std::string, std::string, std::less<>> places_;  // of retention's walks
  bool in_transaction_ = false;
  bool refuses_writes_ = false;
};

class SqliteStore final : public Store {
 public:
  static Result<StoreHandle> open(const SqliteOptions& options, const Registry& registry);
  ~SqliteStore() override;

  // Given out once: who was fenced on a file writes nothing there any more.
  Result<std::unique_ptr<StoreLane>> take_lane(LaneWish wish) override;
  int max_lanes() const override { return 1; }
  void listen(std::function<void(const Tidings&)>) override {}  // there are no others
  // There are no others.
  Result<bool> take_duty(std::string_view, int) override { return true; }
  void leave_duty(std::string_view) override {}
  StoreIdentity identity() const override { return identity_; }
  std::string notes_path(std::int32_t) const override { return path_ + ".deciding"; }
  bool sole_owner() const override { return true; }
  Clock& clock() override { return clock_; }
  Reads& reads() override;

 private:
  SqliteStore(std::string path, FileLock lock, Clock& clock);

  std::string path_;
  FileLock file_lock_;
  Clock& clock_;
  StoreIdentity identity_;
  // Closed behind the readers: the last connection to close checkpoints, and only the writer can.
  std::shared_ptr<Connection> writer_;
  std::mutex mutex_;
  std::unique_ptr<SqliteLane> lane_;  // until it is taken
  std::unique_ptr<SqliteReads> reads_;
};

// A machine's SELECT and its columns, shared by the writer and the readers: the row's own columns,
// then version, last time, lane, sequence, offset and schema number.
std::string entity_select(const MachineSpec& machine);
std::string entity_insert(const MachineSpec& machine);
std::string entity_update(const MachineSpec& machine);
// Fills the slot from a row of entity_select. An entity of another schema number is unreadable.
Result<void> read_entity_row(const MachineSpec& machine, const Statement& row, EntitySlot& slot);

inline constexpr std::string_view effect_columns =
    "id, kind, machine, entity_key, payload, idempotency_key, created_us, next_at_us, state, "
    "attempt, inquiry, token, lease_until_us, poll_until_us, not_after_us, accepted_reported, "
    "maybe_sent, outcome, code, reference, ended_us, history, trace_id";
Result<protocol::EffectRow> read_effect_row(const Registry& registry, const Statement& row);

inline constexpr std::string_view parked_columns =
    "id, source, from_machine, from_key, machine, entity_key, kind, payload, code, detail, "
    "effect_id, hops, trace_id";
protocol::ParkedRow read_parked_row(const Registry& registry, const Statement& row);

}  // namespace pawl::sqlite
