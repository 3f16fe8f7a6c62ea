// SPDX-License-Identifier: Apache-2.0
//
// What a commit does to a state, and the invariants of the engine that every commit is held to,
// whatever the system: each is the failure that one of the protocol's guards prevents.
#include <pawl/receipt.h>

#include <algorithm>

#include "check/moves.h"
#include "check/seen.h"

namespace pawl::check {

using protocol::EffectState;

bool Mover::commit(const WorkName& name, State& state, std::string& broken, std::uint8_t worker) {
  if (world_.sizes().lanes && !holds_lane(state, worker)) return true;
  const Ran& ran = runner_.run(name, state, state.entities);
  broken = judge(name, ran, state);
  if (!ran.changes() && !ran.exchange) return false;
  if (world_.sizes().lanes) take_place(state, worker, broken);
  if (ran.entities.empty() || !world_.scenario().waits_for_operator) {
    apply_ran(name, ran, state, worker);
    return true;
  }
  const State before = state;
  apply_ran(name, ran, state, worker);
  if (broken.empty()) broken = judge_waiting(ran, before, state);
  return true;
}

void Mover::apply_ran(const WorkName& name, const Ran& ran, State& state, std::uint8_t worker) {
  for (const auto& [at, part] : ran.entities) {
    state.entities[at] = part;
    if (!world_.sizes().versions) continue;
    if (state.versions[at] == max_version) throw TooMany("versions of a row");
    ++state.versions[at];
  }
  for (const auto& [at, part] : ran.records) state.records[at] = part;
  for (const auto& [at, part] : ran.receipts) state.receipts[at] = part;
  for (const auto& [at, part] : ran.deadlines) state.deadlines[at] = part;
  const auto erase_first = [&](auto& list) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (list[i].row != name.row) continue;
      list.erase(i);
      return;
    }
  };
  if (ran.message_gone && name.flag != 0) erase_first(state.messages);
  for (const PartId part : ran.messages) state.messages.push_back({part});
  if (ran.parked_gone) erase_first(state.parked);
  for (const PartId part : ran.parked) state.parked.push_back({part});
  apply_effects(name, ran, state, worker);
  if (world_.sizes().hands) tell_hands(name, ran, state);
}

void Mover::apply_effects(const WorkName& name, const Ran& ran, State& state, std::uint8_t worker) {
  for (std::size_t i = 0; ran.effect && i < state.effects.size(); ++i) {
    if (state.effects[i].label != name.index) continue;
    supersede(state, i);
    if (*ran.effect == Ran::gone) {
      state.effects.erase(i);
    } else {
      state.effects[i].row = *ran.effect;
    }
    break;
  }
  if (ran.exchange) {
    Exchange exchange;
    exchange.label = name.index;
    exchange.purpose = static_cast<std::uint8_t>(*ran.exchange);
    exchange.worker = worker;
    state.exchanges.push_back(exchange);
  }
  for (const auto& [part, row] : ran.new_effects) {
    EffectLabel label = world_.parts().label(part);
    const auto taken = [&](std::uint16_t index) {
      const auto same = [&](const auto& one) { return one.label == index; };
      return std::any_of(state.effects.begin(), state.effects.end(), same) ||
             std::any_of(state.exchanges.begin(), state.exchanges.end(), same);
    };
    while (taken(world_.label_index(label))) ++label.copy;
    OpenEffect effect;
    effect.label = world_.label_index(label);
    effect.row = row;
    state.effects.push_back(effect);
  }
}

// The token was raised: whoever holds the old one is superseded. Its answer changes nothing in any
// later state (tokens only rise), so that only what it may still send is kept: one late request.
// Without the guard all of it is kept, and its answer is a step of its own.
void Mover::supersede(State& state, std::size_t effect) {
  const OpenEffect& open = state.effects[effect];
  for (std::size_t i = state.exchanges.size(); i-- > 0;) {
    Exchange& exchange = state.exchanges[i];
    if (exchange.label != open.label || exchange.current == 0) continue;
    exchange.current = 0;
    exchange.claimed = open.row;
    const auto purpose = static_cast<EffectCall::Purpose>(exchange.purpose);
    const bool voids = purpose == EffectCall::Purpose::inquire &&
                       world_.effect_spec(open.label).policy.resend == ResendRule::inquiry_voids;
    if (late_answers_count_ || (voids && exchange.phase == Phase::to_send)) continue;
    if (purpose == EffectCall::Purpose::perform && exchange.phase == Phase::to_send) {
      const auto row = row_of(state, exchange);
      state.wire.push_back({exchange.label, static_cast<std::uint8_t>(row.attempt),
                            static_cast<std::int8_t>(ticks_of(row.not_after))});
    }
    state.exchanges.erase(i);
  }
}

// What others have in hand may have been done just now, or be read from a row that has changed.
void Mover::tell_hands(const WorkName& name, const Ran& ran, State& state) {
  for (std::size_t w = 0; w < world_.sizes().workers; ++w) {
    Hand& hand = state.hands[w];
    if (hand.holds == Holds::nothing) continue;
    if (early_reads_) {
      for (const auto& [at, part] : ran.entities) {
        hand.dirty = static_cast<std::uint16_t>(hand.dirty | (1U << at));
      }
    }
    const bool message = hand.holds == Holds::message && ran.message_gone && hand.row == name.row;
    const bool lease = hand.holds == Holds::lease && ran.effect && hand.index == name.index;
    const bool deadline = hand.holds == Holds::deadline &&
                          std::any_of(ran.deadlines.begin(), ran.deadlines.end(),
                                      [&](const auto& one) { return one.first == hand.index; });
    if (message || lease || deadline) hand.stands = 0;
  }
}

std::string Mover::judge(const WorkName& name, const Ran& ran, const State& before) {
  if (!ran.defect.empty()) return ran.defect;
  const auto shown = [&] { return world_.effect_name(name.index); };
  switch (name.kind) {
    case WorkKind::request: {
      const PartId known = before.receipts[world_.receipt_index(name.index)];
      if (known == 0) break;
      if (ran.changes()) return "a request was carried out twice under one id";
      if (!ran.repeated && ran.said != idempotency_mismatch.code) {
        return "a repeated request was answered \"" + ran.said + "\" and not by its receipt";
      }
      if (!world_.shares_receipt(name.index)) break;
      std::size_t writer = 0;
      world_.parts().receipt(known, writer);
      if (ran.repeated && world_.scenario().requests[writer].command->identity() !=
                              world_.scenario().requests[name.index].command->identity()) {
        return "a request was answered with the receipt of another one";
      }
      break;
    }
    case WorkKind::message:
      if (name.flag == 0 && ran.changes()) return "a message was delivered twice";
      break;
    case WorkKind::deadline:
      if (!ran.changes()) break;
      if (name.flag == 0) return "a deadline was decided whose arming no longer stood";
      if (world_.parts().due(name.row) > world_.time_of(before)) {
        return "a deadline was decided, and used up, before its time";
      }
      break;
    case WorkKind::claim:
      for (const Exchange& exchange : before.exchanges) {
        if (ran.exchange && exchange.label == name.index && exchange.current != 0) {
          return "two exchanges are under way at once for " + shown();
        }
      }
      break;
    case WorkKind::answer:
    case WorkKind::lease_lost:
      if (name.flag == 0 && ran.effect) return "a superseded token changed " + shown();
      break;
    default:
      break;
  }
  if (ran.effect && *ran.effect != Ran::gone && !ran.effect_alerted) {
    const auto row = world_.parts().effect(*ran.effect, world_.label(name.index));
    if (row.state == EffectState::waiting)
      return shown() + " waits for an operator, without an alert";
  }
  if (!ran.parked.empty() && ran.alerted == 0) return "a command was parked without an alert";
  return {};
}

std::string Mover::judge_waiting(const Ran& ran, const State& before, const State& after) {
  for (const auto& [at, part] : ran.entities) {
    if (((ran.alerted >> at) & 1U) != 0) continue;
    const EntityRef& ref = world_.entities()[at];
    const Explored was(world_, before);
    const Explored is(world_, after);
    const auto& waits = world_.scenario().waits_for_operator;
    if (waits(View(is), ref) && (before.entities[at] == 0 || !waits(View(was), ref))) {
      return world_.shown(ref.key) + " waits for an operator, without an alert";
    }
  }
  return {};
}

}  // namespace pawl::check
