// SPDX-License-Identifier: Apache-2.0
#include "app/operator_json.h"

#include <algorithm>

namespace pawl::app {

namespace {

// Never shown, whatever machine it stands in.
bool is_private(std::string_view column) {
  return column.starts_with("terms_") || column == "secret_hash";
}

bool is_secret(std::string_view column) {
  return column == "secret";
}

std::string state_of(const MachineSpec& machine, const EntitySlot& slot) {
  const auto* state = std::get_if<std::string>(&slot.row[machine.state_column]);
  return state == nullptr ? "" : *state;
}

json::Value time_json(Time time) {
  return time == Time{} || time == Time::never() ? json::Value()
                                                 : json::Value::string(to_rfc3339(time));
}

json::Value value_json(std::string_view column, const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return json::Value::string(*text);
  const auto* number = std::get_if<std::int64_t>(&value);
  if (number == nullptr) return {};
  if (column.ends_with("_us")) return time_json(Time{*number});
  return json::Value::integer(*number);
}

}  // namespace

json::Value row_json(const MachineSpec& machine, const EntitySlot& slot) {
  auto out = json::Value::object();
  out.add("machine", json::Value::string(std::string(machine.name)));
  out.add("key", json::Value::string(slot.ref.key));
  out.add("version", json::Value::integer(slot.version));
  auto row = json::Value::object();
  // A row of another schema was left unread.
  const bool readable = slot.row.size() == machine.columns.size();
  for (std::size_t i = 0; readable && i < machine.columns.size(); ++i) {
    std::string_view name = machine.columns[i].name;
    if (is_private(name)) continue;
    if (is_secret(name) && state_of(machine, slot) != "completed") continue;
    json::Value value = value_json(name, slot.row[i]);
    if (name.ends_with("_us")) name.remove_suffix(3);
    row.add(std::string(name), std::move(value));
  }
  out.add("readable", json::Value::boolean(readable));
  out.add("row", std::move(row));
  return out;
}

json::Value timeline_json(const TimelineEntry& entry) {
  auto out = json::Value::object();
  out.add("time", time_json(entry.time));
  out.add("version", json::Value::integer(entry.version));
  out.add("command", json::Value::string(entry.command));
  out.add("source", json::Value::string(entry.source));
  out.add("who", json::Value::string(entry.who));
  out.add("id", json::Value::string(entry.id));
  out.add("from", json::Value::string(entry.from));
  out.add("to", json::Value::string(entry.to));
  out.add("why", json::Value::string(entry.why));
  out.add("reason", json::Value::string(entry.reason));
  out.add("trace_id", json::Value::string(entry.trace_id));
  out.add("lane", json::Value::integer(entry.lane));
  out.add("sequence", json::Value::integer(entry.sequence));
  auto effects = json::Value::array();
  for (const auto id : entry.effects) effects.push(json::Value::integer(id));
  out.add("effects", std::move(effects));
  return out;
}

json::Value effect_json(const EffectInfo& effect) {
  auto out = json::Value::object();
  out.add("id", json::Value::integer(effect.id));
  out.add("kind", json::Value::string(effect.kind));
  out.add("machine", json::Value::string(std::string(effect.owner.machine)));
  out.add("key", json::Value::string(effect.owner.key));
  out.add("idempotency_key", json::Value::string(effect.idempotency_key));
  out.add("state", json::Value::string(effect.state));
  out.add("outcome", json::Value::string(effect.outcome));
  out.add("attempt", json::Value::integer(effect.attempt));
  out.add("inquiry", json::Value::integer(effect.inquiry));
  out.add("token", json::Value::integer(effect.token));
  out.add("code", json::Value::string(effect.code));
  out.add("reference", json::Value::string(effect.reference));
  out.add("created", time_json(effect.created));
  out.add("next_at", effect.state == "ended" ? json::Value() : time_json(effect.next_at));
  out.add("ended_at", time_json(effect.ended_at));
  out.add("history", json::Value::string(effect.history));
  out.add("trace_id", json::Value::string(effect.trace_id));
  return out;
}

json::Value alert_json(const AlertInfo& alert) {
  auto out = json::Value::object();
  out.add("id", json::Value::integer(alert.id));
  out.add("code", json::Value::string(alert.code));
  out.add("machine", json::Value::string(alert.machine));
  out.add("key", json::Value::string(alert.key));
  out.add("effect_id",
          alert.effect_id == 0 ? json::Value() : json::Value::integer(alert.effect_id));
  out.add("attempt", json::Value::integer(alert.attempt));
  out.add("detail", json::Value::string(alert.detail));
  out.add("first_seen", time_json(alert.first_seen));
  out.add("last_seen", time_json(alert.last_seen));
  out.add("count", json::Value::integer(alert.count));
  out.add("acked_by", json::Value::string(alert.acked_by));
  return out;
}

json::Value parked_json(const ParkedInfo& parked) {
  auto out = json::Value::object();
  out.add("id", json::Value::integer(parked.id));
  out.add("source", json::Value::string(parked.source));
  out.add("machine", json::Value::string(parked.machine));
  out.add("key", json::Value::string(parked.key));
  out.add("kind", json::Value::string(parked.kind));
  out.add("code", json::Value::string(parked.code));
  out.add("detail", json::Value::string(parked.detail));
  return out;
}

json::Value statistics_json(const EngineStatistics& statistics) {
  auto out = json::Value::object();
  out.add("commits", json::Value::integer(statistics.commits));
  out.add("works", json::Value::integer(statistics.works));
  out.add("largest_batch", json::Value::integer(statistics.largest_batch));
  out.add("open_effects", json::Value::integer(statistics.open_effects));
  out.add("exchanges_under_way", json::Value::integer(statistics.exchanges_under_way));
  out.add("rows_removed", json::Value::integer(statistics.rows_removed));
  out.add("waiting", json::Value::integer(statistics.waiting));
  return out;
}

}  // namespace pawl::app
