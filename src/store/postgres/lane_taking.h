// SPDX-License-Identifier: Apache-2.0
//
// Taking a lane over: which one, and raising its epoch so that whoever had it is fenced. Each
// candidate is taken by a compare-and-swap on its row, so that of several processes one gets it,
// and a holder that has renewed its lease in the meantime keeps it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "store/postgres/postgres_store.h"

namespace pawl::postgres {

// Ids of what a lane's commits made are one range.
constexpr std::int64_t first_id_of(std::int32_t lane) {
  return protocol::journal_position(lane, 0) << protocol::ordinal_bits;
}
constexpr std::int64_t last_id_of(std::int32_t lane) {
  return first_id_of(lane) + (first_id_of(1) - 1);
}

struct TakenLane {
  std::int32_t id = 0;
  std::int64_t epoch = 0;
  bool earlier_holder_is_dead = false;
  std::string holder;  // as its row has it until somebody else takes the lane
};

// Nothing: LaneWish::orphaned, and there is none.
Result<std::optional<TakenLane>> take_lane_row(Connection& connection, const LaneShared& shared,
                                               LaneWish wish);

}  // namespace pawl::postgres
