// SPDX-License-Identifier: Apache-2.0
//
// Symmetry: names that a scenario calls interchangeable are exchanged in every part of a state.
// What it answers is an automorphism of the whole exploration, because a renamed request, event or
// answer is one of the scenario's own (checked here for the requests; an outside and invariants
// must treat the names alike).
#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "check/world.h"

namespace pawl::check {

std::string World::renamed(const Renaming& renaming, std::string_view text) {
  std::string out(text);
  for (std::size_t at = 0; at < out.size();) {
    std::size_t step = 1;
    for (const auto& [from, to] : renaming.names) {
      if (out.compare(at, from.size(), from) != 0) continue;
      out.replace(at, from.size(), to);
      step = to.size();
      break;
    }
    at += step;
  }
  return out;
}

void World::make_renamings() {
  renamings_.emplace_back();  // the identity, to multiply with; removed at the end
  for (const auto& group : scenario_.symmetric) {
    for (const auto& name : group) {
      if (name.empty() || name.size() != group[0].size()) {
        throw std::invalid_argument("symmetric names must have one length: " + name);
      }
    }
    std::vector<Renaming> product;
    std::vector<std::size_t> order(group.size());
    std::iota(order.begin(), order.end(), 0U);
    do {
      for (const Renaming& before : renamings_) {
        Renaming next = before;
        for (std::size_t i = 0; i < group.size(); ++i) {
          if (order[i] != i) next.names.emplace_back(group[i], group[order[i]]);
        }
        product.push_back(std::move(next));
      }
    } while (std::next_permutation(order.begin(), order.end()));
    renamings_ = std::move(product);
  }
  std::erase_if(renamings_, [](const Renaming& renaming) { return renaming.names.empty(); });
  for (Renaming& renaming : renamings_) check_renaming(renaming);
}

void World::check_renaming(Renaming& renaming) {
  for (const EntityRef& ref : entities_) {
    renaming.entities.push_back(entity_index({ref.machine, renamed(renaming, ref.key)}));
  }
  for (std::size_t i = 0; i < sizes_.requests; ++i) {
    const Request& request = scenario_.requests[i];
    const auto same = [&](const Request& other) {
      return other.name == renamed(renaming, request.name) &&
             other.command->kind() == request.command->kind() &&
             other.command->payload() == renamed(renaming, request.command->payload()) &&
             other.origin.principal == renamed(renaming, request.origin.principal) &&
             other.origin.id == renamed(renaming, request.origin.id);
    };
    const auto found = std::find_if(scenario_.requests.begin(), scenario_.requests.end(), same);
    if (found == scenario_.requests.end()) {
      throw std::invalid_argument("not symmetric: the request " + request.name);
    }
    if (receipt_of_[i] != i) {
      throw std::invalid_argument("two requests under one id: " + request.name +
                                  " may not be in a symmetric scenario");
    }
    renaming.requests.push_back(static_cast<std::size_t>(found - scenario_.requests.begin()));
  }
}

PartId World::renamed_part(Renaming& renaming, PartId part) {
  if (part == 0) return 0;
  if (renaming.parts.size() < part) renaming.parts.resize(part + part / 2);
  if (const PartId known = renaming.parts[part - 1]; known != 0) return known;
  std::string bytes = renamed(renaming, parts_.bytes(part));
  if (bytes[0] == 'c') {
    // A receipt names its writer by number.
    std::size_t writer = 0;
    const auto receipt = parts_.receipt(parts_.of_bytes(bytes), writer);
    const PartId image =
        parts_.of_receipt(receipt, renaming.requests[writer], parts_.receipt_tick(part));
    return renaming.parts[part - 1] = image;
  }
  PartId image = parts_.of_bytes(bytes);
  // Facts are kept in the order of their names.
  if (bytes[0] == 'f') image = parts_.of_facts(Facts(parts_.facts(image)));
  return renaming.parts[part - 1] = image;
}

std::uint16_t World::renamed_label(Renaming& renaming, std::uint16_t label) {
  if (renaming.labels.size() <= label) renaming.labels.resize(label + 1U);
  if (renaming.labels[label] == 0) {
    const PartId part = renamed_part(renaming, labels_[label].part);
    renaming.labels[label] = label_index(parts_.label(part)) + 1U;
  }
  return static_cast<std::uint16_t>(renaming.labels[label] - 1);
}

std::size_t World::renamed_place(Renaming& renaming, std::size_t place) {
  if (renaming.places.size() <= place) renaming.places.resize(place + 1);
  if (renaming.places[place] == 0) {
    const Place at = places_[place];
    const EntityRef ref{at.entity.machine, renamed(renaming, at.entity.key)};
    renaming.places[place] = place_index(ref, renamed(renaming, at.name)) + 1;
  }
  return renaming.places[place] - 1;
}

State World::image(Renaming& renaming, const State& state) {
  State out = state;
  out.facts = renamed_part(renaming, state.facts);
  for (std::size_t i = 0; i < sizes_.entities; ++i) {
    out.entities[renaming.entities[i]] = renamed_part(renaming, state.entities[i]);
    out.records[renaming.entities[i]] = renamed_part(renaming, state.records[i]);
    out.versions[renaming.entities[i]] = state.versions[i];
  }
  for (std::size_t i = 0; i < sizes_.requests; ++i) {
    out.receipts[renaming.requests[i]] = renamed_part(renaming, state.receipts[i]);
  }
  for (std::size_t i = 0; i < places_.size(); ++i) {
    out.deadlines[renamed_place(renaming, i)] = renamed_part(renaming, state.deadlines[i]);
  }
  for (OpenEffect& effect : out.effects) {
    effect.label = renamed_label(renaming, effect.label);
    effect.row = renamed_part(renaming, effect.row);
  }
  for (Exchange& exchange : out.exchanges) {
    exchange.label = renamed_label(renaming, exchange.label);
    exchange.claimed = renamed_part(renaming, exchange.claimed);
    exchange.answer = renamed_part(renaming, exchange.answer);
  }
  for (OnTheWire& late : out.wire) late.label = renamed_label(renaming, late.label);
  for (Waiting& message : out.messages) message.row = renamed_part(renaming, message.row);
  for (Waiting& parked : out.parked) parked.row = renamed_part(renaming, parked.row);
  if (!sizes_.hands) return out;
  for (std::size_t w = 0; w < sizes_.workers; ++w) {
    Hand& hand = out.hands[w];
    const Hand before = hand;
    if (hand.holds == Holds::nothing) continue;
    hand.row = renamed_part(renaming, before.row);
    if (hand.holds == Holds::request) {
      hand.index = static_cast<std::uint16_t>(renaming.requests[before.index]);
    } else if (hand.holds == Holds::deadline) {
      hand.index = static_cast<std::uint16_t>(renamed_place(renaming, before.index));
    } else if (hand.holds != Holds::message) {
      hand.index = renamed_label(renaming, before.index);
    }
    hand.dirty = 0;
    for (std::size_t i = 0; i < sizes_.entities; ++i) {
      hand.rows[renaming.entities[i]] = renamed_part(renaming, before.rows[i]);
      if ((before.dirty >> i) & 1U) {
        hand.dirty = static_cast<std::uint16_t>(hand.dirty | (1U << renaming.entities[i]));
      }
    }
  }
  return out;
}

}  // namespace pawl::check
