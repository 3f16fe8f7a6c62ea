// SPDX-License-Identifier: Apache-2.0
//
// The engine's own tables on PostgreSQL: the same tables and columns as on SQLite, where they can
// be. How they are applied and compared: schema.h.
#pragma once

#include <pawl/machine.h>

#include <vector>

namespace pawl::postgres {

const std::vector<Migration>& engine_migrations();

// The unique key of pawl_receipts, as the server names it where it is violated.
inline constexpr std::string_view receipts_key = "pawl_receipts_pkey";

// Our SQL raises these where SQLite's store counts rows: see pawl_expect.
inline constexpr std::string_view lane_fenced_state = "PW001";
inline constexpr std::string_view create_conflict_state = "PW002";
inline constexpr std::string_view lost_update_state = "PW003";

}  // namespace pawl::postgres
