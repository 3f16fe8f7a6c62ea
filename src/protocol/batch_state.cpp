// SPDX-License-Identifier: Apache-2.0
#include "protocol/batch_state.h"

#include <pawl/command.h>

#include <algorithm>
#include <array>
#include <exception>

#include "core/lock_holder.h"
#include "protocol/guards.h"

namespace pawl::protocol {

namespace {

std::string_view state_of(const MachineSpec& machine, const Row& row) {
  const auto* text = std::get_if<std::string>(&row[machine.state_column]);
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

Error defect(std::string_view kind, std::string detail) {
  return Error(machine_defect, std::string(kind) + ": " + std::move(detail));
}

Receipt receipt_of_refusal(const Refusal& refusal, std::int64_t version) {
  Receipt receipt;
  receipt.done = false;
  receipt.code = refusal.error().code.code;
  receipt.detail = refusal.error().detail.empty() ? std::string(refusal.error().code.title)
                                                  : refusal.error().detail;
  receipt.error_class = refusal.error().code.error_class;
  receipt.guard = refusal.guard().name;
  receipt.version = version;
  return receipt;
}

// The slot with just the records that the command declared to read: what the batch's other commands
// declared, or added, must not change what this one sees.
EntitySlot with_declared_records(const EntitySlot& slot, const Command& command,
                                 std::size_t entity) {
  EntitySlot out = slot;
  out.records.clear();
  for (const RecordRead& read : command.record_reads()) {
    if (read.entity != entity) continue;
    for (const RecordRows& all : slot.records) {
      if (all.table != read.table) continue;
      const auto wanted = static_cast<std::size_t>(std::clamp(read.limit, 0, max_records_read));
      const std::size_t size = std::min(wanted, all.rows.size());
      const auto first = all.rows.end() - static_cast<std::ptrdiff_t>(size);
      out.records.push_back({all.table, {first, all.rows.end()}});
    }
  }
  return out;
}

// What a change asks for is described by the machine's code, too: if that throws, it shall be where
// decide() may.
void describe(const Change& change) {
  for (const auto& message : change.messages) {
    (void)message.command->keys();
    (void)message.command->payload();
  }
  for (const auto& deadline : change.deadlines) {
    if (deadline.command) (void)deadline.command->payload();
  }
}

// Does every part of the change belong to one of the command's entities?
bool names_only(const Change& change, std::size_t entities) {
  const auto within = [&](const auto& list) {
    return std::all_of(list.begin(), list.end(),
                       [&](const auto& part) { return part.entity < entities; });
  };
  return within(change.rows) && within(change.records) && within(change.effects) &&
         within(change.deadlines) && within(change.alerts) &&
         std::all_of(change.messages.begin(), change.messages.end(),
                     [&](const auto& message) { return message.from_entity < entities; });
}

}  // namespace

std::int64_t row_id(std::int32_t lane, std::int64_t sequence, std::int64_t ordinal) {
  return (journal_position(lane, sequence) << ordinal_bits) | ordinal;
}

BatchState::BatchState(const Registry& registry, const ConfigSnapshot& config, LockedBatch locked,
                       DecidingNote* note)
    : registry_(registry), config_(config), note_(note), locked_(std::move(locked)) {
  journal_.begin_array();
  entity_writes_.resize(locked_.entities.size());
}

std::int64_t BatchState::next_id() {
  return row_id(locked_.lane, locked_.sequence, ++ordinals_);
}

Result<BatchState::Decided> BatchState::run(const Command& command,
                                            std::span<const std::size_t> entities,
                                            const CommandOrigin& origin) {
  std::array<EntitySlot, max_entities_per_command> narrowed;
  views_.clear();
  Context context;
  context.time = locked_.time;
  context.config = &config_;
  context.command_id = origin.id;
  for (std::size_t i = 0; i < entities.size(); ++i) {
    const EntitySlot& slot = locked_.entities[entities[i]];
    context.time = std::max(context.time, slot.last_time);
    if (slot.records.empty()) {
      views_.push_back(LockHolder::view(slot, i));
    } else {
      narrowed[i] = with_declared_records(slot, command, i);
      views_.push_back(LockHolder::view(narrowed[i], i));
    }
  }

  auto decided = decide(command, views_, context, origin);
  if (!decided) return std::unexpected(decided.error());

  Decided out;
  const EntitySlot& first = locked_.entities[entities[0]];
  if (decided->kind() == Decision::Kind::refused) {
    out.receipt = receipt_of_refusal(decided->refusal(), first.version);
    return out;
  }
  out.receipt.done = true;
  out.receipt.version = first.version;
  if (decided->kind() == Decision::Kind::ignored) {
    out.ignored = true;
    return out;
  }
  Change change = std::move(*decided).take_change();
  if (auto valid = validate(change, entities, origin); !valid) {
    return std::unexpected(valid.error().code == machine_defect
                               ? defect(command.kind(), valid.error().detail)
                               : valid.error());
  }
  out.receipt.reply_json = std::move(change.reply_json);
  apply(std::move(change), entities, command.kind(), origin, context.time);
  out.receipt.version = first.version;
  return out;
}

Result<Decision> BatchState::decide(const Command& command, std::span<const SlotView> views,
                                    const Context& context, const CommandOrigin& origin) {
  const bool noted = note_ != nullptr && !origin.note.empty();
  if (noted) note_->begin(origin.note);
  Result<Decision> decided = fail(machine_defect);
  try {
    decided = command.decide(views, context);
    if (decided && decided->kind() == Decision::Kind::changed) describe(decided->change());
  } catch (const std::exception& thrown) {
    decided = std::unexpected(defect(command.kind(), thrown.what()));
  } catch (...) {
    decided =
        std::unexpected(defect(command.kind(), "decide threw something that is no exception"));
  }
  if (noted) note_->end();
  return decided;
}

Result<void> BatchState::validate_row(const RowChange& change, const EntitySlot& slot) const {
  const MachineSpec* machine = registry_.find_machine(slot.ref.machine);
  if (machine == nullptr) return fail(machine_defect, "unknown machine");
  if (change.row.size() != machine->columns.size()) return fail(machine_defect, "row size");
  const auto* key = std::get_if<std::string>(&change.row[0]);
  if (key == nullptr || *key != slot.ref.key) {
    return fail(machine_defect, "a row's key must be the entity's key");
  }
  const std::string_view to = state_of(*machine, change.row);
  if (change.created) {
    if (slot.present) return fail(machine_defect, "create of an entity that exists");
    if (!machine->initial_states.contains(to)) {
      return fail(machine_defect, "created in state " + std::string(to));
    }
    return {};
  }
  if (!slot.present) return fail(machine_defect, "update of an entity that is absent");
  const std::string_view from = state_of(*machine, slot.row);
  if (!guard_holds(guard::move_is_legal, from == to || machine->moves.contains({from, to}))) {
    return fail(machine_defect,
                "illegal move from " + std::string(from) + " to " + std::string(to));
  }
  return {};
}

Result<void> BatchState::validate(const Change& change, std::span<const std::size_t> entities,
                                  const CommandOrigin& origin) const {
  if (!names_only(change, entities.size())) {
    return fail(machine_defect, "a change of an entity that the command does not name");
  }
  std::array<bool, max_entities_per_command> seen{};
  for (const RowChange& row : change.rows) {
    if (row.entity >= entities.size() || std::exchange(seen[row.entity], true)) {
      return fail(machine_defect, "an entity is changed twice by one decision");
    }
    if (auto valid = validate_row(row, locked_.entities[entities[row.entity]]); !valid)
      return valid;
  }
  for (const RecordChange& record : change.records) {
    const auto& ref = locked_.entities[entities[record.entity]].ref;
    const MachineSpec* machine = registry_.find_machine(ref.machine);
    if (machine == nullptr || machine->record(record.table) == nullptr) {
      return fail(machine_defect, "a record of a table that the machine does not declare");
    }
  }
  for (const EffectChange& effect : change.effects) {
    if (registry_.find_effect(effect.kind) == nullptr) {
      return fail(machine_defect, "an effect of an undeclared kind");
    }
  }
  for (const MessageChange& message : change.messages) {
    const auto* spec = registry_.find_command(message.command->kind());
    if (spec == nullptr || !spec->decode_bounced) {
      return fail(machine_defect, "a message of an undeclared kind");
    }
    if (message.command->keys().size() != 1) {
      return fail(machine_defect, "a message goes to exactly one entity");
    }
    if (origin.hops >= max_message_hops) return fail(machine_defect, "a message hopped too often");
  }
  for (const DeadlineChange& deadline : change.deadlines) {
    if (deadline.command && registry_.find_command(deadline.command->kind()) == nullptr) {
      return fail(machine_defect, "a deadline with an undeclared command");
    }
  }
  if (change.effects.size() > max_effects_per_decision ||
      change.messages.size() > max_messages_per_decision) {
    return fail(machine_defect, "too many effects or messages in one decision");
  }
  const auto needed = change.effects.size() + change.messages.size() + change.deadlines.size() +
                      change.alerts.size() + change.records.size();
  const std::int64_t room = (std::int64_t{1} << ordinal_bits) - 8'192;
  if (static_cast<std::int64_t>(needed) >= room) {
    return fail(machine_defect, "one decision asks for more rows than a batch can take");
  }
  if (ordinals_ + static_cast<std::int64_t>(needed) >= room) return fail(batch_full);
  return {};
}

void BatchState::apply_row(RowChange change, std::size_t entity, std::string_view kind,
                           const CommandOrigin& origin, Time time,
                           const std::vector<std::int64_t>& effect_ids) {
  EntitySlot& slot = locked_.entities[entity];
  const MachineSpec& machine = *registry_.find_machine(slot.ref.machine);
  const std::string from = slot.present ? std::string(state_of(machine, slot.row)) : std::string();
  Row row = std::move(change.row);
  const std::string to(state_of(machine, row));
  if (from != to) {
    row[machine.state_since_column] = time.us;
  } else {
    row[machine.state_since_column] = slot.row[machine.state_since_column];
  }

  const auto offset = static_cast<std::int32_t>(journal_.text().size() + (journal_entries_ > 0));
  ++journal_entries_;
  journal_.begin_object()
      .field("machine", slot.ref.machine)
      .field("key", slot.ref.key)
      .field("version", slot.version + 1)
      .field("command", kind)
      .field("source", origin.source)
      .field("who", origin.principal)
      .field("id", origin.id);
  if (!from.empty()) journal_.field("from", from);
  journal_.field("to", to).field("why", change.why);
  if (!origin.why.empty()) journal_.field("reason", origin.why);
  if (!origin.trace_id.empty()) journal_.field("trace", origin.trace_id);
  if (!effect_ids.empty()) {
    journal_.key("effects").begin_array();
    for (const std::int64_t id : effect_ids) journal_.integer(id);
    journal_.end_array();
  }
  if (time != locked_.time) journal_.field("time_us", time.us);
  journal_.key("previous").begin_array().integer(slot.newest.lane);
  journal_.integer(slot.newest.sequence).integer(slot.newest.offset).end_array().end_object();

  // Created and then updated in one batch is still a row to be inserted, and of a row that several
  // commands change only the first one's version is what was locked.
  auto& written = entity_writes_[entity];
  if (!written) written = EntityWrite{entity, change.created, slot.version};
  slot.row = std::move(row);
  slot.present = true;
  ++slot.version;
  slot.last_time = time;
  slot.newest = {locked_.lane, locked_.sequence, offset};
}

// An entity that is asked for effects, records, deadlines or messages without a change of its row
// gets a new version all the same: its timeline shows everything that a commit did in its name.
void BatchState::add_untouched_rows(Change& change, std::span<const std::size_t> entities) const {
  std::array<bool, max_entities_per_command> asked{};
  for (const auto& effect : change.effects) asked[effect.entity] = true;
  for (const auto& record : change.records) asked[record.entity] = true;
  for (const auto& deadline : change.deadlines) asked[deadline.entity] = true;
  for (const auto& message : change.messages) asked[message.from_entity] = true;
  for (const auto& row : change.rows) asked[row.entity] = false;
  for (std::size_t i = 0; i < entities.size(); ++i) {
    const EntitySlot& slot = locked_.entities[entities[i]];
    if (asked[i] && slot.present) change.rows.push_back({i, slot.row, false, ""});
  }
}

// Under a key that the far side dedups, a second send does no harm. Any other may have been carried
// out after the backup, by an effect that this store never knew.
void BatchState::ask_first_if_restored(EffectRow& row) const {
  if (guard_holds(guard::restored_asks_first, locked_.restored_at == Time{})) return;
  const EffectPolicy& policy = registry_.find_effect(row.kind)->policy;
  if (policy.resend == ResendRule::dedup) return;
  row.state = EffectState::unknown;
  row.maybe_sent = true;
  if (policy.resend == ResendRule::not_after) {
    row.not_after = locked_.restored_at.plus_ms(policy.not_after_ms);
  }
}

void BatchState::apply(Change change, std::span<const std::size_t> entities, std::string_view kind,
                       const CommandOrigin& origin, Time time) {
  add_untouched_rows(change, entities);
  std::array<std::vector<std::int64_t>, max_entities_per_command> effect_ids;
  for (EffectChange& effect : change.effects) {
    EffectRow row;
    row.id = next_id();
    row.kind = effect.kind;
    row.owner = locked_.entities[entities[effect.entity]].ref;
    row.payload = std::move(effect.payload);
    row.idempotency_key = std::move(effect.idempotency_key);
    row.trace_id = origin.trace_id;
    row.created = time;
    row.next_at = locked_.time;  // not the entity's time, which may lie ahead
    ask_first_if_restored(row);
    effect_ids[effect.entity].push_back(row.id);
    writes_.effects_inserted.push_back(std::move(row));
  }
  for (RowChange& row : change.rows) {
    const std::size_t entity = row.entity;
    apply_row(std::move(row), entities[entity], kind, origin, time, effect_ids[entity]);
  }
  for (const RecordChange& record : change.records) {
    EntitySlot& slot = locked_.entities[entities[record.entity]];
    for (RecordRows& seen : slot.records) {
      if (seen.table == record.table) seen.rows.push_back(record.row);
    }
    writes_.records.push_back({entities[record.entity], record.table, next_id(), record.row});
  }
  for (const DeadlineChange& deadline : change.deadlines) {
    const EntityRef& ref = locked_.entities[entities[deadline.entity]].ref;
    auto& place = deadlines_[{ref, deadline.name}];
    if (!deadline.command) {
      place.reset();
      continue;
    }
    place = DeadlineRow{ref,
                        deadline.name,
                        next_id(),
                        deadline.due,
                        std::string(deadline.command->kind()),
                        deadline.command->payload(),
                        std::string(origin.trace_id)};
  }
  for (const MessageChange& message : change.messages) {
    MessageRow row;
    row.id = next_id();
    row.from = locked_.entities[entities[message.from_entity]].ref;
    row.to = message.command->keys()[0];
    row.kind = message.command->kind();
    row.payload = message.command->payload();
    row.hops = origin.hops + 1;
    row.trace_id = origin.trace_id;
    writes_.messages_inserted.push_back(std::move(row));
  }
  for (const AlertChange& raised : change.alerts) {
    alert(raised.code, locked_.entities[entities[raised.entity]].ref, 0, 0, raised.detail,
          origin.trace_id);
  }
}

void BatchState::journal_operator(const EntityRef& owner, std::int64_t effect_id,
                                  std::string_view kind, std::string_view verb,
                                  const CommandOrigin& origin) {
  ++journal_entries_;
  journal_.begin_object()
      .field("machine", owner.machine)
      .field("key", owner.key)
      .field("effect", effect_id)
      .field("command", kind)
      .field("source", origin.source)
      .field("who", origin.principal)
      .field("id", origin.id)
      .field("why", verb)
      .field("reason", origin.why);
  if (!origin.trace_id.empty()) journal_.field("trace", origin.trace_id);
  journal_.end_object();
}

void BatchState::alert(std::string code, const EntityRef& entity, std::int64_t effect_id,
                       int attempt, std::string detail, std::string_view trace_id) {
  AlertRow row;
  row.id = next_id();
  row.code = std::move(code);
  row.entity = entity;
  row.effect_id = effect_id;
  row.attempt = attempt;
  row.detail = std::move(detail);
  row.first_seen = row.last_seen = locked_.time;
  row.trace_id = trace_id;
  writes_.alerts.push_back(std::move(row));
}

void BatchState::park(ParkedRow row) {
  row.id = next_id();
  alert("command_parked", row.entity, row.effect_id, 0,
        row.source + " " + row.kind + ": " + row.code + " " + row.detail, row.trace_id);
  writes_.parked_inserted.push_back(std::move(row));
}

std::int64_t BatchState::standing_arming(const DeadlineRef& ref, std::int64_t locked_arming) const {
  const auto found = deadlines_.find({ref.entity, ref.name});
  if (found == deadlines_.end()) return locked_arming;
  return found->second ? found->second->arming : 0;
}

void BatchState::consume_deadline(const DeadlineRef& ref) {
  deadlines_[{ref.entity, ref.name}].reset();
}

void BatchState::finish() {
  journal_.end_array();
  writes_.journal_entries = std::move(journal_).take();
  for (const auto& written : entity_writes_) {
    if (written) writes_.entity_writes.push_back(*written);
  }
  for (const std::size_t index : changed_effects_) {
    writes_.effects_updated.push_back(*locked_.effects[index]);
  }
  for (auto& [name, row] : deadlines_) {
    if (row) {
      writes_.deadlines_armed.push_back(std::move(*row));
    } else {
      writes_.deadlines_deleted.push_back({name.first, name.second});
    }
  }
  writes_.config_version = config_.version;
  writes_.time = locked_.time;
  writes_.entities = std::move(locked_.entities);
}

bool WriteBatch::empty() const {
  return entity_writes.empty() && records.empty() && receipts.empty() && effects_inserted.empty() &&
         effects_updated.empty() && messages_inserted.empty() && messages_deleted.empty() &&
         deadlines_armed.empty() && deadlines_deleted.empty() && parked_inserted.empty() &&
         parked_deleted.empty() && alerts.empty() && alerts_acked.empty() &&
         alerts_delivered.empty();
}

}  // namespace pawl::protocol
