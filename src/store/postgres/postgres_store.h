// SPDX-License-Identifier: Apache-2.0
//
// The store on PostgreSQL, which several processes share. Each process holds lanes of its own, a
// row of pawl_lanes each with an epoch: whoever raises it has the lane, and who finds another than
// its own writes nothing any more. The connections are one for each lane, a few for reading, one
// for tidings and, where it has a duty, one for that.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "store/postgres/announcer.h"
#include "store/postgres/postgres_clock.h"
#include "store/postgres/statements.h"
#include "store/store.h"

namespace pawl::postgres {

class Duties;
class PostgresReads;

// Lanes in one process: each is a connection, and more of them only wait for each other.
inline constexpr int max_lanes_per_process = 16;

// What every session of a store is like. The URL's and the server's own say is what is not named.
ConnectionOptions session_options(const PostgresOptions& options, std::string_view what_for);
// The same for a lane: its plans must not change with what a batch happens to hold.
ConnectionOptions lane_session_options(const PostgresOptions& options);

// What the lanes of one store have in common.
struct LaneShared {
  PostgresOptions options;
  const Registry& registry;
  Statements statements;
  std::vector<std::string> known_machines;
  StoreIdentity identity;
  Clock* given_clock = nullptr;  // PostgresOptions::clock
  std::unique_ptr<PostgresClock> clock;
  std::unique_ptr<Announcer> announcer;

  Clock& chosen_clock() const { return given_clock != nullptr ? *given_clock : *clock; }
};

class PostgresStore final : public Store {
 public:
  static Result<StoreHandle> open(const PostgresOptions& options, const Registry& registry);
  ~PostgresStore() override;

  Result<std::unique_ptr<StoreLane>> take_lane(LaneWish wish) override;
  int max_lanes() const override { return max_lanes_per_process; }
  void listen(std::function<void(const Tidings&)> told) override;
  Result<bool> take_duty(std::string_view duty, int lease_ms) override;
  void leave_duty(std::string_view duty) override;
  StoreIdentity identity() const override { return shared_->identity; }
  std::string notes_path(std::int32_t lane) const override;
  bool sole_owner() const override { return false; }
  Clock& clock() override;
  Reads& reads() override;

 private:
  explicit PostgresStore(std::shared_ptr<LaneShared> shared);

  std::shared_ptr<LaneShared> shared_;  // lanes may outlive the store
  std::unique_ptr<Reads> reads_;
  std::unique_ptr<Duties> duties_;
};

}  // namespace pawl::postgres
