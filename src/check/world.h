// SPDX-License-Identifier: Apache-2.0
//
// A scenario made ready to be explored: its entities and requests numbered, its parts, the names of
// deadlines and effects that turned up so far, and its symmetry. Shared by everything that works on
// its states; knows nothing of how they are searched.
#pragma once

#include <pawl/check.h>

#include <string>
#include <utility>
#include <vector>

#include "check/parts.h"
#include "check/state.h"

namespace pawl::check {

class World {
 public:
  // Throws std::invalid_argument, with what is wrong about the scenario.
  explicit World(const Scenario& scenario);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  const Scenario& scenario() const { return scenario_; }
  const Registry& registry() const { return *scenario_.registry; }
  const Bounds& bounds() const { return scenario_.bounds; }
  const Sizes& sizes() const { return sizes_; }
  Parts& parts() { return parts_; }
  const Parts& parts() const { return parts_; }

  State first_state();
  Time time_at(int tick) const { return scenario_.start.plus_us(tick * scenario_.tick_us); }
  Time time_of(const State& state) const { return time_at(state.tick); }

  const std::vector<EntityRef>& entities() const { return entities_; }
  // Throws std::invalid_argument if nobody declared it.
  std::size_t entity_index(const EntityRef& ref) const;
  // Where the request's receipt stands: that of the first request under the same id.
  std::size_t receipt_index(std::size_t request) const { return receipt_of_[request]; }
  // Whether another request has the same id.
  bool shares_receipt(std::size_t request) const { return shared_[request]; }
  // By what a receipt is stored under; nothing for those of operators' verbs.
  std::optional<std::size_t> request_of(const protocol::ReceiptKey& key) const;

  struct Place {
    EntityRef entity;
    std::string name;
  };
  std::size_t place_index(const EntityRef& entity, std::string_view name);
  const std::vector<Place>& places() const { return places_; }

  std::uint16_t label_index(const EffectLabel& label);
  const EffectLabel& label(std::uint16_t index) const { return labels_[index].label; }
  const EffectSpec& effect_spec(std::uint16_t index) const { return *labels_[index].spec; }
  // The key, and which copy of it: how schedules name an effect.
  std::string effect_name(std::uint16_t index) const;

  // Puts what has no order of its own in order, and writes the smallest of the state's images under
  // the symmetry.
  void canonical(State& state, std::string& out);
  // Numbers the pair of entities that the message goes between.
  std::uint32_t pair_of(PartId message);
  // The pair that a parked message holds; 0: none.
  std::uint32_t pair_held_by(PartId parked);
  // Long names as the scenario shows them.
  std::string shown(std::string text) const;

 private:
  struct Label {
    EffectLabel label;
    const EffectSpec* spec;
    PartId part;
  };
  // One exchange of names.
  struct Renaming {
    std::vector<std::pair<std::string, std::string>> names;
    std::vector<std::size_t> entities;
    std::vector<std::size_t> requests;
    std::vector<PartId> parts;          // 0: not computed yet
    std::vector<std::uint32_t> labels;  // plus one
    std::vector<std::size_t> places;    // plus one
  };

  void number_entities();
  void number_requests();
  void make_renamings();
  void check_renaming(Renaming& renaming);
  static std::string renamed(const Renaming& renaming, std::string_view text);
  PartId renamed_part(Renaming& renaming, PartId part);
  std::uint16_t renamed_label(Renaming& renaming, std::uint16_t label);
  std::size_t renamed_place(Renaming& renaming, std::size_t place);
  State image(Renaming& renaming, const State& state);
  void put_in_order(State& state);

  const Scenario& scenario_;
  Sizes sizes_;
  Parts parts_;
  std::vector<EntityRef> entities_;
  std::vector<std::size_t> receipt_of_;
  std::vector<protocol::ReceiptKey> receipt_keys_;
  std::vector<bool> shared_;
  std::vector<Place> places_;
  std::vector<Label> labels_;
  std::vector<Renaming> renamings_;
  std::vector<std::uint32_t> pair_of_;
  std::vector<std::pair<EntityRef, EntityRef>> pairs_;
  std::uint32_t pair_number(const EntityRef& from, const EntityRef& to);
  std::string scratch_;
};

}  // namespace pawl::check
