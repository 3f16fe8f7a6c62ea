// SPDX-License-Identifier: Apache-2.0
//
// Sharing a destination's limit with the lanes of other processes: read under the destination's
// lock, decided by protocol/permits, written under it. What a lane that nobody holds any more was
// given is free again.
#include "store/postgres/postgres_lane.h"
#include "store/postgres/rows.h"
#include "store/postgres/store_error.h"

namespace pawl::postgres {

Result<std::vector<int>> PostgresLane::share_permits(
    const std::vector<protocol::PermitWish>& wishes) {
  if (wishes.empty()) return std::vector<int>{};
  if (auto able = ready(); !able) return std::unexpected(able.error());
  const Statements& statements = shared_->statements;
  Parameters destinations;
  destinations.array(Type::text_array);
  for (const auto& wish : wishes) destinations.element(std::string_view(wish.destination));

  Pipeline look(connection_);
  look.add(statements.begin, {});
  // A count that a crash of the server takes back is set right when it is next asked for: no reason
  // to wait for the disk, or for a standby.
  look.add("SET LOCAL synchronous_commit TO off");
  look.add(statements.make_permit_locks, destinations);
  look.add(statements.lock_permits, destinations);
  const auto others = look.add(statements.others_permits, Parameters(destinations).integer(id_));
  const auto lane = look.add(statements.lane, Parameters().integer(id_));
  in_transaction_ = true;
  const auto found = look.run(deadline());
  if (!found) return std::unexpected(failed(found.error()));
  if (found[lane].rows() == 0 || found[lane].integer(0, 0) != epoch_) {
    abandon();
    fenced_ = true;
    return fail(protocol::lane_fenced);
  }
  const Time now{found[lane].integer(0, 2)};

  std::vector<int> out;
  std::vector<std::int64_t> wanted_counts;
  std::vector<std::int64_t> granted_counts;
  for (const auto& wish : wishes) {
    std::vector<protocol::PermitHolder> holders;
    for (int row = 0; row < found[others].rows(); ++row) {
      if (found[others].text_view(row, 0) != wish.destination) continue;
      holders.push_back({static_cast<std::int32_t>(found[others].integer(row, 1)),
                         static_cast<int>(found[others].integer(row, 2)),
                         static_cast<int>(found[others].integer(row, 3))});
    }
    out.push_back(protocol::granted_permits(wish, id_, holders, now));
    wanted_counts.push_back(wish.wanted);
    granted_counts.push_back(out.back());
  }
  Pipeline write(connection_);
  write.add(statements.set_permits,
            destinations.integers(wanted_counts).integers(granted_counts).integer(id_));
  write.add(statements.commit, {});
  const auto written = write.run(deadline());
  if (!written) return std::unexpected(failed(written.error()));
  in_transaction_ = false;
  return out;
}

}  // namespace pawl::postgres
