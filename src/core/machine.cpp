// SPDX-License-Identifier: Apache-2.0
#include <pawl/machine.h>

#include <algorithm>

namespace pawl {

const RecordSpec* MachineSpec::record(std::string_view table_name) const {
  const auto found = std::find_if(records.begin(), records.end(),
                                  [&](const RecordSpec& r) { return r.table == table_name; });
  return found == records.end() ? nullptr : &*found;
}

const MachineSpec* Registry::find_machine(std::string_view name) const {
  // Few machines: a scan is as fast as a map.
  for (const auto& machine : machines_) {
    if (machine->name == name) return machine.get();
  }
  return nullptr;
}

const StoredCommandSpec* Registry::find_command(std::string_view kind) const {
  const auto found = commands_.find(kind);
  return found == commands_.end() ? nullptr : &found->second;
}

const EffectSpec* Registry::find_effect(std::string_view kind) const {
  const auto found = effects_.find(kind);
  return found == effects_.end() ? nullptr : &found->second;
}

Result<void> Registry::set_effect_policy(std::string_view kind, const EffectPolicy& policy) {
  const auto found = effects_.find(kind);
  if (found == effects_.end()) {
    return fail(registry_invalid, "no effect of kind " + std::string(kind));
  }
  found->second.policy = policy;
  return {};
}

namespace {

Result<void> check_machine(const MachineSpec& machine) {
  const std::string name(machine.name);
  if (machine.columns.empty() || machine.columns[0].type != ColumnType::text) {
    return fail(registry_invalid, name + ": the first field is the key and must be text");
  }
  if (machine.columns[machine.state_column].name != "state" ||
      machine.columns[machine.state_since_column].name != "state_since_us") {
    return fail(registry_invalid, name + ": fields() must name state and state_since_us");
  }
  if (machine.initial_states.empty()) {
    return fail(registry_invalid, name + ": no initial state is declared");
  }
  for (const auto& column : machine.columns) {
    if (column.name.starts_with("pawl_")) {
      return fail(registry_invalid, name + ": names beginning with pawl_ are the engine's");
    }
  }
  return {};
}

Result<void> check_effect(const EffectSpec& effect) {
  const EffectPolicy& policy = effect.policy;
  if (policy.send_timeout_ms <= 0 || policy.lease_ttl_ms <= policy.send_timeout_ms) {
    return fail(registry_invalid, std::string(effect.kind) +
                                      ": lease_ttl_ms must be longer than send_timeout_ms, so that "
                                      "the sender has stopped before its lease may move");
  }
  if (policy.concurrency <= 0 || policy.max_attempts <= 0 || policy.poll_interval_ms <= 0 ||
      policy.backoff_base_ms <= 0 || policy.backoff_cap_ms < policy.backoff_base_ms) {
    return fail(registry_invalid, std::string(effect.kind) + ": a bound is not positive");
  }
  return {};
}

}  // namespace

Result<void> Registry::check() const {
  for (std::size_t i = 0; i < machines_.size(); ++i) {
    if (auto sound = check_machine(*machines_[i]); !sound) return sound;
    for (std::size_t j = 0; j < i; ++j) {
      if (machines_[i]->name == machines_[j]->name) {
        return fail(registry_invalid, "two machines are named " + std::string(machines_[i]->name));
      }
    }
  }
  for (const auto& [kind, effect] : effects_) {
    if (auto sound = check_effect(effect); !sound) return sound;
  }
  return {};
}

}  // namespace pawl
