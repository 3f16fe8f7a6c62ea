// SPDX-License-Identifier: Apache-2.0
//
// Removal of old rows in small walks along the keys, each step a transaction of its own. Several
// processes may be at it: who holds a subject's row of pawl_retention walks, the others leave it to
// him. That a step can be lost in a crash is no harm, so it waits for no disk.
#pragma once

#include <pawl/machine.h>

#include "protocol/retention.h"
#include "store/postgres/connection.h"

namespace pawl::postgres {

// On a connection without a transaction under way; there is none afterwards either, or the
// connection is closed. Errors: lane_fenced when the lane has another epoch, those of store_error.
Result<protocol::RetentionPassed> remove_old_rows(Connection& connection, const Registry& registry,
                                                  const protocol::RetentionPass& pass,
                                                  std::int32_t lane, std::int64_t epoch);

}  // namespace pawl::postgres
