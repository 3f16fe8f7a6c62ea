// SPDX-License-Identifier: Apache-2.0
//
// The columns of the engine's tables in the order in which they are selected, and the rows of such
// a SELECT made into what the engine speaks of. For the lanes and for the readers.
#pragma once

#include <pawl/machine.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "protocol/effect_row.h"
#include "protocol/storage.h"
#include "store/machine_name.h"
#include "store/postgres/result_set.h"

namespace pawl::postgres {

std::string quoted_name(std::string_view identifier);

inline std::string text_of(const ResultSet& rows, int row, int column) {
  return std::string(rows.text_view(row, column));
}
// NULL, or what a column of that type holds.
Value value_of(ColumnType type, const ResultSet& rows, int row, int column);

// What the store puts behind a machine's own columns.
inline constexpr std::string_view engine_columns[] = {
    "pawl_version", "pawl_time_us", "pawl_lane", "pawl_sequence", "pawl_offset", "pawl_schema"};

// The machine's own columns, then engine_columns, each quoted; `prefix` is put before each.
std::string entity_columns(const MachineSpec& machine, std::string_view prefix = {});
// "SELECT entity_columns FROM table".
std::string entity_select(const MachineSpec& machine);
// The number of its columns.
int entity_select_columns(const MachineSpec& machine);
// Fills the slot from a row of entity_select. An entity of another schema number is unreadable.
void read_entity_row(const MachineSpec& machine, const ResultSet& rows, int row, EntitySlot& slot);

inline constexpr std::string_view effect_columns =
    "id, kind, machine, entity_key, payload, idempotency_key, created_us, next_at_us, state, "
    "attempt, inquiry, token, lease_until_us, poll_until_us, not_after_us, accepted_reported, "
    "maybe_sent, outcome, code, reference, ended_us, history, trace_id";
inline constexpr int effect_column_count =
    1 + static_cast<int>(std::ranges::count(effect_columns, ','));
Result<protocol::EffectRow> read_effect_row(const Registry& registry, const ResultSet& rows,
                                            int row);

inline constexpr std::string_view parked_columns =
    "id, source, from_machine, from_key, machine, entity_key, kind, payload, code, detail, "
    "effect_id, hops, trace_id";
protocol::ParkedRow read_parked_row(const Registry& registry, const ResultSet& rows, int row);

inline constexpr std::string_view message_columns =
    "id, from_machine, from_key, to_machine, to_key, kind, payload, hops, bounced, code, detail, "
    "trace_id";
protocol::MessageRow read_message_row(const Registry& registry, const ResultSet& rows, int row);

inline constexpr std::string_view deadline_columns =
    "machine, entity_key, name, arming, due_us, kind, payload, trace_id";
protocol::DeadlineRow read_deadline_row(const Registry& registry, const ResultSet& rows, int row);

}  // namespace pawl::postgres
