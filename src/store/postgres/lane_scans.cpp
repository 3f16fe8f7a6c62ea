// SPDX-License-Identifier: Apache-2.0
//
// What a lane reads between its transactions: entities as last committed, and what it has to drive.
// Ids begin with the lane that made them, so its effects and messages are one range of ids.
#include <algorithm>

#include "store/postgres/postgres_lane.h"
#include "store/postgres/rows.h"
#include "store/postgres/store_error.h"

namespace pawl::postgres {

Result<std::vector<EntitySlot>> PostgresLane::entities(const std::vector<EntityRef>& refs) {
  std::vector<EntitySlot> out;
  if (refs.empty()) return out;
  if (auto able = ready(); !able) return std::unexpected(able.error());
  std::vector<EntityRef> sorted = refs;
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  auto groups = groups_of(sorted);
  if (!groups) return std::unexpected(groups.error());
  Pipeline round(connection_);
  for (Group& group : *groups) {
    Parameters keys;
    keys.array(Type::text_array);
    for (std::size_t i = group.first; i < group.last; ++i) {
      keys.element(std::string_view(sorted[i].key));
    }
    group.by_index = round.add(group.machine->select, keys);
  }
  const auto outcome = round.run(deadline());
  if (!outcome) return std::unexpected(store_error(outcome.error()));
  std::vector<EntitySlot> found(sorted.size());
  for (const Group& group : *groups) {
    const ResultSet& rows = outcome[group.by_index];
    for (int row = 0; row < rows.rows(); ++row) {
      const auto place =
          std::lower_bound(sorted.begin(), sorted.end(),
                           EntityRef{group.machine->spec->name, text_of(rows, row, 0)});
      read_entity_row(*group.machine->spec, rows, row,
                      found[static_cast<std::size_t>(place - sorted.begin())]);
    }
  }
  out.reserve(refs.size());
  for (const EntityRef& ref : refs) {
    const auto place = std::lower_bound(sorted.begin(), sorted.end(), ref);
    EntitySlot& slot = out.emplace_back(found[static_cast<std::size_t>(place - sorted.begin())]);
    slot.ref = {shared_->statements.of(ref.machine)->spec->name, ref.key};
  }
  return out;
}

Result<std::vector<EffectSummary>> PostgresLane::open_effects(std::int64_t after_id, int limit) {
  Parameters parameters;
  parameters.integer(std::max(after_id, first_id_of(id_) - 1)).integer(last_id_of(id_));
  parameters.integer(limit);
  const auto rows = read(shared_->statements.open_effects, parameters);
  if (!rows) return std::unexpected(rows.error());
  std::vector<EffectSummary> out;
  for (int i = 0; i < rows->rows(); ++i) {
    EffectSummary& effect = out.emplace_back();
    effect.id = rows->integer(i, 0);
    effect.kind = text_of(*rows, i, 1);
    effect.state = enum_from_name<protocol::EffectState>(rows->text_view(i, 2))
                       .value_or(protocol::EffectState::waiting);
    effect.token = rows->integer(i, 3);
    effect.next_at = Time{rows->integer(i, 4)};
    effect.lease_until = Time{rows->integer(i, 5)};
  }
  return out;
}

Result<std::vector<protocol::MessageRow>> PostgresLane::waiting_messages(std::int64_t after_id,
                                                                         int limit) {
  Parameters parameters;
  parameters.integer(std::max(after_id, first_id_of(id_) - 1)).integer(last_id_of(id_));
  parameters.integer(limit).texts(shared_->known_machines);
  const auto rows = read(shared_->statements.waiting_messages, parameters);
  if (!rows) return std::unexpected(rows.error());
  std::vector<protocol::MessageRow> out;
  out.reserve(static_cast<std::size_t>(rows->rows()));
  for (int i = 0; i < rows->rows(); ++i) {
    out.push_back(read_message_row(shared_->registry, *rows, i));
  }
  return out;
}

Result<std::vector<protocol::DeadlineRow>> PostgresLane::due_deadlines(Time until, int limit) {
  Parameters parameters;
  parameters.integer(id_).integer(until.us).integer(limit).texts(shared_->known_machines);
  const auto rows = read(shared_->statements.due_deadlines, parameters);
  if (!rows) return std::unexpected(rows.error());
  std::vector<protocol::DeadlineRow> out;
  out.reserve(static_cast<std::size_t>(rows->rows()));
  for (int i = 0; i < rows->rows(); ++i) {
    out.push_back(read_deadline_row(shared_->registry, *rows, i));
  }
  return out;
}

Result<Time> PostgresLane::next_deadline() {
  const auto rows = read(shared_->statements.next_deadline,
                         Parameters().integer(id_).texts(shared_->known_machines));
  if (!rows) return std::unexpected(rows.error());
  return rows->rows() == 0 ? Time::never() : Time{rows->integer(0, 0)};
}

Result<std::vector<std::pair<EntityRef, EntityRef>>> PostgresLane::parked_pairs() {
  const auto rows = read(shared_->statements.parked_pairs, {});
  if (!rows) return std::unexpected(rows.error());
  std::vector<std::pair<EntityRef, EntityRef>> out;
  out.reserve(static_cast<std::size_t>(rows->rows()));
  for (int i = 0; i < rows->rows(); ++i) {
    out.emplace_back(
        EntityRef{machine_name(shared_->registry, rows->text_view(i, 0)), text_of(*rows, i, 1)},
        EntityRef{machine_name(shared_->registry, rows->text_view(i, 2)), text_of(*rows, i, 3)});
  }
  return out;
}

Result<bool> PostgresLane::has_work() {
  Parameters parameters;
  parameters.integer(first_id_of(id_)).integer(last_id_of(id_)).integer(id_);
  parameters.texts(shared_->known_machines);
  const auto rows = read(shared_->statements.has_work, parameters);
  if (!rows) return std::unexpected(rows.error());
  return rows->boolean(0, 0);
}

}  // namespace pawl::postgres
