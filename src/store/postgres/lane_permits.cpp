// SPDX-License-Identifier: Apache-2.0
//
// A destination's permits, counted for all lanes of all processes: one row for each lane and
// destination, under the lock of the destination's own row. How many a lane gets is decided by
// protocol/permits.
#include <algorithm>
#include <map>

#include "protocol/permits.h"
#include "store/postgres/postgres_lane.h"
#include "store/postgres/rows.h"
#include "store/postgres/store_error.h"

namespace pawl::postgres {

Result<std::vector<int>> PostgresLane::share_permits(
    const std::vector<protocol::PermitWish>& wishes) {
  return share_permits(wishes, false);
}

Result<std::vector<int>> PostgresLane::share_permits(
    const std::vector<protocol::PermitWish>& wishes, bool opened_now) {
  if (auto able = ready(); !able) return std::unexpected(able.error());
  const Statements& statements = shared_->statements;
  Parameters destinations;
  destinations.array(Type::text_array);
  for (const auto& wish : wishes) destinations.element(std::string_view(wish.destination));

  Pipeline round(connection_);
  in_transaction_ = true;
  round.add(statements.begin, {});
  const auto locked = round.add(statements.lock_permits, destinations);
  Parameters others_of = destinations;
  const auto others = round.add(statements.other_permits, others_of.integer(id_));
  const auto outcome = round.run(deadline());
  if (!outcome) return std::unexpected(failed(outcome.error()));
  if (outcome[locked].rows() < static_cast<int>(wishes.size())) {
    // The first time that anybody asks for one of these.
    abandon();
    const auto opened = run_one(connection_, statements.open_permits, destinations, deadline());
    if (!opened) return std::unexpected(failed(opened.error()));
    if (opened_now) return fail(protocol::store_failed, "a destination has no row for its permits");
    return share_permits(wishes, true);
  }
  std::map<std::string_view, std::vector<protocol::PermitHolder>> holders;
  const ResultSet& rows = outcome[others];
  for (int row = 0; row < rows.rows(); ++row) {
    holders[rows.text_view(row, 0)].push_back({static_cast<std::int32_t>(rows.integer(row, 1)),
                                               static_cast<int>(rows.integer(row, 2)),
                                               static_cast<int>(rows.integer(row, 3))});
  }
  std::vector<int> out;
  const Time now = shared_->chosen_clock().now();
  Parameters granted = destinations;
  granted.array(Type::bigint_array);
  for (const auto& wish : wishes) granted.element(std::int64_t{wish.wanted});
  granted.array(Type::bigint_array);
  for (const auto& wish : wishes) {
    const auto& of_others = holders[wish.destination];
    out.push_back(protocol::granted_permits(wish, id_, of_others, now));
    granted.element(std::int64_t{out.back()});
  }
  Pipeline write(connection_);
  write.add(statements.write_permits, granted.integer(id_).integer(epoch_));
  write.add(statements.commit, {});
  const auto written = write.run(deadline());
  if (!written) return std::unexpected(failed(written.error()));
  in_transaction_ = false;
  return out;
}

}  // namespace pawl::postgres
