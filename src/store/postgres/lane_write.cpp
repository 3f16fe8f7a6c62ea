// SPDX-License-Identifier: Apache-2.0
//
// The write step: everything a batch decided in one round, table by table in one fixed order, the
// COMMIT with it. What must not be committed raises on the server, so that the COMMIT behind it
// does not happen. Every change of an entity is a compare-and-swap on its version: under its lock
// it cannot lose, and if it does the store is not what it is taken for.
#include <algorithm>
#include <utility>

#include "store/postgres/postgres_lane.h"
#include "store/postgres/unnest.h"

namespace pawl::postgres {

namespace {

// One column as an array, of whatever each element gives: a number or a text.
template <class List, class Get>
void add_column(Parameters& parameters, const List& list, Get get) {
  using Given = std::decay_t<decltype(get(*list.begin()))>;
  constexpr bool is_number = std::is_integral_v<Given> || std::is_same_v<Given, Time>;
  parameters.array(is_number ? Type::bigint_array : Type::text_array);
  for (const auto& item : list) {
    if constexpr (std::is_same_v<Given, Time>) {
      parameters.element(get(item).us);
    } else if constexpr (is_number) {
      parameters.element(static_cast<std::int64_t>(get(item)));
    } else {
      parameters.element(std::string_view(get(item)));
    }
  }
}

void add_value(Parameters& parameters, const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    parameters.element(*number);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    parameters.element(std::string_view(*text));
  } else {
    parameters.element_null();
  }
}

// Without copies: `get` may give a reference into the list.
std::string_view view(const std::string& text) {
  return text;
}

bool is_plain(const protocol::StoredReceipt& receipt) {
  return receipt.done && receipt.code.empty() && receipt.detail.empty() &&
         receipt.reply_json.empty();
}

// All else is as the table's defaults have it.
bool is_merely_ready(const protocol::EffectRow& row) {
  return row.state == protocol::EffectState::ready && row.trace_id.empty() && !row.maybe_sent &&
         row.not_after == Time{};
}

using EffectRows = std::vector<const protocol::EffectRow*>;

// What a step changes of an effect, in the order of engine_statements.cpp.
Parameters progress_of(const EffectRows& rows) {
  using protocol::EffectRow;
  Parameters out;
  add_column(out, rows, [](const EffectRow* row) { return row->id; });
  add_column(out, rows, [](const EffectRow* row) { return row->next_at; });
  add_column(out, rows, [](const EffectRow* row) { return name_of(row->state); });
  add_column(out, rows, [](const EffectRow* row) { return row->attempt; });
  add_column(out, rows, [](const EffectRow* row) { return row->inquiry; });
  add_column(out, rows, [](const EffectRow* row) { return row->token; });
  add_column(out, rows, [](const EffectRow* row) { return row->lease_until; });
  add_column(out, rows, [](const EffectRow* row) { return row->poll_until; });
  add_column(out, rows, [](const EffectRow* row) { return row->not_after; });
  add_column(out, rows, [](const EffectRow* row) { return row->accepted_reported; });
  add_column(out, rows, [](const EffectRow* row) { return row->maybe_sent; });
  add_column(out, rows, [](const EffectRow* row) { return name_of(row->outcome); });
  add_column(out, rows, [](const EffectRow* row) { return view(row->code); });
  add_column(out, rows, [](const EffectRow* row) { return view(row->reference); });
  add_column(out, rows, [](const EffectRow* row) { return row->ended_at; });
  add_column(out, rows, [](const EffectRow* row) { return view(row->history); });
  out.integer(static_cast<std::int64_t>(rows.size()));
  return out;
}

// Sorted by id, so that two processes wait for each other and do not lock each other out.
EffectRows effects_of(const protocol::WriteBatch& writes, bool ended) {
  EffectRows out;
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

void PostgresLane::add_writes(const protocol::WriteBatch& writes, Pipeline& round) {
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
  add_entities(writes, round);
  add_records(writes, round);
  add_receipts(writes, round);
  add_effects(writes, round);
  add_messages(writes, round);
  add_deadlines(writes, round);
  add_parked(writes, round);
  add_alerts(writes, round);
}

void PostgresLane::add_entities(const protocol::WriteBatch& writes, Pipeline& round) {
  // By machine, as the entities are sorted; of each what is new and what is not.
  std::vector<const EntitySlot*> changed;
  std::vector<const EntitySlot*> created;
  const auto add = [&](const MachineSpec& machine, const Statement& statement,
                       const std::vector<const EntitySlot*>& slots, bool with_places) {
    if (slots.empty()) return;
    Parameters parameters;
    for (std::size_t c = 0; c < machine.columns.size(); ++c) {
      parameters.array(array_type(machine.columns[c].type));
      for (const auto* slot : slots) add_value(parameters, slot->row[c]);
    }
    add_column(parameters, slots, [](const EntitySlot* slot) { return slot->version; });
    add_column(parameters, slots, [](const EntitySlot* slot) { return slot->last_time; });
    add_column(parameters, slots, [](const EntitySlot* slot) { return slot->newest.lane; });
    add_column(parameters, slots, [](const EntitySlot* slot) { return slot->newest.sequence; });
    add_column(parameters, slots, [](const EntitySlot* slot) { return slot->newest.offset; });
    add_column(parameters, slots, [&](const EntitySlot*) { return machine.schema_number; });
    if (with_places) {
      parameters.array(Type::tid_array);
      for (const auto* slot : slots) {
        parameters.element(row_places_[static_cast<std::size_t>(slot - writes.entities.data())]);
      }
    }
    parameters.integer(static_cast<std::int64_t>(slots.size()));
    round.add(statement, parameters);
  };
  std::vector<std::pair<std::size_t, bool>> order;
  order.reserve(writes.entity_writes.size());
  for (const auto& write : writes.entity_writes) order.emplace_back(write.entity, write.created);
  std::sort(order.begin(), order.end());
  const MachineStatements* machine = nullptr;
  const auto flush = [&] {
    if (machine == nullptr) return;
    add(*machine->spec, machine->update, changed, true);
    add(*machine->spec, machine->insert, created, false);
    changed.clear();
    created.clear();
  };
  for (const auto& [entity, is_new] : order) {
    const EntitySlot& slot = writes.entities[entity];
    if (machine == nullptr || machine->spec->name != slot.ref.machine) {
      flush();
      machine = shared_->statements.of(slot.ref.machine);
    }
    (is_new ? created : changed).push_back(&slot);
  }
  flush();
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
    Parameters parameters;
    add_column(parameters, list, [](const auto* record) { return record->id; });
    add_column(parameters, list,
               [&](const auto* record) { return view(writes.entities[record->entity].ref.key); });
    for (std::size_t c = 0; c < table->spec->columns.size(); ++c) {
      parameters.array(array_type(table->spec->columns[c].type));
      for (const auto* record : list) add_value(parameters, record->row[c]);
    }
    parameters.integer(static_cast<std::int64_t>(list.size()));
    round.add(table->insert, parameters);
  }
}

void PostgresLane::add_receipts(const protocol::WriteBatch& writes, Pipeline& round) {
  if (writes.receipts.empty()) return;
  using protocol::ReceiptWrite;
  const auto& list = writes.receipts;
  Parameters parameters;
  add_column(parameters, list, [](const ReceiptWrite& w) { return w.key.entity.machine; });
  add_column(parameters, list, [](const ReceiptWrite& w) { return view(w.key.entity.key); });
  add_column(parameters, list, [](const ReceiptWrite& w) { return view(w.key.principal); });
  add_column(parameters, list, [](const ReceiptWrite& w) { return view(w.key.kind); });
  parameters.array(Type::bytea_array);
  for (const auto& w : list) {
    parameters.element(
        std::span(reinterpret_cast<const unsigned char*>(w.key.id.data()), w.key.id.size()));
  }
  parameters.array(Type::bytea_array);
  for (const auto& w : list) {
    parameters.element(std::span<const unsigned char>(w.receipt.fingerprint));
  }
  add_column(parameters, list, [](const ReceiptWrite& w) { return w.receipt.version; });
  const ErrorClass error_class = list.front().receipt.error_class;
  if (std::all_of(list.begin(), list.end(), [&](const ReceiptWrite& w) {
        return is_plain(w.receipt) && w.receipt.error_class == error_class;
      })) {
    parameters.integer(writes.time.us).integer(static_cast<int>(error_class));
    round.add(shared_->statements.insert_plain_receipts, parameters);
    return;
  }
  add_column(parameters, list, [](const ReceiptWrite& w) { return w.receipt.done; });
  add_column(parameters, list, [](const ReceiptWrite& w) { return view(w.receipt.code); });
  add_column(parameters, list, [](const ReceiptWrite& w) { return view(w.receipt.detail); });
  add_column(parameters, list,
             [](const ReceiptWrite& w) { return static_cast<int>(w.receipt.error_class); });
  add_column(parameters, list, [](const ReceiptWrite& w) { return view(w.receipt.reply_json); });
  parameters.integer(writes.time.us);
  round.add(shared_->statements.insert_receipts, parameters);
}

void PostgresLane::add_effects(const protocol::WriteBatch& writes, Pipeline& round) {
  using protocol::EffectRow;
  if (const auto& list = writes.effects_inserted; !list.empty()) {
    Parameters parameters;
    add_column(parameters, list, [](const EffectRow& row) { return row.id; });
    add_column(parameters, list, [](const EffectRow& row) { return view(row.kind); });
    add_column(parameters, list, [](const EffectRow& row) { return row.owner.machine; });
    add_column(parameters, list, [](const EffectRow& row) { return view(row.owner.key); });
    add_column(parameters, list, [](const EffectRow& row) { return view(row.payload); });
    add_column(parameters, list, [](const EffectRow& row) { return view(row.idempotency_key); });
    add_column(parameters, list, [](const EffectRow& row) { return row.created; });
    add_column(parameters, list, [](const EffectRow& row) { return row.next_at; });
    if (std::all_of(list.begin(), list.end(), is_merely_ready)) {
      round.add(shared_->statements.insert_ready_effects, parameters);
    } else {
      add_column(parameters, list, [](const EffectRow& row) { return view(row.trace_id); });
      add_column(parameters, list, [](const EffectRow& row) { return name_of(row.state); });
      add_column(parameters, list, [](const EffectRow& row) { return row.maybe_sent; });
      add_column(parameters, list, [](const EffectRow& row) { return row.not_after; });
      round.add(shared_->statements.insert_effects, parameters);
    }
  }
  if (writes.effects_updated.empty()) return;
  if (const auto rows = effects_of(writes, false); !rows.empty()) {
    round.add(shared_->statements.update_effects, progress_of(rows));
  }
  if (const auto rows = effects_of(writes, true); !rows.empty()) {
    round.add(shared_->statements.end_effects, progress_of(rows));
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
  Parameters parameters;
  add_column(parameters, list, [](const MessageRow& row) { return row.id; });
  add_column(parameters, list, [](const MessageRow& row) { return row.from.machine; });
  add_column(parameters, list, [](const MessageRow& row) { return view(row.from.key); });
  add_column(parameters, list, [](const MessageRow& row) { return row.to.machine; });
  add_column(parameters, list, [](const MessageRow& row) { return view(row.to.key); });
  add_column(parameters, list, [](const MessageRow& row) { return view(row.kind); });
  add_column(parameters, list, [](const MessageRow& row) { return view(row.payload); });
  add_column(parameters, list, [](const MessageRow& row) { return row.hops; });
  add_column(parameters, list, [](const MessageRow& row) { return row.bounced; });
  add_column(parameters, list, [](const MessageRow& row) { return view(row.code); });
  add_column(parameters, list, [](const MessageRow& row) { return view(row.detail); });
  add_column(parameters, list, [](const MessageRow& row) { return view(row.trace_id); });
  add_column(parameters, list, [&](const MessageRow& row) { return version_of(writes, row.from); });
  round.add(shared_->statements.insert_messages, parameters);
}

void PostgresLane::add_deadlines(const protocol::WriteBatch& writes, Pipeline& round) {
  using protocol::DeadlineRef;
  using protocol::DeadlineRow;
  if (const auto& list = writes.deadlines_deleted; !list.empty()) {
    Parameters parameters;
    add_column(parameters, list, [](const DeadlineRef& ref) { return ref.entity.machine; });
    add_column(parameters, list, [](const DeadlineRef& ref) { return view(ref.entity.key); });
    add_column(parameters, list, [](const DeadlineRef& ref) { return view(ref.name); });
    round.add(shared_->statements.delete_deadlines, parameters);
  }
  if (const auto& list = writes.deadlines_armed; !list.empty()) {
    Parameters parameters;
    add_column(parameters, list, [](const DeadlineRow& row) { return row.entity.machine; });
    add_column(parameters, list, [](const DeadlineRow& row) { return view(row.entity.key); });
    add_column(parameters, list, [](const DeadlineRow& row) { return view(row.name); });
    add_column(parameters, list, [](const DeadlineRow& row) { return row.arming; });
    add_column(parameters, list, [](const DeadlineRow& row) { return row.due; });
    add_column(parameters, list, [](const DeadlineRow& row) { return view(row.kind); });
    add_column(parameters, list, [](const DeadlineRow& row) { return view(row.payload); });
    add_column(parameters, list, [](const DeadlineRow& row) { return view(row.trace_id); });
    round.add(shared_->statements.arm_deadlines, parameters);
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
  Parameters parameters;
  add_column(parameters, list, [](const ParkedRow& row) { return row.id; });
  add_column(parameters, list, [](const ParkedRow& row) { return view(row.source); });
  add_column(parameters, list, [](const ParkedRow& row) { return row.from.machine; });
  add_column(parameters, list, [](const ParkedRow& row) { return view(row.from.key); });
  add_column(parameters, list, [](const ParkedRow& row) { return row.entity.machine; });
  add_column(parameters, list, [](const ParkedRow& row) { return view(row.entity.key); });
  add_column(parameters, list, [](const ParkedRow& row) { return view(row.kind); });
  add_column(parameters, list, [](const ParkedRow& row) { return view(row.payload); });
  add_column(parameters, list, [](const ParkedRow& row) { return view(row.code); });
  add_column(parameters, list, [](const ParkedRow& row) { return view(row.detail); });
  add_column(parameters, list, [](const ParkedRow& row) { return row.effect_id; });
  add_column(parameters, list, [](const ParkedRow& row) { return row.hops; });
  add_column(parameters, list, [](const ParkedRow& row) { return view(row.trace_id); });
  add_column(parameters, list, [&](const ParkedRow&) { return writes.time; });
  round.add(shared_->statements.insert_parked, parameters);
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
