// SPDX-License-Identifier: Apache-2.0
#include "check/runner.h"

#include <algorithm>

#include "protocol/committer.h"
#include "protocol/fingerprint.h"
#include "protocol/guards.h"

namespace pawl::check {

namespace {

// Only equality counts, so one number does for what stands and another for what does not.
constexpr std::int64_t standing = 2;
constexpr std::int64_t superseded = 1;

std::string_view view_of(const std::vector<std::uint32_t>& words) {
  return {reinterpret_cast<const char*>(words.data()), words.size() * sizeof(std::uint32_t)};
}

bool same(const Ran& a, const Ran& b) {
  return a.entities == b.entities && a.records == b.records && a.receipts == b.receipts &&
         a.deadlines == b.deadlines && a.new_effects == b.new_effects && a.effect == b.effect &&
         a.messages == b.messages && a.parked == b.parked && a.done == b.done && a.said == b.said;
}

}  // namespace

protocol::EffectRow Runner::effect_row(std::uint16_t label, PartId row, std::int64_t token) const {
  protocol::EffectRow out = world_.parts().effect(row, world_.label(label));
  out.id = only_id;
  out.token = token;
  return out;
}

protocol::WorkItem Runner::item(const WorkName& name, std::int64_t id) const {
  const Parts& parts = world_.parts();
  const Registry& registry = world_.registry();
  switch (name.kind) {
    case WorkKind::request: {
      const Request& request = world_.scenario().requests[name.index];
      return protocol::RequestWork{request.command, request.origin};
    }
    case WorkKind::message: {
      protocol::MessageWork work;
      work.row = parts.message(name.row);
      work.row.id = id;
      if (const auto* spec = registry.find_command(work.row.kind); spec && spec->decode_bounced) {
        auto command = work.row.bounced ? spec->decode_bounced(work.row.payload, work.row.to.key,
                                                               work.row.code, work.row.detail)
                                        : spec->decode(work.row.payload);
        if (command) work.command = std::move(*command);
      }
      return work;
    }
    case WorkKind::deadline: {
      protocol::DeadlineWork work;
      work.row = parts.deadline(name.row);
      work.row.arming = name.flag != 0 ? standing : superseded;
      if (const auto* spec = registry.find_command(work.row.kind)) {
        if (auto command = spec->decode(work.row.payload)) work.command = std::move(*command);
      }
      return work;
    }
    case WorkKind::claim:
      return protocol::ClaimWork{only_id};
    case WorkKind::answer: {
      protocol::AnswerWork work;
      work.claimed = effect_row(name.index, name.row, name.flag != 0 ? standing : superseded);
      work.answer = parts.answer(name.answer);
      return work;
    }
    case WorkKind::lease_lost:
      return protocol::LeaseLostWork{only_id, name.flag != 0 ? standing : superseded};
    case WorkKind::operate: {
      protocol::OperateWork work;
      work.looked_at = effect_row(name.index, name.row, name.flag != 0 ? standing : superseded);
      work.verb = static_cast<protocol::EffectVerb>(name.verb);
      work.origin = {"operator:check", "verb", "looked at the outside"};
      return work;
    }
    case WorkKind::parked: {
      protocol::ParkedWork work;
      work.row = parts.parked(name.row);
      work.row.id = only_id;
      work.origin = {"operator:check", "parked", "looked at it"};
      if (name.flag == 0) {
        work.verb = protocol::ParkedVerb::drop;
        return work;
      }
      if (const auto* spec = registry.find_command(work.row.kind)) {
        if (auto command = spec->decode(work.row.payload)) work.command = std::move(*command);
      }
      return work;
    }
  }
  return protocol::AlertWork{};
}

std::uint32_t Runner::shape_of(const WorkName& name) {
  key_.assign({static_cast<std::uint32_t>(name.kind), name.flag, name.verb, name.index, name.row,
               name.answer});
  const auto [index, fresh] = shape_keys_.insert(view_of(key_));
  if (!fresh) return index;
  std::vector<protocol::Work> works;
  works.push_back({1, item(name)});
  const ConfigSnapshot config;
  const protocol::Batch batch(world_.registry(), config, std::move(works));
  const protocol::LockRequest& request = batch.lock_request();
  Shape shape;
  for (const EntityRef& ref : request.entities) {
    shape.entities.push_back(static_cast<std::uint8_t>(world_.entity_index(ref)));
  }
  for (const auto& key : request.receipts) {
    if (const auto at = world_.request_of(key)) {
      shape.receipts.push_back(static_cast<std::uint8_t>(*at));
    }
  }
  shape.effect = !request.effects.empty();
  if (!request.deadlines.empty()) {
    const auto& ref = request.deadlines[0];
    shape.place = static_cast<std::uint8_t>(world_.place_index(ref.entity, ref.name));
  }
  shapes_.push_back(std::move(shape));
  return index;
}

std::uint32_t Runner::locks(const WorkName& name) {
  std::uint32_t bits = 0;
  for (const auto entity : shapes_[shape_of(name)].entities) bits |= 1U << entity;
  return bits;
}

PartId Runner::open_effect(const WorkName& name, const State& state) const {
  for (const OpenEffect& effect : state.effects) {
    if (effect.label == name.index) return effect.row;
  }
  return 0;
}

std::uint32_t Runner::tick_key(const State& state) {
  return static_cast<std::uint32_t>(state.tick | (state.config << 8) | (state.restored_at << 16));
}

void Runner::append_reads(const Shape& shape, const WorkName& name, const State& state,
                          const std::array<PartId, max_entities>& rows) {
  for (const auto entity : shape.entities) {
    key_.push_back(rows[entity]);
    key_.push_back(state.records[entity]);
    key_.push_back(state.versions[entity]);
  }
  for (const auto receipt : shape.receipts) key_.push_back(state.receipts[receipt]);
  if (shape.effect) key_.push_back(open_effect(name, state));
  if (shape.place) key_.push_back(state.deadlines[*shape.place]);
}

const Ran& Runner::run(const WorkName& name, const State& state,
                       const std::array<PartId, max_entities>& rows) {
  const std::uint32_t index = shape_of(name);
  key_.assign({index, tick_key(state)});
  append_reads(shapes_[index], name, state, rows);
  const auto [place, fresh] = keys_.insert(view_of(key_));
  if (!fresh) return ran_[place];
  Ran ran = execute(name, state, rows);
  if (!same(ran, execute(name, state, rows))) {
    ran.defect = "decide() gave two answers to the same rows, command and time";
  }
  ran_.push_back(std::move(ran));
  return ran_[place];
}

protocol::LockedBatch Runner::locked(const WorkName& name, const protocol::LockRequest& request,
                                     const State& state,
                                     const std::array<PartId, max_entities>& rows) {
  Parts& parts = world_.parts();
  protocol::LockedBatch out;
  out.time = world_.time_of(state);
  if (state.restored_at != 0) out.restored_at = world_.time_at(state.restored_at - 1);
  out.sequence = 1;
  for (const EntityRef& ref : request.entities) {
    const std::size_t at = world_.entity_index(ref);
    EntitySlot slot;
    slot.ref = ref;
    slot.present = rows[at] != 0;
    if (slot.present) slot.row = parts.row(rows[at]);
    slot.version = slot.present ? 1 : 0;
    if (world_.sizes().versions) slot.version = state.versions[at];
    out.entities.push_back(std::move(slot));
  }
  for (const auto& query : request.records) {
    EntitySlot& slot = out.entities[query.entity];
    auto all = parts.records(state.records[world_.entity_index(slot.ref)]);
    const auto limit = std::min<std::size_t>(static_cast<std::size_t>(query.limit), all.size());
    RecordRows wanted{query.table, {}};
    wanted.rows.assign(all.end() - static_cast<std::ptrdiff_t>(limit), all.end());
    slot.records.push_back(std::move(wanted));
  }
  for (const auto& key : request.receipts) {
    auto& receipt = out.receipts.emplace_back();
    if (!request.look_up_receipts) continue;
    const auto at = world_.request_of(key);
    if (!at || state.receipts[*at] == 0) continue;
    std::size_t writer = 0;
    receipt = parts.receipt(state.receipts[*at], writer);
    receipt->fingerprint = protocol::fingerprint_of(*world_.scenario().requests[writer].command);
  }
  for (std::size_t i = 0; i < request.effects.size(); ++i) {
    auto& effect = out.effects.emplace_back();
    if (const PartId row = open_effect(name, state); row != 0) {
      effect = effect_row(name.index, row, standing);
      const auto* claimed = request.claimed_effect(i);
      if (claimed != nullptr && claimed->token == effect->token) effect = *claimed;
    }
  }
  for (std::size_t i = 0; i < request.messages.size(); ++i) out.messages.push_back(name.flag != 0);
  for (const auto& ref : request.deadlines) {
    const std::size_t at = world_.place_index(ref.entity, ref.name);
    out.deadlines.push_back(state.deadlines[at] == 0 ? 0 : standing);
  }
  for (std::size_t i = 0; i < request.parked.size(); ++i) {
    out.parked.emplace_back(parts.parked(name.row));
    out.parked.back()->id = only_id;
  }
  return out;
}

// As a lane does it: without the receipts, and where that cannot be committed or told, with them.
Ran Runner::execute(const WorkName& name, const State& state,
                    const std::array<PartId, max_entities>& rows) {
  ++runs_;
  for (const bool look_up : {false, true}) {
    if (auto ran = execute_once(name, state, rows, look_up)) return std::move(*ran);
  }
  Ran ran;
  ran.said = protocol::receipt_exists.code;
  return ran;
}

// None: it needs its receipt, or the store's unique key refused the one that it wrote.
std::optional<Ran> Runner::execute_once(const WorkName& name, const State& state,
                                        const std::array<PartId, max_entities>& rows,
                                        bool look_up) {
  std::vector<protocol::Work> works;
  works.push_back({1, item(name)});
  const ConfigSnapshot& config = world_.scenario().configs[state.config];
  protocol::Batch batch(world_.registry(), config, std::move(works), nullptr,
                        {.receipts_window_us = window_us(), .look_up_receipts = look_up});
  batch.decide(locked(name, batch.lock_request(), state, rows));
  if (batch.needs_receipts() || receipt_is_taken(batch.write_batch(), state)) return std::nullopt;
  Ran ran;
  const protocol::WorkResult& result = batch.results()[0];
  ran.fate = result.fate;
  if (result.receipt) {
    ran.done = result.receipt->done;
    ran.refused = !ran.done;
    ran.repeated = result.receipt->repeated;
    ran.said = result.receipt->code;
  } else {
    ran.said = result.receipt.error().code.code;
    const ErrorClass error_class = result.receipt.error().code.error_class;
    const bool broke = error_class == ErrorClass::defect || error_class == ErrorClass::corrupt;
    if (broke && !world_.scenario().defects_expected) {
      ran.defect = result.receipt.error().text();
    }
  }
  if (!batch.exchanges().empty()) ran.exchange = batch.exchanges()[0].purpose;
  take_writes(name, batch.write_batch(), state, ran);
  for (const auto& [at, part] : ran.entities) {
    const std::string illegal = illegal_move(at, rows[at], part);
    if (!illegal.empty() && ran.defect.empty()) ran.defect = illegal;
  }
  return ran;
}

bool Runner::receipt_is_taken(const protocol::WriteBatch& writes, const State& state) const {
  return std::any_of(writes.receipts.begin(), writes.receipts.end(), [&](const auto& write) {
    const auto at = world_.request_of(write.key);
    return at && !guard_holds(protocol::guard::receipt_is_new, state.receipts[*at] == 0);
  });
}

// By the machine's table, not by the committer's check, which can be switched off.
std::string Runner::illegal_move(std::size_t entity, PartId before, PartId after) const {
  const MachineSpec& machine = *world_.registry().find_machine(world_.entities()[entity].machine);
  const auto state_in = [&](PartId part) {
    const Row row = world_.parts().row(part);
    return std::get<std::string>(row[machine.state_column]);
  };
  if (before == 0) return {};
  const std::string from = state_in(before);
  const std::string to = state_in(after);
  if (from == to) return {};
  for (const auto& [legal_from, legal_to] : machine.moves) {
    if (legal_from == from && legal_to == to) return {};
  }
  return "an illegal move of " + std::string(machine.name) + " from " + from + " to " + to;
}

void Runner::take_rows(const protocol::WriteBatch& writes, const State& state, Ran& ran) {
  Parts& parts = world_.parts();
  for (const auto& write : writes.entity_writes) {
    const EntitySlot& slot = writes.entities[write.entity];
    ran.entities.emplace_back(world_.entity_index(slot.ref), parts.of_row(slot.row));
  }
  for (const auto& record : writes.records) {
    const std::size_t at = world_.entity_index(writes.entities[record.entity].ref);
    auto known = std::find_if(ran.records.begin(), ran.records.end(),
                              [&](const auto& one) { return one.first == at; });
    if (known == ran.records.end()) {
      ran.records.emplace_back(at, state.records[at]);
      known = ran.records.end() - 1;
    }
    auto rows = parts.records(known->second);
    rows.push_back(record.row);
    known->second = parts.of_records(rows);
  }
}

void Runner::take_writes(const WorkName& name, const protocol::WriteBatch& writes,
                         const State& state, Ran& ran) {
  Parts& parts = world_.parts();
  take_rows(writes, state, ran);
  for (const auto& write : writes.receipts) {
    const auto at = world_.request_of(write.key);
    if (!at || (!write.receipt.done && !world_.scenario().keep_refusals)) continue;
    const int tick = window_us() > 0 ? state.tick : 0;
    ran.receipts.emplace_back(*at, parts.of_receipt(write.receipt, name.index, tick));
  }
  for (const auto& row : writes.effects_inserted) {
    const EffectLabel label{row.kind, row.owner, row.payload, row.idempotency_key, 0};
    const EffectSpec* spec = world_.registry().find_effect(row.kind);
    ran.new_effects.emplace_back(parts.of_label(label), parts.of_effect(row, spec->policy));
  }
  for (const auto& row : writes.effects_updated) {
    ran.effect = row.state == protocol::EffectState::ended
                     ? Ran::gone
                     : parts.of_effect(row, world_.effect_spec(name.index).policy);
  }
  for (const auto& row : writes.messages_inserted) ran.messages.push_back(parts.of_message(row));
  ran.message_gone = !writes.messages_deleted.empty();
  for (const auto& row : writes.deadlines_armed) {
    ran.deadlines.emplace_back(world_.place_index(row.entity, row.name), parts.of_deadline(row));
  }
  for (const auto& ref : writes.deadlines_deleted) {
    ran.deadlines.emplace_back(world_.place_index(ref.entity, ref.name), 0);
  }
  for (const auto& row : writes.parked_inserted) ran.parked.push_back(parts.of_parked(row));
  ran.parked_gone = !writes.parked_deleted.empty();
  for (const auto& alert : writes.alerts) {
    if (alert.effect_id != 0) ran.effect_alerted = true;
    if (!alert.entity.machine.empty()) ran.alerted |= 1U << world_.entity_index(alert.entity);
  }
}

}  // namespace pawl::check
