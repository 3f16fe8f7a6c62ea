// SPDX-License-Identifier: Apache-2.0
//
// How long an engine keeps what has served its purpose. Entities are kept for ever; records as
// long as their machine declares. What is removed, and in which steps, is the engine's business.
#pragma once

#include <pawl/error.h>
#include <pawl/time.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace pawl {

// In seconds; 0: for ever.
struct RetentionOptions {
  // The idempotency window: a repeat is recognised at least so long.
  std::int64_t receipts_seconds = 30LL * 24 * 3600;
  std::int64_t ended_effects_seconds = 90LL * 24 * 3600;
  std::int64_t acknowledged_alerts_seconds = 90LL * 24 * 3600;
  // A timeline begins where the journal does. Kept at least as long as any machine's records.
  std::int64_t journal_seconds = 0;
  // Rows looked at in one step; a request waits for one step at most.
  int batch_rows = 500;
};

inline constexpr ErrorCode request_too_old{
    "too_old", ErrorClass::gone,
    "the request is older than receipts are kept: it cannot be told whether it was decided"};

// When an id was made, if it says so itself: a UUID of version 7 or a ULID. Nothing for others.
std::optional<Time> id_made_at(std::string_view id);

}  // namespace pawl
