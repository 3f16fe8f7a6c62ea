// SPDX-License-Identifier: Apache-2.0
#include "protocol/plan.h"

#include <algorithm>
#include <exception>
#include <utility>

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
         origin.id.size() <= 128;
}

template <class T>
std::size_t add(std::vector<T>& list, T value) {
  list.push_back(std::move(value));
  return list.size() - 1;
}

}  // namespace

Planned Planner::plan(const WorkItem& item) {
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

void Planner::collect(const WorkItem& item, Planned& planned) {
  std::visit(Overloaded{
                 [&](const RequestWork& work) { request(work, planned); },
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
                 [&](const ParkedWork& work) {
                   planned.parked = parked(work.row.id);
                   if (work.command) command(work.command, planned);
                 },
                 [](const AlertWork&) {},
             },
             item);
}

void Planner::finish(std::vector<Planned>& planned) {
  std::vector<EntityRef> sorted;
  for (const Planned& p : planned) {
    if (p.command && !p.error) {
      for (auto& key : p.command->keys()) sorted.push_back(std::move(key));
    }
  }
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  request_.entities = std::move(sorted);
  std::map<std::pair<std::size_t, std::string_view>, std::size_t> reads;
  for (Planned& p : planned) {
    if (!p.command || p.error) continue;
    for (const auto& key : p.command->keys()) p.entities.push_back(index_of(key));
    for (const RecordRead& read : p.command->record_reads()) {
      const std::size_t entity = p.entities[read.entity];
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

void Planner::command(const std::shared_ptr<const Command>& command, Planned& planned) {
  planned.command = command;
  if (!command || !keys_are_sound(command->keys(), registry_)) {
    planned.error = command_invalid;
    return;
  }
  const std::size_t entities = command->keys().size();
  for (const RecordRead& read : command->record_reads()) {
    if (read.entity >= entities) {
      planned.error =
          Error(machine_defect, "a command reads records of an entity it does not name");
    }
  }
}

void Planner::request(const RequestWork& work, Planned& planned) {
  command(work.command, planned);
  if (planned.error) return;
  if (!origin_is_sound(work.origin)) {
    planned.error = Error(command_invalid, "principal and id must be 1 to 200 and 128 bytes");
    return;
  }
  planned.fingerprint = fingerprint_of(*work.command);
  ReceiptKey key{work.command->keys()[0], work.origin.principal, std::string(work.command->kind()),
                 work.origin.id};
  const auto [place, fresh] = receipts_.try_emplace(key, request_.receipts.size());
  if (fresh) request_.receipts.push_back(std::move(key));
  planned.receipt = place->second;
}

// The outcome command follows from the row as the claim left it: if another has changed the row
// since, its token is another and nothing is decided.
void Planner::answer(const AnswerWork& work, Planned& planned) {
  planned.effect = effect(work.claimed.id);
  const EffectSpec* spec = registry_.find_effect(work.claimed.kind);
  if (spec == nullptr) {
    planned.error = Error(machine_defect, "unknown effect kind " + work.claimed.kind);
    return;
  }
  EffectRow simulated = work.claimed;
  const EffectStep step =
      answered(simulated, simulated.token, work.answer, spec->policy, Time{}, work.jitter);
  if (step.report) outcome(*spec, work.claimed.payload, *step.report, planned);
}

ReceiptKey operator_receipt(const OperateWork& work) {
  return {work.looked_at.owner, work.origin.principal,
          "effect." + std::string(name_of(work.verb)) + ":" + std::to_string(work.looked_at.id),
          work.origin.id};
}

void Planner::operate(const OperateWork& work, Planned& planned) {
  if (!origin_is_sound(work.origin)) {
    planned.error = Error(command_invalid, "principal and id must be 1 to 200 and 128 bytes");
    return;
  }
  ReceiptKey key = operator_receipt(work);
  const auto [place, fresh] = receipts_.try_emplace(key, request_.receipts.size());
  if (fresh) request_.receipts.push_back(std::move(key));
  planned.receipt = place->second;
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

std::size_t Planner::index_of(const EntityRef& ref) const {
  const auto place = std::lower_bound(request_.entities.begin(), request_.entities.end(), ref);
  return static_cast<std::size_t>(place - request_.entities.begin());
}

}  // namespace pawl::protocol
