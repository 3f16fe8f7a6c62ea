// SPDX-License-Identifier: Apache-2.0
#include "protocol/plan.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>

#include "core/utf8.h"
#include "protocol/fingerprint.h"
#include "protocol/overloaded.h"

namespace pawl::protocol {

namespace {

bool keys_are_sound(const std::vector<EntityRef>& keys, const Registry& registry) {
  if (keys.empty() || keys.size() > max_entities_per_command) return false;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i].key.empty() || keys[i].key.size() > max_key_bytes) return false;
    if (registry.find_machine(keys[i].machine) == nullptr) return false;
    for (std::size_t j = 0; j < i; ++j) {
      if (keys[j] == keys[i]) return false;
    }
  }
  return true;
}

bool origin_is_sound(const Origin& origin) {
  return !origin.principal.empty() && origin.principal.size() <= 200 && !origin.id.empty() &&
         origin.id.size() <= 128 && origin.trace_id.size() <= max_trace_id_bytes;
}

template <class T>
std::size_t add(std::vector<T>& list, T value) {
  list.push_back(std::move(value));
  return list.size() - 1;
}

// What the journal keeps of it is shown as text, and not every database has a text for everything.
// The id may be any bytes.
bool texts_are_sound(const Origin& origin) {
  for (const std::string_view text : {std::string_view(origin.principal), {origin.why}}) {
    if (text.find('\0') != std::string_view::npos || !utf8::is_valid(text)) return false;
  }
  return true;
}

std::optional<Error> fault_of(const Origin& origin) {
  if (!origin_is_sound(origin)) {
    return Error(command_invalid, "principal and id must be 1 to 200 and 128 bytes");
  }
  if (!texts_are_sound(origin)) return Error(text_invalid, "the principal, or the reason");
  return std::nullopt;
}

}  // namespace

void prepare(RequestWork& work) {
  if (work.prepared || !work.command) return;
  work.keys = work.command->keys();
  work.fingerprint = fingerprint_of(*work.command);
  work.prepared = true;
}

Planned Planner::plan(WorkItem& item) {
  Planned planned;
  try {
    collect(item, planned);
  } catch (const std::exception& thrown) {
    // keys(), payload() and the like are the machine's code too.
    planned.error = Error(machine_defect, thrown.what());
  } catch (...) {
    planned.error = Error(machine_defect, "a command threw something that is no exception");
  }
  return planned;
}

void Planner::collect(WorkItem& item, Planned& planned) {
  std::visit(Overloaded{
                 [&](RequestWork& work) { request(work, planned); },
                 [&](const MessageWork& work) {
                   planned.message = message(work.row.id);
                   command(work.command, planned);
                 },
                 [&](const DeadlineWork& work) {
                   planned.deadline =
                       add(request_.deadlines, DeadlineRef{work.row.entity, work.row.name});
                   command(work.command, planned);
                 },
                 [&](const ClaimWork& work) { planned.effect = effect(work.effect_id); },
                 [&](const LeaseLostWork& work) { planned.effect = effect(work.effect_id); },
                 [&](const AnswerWork& work) { answer(work, planned); },
                 [&](const OperateWork& work) { operate(work, planned); },
                 [&](const ParkWork& work) { park(work, planned); },
                 [&](const ParkedWork& work) { parked_verb(work, planned); },
                 [&](const AlertWork& work) {
                   if (work.acknowledge) {
                     operator_verb(work.origin, operator_receipt(work), planned);
                   }
                 },
             },
             item);
}

void Planner::finish(std::vector<Planned>& planned) {
  struct Named {
    Planned* planned;
    std::size_t place;
    EntityRef& ref() const { return planned->keys[place]; }
  };
  std::vector<Named> named;
  named.reserve(planned.size());
  for (Planned& p : planned) {
    if (!p.command || p.error) continue;
    for (std::size_t i = 0; i < p.keys.size(); ++i) named.push_back({&p, i});
    p.entity_count = p.keys.size();
  }
  std::sort(named.begin(), named.end(),
            [](const Named& a, const Named& b) { return a.ref() < b.ref(); });
  request_.entities.reserve(named.size());
  for (const Named& name : named) {
    if (request_.entities.empty() || request_.entities.back() != name.ref()) {
      request_.entities.push_back(std::move(name.ref()));
    }
    name.planned->entity_indices[name.place] = request_.entities.size() - 1;
  }
  std::map<std::pair<std::size_t, std::string_view>, std::size_t> reads;
  for (Planned& p : planned) {
    if (!p.command || p.error) continue;
    for (const RecordRead& read : p.command->record_reads()) {
      const std::size_t entity = p.entity_indices[read.entity];
      const int limit = std::clamp(read.limit, 0, max_records_read);
      const auto [place, fresh] = reads.try_emplace({entity, read.table}, request_.records.size());
      if (fresh) {
        request_.records.push_back({entity, read.table, limit});
      } else {
        // Another command wants more of them: each is shown what it declared.
        int& known = request_.records[place->second].limit;
        known = std::max(known, limit);
      }
    }
  }
}

std::size_t Planner::once(std::map<std::int64_t, std::size_t>& known,
                          std::vector<std::int64_t>& list, std::int64_t id) {
  const auto [place, fresh] = known.try_emplace(id, list.size());
  if (fresh) list.push_back(id);
  return place->second;
}

// Two works on one effect: the second is decided on what the first made of the row.
std::size_t Planner::effect(std::int64_t id, const EffectRow* claimed) {
  const std::size_t index = once(effects_, request_.effects, id);
  if (index == request_.claimed.size()) {
    request_.claimed.push_back(claimed);
  } else {
    request_.claimed[index] = nullptr;
  }
  return index;
}

// Two requests under the same receipt share its look-up, so that the later one sees the earlier's.
std::size_t Planner::receipt(ReceiptKey key) {
  const std::hash<std::string_view> hash;
  const std::size_t mixed = hash(key.id) * 31 + hash(key.entity.key);
  const auto [first, last] = receipts_.equal_range(mixed);
  for (auto known = first; known != last; ++known) {
    if (request_.receipts[known->second] == key) return known->second;
  }
  receipts_.emplace(mixed, request_.receipts.size());
  return add(request_.receipts, std::move(key));
}

void Planner::command(const std::shared_ptr<const Command>& command, Planned& planned) {
  this->command(command, command ? command->keys() : std::vector<EntityRef>{}, planned);
}

void Planner::command(const std::shared_ptr<const Command>& command, std::vector<EntityRef> keys,
                      Planned& planned) {
  planned.command = command;
  planned.keys = std::move(keys);
  if (!command || !keys_are_sound(planned.keys, registry_)) {
    planned.error = command_invalid;
    return;
  }
  for (const RecordRead& read : command->record_reads()) {
    if (read.entity >= planned.keys.size()) {
      planned.error =
          Error(machine_defect, "a command reads records of an entity it does not name");
    }
  }
}

void Planner::request(RequestWork& work, Planned& planned) {
  prepare(work);
  planned.fingerprint = work.fingerprint;
  work.prepared = false;
  command(work.command, std::move(work.keys), planned);
  if (planned.error) return;
  if (auto fault = fault_of(work.origin)) {
    planned.error = std::move(fault);
    return;
  }
  planned.receipt = receipt(
      {planned.keys[0], work.origin.principal, std::string(work.command->kind()), work.origin.id});
}

// The outcome command follows from the row as the claim left it: if another has changed the row
// since, its token is another and nothing is decided.
void Planner::answer(const AnswerWork& work, Planned& planned) {
  planned.effect = effect(work.claimed.id, &work.claimed);
  const EffectSpec* spec = registry_.find_effect(work.claimed.kind);
  if (spec == nullptr) {
    planned.error = Error(machine_defect, "unknown effect kind " + work.claimed.kind);
    return;
  }
  const auto report = report_after(work.claimed, work.answer, spec->policy, work.jitter);
  if (report) outcome(*spec, work.claimed.payload, *report, planned);
}

ReceiptKey operator_receipt(const OperateWork& work) {
  return {work.looked_at.owner, work.origin.principal,
          "effect." + std::string(name_of(work.verb)) + ":" + std::to_string(work.looked_at.id),
          work.origin.id};
}

ReceiptKey operator_receipt(const ParkedWork& work) {
  return {{"pawl_parked", std::to_string(work.row.id)},
          work.origin.principal,
          work.verb == ParkedVerb::retry ? "parked.retry" : "parked.drop",
          work.origin.id};
}

ReceiptKey operator_receipt(const AlertWork& work) {
  return {{"pawl_alerts", std::to_string(work.alert.id)},
          work.origin.principal,
          "alert.ack",
          work.origin.id};
}

bool Planner::operator_verb(const Origin& origin, ReceiptKey key, Planned& planned) {
  if (auto fault = fault_of(origin)) {
    planned.error = std::move(fault);
    return false;
  }
  planned.receipt = receipt(std::move(key));
  return true;
}

void Planner::parked_verb(const ParkedWork& work, Planned& planned) {
  if (!operator_verb(work.origin, operator_receipt(work), planned)) return;
  planned.parked = parked(work.row.id);
  if (work.command) command(work.command, planned);
}

void Planner::operate(const OperateWork& work, Planned& planned) {
  if (!operator_verb(work.origin, operator_receipt(work), planned)) return;
  planned.effect = effect(work.looked_at.id);
  const EffectSpec* spec = registry_.find_effect(work.looked_at.kind);
  if (spec == nullptr || work.verb == EffectVerb::retry) return;
  EffectRow simulated = work.looked_at;
  const auto step = protocol::operate(simulated, work.verb, 0, "", "", Time{});
  if (step && step->report) outcome(*spec, work.looked_at.payload, *step->report, planned);
}

void Planner::outcome(const EffectSpec& spec, std::string_view payload, const EffectReport& report,
                      Planned& planned) {
  auto made = spec.outcome(payload, report);
  if (!made) {
    planned.error = made.error();
    return;
  }
  command(*made, planned);
}

void Planner::park(const ParkWork& work, Planned& planned) {
  if (work.message) planned.message = message(work.message->id);
  if (work.deadline) {
    planned.deadline =
        add(request_.deadlines, DeadlineRef{work.deadline->entity, work.deadline->name});
  }
  if (work.answer) planned.effect = effect(work.answer->claimed.id);
}

}  // namespace pawl::protocol
