// SPDX-License-Identifier: Apache-2.0
#include "protocol/lane_hold.h"

#include "protocol/guards.h"
#include "protocol/storage.h"

namespace pawl::protocol {

Result<void> check_lane(std::optional<std::int64_t> stored, std::int64_t own) {
  if (!guard_holds(guard::lane_epoch, stored == own)) return fail(lane_fenced);
  return {};
}

}  // namespace pawl::protocol
