// SPDX-License-Identifier: Apache-2.0
//
// The lock step: BEGIN IMMEDIATE was done, so everything read here is fresh and stays so.
#include <algorithm>

#include "protocol/lane_hold.h"
#include "store/sqlite/sqlite_store.h"

namespace pawl::sqlite {

std::string entity_select(const MachineSpec& machine) {
  std::string sql = "SELECT ";
  for (const auto& column : machine.columns) sql += "\"" + std::string(column.name) + "\", ";
  sql +=
      "pawl_version, pawl_time_us, pawl_lane, pawl_sequence, pawl_offset, pawl_schema "
      "FROM \"" +
      std::string(machine.table) + "\"";
  return sql;
}

Result<void> read_entity_row(const MachineSpec& machine, const Statement& row, EntitySlot& slot) {
  const int own = static_cast<int>(machine.columns.size());
  slot.present = true;
  slot.version = row.integer(own);
  slot.last_time = Time{row.integer(own + 1)};
  slot.newest = {static_cast<std::int32_t>(row.integer(own + 2)), row.integer(own + 3),
                 static_cast<std::int32_t>(row.integer(own + 4))};
  // A row of another schema is left unread: Locked<T> then says so and decide is not called.
  if (row.integer(own + 5) != machine.schema_number) return {};
  slot.row.reserve(machine.columns.size());
  for (int i = 0; i < own; ++i) slot.row.push_back(row.value(i));
  return {};
}

Result<protocol::EffectRow> read_effect_row(const Registry& registry, const Statement& row) {
  protocol::EffectRow out;
  out.id = row.integer(0);
  out.kind = row.text(1);
  out.owner = {machine_name(registry, row.text_view(2)), row.text(3)};
  out.payload = row.text(4);
  out.idempotency_key = row.text(5);
  out.created = Time{row.integer(6)};
  out.next_at = Time{row.integer(7)};
  const auto state = enum_from_name<protocol::EffectState>(row.text_view(8));
  const auto outcome = enum_from_name<Outcome>(row.text_view(17));
  if (!state || !outcome) {
    return fail(entity_unreadable, "effect " + std::to_string(out.id));
  }
  out.state = *state;
  out.attempt = static_cast<int>(row.integer(9));
  out.inquiry = static_cast<int>(row.integer(10));
  out.token = row.integer(11);
  out.lease_until = Time{row.integer(12)};
  out.poll_until = Time{row.integer(13)};
  out.not_after = Time{row.integer(14)};
  out.accepted_reported = row.integer(15) != 0;
  out.maybe_sent = row.integer(16) != 0;
  out.outcome = *outcome;
  out.code = row.text(18);
  out.reference = row.text(19);
  out.ended_at = Time{row.integer(20)};
  out.history = row.text(21);
  out.trace_id = row.text(22);
  return out;
}

protocol::ParkedRow read_parked_row(const Registry& registry, const Statement& row) {
  protocol::ParkedRow out;
  out.id = row.integer(0);
  out.source = row.text(1);
  out.from = {machine_name(registry, row.text_view(2)), row.text(3)};
  out.entity = {machine_name(registry, row.text_view(4)), row.text(5)};
  out.kind = row.text(6);
  out.payload = row.text(7);
  out.code = row.text(8);
  out.detail = row.text(9);
  out.effect_id = row.integer(10);
  out.hops = static_cast<int>(row.integer(11));
  out.trace_id = row.text(12);
  return out;
}

Result<void> SqliteLane::check_lane() {
  auto lane = cached("SELECT epoch FROM pawl_lanes WHERE id = 0");
  if (!lane) return std::unexpected(lane.error());
  auto row = (*lane)->step();
  if (!row) return std::unexpected(row.error());
  std::optional<std::int64_t> stored;
  if (*row) stored = (*lane)->integer(0);
  (*lane)->reset();
  // Nobody can take this lane over between here and the commit: the write lock is held.
  return protocol::check_lane(stored, epoch_);
}

Result<protocol::LockedBatch> SqliteLane::lock_rows(const protocol::LockRequest& request) {
  protocol::LockedBatch out;
  if (auto ours = check_lane(); !ours) return std::unexpected(ours.error());
  out.lane = 0;
  out.sequence = next_sequence_;
  out.restored_at = identity_.restored_at;
  if (auto done = lock_entities(request, out); !done) return std::unexpected(done.error());
  if (auto done = lock_records(request, out); !done) return std::unexpected(done.error());
  if (auto done = lock_receipts(request, out); !done) return std::unexpected(done.error());
  if (auto done = lock_sources(request, out); !done) return std::unexpected(done.error());
  out.time = clock_.now();
  return out;
}

Result<void> SqliteLane::lock_entities(const protocol::LockRequest& request,
                                       protocol::LockedBatch& out) {
  out.entities.resize(request.entities.size());
  const MachineSpec* machine = nullptr;
  Statement* select = nullptr;
  for (std::size_t i = 0; i < request.entities.size(); ++i) {
    const EntityRef& ref = request.entities[i];
    if (machine == nullptr || machine->name != ref.machine) {
      machine = registry_.find_machine(ref.machine);
      if (machine == nullptr) return fail(command_invalid, "unknown machine");
      auto prepared = cached(texts_of(*machine).select);
      if (!prepared) return std::unexpected(prepared.error());
      select = *prepared;
    }
    EntitySlot& slot = out.entities[i];
    slot.ref = ref;
    select->bind(1, std::string_view(ref.key));
    auto row = select->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) continue;
    if (auto read = read_entity_row(*machine, *select, slot); !read) return read;
    select->reset();
  }
  return {};
}

Result<void> SqliteLane::lock_records(const protocol::LockRequest& request,
                                      protocol::LockedBatch& out) {
  for (const auto& query : request.records) {
    EntitySlot& slot = out.entities[query.entity];
    const MachineSpec* machine = registry_.find_machine(slot.ref.machine);
    const RecordSpec* record = machine->record(query.table);
    if (record == nullptr) return fail(command_invalid, "unknown record table");
    std::string sql = "SELECT ";
    for (const auto& column : record->columns) sql += "\"" + std::string(column.name) + "\", ";
    sql += "record_id FROM \"" + std::string(record->table) +
           "\" WHERE entity_key = ?1 ORDER BY record_id DESC LIMIT ?2";
    auto select = cached(sql);
    if (!select) return std::unexpected(select.error());
    (*select)->bind(1, std::string_view(slot.ref.key)).bind(2, std::int64_t{query.limit});
    RecordRows rows;
    rows.table = record->table;
    auto row = (*select)->step();
    while (row && *row) {
      Row values;
      for (std::size_t i = 0; i < record->columns.size(); ++i) {
        values.push_back((*select)->value(static_cast<int>(i)));
      }
      rows.rows.push_back(std::move(values));
      row = (*select)->step();
    }
    if (!row) return std::unexpected(row.error());
    std::reverse(rows.rows.begin(), rows.rows.end());
    slot.records.push_back(std::move(rows));
  }
  return {};
}

Result<void> SqliteLane::lock_receipts(const protocol::LockRequest& request,
                                       protocol::LockedBatch& out) {
  out.receipts.resize(request.receipts.size());
  if (request.receipts.empty() || !request.look_up_receipts) return {};
  auto prepared = cached(
      "SELECT fingerprint, done, code, detail, error_class, reply, version FROM pawl_receipts "
      "WHERE machine = ?1 AND entity_key = ?2 AND principal = ?3 AND kind = ?4 AND command_id = "
      "?5");
  if (!prepared) return std::unexpected(prepared.error());
  Statement& select = **prepared;
  for (std::size_t i = 0; i < request.receipts.size(); ++i) {
    const protocol::ReceiptKey& key = request.receipts[i];
    select.bind(1, key.entity.machine)
        .bind(2, std::string_view(key.entity.key))
        .bind(3, std::string_view(key.principal))
        .bind(4, std::string_view(key.kind))
        .bind(5, std::string_view(key.id));
    auto row = select.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) continue;
    protocol::StoredReceipt receipt;
    const auto fingerprint = select.blob(0);
    std::copy_n(fingerprint.begin(), std::min(fingerprint.size(), receipt.fingerprint.size()),
                receipt.fingerprint.begin());
    receipt.done = select.integer(1) != 0;
    receipt.code = select.text(2);
    receipt.detail = select.text(3);
    receipt.error_class = static_cast<ErrorClass>(select.integer(4));
    receipt.reply_json = select.text(5);
    receipt.version = select.integer(6);
    out.receipts[i] = std::move(receipt);
    select.reset();
  }
  return {};
}

Result<void> SqliteLane::lock_sources(const protocol::LockRequest& request,
                                      protocol::LockedBatch& out) {
  // Most batches have few kinds of sources: what is not asked for costs nothing.
  using Step = Result<void> (SqliteLane::*)(const protocol::LockRequest&, protocol::LockedBatch&);
  const std::pair<bool, Step> steps[] = {{!request.effects.empty(), &SqliteLane::lock_effects},
                                         {!request.messages.empty(), &SqliteLane::lock_messages},
                                         {!request.deadlines.empty(), &SqliteLane::lock_deadlines},
                                         {!request.parked.empty(), &SqliteLane::lock_parked}};
  for (const auto& [needed, step] : steps) {
    if (!needed) continue;
    if (auto done = (this->*step)(request, out); !done) return done;
  }
  return {};
}

Result<void> SqliteLane::lock_effects(const protocol::LockRequest& request,
                                      protocol::LockedBatch& out) {
  const std::string columns = "SELECT " + std::string(effect_columns);
  auto open = cached(columns + " FROM pawl_effects WHERE id = ?1");
  if (!open) return std::unexpected(open.error());
  auto ended = cached(columns + " FROM pawl_effects_ended WHERE id = ?1");
  if (!ended) return std::unexpected(ended.error());
  for (const std::int64_t id : request.effects) {
    out.effects.emplace_back();
    for (Statement* effect : {*open, *ended}) {
      effect->bind(1, id);
      auto row = effect->step();
      if (!row) return std::unexpected(row.error());
      if (!*row) continue;
      auto read = read_effect_row(registry_, *effect);
      effect->reset();
      if (read) out.effects.back() = std::move(*read);
      break;
    }
  }
  return {};
}

Result<void> SqliteLane::lock_messages(const protocol::LockRequest& request,
                                       protocol::LockedBatch& out) {
  auto message = cached("SELECT 1 FROM pawl_messages WHERE id = ?1");
  if (!message) return std::unexpected(message.error());
  for (const std::int64_t id : request.messages) {
    (*message)->bind(1, id);
    auto row = (*message)->step();
    if (!row) return std::unexpected(row.error());
    out.messages.push_back(*row);
    (*message)->reset();
  }
  return {};
}

Result<void> SqliteLane::lock_deadlines(const protocol::LockRequest& request,
                                        protocol::LockedBatch& out) {
  auto deadline = cached(
      "SELECT arming FROM pawl_deadlines WHERE machine = ?1 AND entity_key = ?2 AND name = ?3");
  if (!deadline) return std::unexpected(deadline.error());
  for (const auto& ref : request.deadlines) {
    (*deadline)->bind(1, ref.entity.machine).bind(2, std::string_view(ref.entity.key));
    (*deadline)->bind(3, std::string_view(ref.name));
    auto row = (*deadline)->step();
    if (!row) return std::unexpected(row.error());
    out.deadlines.push_back(*row ? (*deadline)->integer(0) : 0);
    (*deadline)->reset();
  }
  return {};
}

Result<void> SqliteLane::lock_parked(const protocol::LockRequest& request,
                                     protocol::LockedBatch& out) {
  auto parked = cached("SELECT " + std::string(parked_columns) + " FROM pawl_parked WHERE id = ?1");
  if (!parked) return std::unexpected(parked.error());
  for (const std::int64_t id : request.parked) {
    (*parked)->bind(1, id);
    auto row = (*parked)->step();
    if (!row) return std::unexpected(row.error());
    out.parked.emplace_back();
    if (!*row) continue;
    out.parked.back() = read_parked_row(registry_, **parked);
    (*parked)->reset();
  }
  return {};
}

}  // namespace pawl::sqlite
