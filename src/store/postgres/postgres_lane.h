// SPDX-License-Identifier: Apache-2.0
//
// A lane on PostgreSQL: one connection, one transaction at a time, two round trips for a batch. The
// transaction: postgres_lane.cpp; what is locked and read: lane_lock.cpp; what is written:
// lane_write.cpp; what came of a commit whose answer was lost: lane_settle.cpp; scans:
// lane_scans.cpp; permits: lane_permits.cpp.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "store/postgres/lane_taking.h"
#include "store/postgres/row_places.h"

namespace pawl::postgres {

class PostgresLane final : public StoreLane {
 public:
  PostgresLane(std::shared_ptr<LaneShared> shared, Connection connection, TakenLane taken);
  ~PostgresLane() override;

  std::int32_t id() const override { return id_; }
  bool earlier_holder_is_dead() const override { return earlier_holder_is_dead_; }
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
  Result<std::vector<int>> share_permits(const std::vector<protocol::PermitWish>& wishes) override;
  Result<bool> has_work() override;
  Result<protocol::RetentionPassed> remove_old(const protocol::RetentionPass& pass) override;
  Result<void> renew() override;
  int renew_interval_ms() const override;
  void release() override;
  void leave() override;

 private:
  // The places of a request's entities of one machine, and its statements.
  struct Group {
    const MachineStatements* machine = nullptr;
    std::size_t first = 0;
    std::size_t last = 0;
    std::size_t at_places = 0;  // statements in the round, or none
    std::size_t by_index = 0;
  };
  using Groups = std::vector<Group>;
  // Statements of a lock's round; what is not asked for has none.
  struct LockRound;

  Deadline deadline() const;
  // A connection on which nothing is under way, and nothing in doubt; else why not.
  Result<void> ready();
  Result<void> connect();
  // An outcome that failed: its transaction is ended, or its connection gone.
  Error failed(const SqlError& error);
  Outcome timed(Pipeline& round);
  Result<ResultSet> read(const Statement& statement, const Parameters& parameters);

  // lane_lock.cpp
  Result<Groups> groups_of(const std::vector<EntityRef>& entities) const;
  Result<void> add_locks(const protocol::LockRequest& request, Pipeline& round, LockRound& out);
  void add_group(const protocol::LockRequest& request, Group& group, Pipeline& round,
                 LockRound& out);
  Result<void> add_records(const protocol::LockRequest& request, Pipeline& round, LockRound& out);
  Result<void> run_lock(const protocol::LockRequest& request, LockRound& sent,
                        protocol::LockedBatch& out);
  void read_locks(const protocol::LockRequest& request, const Outcome& outcome, LockRound& round,
                  protocol::LockedBatch& out);
  void read_entity(const Group& group, const ResultSet& rows, int row, std::size_t entity,
                   protocol::LockedBatch& out);
  void read_at_places(const protocol::LockRequest& request, const Group& group,
                      const ResultSet& rows, protocol::LockedBatch& out);
  bool places_were_right(const protocol::LockRequest& request, const LockRound& round,
                         const protocol::LockedBatch& locked);
  void read_effects(const protocol::LockRequest& request, const Outcome& outcome, LockRound& round,
                    protocol::LockedBatch& out);
  Result<void> look_for_missing(const protocol::LockRequest& request, const LockRound& round,
                                protocol::LockedBatch& out);

  // lane_write.cpp
  // Of one machine: where its statement leaves them is answered in the same order.
  struct WrittenRows {
    std::size_t statement = 0;
    std::size_t row_bytes = 0;  // of the first, about
    std::vector<const EntityRef*> entities;
  };
  void remember_places(const std::vector<WrittenRows>& written, const Outcome& outcome);
  std::vector<WrittenRows> add_writes(const protocol::WriteBatch& writes, Pipeline& round);
  std::size_t add_rows(Pipeline& round, const RowsStatement& statement, const GivenRows& rows);
  std::vector<WrittenRows> add_entities(const protocol::WriteBatch& writes, Pipeline& round);
  void add_records(const protocol::WriteBatch& writes, Pipeline& round);
  void add_receipts(const protocol::WriteBatch& writes, Pipeline& round);
  void add_effects(const protocol::WriteBatch& writes, Pipeline& round);
  using EffectRows = std::vector<const protocol::EffectRow*>;
  GivenRows progress_of(const EffectRows& rows);
  void add_messages(const protocol::WriteBatch& writes, Pipeline& round);
  void add_deadlines(const protocol::WriteBatch& writes, Pipeline& round);
  void add_parked(const protocol::WriteBatch& writes, Pipeline& round);
  void add_alerts(const protocol::WriteBatch& writes, Pipeline& round);

  // lane_settle.cpp: a commit that may have happened.
  struct Doubt {
    std::int64_t epoch = 0;
    std::int64_t sequence = 0;
  };
  // True: it was committed. Tried until in_doubt_wait_ms have passed: then outcome_in_doubt.
  Result<bool> settle();
  enum class Look { committed, not_there, not_known };
  Look look_for(const Doubt& doubt, Deadline until, std::string& why);

  void give_back(std::string_view holder);

  const std::shared_ptr<LaneShared> shared_;
  Connection connection_;
  const std::int32_t id_;
  std::int64_t epoch_;
  const std::string holder_;
  const bool earlier_holder_is_dead_;
  bool fenced_ = false;
  bool in_transaction_ = false;
  std::int64_t sequence_ = 0;  // of the transaction under way
  RowPlaces places_;
  std::vector<RowPlace> row_places_;  // of the entities that it locked, in the order of the request
  std::vector<std::pair<std::int64_t, RowPlace>> effect_places_;  // of effects, sorted by id
  std::optional<Doubt> doubt_;
  static constexpr std::size_t max_variants = 128;
  std::map<std::pair<const RowsStatement*, GivenOnce>, Statement> variants_;
  Parameters rows_buffer_;
  bool renews_ = false;   // the lease: the transaction under way does
  bool replans_ = false;  // the next lock has the statements planned anew
};

}  // namespace pawl::postgres
