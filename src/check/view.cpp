// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "check/seen.h"

namespace pawl::check {

std::int64_t Facts::number(std::string_view name) const {
  const auto found = values_.find(name);
  const auto* value = found == values_.end() ? nullptr : std::get_if<std::int64_t>(&found->second);
  return value == nullptr ? 0 : *value;
}
std::string Facts::text(std::string_view name) const {
  const auto found = values_.find(name);
  const auto* value = found == values_.end() ? nullptr : std::get_if<std::string>(&found->second);
  return value == nullptr ? std::string() : *value;
}
// An absent name and 0 or "" are the same, and kept the same.
void Facts::set(const std::string& name, std::int64_t value) {
  if (value == 0) {
    values_.erase(name);
  } else {
    values_[name] = value;
  }
}
void Facts::set(const std::string& name, std::string value) {
  if (value.empty()) {
    values_.erase(name);
  } else {
    values_[name] = std::move(value);
  }
}

std::vector<std::string> Outside::refusals(const Facts&, const EffectCall&) const {
  return {};
}
bool Outside::is_spent(const Facts&, const EffectCall&) const {
  return false;
}
EffectAnswer Outside::refuse(Facts&, const EffectCall&, const std::string& code) const {
  return {Outcome::refused, code};
}

Time View::now() const {
  return inside_->world.time_of(inside_->state);
}

const Row* View::row_of(std::string_view machine, std::string_view key,
                        std::shared_ptr<const void>*& cell) const {
  World& world = inside_->world;
  const auto& entities = world.entities();
  const auto found = std::find_if(entities.begin(), entities.end(), [&](const EntityRef& ref) {
    return ref.machine == machine && ref.key == key;
  });
  if (found == entities.end()) return nullptr;
  const PartId row = inside_->state.entities[static_cast<std::size_t>(found - entities.begin())];
  if (row == 0) return nullptr;
  cell = &world.parts().typed(row);
  return &world.parts().kept_row(row);
}

std::size_t View::records(std::string_view machine, std::string_view key) const {
  World& world = inside_->world;
  const auto at = world.entity_index({machine, std::string(key)});
  return world.parts().records(inside_->state.records[at]).size();
}

const Facts& View::outside() const {
  return inside_->world.parts().facts(inside_->state.facts);
}

const Receipt* View::receipt(std::string_view request) const {
  World& world = inside_->world;
  const auto& requests = world.scenario().requests;
  const auto found = std::find_if(requests.begin(), requests.end(),
                                  [&](const Request& one) { return one.name == request; });
  if (found == requests.end()) return nullptr;
  const auto index = static_cast<std::size_t>(found - requests.begin());
  const PartId part = inside_->state.receipts[world.receipt_index(index)];
  if (part == 0) return nullptr;
  std::shared_ptr<const void>& cell = world.parts().typed(part);
  if (cell == nullptr) {
    std::size_t writer = 0;
    const auto stored = world.parts().receipt(part, writer);
    auto made = std::make_shared<Receipt>();
    made->done = stored.done;
    made->code = stored.code;
    made->detail = stored.detail;
    made->error_class = stored.error_class;
    made->reply_json = stored.reply_json;
    cell = std::move(made);
  }
  return static_cast<const Receipt*>(cell.get());
}

std::vector<SeenDeadline> View::deadlines() const {
  World& world = inside_->world;
  std::vector<SeenDeadline> out;
  for (std::size_t i = 0; i < world.places().size(); ++i) {
    const PartId part = inside_->state.deadlines[i];
    if (part == 0) continue;
    const auto row = world.parts().deadline(part);
    out.push_back({world.places()[i].entity, world.places()[i].name, row.due});
  }
  return out;
}

bool View::has_deadline(std::string_view key, std::string_view name) const {
  const auto& places = inside_->world.places();
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (places[i].name == name && places[i].entity.key == key) {
      return inside_->state.deadlines[i] != 0;
    }
  }
  return false;
}

std::vector<SeenEffect> View::effects() const {
  World& world = inside_->world;
  std::vector<SeenEffect> out;
  for (const OpenEffect& effect : inside_->state.effects) {
    const EffectLabel& label = world.label(effect.label);
    const auto row = world.parts().effect(effect.row, label);
    out.push_back({label.kind, label.owner, label.idempotency_key, name_of(row.state)});
  }
  return out;
}

std::vector<SeenMessage> View::messages() const {
  World& world = inside_->world;
  std::vector<SeenMessage> out;
  for (const Waiting& message : inside_->state.messages) {
    std::shared_ptr<const void>& cell = world.parts().typed(message.row);
    if (cell == nullptr) {
      cell = std::make_shared<protocol::MessageRow>(world.parts().message(message.row));
    }
    const auto& row = *static_cast<const protocol::MessageRow*>(cell.get());
    out.push_back({row.from, row.to, row.kind, row.payload, row.bounced});
  }
  return out;
}

std::size_t View::parked() const {
  return inside_->state.parked.size();
}

bool is_end(World& world, const State& state) {
  if (!state.parked.empty()) return true;
  const Explored inside(world, state);
  const View view(inside);
  const Scenario& scenario = world.scenario();
  for (const OpenEffect& effect : state.effects) {
    if (world.parts().effect_state(effect.row) == protocol::EffectState::waiting) return true;
  }
  if (scenario.waits_for_operator) {
    for (std::size_t i = 0; i < world.entities().size(); ++i) {
      if (state.entities[i] == 0) continue;
      if (scenario.waits_for_operator(view, world.entities()[i])) return true;
    }
  }
  if (!state.effects.empty() || !state.messages.empty()) return false;
  return !scenario.ended || scenario.ended(view);
}

}  // namespace pawl::check
