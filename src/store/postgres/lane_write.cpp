// SPDX-License-Identifier: Apache-2.0
//
// The write step: everything a batch decided in one round, table by table in one fixed order, the
// COMMIT with it. What must not be committed raises on the server, so that the COMMIT behind it
// does not happen. Every change of an entity is a compare-and-swap on the version that was locked:
// under its lock it cannot lose, and if it does the store is not what it is taken for.
#include <algorithm>
#include <utility>

#include "store/postgres/postgres_lane.h"
#include "store/postgres/rows.h"
#include "store/postgres/rows_statement.h"

namespace pawl::postgres {

namespace {

void add_value(Parameters& parameters, const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    parameters.element(*number);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    parameters.element(std::string_view(*text));
  } else {
    parameters.element_null();
  }
}

// In its table, about: what a row has beside its values, the engine's columns, and these.
std::size_t bytes_of(const Row& row) {
  constexpr std::size_t beside = 28;
  constexpr std::size_t number = 8;
  std::size_t bytes = beside + std::size(engine_columns) * number;
  for (const Value& value : row) {
    const auto* text = std::get_if<std::string>(&value);
    bytes += text == nullptr ? number : text->size() + 1;
  }
  return bytes;
}

// Without copies: `get` may give a reference into the list.
std::string_view view(const std::string& text) {
  return text;
}

// Sorted by id, so that two processes wait for each other and do not lock each other out.
std::vector<const protocol::EffectRow*> effects_of(const protocol::WriteBatch& writes, bool ended) {
  std::vector<const protocol::EffectRow*> out;
  for (const auto& row : writes.effects_updated) {
    if ((row.state == protocol::EffectState::ended) == ended) out.push_back(&row);
  }
  std::sort(out.begin(), out.end(), [](const auto* a, const auto* b) { return a->id < b->id; });
  return out;
}

// The version that the sender has in this commit: messages of one pair are in its order.
std::int64_t version_of(const protocol::WriteBatch& writes, const EntityRef& ref) {
  const auto place =
      std::lower_bound(writes.entities.begin(), writes.entities.end(), ref,
                       [](const EntitySlot& slot, const EntityRef& r) { return slot.ref < r; });
  return place != writes.entities.end() && place->ref == ref ? place->version : 0;
}

}  // namespace

// The server keeps a plan for each way in which a statement's columns are given; there are few.
// Were there many, the rest are planned each time.
std::size_t PostgresLane::add_rows(Pipeline& round, const RowsStatement& statement,
                                   const GivenRows& rows) {
  const auto known = variants_.find({&statement, rows.once()});
  if (known != variants_.end()) return round.add(known->second, rows.parameters());
  if (variants_.size() == max_variants) {
    return round.add(statement.with(rows.once()).sql, rows.parameters());
  }
  const auto added =
      variants_.emplace(std::pair(&statement, rows.once()), statement.with(rows.once()));
  return round.add(added.first->second, rows.parameters());
}

std::vector<PostgresLane::WrittenRows> PostgresLane::add_writes(const protocol::WriteBatch& writes,
                                                                Pipeline& round) {
  // The lane's row first: who has lost the lane writes nothing, and waits for nothing.
  Parameters journal;
  journal.integer(id_).integer(epoch_).integer(sequence_).integer(writes.time.us);
  journal.integer(writes.config_version).text(writes.journal_entries);
  if (renews_) {
    journal.integer(shared_->options.lane_lease_ms * 1'000LL);
    round.add(shared_->statements.write_journal_renewing, journal);
  } else {
    round.add(shared_->statements.write_journal, journal);
  }
  auto written = add_entities(writes, round);
  add_records(writes, round);
  add_receipts(writes, round);
  add_effects(writes, round);
  add_messages(writes, round);
  add_deadlines(writes, round);
  add_parked(writes, round);
  add_alerts(writes, round);
  return written;
}

void PostgresLane::remember_places(const std::vector<WrittenRows>& written,
                                   const Outcome& outcome) {
  for (const auto& [statement, row_bytes, entities] : written) {
    const auto places = outcome[statement].row_places(0, 1);
    for (std::size_t i = 0; i < entities.size(); ++i) {
      const EntityRef& ref = *entities[i];
      if (places.size() == entities.size()) {
        places_.left(ref.machine, ref.key, places[i], row_bytes);
      } else {
        places_.forget(ref.machine, ref.key);
      }
    }
  }
}

std::vector<PostgresLane::WrittenRows> PostgresLane::add_entities(
    const protocol::WriteBatch& writes, Pipeline& round) {
  // By machine, as the entities are sorted; of each what is new and what is not.
  using Writes = std::vector<const protocol::EntityWrite*>;
  std::vector<WrittenRows> written;
  Writes changed;
  Writes created;
  const auto slot_of = [&](const protocol::EntityWrite* write) -> const EntitySlot& {
    return writes.entities[write->entity];
  };
  const auto add = [&](const MachineSpec& machine, const RowsStatement& statement,
                       const Writes& list, bool of_locked_rows) {
    if (list.empty()) return;
    GivenRows rows(rows_buffer_);
    for (std::size_t c = 0; c < machine.columns.size(); ++c) {
      Parameters& values = rows.array(array_type(machine.columns[c].type));
      for (const auto* write : list) add_value(values, slot_of(write).row[c]);
    }
    rows.each(list, [&](const auto* write) { return slot_of(write).version; });
    rows.alike(list, [&](const auto* write) { return slot_of(write).last_time; });
    rows.alike(list, [&](const auto* write) { return slot_of(write).newest.lane; });
    rows.alike(list, [&](const auto* write) { return slot_of(write).newest.sequence; });
    rows.each(list, [&](const auto* write) { return slot_of(write).newest.offset; });
    rows.alike(list, [&](const auto*) { return machine.schema_number; });
    if (of_locked_rows) {
      Parameters& places = rows.array(Type::tid_array);
      for (const auto* write : list) places.element(row_places_[write->entity]);
      rows.each(list, [](const auto* write) { return write->locked_version; });
    }
    WrittenRows& here = written.emplace_back();
    here.statement =
        add_rows(round, statement, rows.integer(static_cast<std::int64_t>(list.size())));
    here.row_bytes = bytes_of(slot_of(list.front()).row);
    here.entities.reserve(list.size());
    for (const auto* write : list) here.entities.push_back(&slot_of(write).ref);
  };
  Writes order;
  order.reserve(writes.entity_writes.size());
  for (const auto& write : writes.entity_writes) order.push_back(&write);
  std::sort(order.begin(), order.end(),
            [](const auto* a, const auto* b) { return a->entity < b->entity; });
  const MachineStatements* machine = nullptr;
  const auto flush = [&] {
    if (machine == nullptr) return;
    add(*machine->spec, machine->update, changed, true);
    add(*machine->spec, machine->insert, created, false);
    changed.clear();
    created.clear();
  };
  for (const auto* write : order) {
    const EntitySlot& slot = slot_of(write);
    if (machine == nullptr || machine->spec->name != slot.ref.machine) {
      flush();
      machine = shared_->statements.of(slot.ref.machine);
    }
    (write->created ? created : changed).push_back(write);
  }
  flush();
  return written;
}

void PostgresLane::add_records(const protocol::WriteBatch& writes, Pipeline& round) {
  std::map<const RecordStatements*, std::vector<const protocol::RecordWrite*>> tables;
  std::vector<const RecordStatements*> order;
  for (const auto& record : writes.records) {
    const auto& machine = *shared_->statements.of(writes.entities[record.entity].ref.machine);
    const RecordStatements* table = &machine.records.at(record.table);
    auto& list = tables[table];
    if (list.empty()) order.push_back(table);
    list.push_back(&record);
  }
  std::sort(order.begin(), order.end(),
            [](const auto* a, const auto* b) { return a->spec->table < b->spec->table; });
  for (const RecordStatements* table : order) {
    const auto& list = tables[table];
    GivenRows rows(rows_buffer_);
    rows.each(list, [](const auto* record) { return record->id; });
    rows.each(list,
              [&](const auto* record) { return view(writes.entities[record->entity].ref.key); });
    for (std::size_t c = 0; c < table->spec->columns.size(); ++c) {
      Parameters& values = rows.array(array_type(table->spec->columns[c].type));
      for (const auto* record : list) add_value(values, record->row[c]);
    }
    add_rows(round, table->insert, rows.integer(static_cast<std::int64_t>(list.size())));
  }
}

void PostgresLane::add_receipts(const protocol::WriteBatch& writes, Pipeline& round) {
  if (writes.receipts.empty()) return;
  using protocol::ReceiptWrite;
  const auto& list = writes.receipts;
  GivenRows rows(rows_buffer_);
  rows.alike(list, [](const ReceiptWrite& w) { return w.key.entity.machine; });
  rows.each(list, [](const ReceiptWrite& w) { return view(w.key.entity.key); });
  rows.alike(list, [](const ReceiptWrite& w) { return view(w.key.principal); });
  rows.alike(list, [](const ReceiptWrite& w) { return view(w.key.kind); });
  Parameters& command_ids = rows.array(Type::bytea_array);
  for (const auto& w : list) {
    command_ids.element(
        std::span(reinterpret_cast<const unsigned char*>(w.key.id.data()), w.key.id.size()));
  }
  Parameters& fingerprints = rows.array(Type::bytea_array);
  for (const auto& w : list) {
    fingerprints.element(std::span<const unsigned char>(w.receipt.fingerprint));
  }
  rows.each(list, [](const ReceiptWrite& w) { return w.receipt.version; });
  rows.alike(list, [](const ReceiptWrite& w) { return w.receipt.done; });
  rows.alike(list, [](const ReceiptWrite& w) { return view(w.receipt.code); });
  rows.alike(list, [](const ReceiptWrite& w) { return view(w.receipt.detail); });
  rows.alike(list, [](const ReceiptWrite& w) { return static_cast<int>(w.receipt.error_class); });
  rows.alike(list, [](const ReceiptWrite& w) { return view(w.receipt.reply_json); });
  rows.alike(list, [&](const ReceiptWrite&) { return writes.time; });
  add_rows(round, shared_->statements.insert_receipts, rows);
}

// What a step changes of an effect, in the order of engine_statements.cpp.
GivenRows PostgresLane::progress_of(const EffectRows& rows) {
  using protocol::EffectRow;
  GivenRows out(rows_buffer_);
  out.each(rows, [](const EffectRow* row) { return row->id; });
  out.alike(rows, [](const EffectRow* row) { return row->next_at; });
  out.alike(rows, [](const EffectRow* row) { return name_of(row->state); });
  out.alike(rows, [](const EffectRow* row) { return row->attempt; });
  out.alike(rows, [](const EffectRow* row) { return row->inquiry; });
  out.each(rows, [](const EffectRow* row) { return row->token; });
  out.alike(rows, [](const EffectRow* row) { return row->lease_until; });
  out.alike(rows, [](const EffectRow* row) { return row->poll_until; });
  out.alike(rows, [](const EffectRow* row) { return row->not_after; });
  out.alike(rows, [](const EffectRow* row) { return row->accepted_reported; });
  out.alike(rows, [](const EffectRow* row) { return row->maybe_sent; });
  out.alike(rows, [](const EffectRow* row) { return name_of(row->outcome); });
  out.alike(rows, [](const EffectRow* row) { return view(row->code); });
  out.alike(rows, [](const EffectRow* row) { return view(row->reference); });
  out.alike(rows, [](const EffectRow* row) { return row->ended_at; });
  out.alike(rows, [](const EffectRow* row) { return view(row->history); });
  Parameters& places = out.array(Type::tid_array);
  auto locked = effect_places_.begin();
  for (const EffectRow* row : rows) {
    locked = std::lower_bound(locked, effect_places_.end(), std::pair(row->id, RowPlace{}));
    // One that was not locked has no place, and voids the commit.
    const bool known = locked != effect_places_.end() && locked->first == row->id;
    places.element(known ? locked->second : RowPlace{});
  }
  out.integer(static_cast<std::int64_t>(rows.size()));
  return out;
}

void PostgresLane::add_effects(const protocol::WriteBatch& writes, Pipeline& round) {
  using protocol::EffectRow;
  if (const auto& list = writes.effects_inserted; !list.empty()) {
    GivenRows rows(rows_buffer_);
    rows.each(list, [](const EffectRow& row) { return row.id; });
    rows.alike(list, [](const EffectRow& row) { return view(row.kind); });
    rows.alike(list, [](const EffectRow& row) { return row.owner.machine; });
    rows.each(list, [](const EffectRow& row) { return view(row.owner.key); });
    rows.each(list, [](const EffectRow& row) { return view(row.payload); });
    rows.each(list, [](const EffectRow& row) { return view(row.idempotency_key); });
    rows.alike(list, [](const EffectRow& row) { return row.created; });
    rows.alike(list, [](const EffectRow& row) { return row.next_at; });
    rows.alike(list, [](const EffectRow& row) { return view(row.trace_id); });
    rows.alike(list, [](const EffectRow& row) { return name_of(row.state); });
    rows.alike(list, [](const EffectRow& row) { return row.maybe_sent; });
    rows.alike(list, [](const EffectRow& row) { return row.not_after; });
    add_rows(round, shared_->statements.insert_effects, rows);
  }
  if (writes.effects_updated.empty()) return;
  if (const auto rows = effects_of(writes, false); !rows.empty()) {
    add_rows(round, shared_->statements.update_effects, progress_of(rows));
  }
  if (const auto rows = effects_of(writes, true); !rows.empty()) {
    add_rows(round, shared_->statements.end_effects, progress_of(rows));
  }
}

void PostgresLane::add_messages(const protocol::WriteBatch& writes, Pipeline& round) {
  using protocol::MessageRow;
  if (const auto& ids = writes.messages_deleted; !ids.empty()) {
    Parameters parameters;
    parameters.integers(ids).integer(static_cast<std::int64_t>(ids.size()));
    round.add(shared_->statements.delete_messages, parameters);
  }
  const auto& list = writes.messages_inserted;
  if (list.empty()) return;
  GivenRows rows(rows_buffer_);
  rows.each(list, [](const MessageRow& row) { return row.id; });
  rows.alike(list, [](const MessageRow& row) { return row.from.machine; });
  rows.each(list, [](const MessageRow& row) { return view(row.from.key); });
  rows.alike(list, [](const MessageRow& row) { return row.to.machine; });
  rows.each(list, [](const MessageRow& row) { return view(row.to.key); });
  rows.alike(list, [](const MessageRow& row) { return view(row.kind); });
  rows.each(list, [](const MessageRow& row) { return view(row.payload); });
  rows.alike(list, [](const MessageRow& row) { return row.hops; });
  rows.alike(list, [](const MessageRow& row) { return row.bounced; });
  rows.alike(list, [](const MessageRow& row) { return view(row.code); });
  rows.alike(list, [](const MessageRow& row) { return view(row.detail); });
  rows.alike(list, [](const MessageRow& row) { return view(row.trace_id); });
  rows.each(list, [&](const MessageRow& row) { return version_of(writes, row.from); });
  add_rows(round, shared_->statements.insert_messages, rows);
}

void PostgresLane::add_deadlines(const protocol::WriteBatch& writes, Pipeline& round) {
  using protocol::DeadlineRef;
  using protocol::DeadlineRow;
  if (const auto& list = writes.deadlines_deleted; !list.empty()) {
    GivenRows rows(rows_buffer_);
    rows.alike(list, [](const DeadlineRef& ref) { return ref.entity.machine; });
    rows.each(list, [](const DeadlineRef& ref) { return view(ref.entity.key); });
    rows.alike(list, [](const DeadlineRef& ref) { return view(ref.name); });
    add_rows(round, shared_->statements.delete_deadlines, rows);
  }
  if (const auto& list = writes.deadlines_armed; !list.empty()) {
    GivenRows rows(rows_buffer_);
    rows.alike(list, [](const DeadlineRow& row) { return row.entity.machine; });
    rows.each(list, [](const DeadlineRow& row) { return view(row.entity.key); });
    rows.alike(list, [](const DeadlineRow& row) { return view(row.name); });
    rows.each(list, [](const DeadlineRow& row) { return row.arming; });
    rows.each(list, [](const DeadlineRow& row) { return row.due; });
    rows.alike(list, [](const DeadlineRow& row) { return view(row.kind); });
    rows.each(list, [](const DeadlineRow& row) { return view(row.payload); });
    rows.alike(list, [](const DeadlineRow& row) { return view(row.trace_id); });
    add_rows(round, shared_->statements.arm_deadlines, rows);
  }
}

void PostgresLane::add_parked(const protocol::WriteBatch& writes, Pipeline& round) {
  using protocol::ParkedRow;
  if (const auto& ids = writes.parked_deleted; !ids.empty()) {
    Parameters parameters;
    parameters.integers(ids).integer(static_cast<std::int64_t>(ids.size()));
    round.add(shared_->statements.delete_parked, parameters);
  }
  const auto& list = writes.parked_inserted;
  if (list.empty()) return;
  GivenRows rows(rows_buffer_);
  rows.each(list, [](const ParkedRow& row) { return row.id; });
  rows.alike(list, [](const ParkedRow& row) { return view(row.source); });
  rows.alike(list, [](const ParkedRow& row) { return row.from.machine; });
  rows.each(list, [](const ParkedRow& row) { return view(row.from.key); });
  rows.alike(list, [](const ParkedRow& row) { return row.entity.machine; });
  rows.each(list, [](const ParkedRow& row) { return view(row.entity.key); });
  rows.alike(list, [](const ParkedRow& row) { return view(row.kind); });
  rows.each(list, [](const ParkedRow& row) { return view(row.payload); });
  rows.alike(list, [](const ParkedRow& row) { return view(row.code); });
  rows.alike(list, [](const ParkedRow& row) { return view(row.detail); });
  rows.alike(list, [](const ParkedRow& row) { return row.effect_id; });
  rows.alike(list, [](const ParkedRow& row) { return row.hops; });
  rows.alike(list, [](const ParkedRow& row) { return view(row.trace_id); });
  rows.alike(list, [&](const ParkedRow&) { return writes.time; });
  add_rows(round, shared_->statements.insert_parked, rows);
}

// One statement each: they are few, and one batch may raise the same alert twice.
void PostgresLane::add_alerts(const protocol::WriteBatch& writes, Pipeline& round) {
  std::vector<const protocol::AlertRow*> raised;
  raised.reserve(writes.alerts.size());
  for (const auto& row : writes.alerts) raised.push_back(&row);
  // Those that other lanes raise, too, in one order for all; the same alert as it was raised.
  std::sort(raised.begin(), raised.end(), [](const auto* a, const auto* b) {
    return std::tie(a->code, a->entity, a->effect_id, a->id) <
           std::tie(b->code, b->entity, b->effect_id, b->id);
  });
  // What is parked of an effect has an alert, too.
  std::vector<std::int64_t> effects;
  for (const auto* row : raised) {
    if (row->effect_id != 0) effects.push_back(row->effect_id);
  }
  if (!effects.empty()) {
    round.add(shared_->statements.keep_ended_effects, Parameters().integers(effects));
  }
  for (const auto* row : raised) {
    Parameters parameters;
    parameters.integer(row->id).text(row->code).text(row->entity.machine).text(row->entity.key);
    parameters.integer(row->effect_id).integer(row->attempt).text(row->detail);
    parameters.integer(row->first_seen.us).integer(row->last_seen.us);
    round.add(shared_->statements.raise_alert, parameters);
  }
  for (const auto& row : writes.alerts_acked) {
    round.add(shared_->statements.acknowledge_alert,
              Parameters().integer(row.id).text(row.acked_by).integer(writes.time.us));
  }
  for (const auto& delivery : writes.alerts_delivered) {
    round.add(shared_->statements.deliver_alert,
              Parameters().integer(delivery.id).integer(delivery.count));
  }
}

}  // namespace pawl::postgres
