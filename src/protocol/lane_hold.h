// SPDX-License-Identifier: Apache-2.0
//
// The fence of a lane. Whoever takes a lane over raises its epoch; who finds another epoch than its
// own writes nothing any more. A store asks this in the transaction that commits, under a lock that
// keeps the epoch from being raised until then: the sequence that this process counts on in memory
// is the lane's own only as long as that holds.
#pragma once

#include <pawl/error.h>

#include <cstdint>
#include <optional>

namespace pawl::protocol {

// `stored`: the epoch as it stands in the lane's row; nothing if there is no such row.
Result<void> check_lane(std::optional<std::int64_t> stored, std::int64_t own);

}  // namespace pawl::protocol
