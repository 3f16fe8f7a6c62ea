// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/rows.h"

#include <iterator>

namespace pawl::postgres {

std::string quoted_name(std::string_view identifier) {
  std::string out = "\"";
  for (const char c : identifier) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

Value value_of(ColumnType type, const ResultSet& rows, int row, int column) {
  if (rows.is_null(row, column)) return {};
  if (type == ColumnType::integer) return rows.integer(row, column);
  return text_of(rows, row, column);
}

std::string entity_columns(const MachineSpec& machine, std::string_view prefix) {
  std::string out;
  const auto add = [&](std::string_view name) {
    if (!out.empty()) out += ", ";
    out.append(prefix).append(quoted_name(name));
  };
  for (const auto& column : machine.columns) add(column.name);
  for (const auto name : engine_columns) add(name);
  return out;
}

std::string entity_select(const MachineSpec& machine) {
  return "SELECT " + entity_columns(machine) + " FROM " + quoted_name(machine.table);
}

int entity_select_columns(const MachineSpec& machine) {
  return static_cast<int>(machine.columns.size() + std::size(engine_columns));
}

void read_entity_row(const MachineSpec& machine, const ResultSet& rows, int row, EntitySlot& slot) {
  const int own = static_cast<int>(machine.columns.size());
  slot.present = true;
  slot.version = rows.integer(row, own);
  slot.last_time = Time{rows.integer(row, own + 1)};
  slot.newest = {static_cast<std::int32_t>(rows.integer(row, own + 2)), rows.integer(row, own + 3),
                 static_cast<std::int32_t>(rows.integer(row, own + 4))};
  // A row of another schema is left unread: Locked<T> then says so and decide is not called.
  if (rows.integer(row, own + 5) != machine.schema_number) return;
  slot.row.reserve(machine.columns.size());
  for (int i = 0; i < own; ++i) {
    slot.row.push_back(value_of(machine.columns[static_cast<std::size_t>(i)].type, rows, row, i));
  }
}

Result<protocol::EffectRow> read_effect_row(const Registry& registry, const ResultSet& rows,
                                            int row) {
  protocol::EffectRow out;
  out.id = rows.integer(row, 0);
  out.kind = text_of(rows, row, 1);
  out.owner = {machine_name(registry, rows.text_view(row, 2)), text_of(rows, row, 3)};
  out.payload = text_of(rows, row, 4);
  out.idempotency_key = text_of(rows, row, 5);
  out.created = Time{rows.integer(row, 6)};
  out.next_at = Time{rows.integer(row, 7)};
  const auto state = enum_from_name<protocol::EffectState>(rows.text_view(row, 8));
  const auto outcome = enum_from_name<Outcome>(rows.text_view(row, 17));
  if (!state || !outcome) {
    return fail(entity_unreadable, "effect " + std::to_string(out.id));
  }
  out.state = *state;
  out.attempt = static_cast<int>(rows.integer(row, 9));
  out.inquiry = static_cast<int>(rows.integer(row, 10));
  out.token = rows.integer(row, 11);
  out.lease_until = Time{rows.integer(row, 12)};
  out.poll_until = Time{rows.integer(row, 13)};
  out.not_after = Time{rows.integer(row, 14)};
  out.accepted_reported = rows.integer(row, 15) != 0;
  out.maybe_sent = rows.integer(row, 16) != 0;
  out.outcome = *outcome;
  out.code = text_of(rows, row, 18);
  out.reference = text_of(rows, row, 19);
  out.ended_at = Time{rows.integer(row, 20)};
  out.history = text_of(rows, row, 21);
  out.trace_id = text_of(rows, row, 22);
  return out;
}

protocol::ParkedRow read_parked_row(const Registry& registry, const ResultSet& rows, int row) {
  protocol::ParkedRow out;
  out.id = rows.integer(row, 0);
  out.source = text_of(rows, row, 1);
  out.from = {machine_name(registry, rows.text_view(row, 2)), text_of(rows, row, 3)};
  out.entity = {machine_name(registry, rows.text_view(row, 4)), text_of(rows, row, 5)};
  out.kind = text_of(rows, row, 6);
  out.payload = text_of(rows, row, 7);
  out.code = text_of(rows, row, 8);
  out.detail = text_of(rows, row, 9);
  out.effect_id = rows.integer(row, 10);
  out.hops = static_cast<int>(rows.integer(row, 11));
  out.trace_id = text_of(rows, row, 12);
  return out;
}

protocol::MessageRow read_message_row(const Registry& registry, const ResultSet& rows, int row) {
  protocol::MessageRow out;
  out.id = rows.integer(row, 0);
  out.from = {machine_name(registry, rows.text_view(row, 1)), text_of(rows, row, 2)};
  out.to = {machine_name(registry, rows.text_view(row, 3)), text_of(rows, row, 4)};
  out.kind = text_of(rows, row, 5);
  out.payload = text_of(rows, row, 6);
  out.hops = static_cast<int>(rows.integer(row, 7));
  out.bounced = rows.integer(row, 8) != 0;
  out.code = text_of(rows, row, 9);
  out.detail = text_of(rows, row, 10);
  out.trace_id = text_of(rows, row, 11);
  return out;
}

protocol::DeadlineRow read_deadline_row(const Registry& registry, const ResultSet& rows, int row) {
  protocol::DeadlineRow out;
  out.entity = {machine_name(registry, rows.text_view(row, 0)), text_of(rows, row, 1)};
  out.name = text_of(rows, row, 2);
  out.arming = rows.integer(row, 3);
  out.due = Time{rows.integer(row, 4)};
  out.kind = text_of(rows, row, 5);
  out.payload = text_of(rows, row, 6);
  out.trace_id = text_of(rows, row, 7);
  return out;
}

}  // namespace pawl::postgres
