// SPDX-License-Identifier: Apache-2.0
//
// The write step: everything a batch decided, table by table in one fixed order. Every change of an
// entity is a compare-and-swap on the version that was locked: under the one writer's lock it
// cannot lose, and if it does the store is not what it is taken for.
#include "store/sqlite/sqlite_store.h"

namespace pawl::sqlite {

namespace {

constexpr ErrorCode store_lost_update{
    "store_lost_update", ErrorClass::defect,
    "a locked row was changed by somebody else: another writer is on this file"};

Result<void> expect_rows(const Result<int>& changed, int expected, ErrorCode code,
                         std::string_view what) {
  if (!changed) return std::unexpected(changed.error());
  if (*changed != expected) return fail(code, std::string(what));
  return {};
}

}  // namespace

std::string entity_update(const MachineSpec& machine) {
  std::string sql = "UPDATE \"" + std::string(machine.table) + "\" SET ";
  int index = 2;
  for (std::size_t i = 1; i < machine.columns.size(); ++i) {
    sql += "\"" + std::string(machine.columns[i].name) + "\" = ?" + std::to_string(index++) + ", ";
  }
  for (const char* column :
       {"pawl_version", "pawl_time_us", "pawl_lane", "pawl_sequence", "pawl_offset"}) {
    sql += std::string(column) + " = ?" + std::to_string(index++) + ", ";
  }
  sql += "pawl_schema = ?" + std::to_string(index++);
  return sql + " WHERE \"" + std::string(machine.columns[0].name) + "\" = ?1 AND pawl_version = ?" +
         std::to_string(index);
}

std::string entity_insert(const MachineSpec& machine) {
  std::string names;
  std::string places;
  int index = 1;
  for (const auto& column : machine.columns) {
    names += "\"" + std::string(column.name) + "\", ";
    places += "?" + std::to_string(index++) + ", ";
  }
  names += "pawl_version, pawl_time_us, pawl_lane, pawl_sequence, pawl_offset, pawl_schema";
  for (int i = 0; i < 6; ++i) places += (i > 0 ? ", ?" : "?") + std::to_string(index++);
  // A lost create, or another unique value, is no error but a count of zero rows.
  return "INSERT INTO \"" + std::string(machine.table) + "\" (" + names + ") VALUES (" + places +
         ") ON CONFLICT DO NOTHING";
}

Result<void> SqliteLane::write(const protocol::WriteBatch& w) {
  // What a batch does not have costs nothing, not even the look for its statement.
  using Step = Result<void> (SqliteLane::*)(const protocol::WriteBatch&);
  const std::pair<bool, Step> steps[] = {
      {!w.entity_writes.empty(), &SqliteLane::write_entities},
      {!w.records.empty(), &SqliteLane::write_records},
      {!w.receipts.empty(), &SqliteLane::write_receipts},
      {!w.effects_inserted.empty(), &SqliteLane::insert_effects},
      {!w.effects_updated.empty(), &SqliteLane::update_effects},
      {!w.messages_deleted.empty() || !w.messages_inserted.empty(), &SqliteLane::write_messages},
      {!w.deadlines_armed.empty() || !w.deadlines_deleted.empty(), &SqliteLane::write_deadlines},
      {!w.parked_deleted.empty() || !w.parked_inserted.empty(), &SqliteLane::write_parked},
      {!w.alerts.empty() || !w.alerts_acked.empty() || !w.alerts_delivered.empty(),
       &SqliteLane::write_alerts},
      {true, &SqliteLane::write_journal}};
  for (const auto& [needed, step] : steps) {
    if (!needed) continue;
    if (auto done = (this->*step)(w); !done) return done;
  }
  return {};
}

Result<void> SqliteLane::write_entities(const protocol::WriteBatch& writes) {
  const MachineSpec* machine = nullptr;
  Statement* insert = nullptr;
  Statement* update = nullptr;
  for (const auto& write : writes.entity_writes) {
    const EntitySlot& slot = writes.entities[write.entity];
    if (machine == nullptr || machine->name != slot.ref.machine) {
      machine = registry_.find_machine(slot.ref.machine);
      auto prepared_insert = cached(texts_of(*machine).insert);
      if (!prepared_insert) return std::unexpected(prepared_insert.error());
      auto prepared_update = cached(texts_of(*machine).update);
      if (!prepared_update) return std::unexpected(prepared_update.error());
      insert = *prepared_insert;
      update = *prepared_update;
    }
    Statement& statement = write.created ? *insert : *update;
    int index = 1;
    for (const Value& value : slot.row) statement.bind(index++, value);
    for (const std::int64_t own :
         {slot.version, slot.last_time.us, std::int64_t{slot.newest.lane}, slot.newest.sequence,
          std::int64_t{slot.newest.offset}, std::int64_t{machine->schema_number}}) {
      statement.bind(index++, own);
    }
    if (!write.created) statement.bind(index, write.locked_version);
    const auto changed = statement.run();
    if (auto one =
            expect_rows(changed, 1, write.created ? protocol::create_conflict : store_lost_update,
                        slot.ref.key);
        !one) {
      return one;
    }
  }
  return {};
}

Result<void> SqliteLane::write_records(const protocol::WriteBatch& writes) {
  for (const auto& record : writes.records) {
    const EntityRef& owner = writes.entities[record.entity].ref;
    const RecordSpec* spec = registry_.find_machine(owner.machine)->record(record.table);
    std::string names = "record_id, entity_key";
    std::string places = "?1, ?2";
    int index = 3;
    for (const auto& column : spec->columns) {
      names += ", \"" + std::string(column.name) + "\"";
      places += ", ?" + std::to_string(index++);
    }
    std::string sql = "INSERT INTO \"";
    sql.append(record.table).append("\" (").append(names);
    sql.append(") VALUES (").append(places).append(") ON CONFLICT DO NOTHING");
    auto insert = cached(sql);
    if (!insert) return std::unexpected(insert.error());
    (*insert)->bind(1, record.id).bind(2, std::string_view(owner.key));
    index = 3;
    for (const Value& value : record.row) (*insert)->bind(index++, value);
    if (auto one = expect_rows((*insert)->run(), 1, protocol::create_conflict, record.table);
        !one) {
      return one;
    }
  }
  return {};
}

Result<void> SqliteLane::write_receipts(const protocol::WriteBatch& writes) {
  auto insert = cached(
      "INSERT INTO pawl_receipts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) "
      "ON CONFLICT DO NOTHING");
  if (!insert) return std::unexpected(insert.error());
  for (const auto& write : writes.receipts) {
    (*insert)
        ->bind(1, write.key.entity.machine)
        .bind(2, std::string_view(write.key.entity.key))
        .bind(3, std::string_view(write.key.principal))
        .bind(4, std::string_view(write.key.kind))
        .bind(5, std::string_view(write.key.id))
        .bind_blob(6, write.receipt.fingerprint)
        .bind(7, std::int64_t{write.receipt.done ? 1 : 0})
        .bind(8, std::string_view(write.receipt.code))
        .bind(9, std::string_view(write.receipt.detail))
        .bind(10, static_cast<std::int64_t>(write.receipt.error_class))
        .bind(11, std::string_view(write.receipt.reply_json))
        .bind(12, write.receipt.version)
        .bind(13, writes.time.us);
    if (auto one = expect_rows((*insert)->run(), 1, protocol::receipt_exists, write.key.id); !one) {
      return one;
    }
  }
  return {};
}

Result<void> SqliteLane::insert_effects(const protocol::WriteBatch& writes) {
  auto insert = cached(
      "INSERT INTO pawl_effects (id, kind, machine, entity_key, payload, idempotency_key, "
      "created_us, next_at_us, trace_id, state, maybe_sent, not_after_us) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)");
  if (!insert) return std::unexpected(insert.error());
  for (const auto& row : writes.effects_inserted) {
    (*insert)
        ->bind(1, row.id)
        .bind(2, std::string_view(row.kind))
        .bind(3, row.owner.machine)
        .bind(4, std::string_view(row.owner.key))
        .bind(5, std::string_view(row.payload))
        .bind(6, std::string_view(row.idempotency_key))
        .bind(7, row.created.us)
        .bind(8, row.next_at.us)
        .bind(9, std::string_view(row.trace_id))
        .bind(10, name_of(row.state))
        .bind(11, std::int64_t{row.maybe_sent ? 1 : 0})
        .bind(12, row.not_after.us);
    if (auto done = (*insert)->run(); !done) return std::unexpected(done.error());
  }
  return {};
}

namespace {

// What a step changes of an effect, from place `index` on, in the order of effect_columns.
void bind_progress(Statement& statement, int index, const protocol::EffectRow& row) {
  statement.bind(index, row.next_at.us)
      .bind(index + 1, name_of(row.state))
      .bind(index + 2, std::int64_t{row.attempt})
      .bind(index + 3, std::int64_t{row.inquiry})
      .bind(index + 4, row.token)
      .bind(index + 5, row.lease_until.us)
      .bind(index + 6, row.poll_until.us)
      .bind(index + 7, row.not_after.us)
      .bind(index + 8, std::int64_t{row.accepted_reported ? 1 : 0})
      .bind(index + 9, std::int64_t{row.maybe_sent ? 1 : 0})
      .bind(index + 10, name_of(row.outcome))
      .bind(index + 11, std::string_view(row.code))
      .bind(index + 12, std::string_view(row.reference))
      .bind(index + 13, row.ended_at.us)
      .bind(index + 14, std::string_view(row.history));
}

}  // namespace

Result<void> SqliteLane::update_effects(const protocol::WriteBatch& writes) {
  auto update = cached(
      "UPDATE pawl_effects SET next_at_us = ?2, state = ?3, attempt = ?4, inquiry = ?5, token = "
      "?6, lease_until_us = ?7, poll_until_us = ?8, not_after_us = ?9, accepted_reported = ?10, "
      "maybe_sent = ?11, outcome = ?12, code = ?13, reference = ?14, ended_us = ?15, history = ?16 "
      "WHERE id = ?1");
  if (!update) return std::unexpected(update.error());
  for (const auto& row : writes.effects_updated) {
    if (row.state == protocol::EffectState::ended) {
      if (auto done = end_effect(row); !done) return done;
      continue;
    }
    (*update)->bind(1, row.id);
    bind_progress(**update, 2, row);
    if (auto one = expect_rows((*update)->run(), 1, store_lost_update, "effect"); !one) return one;
  }
  return {};
}

Result<void> SqliteLane::end_effect(const protocol::EffectRow& row) {
  auto remove = cached("DELETE FROM pawl_effects WHERE id = ?1");
  if (!remove) return std::unexpected(remove.error());
  (*remove)->bind(1, row.id);
  if (auto one = expect_rows((*remove)->run(), 1, store_lost_update, "effect"); !one) return one;
  auto insert = cached("INSERT INTO pawl_effects_ended (" + std::string(effect_columns) +
                       ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, "
                       "?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)");
  if (!insert) return std::unexpected(insert.error());
  (*insert)
      ->bind(1, row.id)
      .bind(2, std::string_view(row.kind))
      .bind(3, row.owner.machine)
      .bind(4, std::string_view(row.owner.key))
      .bind(5, std::string_view(row.payload))
      .bind(6, std::string_view(row.idempotency_key))
      .bind(7, row.created.us);
  bind_progress(**insert, 8, row);
  (*insert)->bind(23, std::string_view(row.trace_id));
  if (auto done = (*insert)->run(); !done) return std::unexpected(done.error());
  return {};
}

Result<void> SqliteLane::write_messages(const protocol::WriteBatch& writes) {
  auto remove = cached("DELETE FROM pawl_messages WHERE id = ?1");
  if (!remove) return std::unexpected(remove.error());
  for (const std::int64_t id : writes.messages_deleted) {
    (*remove)->bind(1, id);
    if (auto one = expect_rows((*remove)->run(), 1, store_lost_update, "message"); !one) return one;
  }
  auto insert = cached(
      "INSERT INTO pawl_messages VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)");
  if (!insert) return std::unexpected(insert.error());
  for (const auto& row : writes.messages_inserted) {
    (*insert)
        ->bind(1, row.id)
        .bind(2, row.from.machine)
        .bind(3, std::string_view(row.from.key))
        .bind(4, row.to.machine)
        .bind(5, std::string_view(row.to.key))
        .bind(6, std::string_view(row.kind))
        .bind(7, std::string_view(row.payload))
        .bind(8, std::int64_t{row.hops})
        .bind(9, std::int64_t{row.bounced ? 1 : 0})
        .bind(10, std::string_view(row.code))
        .bind(11, std::string_view(row.detail))
        .bind(12, std::string_view(row.trace_id));
    if (auto done = (*insert)->run(); !done) return std::unexpected(done.error());
  }
  return {};
}

Result<void> SqliteLane::write_deadlines(const protocol::WriteBatch& writes) {
  auto remove =
      cached("DELETE FROM pawl_deadlines WHERE machine = ?1 AND entity_key = ?2 AND name = ?3");
  if (!remove) return std::unexpected(remove.error());
  for (const auto& ref : writes.deadlines_deleted) {
    (*remove)->bind(1, ref.entity.machine).bind(2, std::string_view(ref.entity.key));
    (*remove)->bind(3, std::string_view(ref.name));
    if (auto done = (*remove)->run(); !done) return std::unexpected(done.error());
  }
  auto arm =
      cached("INSERT OR REPLACE INTO pawl_deadlines VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
  if (!arm) return std::unexpected(arm.error());
  for (const auto& row : writes.deadlines_armed) {
    (*arm)
        ->bind(1, row.entity.machine)
        .bind(2, std::string_view(row.entity.key))
        .bind(3, std::string_view(row.name))
        .bind(4, row.arming)
        .bind(5, row.due.us)
        .bind(6, std::string_view(row.kind))
        .bind(7, std::string_view(row.payload))
        .bind(8, std::string_view(row.trace_id));
    if (auto done = (*arm)->run(); !done) return std::unexpected(done.error());
  }
  return {};
}

Result<void> SqliteLane::write_parked(const protocol::WriteBatch& writes) {
  auto unpark = cached("DELETE FROM pawl_parked WHERE id = ?1");
  if (!unpark) return std::unexpected(unpark.error());
  for (const std::int64_t id : writes.parked_deleted) {
    (*unpark)->bind(1, id);
    if (auto one = expect_rows((*unpark)->run(), 1, store_lost_update, "parked"); !one) return one;
  }
  auto park = cached(
      "INSERT INTO pawl_parked VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, "
      "?14)");
  if (!park) return std::unexpected(park.error());
  for (const auto& row : writes.parked_inserted) {
    (*park)->bind(1, row.id).bind(2, std::string_view(row.source)).bind(3, row.from.machine);
    (*park)->bind(4, std::string_view(row.from.key)).bind(5, row.entity.machine);
    (*park)->bind(6, std::string_view(row.entity.key)).bind(7, std::string_view(row.kind));
    (*park)->bind(8, std::string_view(row.payload)).bind(9, std::string_view(row.code));
    (*park)->bind(10, std::string_view(row.detail)).bind(11, row.effect_id);
    (*park)->bind(12, std::int64_t{row.hops}).bind(13, writes.time.us);
    (*park)->bind(14, std::string_view(row.trace_id));
    if (auto done = (*park)->run(); !done) return std::unexpected(done.error());
  }
  return {};
}

Result<void> SqliteLane::write_alerts(const protocol::WriteBatch& writes) {
  auto raise = cached(
      "INSERT INTO pawl_alerts (id, code, machine, entity_key, effect_id, attempt, detail, "
      "first_seen_us, last_seen_us, count) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1) "
      "ON CONFLICT (code, machine, entity_key, effect_id) DO UPDATE SET attempt = "
      "excluded.attempt, detail = excluded.detail, last_seen_us = excluded.last_seen_us, "
      "count = count + 1, acked_by = CASE WHEN excluded.effect_id = 0 OR excluded.attempt <> "
      "pawl_alerts.attempt THEN '' ELSE acked_by END");
  if (!raise) return std::unexpected(raise.error());
  for (const auto& row : writes.alerts) {
    (*raise)->bind(1, row.id).bind(2, std::string_view(row.code)).bind(3, row.entity.machine);
    (*raise)->bind(4, std::string_view(row.entity.key)).bind(5, row.effect_id);
    (*raise)->bind(6, std::int64_t{row.attempt}).bind(7, std::string_view(row.detail));
    (*raise)->bind(8, row.first_seen.us).bind(9, row.last_seen.us);
    if (auto done = (*raise)->run(); !done) return std::unexpected(done.error());
  }
  auto acknowledge = cached("UPDATE pawl_alerts SET acked_by = ?2, acked_us = ?3 WHERE id = ?1");
  if (!acknowledge) return std::unexpected(acknowledge.error());
  for (const auto& row : writes.alerts_acked) {
    (*acknowledge)->bind(1, row.id).bind(2, std::string_view(row.acked_by));
    (*acknowledge)->bind(3, writes.time.us);
    if (auto done = (*acknowledge)->run(); !done) return std::unexpected(done.error());
  }
  auto deliver =
      cached("UPDATE pawl_alerts SET delivered_count = max(delivered_count, ?2) WHERE id = ?1");
  if (!deliver) return std::unexpected(deliver.error());
  for (const auto& delivery : writes.alerts_delivered) {
    (*deliver)->bind(1, delivery.id).bind(2, delivery.count);
    if (auto done = (*deliver)->run(); !done) return std::unexpected(done.error());
  }
  return {};
}

Result<void> SqliteLane::write_journal(const protocol::WriteBatch& writes) {
  auto insert = cached(
      "INSERT INTO pawl_journal (position, epoch, time_us, config_version, entries) "
      "VALUES (?1, ?2, ?3, ?4, ?5)");
  if (!insert) return std::unexpected(insert.error());
  (*insert)->bind(1, protocol::journal_position(0, next_sequence_)).bind(2, epoch_);
  (*insert)->bind(3, writes.time.us).bind(4, writes.config_version);
  (*insert)->bind(5, std::string_view(writes.journal_entries));
  if (auto done = (*insert)->run(); !done) return std::unexpected(done.error());
  return {};
}

}  // namespace pawl::sqlite
