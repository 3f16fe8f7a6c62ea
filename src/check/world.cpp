// SPDX-License-Identifier: Apache-2.0
#include "check/world.h"

#include <algorithm>
#include <set>
#include <stdexcept>

namespace pawl::check {

namespace {

void require(bool sound, const std::string& what) {
  if (!sound) throw std::invalid_argument(what);
}

}  // namespace

World::World(const Scenario& scenario) : scenario_(scenario), parts_(*scenario.registry) {
  if (auto sound = scenario.registry->check(); !sound) {
    throw std::invalid_argument(sound.error().text());
  }
  const Bounds& bounds = scenario.bounds;
  require(bounds.workers >= 1 && static_cast<std::size_t>(bounds.workers) <= max_workers,
          "1 to " + std::to_string(max_workers) + " workers");
  require(bounds.lost <= 7 && bounds.late <= 7, "at most 7 lost and late answers of an effect");
  require(bounds.ticks >= 0 && bounds.ticks <= 100, "0 to 100 ticks");
  require(scenario.batches >= 1 && scenario.batches <= max_batch, "batches of 1 to 4");
  require(scenario.requests.size() <= max_requests, "too many requests");
  require(scenario.events.size() <= max_events, "too many events");
  require(!scenario.configs.empty(), "a scenario needs a configuration, if only the defaults");
  sizes_.requests = scenario.requests.size();
  sizes_.events = scenario.events.size();
  sizes_.workers = static_cast<std::size_t>(bounds.workers);
  sizes_.hands = bounds.hands;
  sizes_.versions = scenario.keep_versions;
  sizes_.lanes = bounds.takeovers > 0;
  sizes_.restores = bounds.restores > 0;
  require(scenario.symmetric.empty() || (!sizes_.lanes && !sizes_.restores),
          "no symmetry where lanes are taken over or the store is restored");
  number_entities();
  number_requests();
  make_renamings();
}

void World::number_entities() {
  std::set<EntityRef> refs(scenario_.entities.begin(), scenario_.entities.end());
  for (const Request& request : scenario_.requests) {
    for (const auto& ref : request.command->keys()) refs.insert(ref);
  }
  for (const Event& event : scenario_.events) {
    if (event.row) refs.insert(*event.row);
  }
  for (EntityRef ref : refs) {
    const MachineSpec* machine = registry().find_machine(ref.machine);
    require(machine != nullptr, "no machine " + std::string(ref.machine));
    sizes_.records = sizes_.records || !machine->records.empty();
    ref.machine = machine->name;
    entities_.push_back(std::move(ref));
  }
  require(entities_.size() <= max_entities, "too many entities");
  sizes_.entities = entities_.size();
}

void World::number_requests() {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < scenario_.requests.size(); ++i) {
    const Request& request = scenario_.requests[i];
    require(names.insert(request.name).second, "two requests named " + request.name);
    receipt_keys_.push_back({request.command->keys()[0], request.origin.principal,
                             std::string(request.command->kind()), request.origin.id});
    const auto same = std::find(receipt_keys_.begin(), receipt_keys_.end(), receipt_keys_[i]);
    receipt_of_.push_back(static_cast<std::size_t>(same - receipt_keys_.begin()));
  }
  for (const std::size_t first : receipt_of_) {
    shared_.push_back(std::count(receipt_of_.begin(), receipt_of_.end(), first) > 1);
  }
}

std::optional<std::size_t> World::request_of(const protocol::ReceiptKey& key) const {
  const auto found = std::find(receipt_keys_.begin(), receipt_keys_.end(), key);
  if (found == receipt_keys_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - receipt_keys_.begin());
}

State World::first_state() {
  State state;
  state.facts = parts_.of_facts(scenario_.outside ? scenario_.outside->initial() : Facts());
  if (sizes_.lanes) state.holds[0] = Hold::newest;
  return state;
}

std::size_t World::entity_index(const EntityRef& ref) const {
  const auto found = std::lower_bound(entities_.begin(), entities_.end(), ref);
  require(found != entities_.end() && *found == ref,
          "the scenario does not name the entity " + std::string(ref.machine) + " " + ref.key);
  return static_cast<std::size_t>(found - entities_.begin());
}

std::size_t World::place_index(const EntityRef& entity, std::string_view name) {
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (places_[i].name == name && places_[i].entity == entity) return i;
  }
  if (places_.size() == max_places) throw TooMany("too many deadlines by name and entity");
  places_.push_back({entity, std::string(name)});
  return places_.size() - 1;
}

std::uint16_t World::label_index(const EffectLabel& label) {
  const PartId part = parts_.of_label(label);
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    if (labels_[i].part == part) return static_cast<std::uint16_t>(i);
  }
  const EffectSpec* spec = registry().find_effect(label.kind);
  require(spec != nullptr, "no effect kind " + label.kind);
  if (labels_.size() == 60'000) throw TooMany("too many different effects");
  labels_.push_back({label, spec, part});
  return static_cast<std::uint16_t>(labels_.size() - 1);
}

std::string World::effect_name(std::uint16_t index) const {
  const EffectLabel& label = labels_[index].label;
  return shown(label.idempotency_key) +
         (label.copy == 0 ? "" : " again#" + std::to_string(label.copy));
}

std::string World::shown(std::string text) const {
  for (const auto& [name, alias] : scenario_.aliases) {
    for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at)) {
      text.replace(at, name.size(), alias);
      at += alias.size();
    }
  }
  return text;
}

std::uint32_t World::pair_of(PartId message) {
  if (pair_of_.size() < message) pair_of_.resize(message + message / 2);
  std::uint32_t& place = pair_of_[message - 1];
  if (place != 0) return place;
  const auto row = parts_.message(message);
  return place = pair_number(row.from, row.to);
}

std::uint32_t World::pair_held_by(PartId parked) {
  const auto row = parts_.parked(parked);
  return row.from.machine.empty() ? 0 : pair_number(row.from, row.entity);
}

std::uint32_t World::pair_number(const EntityRef& from, const EntityRef& to) {
  const std::pair pair{from, to};
  const auto found = std::find(pairs_.begin(), pairs_.end(), pair);
  const auto number = static_cast<std::uint32_t>(found - pairs_.begin()) + 1;
  if (found == pairs_.end()) pairs_.push_back(pair);
  return number;
}

void World::put_in_order(State& state) {
  std::sort(state.effects.begin(), state.effects.end());
  std::sort(state.wire.begin(), state.wire.end());
  std::sort(state.parked.begin(), state.parked.end());
  // First in, first out holds per pair; pairs do not wait for one another.
  const auto by_pair = [&](const Waiting& a, const Waiting& b) {
    return pair_of(a.row) < pair_of(b.row);
  };
  for (auto next = state.messages.begin(); next != state.messages.end(); ++next) {
    std::rotate(std::upper_bound(state.messages.begin(), next, *next, by_pair), next, next + 1);
  }
  // Workers are numbered in the order in which their exchanges stand.
  const auto by_content = [](const Exchange& a, const Exchange& b) {
    return std::tie(a.label, a.phase, a.purpose, a.current, a.claimed, a.answer, a.worker) <
           std::tie(b.label, b.phase, b.purpose, b.current, b.claimed, b.answer, b.worker);
  };
  std::sort(state.exchanges.begin(), state.exchanges.end(), by_content);
  // Processes of one lane are not alike, nor are workers with different works in hand.
  if (sizes_.hands || sizes_.lanes) return;
  std::array<std::uint8_t, max_workers> number{};
  std::uint8_t known = 0;
  for (Exchange& exchange : state.exchanges) {
    if (number[exchange.worker] == 0) number[exchange.worker] = ++known;
    exchange.worker = static_cast<std::uint8_t>(number[exchange.worker] - 1);
  }
}

void World::canonical(State& state, std::string& out) {
  put_in_order(state);
  encode(state, sizes_, out);
  for (Renaming& renaming : renamings_) {
    State other = image(renaming, state);
    put_in_order(other);
    encode(other, sizes_, scratch_);
    if (scratch_ < out) std::swap(scratch_, out);
  }
}

}  // namespace pawl::check
