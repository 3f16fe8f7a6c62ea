// SPDX-License-Identifier: Apache-2.0
//
// What each move does to a state.
#include <algorithm>

#include "check/moves.h"
#include "check/seen.h"
#include "protocol/guards.h"

namespace pawl::check {

using protocol::EffectState;
using Purpose = EffectCall::Purpose;

bool Mover::apply(const Move& move, State& state, std::string& broken) {
  broken.clear();
  const bool changed = step(move, state, broken);
  if (!state.wire.empty()) forget_spent(state, broken);
  return changed;
}

bool Mover::step(const Move& move, State& state, std::string& broken) {
  switch (move.kind) {
    case MoveKind::request:
      return commit({.kind = WorkKind::request, .index = move.a}, state, broken, move.b);
    case MoveKind::message:
      return commit({.kind = WorkKind::message, .row = state.messages[move.a].row}, state, broken);
    case MoveKind::deadline:
      return commit({.kind = WorkKind::deadline, .index = move.a, .row = state.deadlines[move.a]},
                    state, broken);
    case MoveKind::claim:
      return commit({.kind = WorkKind::claim, .index = state.effects[move.a].label}, state, broken,
                    move.b);
    case MoveKind::lease_lost:
      return commit({.kind = WorkKind::lease_lost, .index = state.effects[move.a].label}, state,
                    broken, move.b);
    case MoveKind::stall:
      ++state.used[used_stall];
      return commit({.kind = WorkKind::lease_lost, .index = state.effects[move.a].label}, state,
                    broken, state.owner);
    case MoveKind::parked:
      return commit({.kind = WorkKind::parked, .flag = move.b, .row = state.parked[move.a].row},
                    state, broken, state.owner);
    case MoveKind::carried_out:
    case MoveKind::answer_lost:
    case MoveKind::delayed:
    case MoveKind::refused:
    case MoveKind::not_sent:
    case MoveKind::answer:
      return exchange_step(move, state, broken);
    case MoveKind::late_arrival: {
      const OnTheWire late = state.wire[move.a];
      state.wire.erase(move.a);
      state.facts =
          meet(state, late.label, Purpose::perform, late.attempt, late.not_after, "").facts;
      return true;
    }
    case MoveKind::crash:
      ++state.used[used_crash];
      state.hands[move.a] = {};
      for (std::size_t i = state.exchanges.size(); i-- > 0;) {
        if (state.exchanges[i].worker == move.a) state.exchanges.erase(i);
      }
      return true;
    case MoveKind::time_passes:
      ++state.tick;
      return true;
    case MoveKind::event:
      return event_happens(world_.scenario().events[move.a], move.a, state);
    case MoveKind::operate:
      return operate(move, state, broken);
    case MoveKind::take:
      return take(move, state);
    case MoveKind::run_hand:
      return run_hand(move, state, broken);
    case MoveKind::edit_inside:
      return edit_inside(move, state, broken);
    case MoveKind::remove_receipt:
    case MoveKind::back_up:
    case MoveKind::restore:
    case MoveKind::take_over:
      return store_step(move, state);
    case MoveKind::send_unclaimed: {
      const OpenEffect& effect = state.effects[move.a];
      const auto row = world_.parts().effect(effect.row, world_.label(effect.label));
      if (row.state != EffectState::ready) return false;
      ++state.used[used_crash];
      state.facts = meet(state, effect.label, Purpose::perform, row.attempt + 1, -1, "").facts;
      return true;
    }
  }
  return false;
}

// ---- the far side

int Mover::ticks_of(Time time) const {
  if (time == Time{}) return -1;
  return static_cast<int>((time.us - world_.scenario().start.us) / world_.scenario().tick_us);
}

EffectCall Mover::call_of(std::uint16_t label, Purpose purpose, int attempt,
                          int not_after_tick) const {
  const EffectSpec& spec = world_.effect_spec(label);
  EffectCall call;
  call.purpose = purpose;
  call.effect_id = 1;
  call.kind = spec.kind;
  call.payload = world_.label(label).payload;
  call.idempotency_key = world_.label(label).idempotency_key;
  call.attempt = attempt;
  call.timeout_ms = spec.policy.send_timeout_ms;
  if (not_after_tick >= 0) {
    call.not_after = world_.scenario().start.plus_us(not_after_tick * world_.scenario().tick_us);
  }
  return call;
}

Mover::Met Mover::meet(const State& state, std::uint16_t label, Purpose purpose, int attempt,
                       int not_after_tick, std::string_view refusal) {
  std::string key;
  for (const int part : {static_cast<int>(state.facts), static_cast<int>(label),
                         static_cast<int>(purpose), attempt, not_after_tick, int{state.tick}}) {
    key.append(reinterpret_cast<const char*>(&part), sizeof part);
  }
  key.append(refusal);
  const auto [place, fresh] = met_keys_.insert(key);
  if (!fresh) return met_[place];
  Facts facts = world_.parts().facts(state.facts);
  const EffectCall call = call_of(label, purpose, attempt, not_after_tick);
  const Time now = world_.time_of(state);
  const Outside& outside = *world_.scenario().outside;
  EffectAnswer answer;
  if (!refusal.empty()) {
    answer = outside.refuse(facts, call, std::string(refusal));
  } else if (purpose == Purpose::perform) {
    answer = outside.perform(facts, call, now);
  } else {
    answer = outside.inquire(facts, call, now);
  }
  if (world_.effect_spec(label).policy.resend == ResendRule::not_after) answer.far_time = now;
  met_.push_back({world_.parts().of_facts(facts), world_.parts().of_answer(answer)});
  return met_.back();
}

void Mover::forget_spent(State& state, std::string& broken) {
  for (std::size_t i = state.wire.size(); i-- > 0;) {
    const OnTheWire late = state.wire[i];
    std::string key;
    for (const std::uint32_t part : {state.facts, std::uint32_t{late.label}}) {
      key.append(reinterpret_cast<const char*>(&part), sizeof part);
    }
    const auto [place, fresh] = spent_keys_.insert(key);
    if (fresh) {
      const EffectCall call = call_of(late.label, Purpose::perform, late.attempt, late.not_after);
      spent_.push_back(
          world_.scenario().outside->is_spent(world_.parts().facts(state.facts), call));
    }
    if (!spent_[place]) continue;
    const Met met = meet(state, late.label, Purpose::perform, late.attempt, late.not_after, "");
    if (met.facts != state.facts) {
      broken = "the model of the outside calls " + world_.effect_name(late.label) +
               " spent, and it still changes something";
    }
    state.wire.erase(i);
  }
}

protocol::EffectRow Mover::row_of(const State& state, const Exchange& exchange) const {
  PartId row = exchange.claimed;
  for (const OpenEffect& effect : state.effects) {
    if (exchange.current != 0 && effect.label == exchange.label) row = effect.row;
  }
  return world_.parts().effect(row, world_.label(exchange.label));
}

Mover::Met Mover::meet_exchange(const State& state, const Exchange& exchange,
                                std::string_view refusal) {
  const auto row = row_of(state, exchange);
  return meet(state, exchange.label, static_cast<Purpose>(exchange.purpose), row.attempt,
              ticks_of(row.not_after), refusal);
}

std::vector<std::string> Mover::refusals(const State& state, const Exchange& exchange) {
  const auto row = row_of(state, exchange);
  return world_.scenario().outside->refusals(
      world_.parts().facts(state.facts),
      call_of(exchange.label, static_cast<Purpose>(exchange.purpose), row.attempt,
              ticks_of(row.not_after)));
}

bool Mover::exchange_step(const Move& move, State& state, std::string& broken) {
  Exchange& exchange = state.exchanges[move.a];
  OpenEffect none;
  OpenEffect* effect = &none;
  for (OpenEffect& open : state.effects) {
    if (open.label == exchange.label) effect = &open;
  }
  if (move.kind == MoveKind::answer) {
    const Exchange ended = exchange;
    state.exchanges.erase(move.a);
    WorkName name{.kind = WorkKind::answer, .flag = ended.current, .index = ended.label};
    name.row = ended.current != 0 ? effect->row : ended.claimed;
    name.answer = ended.phase == Phase::answered ? ended.answer : given_up_;
    commit(name, state, broken, ended.worker);
    return true;
  }
  if (move.kind == MoveKind::not_sent) {
    ++state.used[used_unsent];
    exchange.phase = Phase::answered;
    exchange.answer = unsent_;
    return true;
  }
  if (move.kind == MoveKind::delayed) {
    ++effect->late;
    const auto row = row_of(state, exchange);
    exchange.phase = Phase::hanging;
    state.wire.push_back({exchange.label, static_cast<std::uint8_t>(row.attempt),
                          static_cast<std::int8_t>(ticks_of(row.not_after))});
    return true;
  }
  std::string refusal;
  if (move.kind == MoveKind::refused) {
    refusal = refusals(state, exchange)[move.b];
    ++state.used[used_refusal];
  }
  const Met met = meet_exchange(state, exchange, refusal);
  state.facts = met.facts;
  if (move.kind == MoveKind::answer_lost) {
    ++effect->lost;
    exchange.phase = Phase::hanging;
  } else {
    exchange.phase = Phase::answered;
    exchange.answer = met.answer;
  }
  return true;
}

bool Mover::event_happens(const Event& event, std::size_t index, State& state) {
  if (event.outside) {
    Facts facts = world_.parts().facts(state.facts);
    if (!event.outside(facts)) return false;
    state.facts = world_.parts().of_facts(facts);
  }
  if (event.row && event.edit) {
    PartId& place = state.entities[world_.entity_index(*event.row)];
    if (place == 0) return false;
    Row row = world_.parts().row(place);
    if (!event.edit(row)) return false;
    place = world_.parts().of_row(row);
  }
  if (event.config >= 0) state.config = static_cast<std::uint8_t>(event.config);
  ++state.used[used_events + index];
  return true;
}

bool Mover::in_flight(const State& state, std::uint16_t label) const {
  return std::any_of(state.wire.begin(), state.wire.end(),
                     [&](const OnTheWire& late) { return late.label == label; }) ||
         std::any_of(state.exchanges.begin(), state.exchanges.end(), [&](const Exchange& e) {
           return e.label == label && e.current == 0 && e.phase == Phase::to_send;
         });
}

// An operator looks at the outside, makes sure that nothing is under way any more, and tells the
// truth. What the engine itself has under way the operator cannot see: that is its guard.
bool Mover::operate(const Move& move, State& state, std::string& broken) {
  const OpenEffect effect = state.effects[move.a];
  const auto verb = static_cast<protocol::EffectVerb>(move.b);
  const auto row = world_.parts().effect(effect.row, world_.label(effect.label));
  const auto truth = world_.parts()
                         .answer(meet(state, effect.label, Purpose::inquire, row.attempt,
                                      ticks_of(row.not_after), "")
                                     .answer)
                         .outcome;
  // What was accepted and is absent now was done or dropped: that the operator finds out elsewhere.
  const bool unknown_there = truth == Outcome::absent && !row.accepted_reported;
  const bool not_there =
      (unknown_there && !in_flight(state, effect.label)) || truth == Outcome::refused;
  const bool right = verb == protocol::EffectVerb::confirm ? truth == Outcome::confirmed
                     : verb == protocol::EffectVerb::refuse
                         ? not_there
                         : not_there && row.state == EffectState::waiting;
  if (!right) return false;
  ++state.used[used_operator];
  return commit(
      {.kind = WorkKind::operate, .verb = move.b, .index = effect.label, .row = effect.row}, state,
      broken, state.owner);
}

// ---- work in hand

WorkName Mover::work_in(const Hand& hand) const {
  WorkName name{.flag = hand.stands, .index = hand.index, .row = hand.row};
  switch (hand.holds) {
    case Holds::message:
      name.kind = WorkKind::message;
      break;
    case Holds::deadline:
      name.kind = WorkKind::deadline;
      break;
    case Holds::claim:
      name.kind = WorkKind::claim;
      name.flag = 1;
      break;
    case Holds::lease:
      name.kind = WorkKind::lease_lost;
      break;
    default:
      name.kind = WorkKind::request;
      name.flag = 1;
  }
  return name;
}

bool Mover::take(const Move& move, State& state) {
  Hand& hand = state.hands[move.a];
  hand.holds = static_cast<Holds>(move.b);
  hand.index = move.c;
  if (hand.holds == Holds::message) {
    hand.row = state.messages[move.c].row;
    hand.index = 0;
  } else if (hand.holds == Holds::deadline) {
    hand.row = state.deadlines[move.c];
  } else if (hand.holds != Holds::request) {
    hand.index = state.effects[move.c].label;
    // A lease is taken over once it has passed: its holder is gone, or only slow.
    const bool held =
        std::any_of(state.exchanges.begin(), state.exchanges.end(),
                    [&](const Exchange& e) { return e.label == hand.index && e.current != 0; });
    if (hand.holds == Holds::lease && held) {
      if (state.used[used_stall] >= world_.bounds().stalls) return false;
      ++state.used[used_stall];
    }
  }
  if (early_reads_) {
    const std::uint32_t locks = runner_.locks(work_in(hand));
    for (std::size_t i = 0; i < world_.sizes().entities; ++i) {
      hand.rows[i] = ((locks >> i) & 1U) != 0 ? state.entities[i] : 0;
    }
  }
  return true;
}

bool Mover::run_hand(const Move& move, State& state, std::string& broken) {
  const Hand hand = state.hands[move.a];
  state.hands[move.a] = {};
  const WorkName name = work_in(hand);
  if (!early_reads_) {
    commit(name, state, broken, move.a);
    return true;
  }
  const State before = state;
  const Ran& ran = runner_.run(name, state, hand.rows);
  for (const auto& [entity, row] : ran.entities) {
    if (((hand.dirty >> entity) & 1U) == 0) continue;
    if (guard_holds(protocol::guard::row_version, false)) continue;
    broken = "decided on rows that were read before their lock: " +
             world_.shown(world_.entities()[entity].key) +
             " had been changed since (its version gave it away)";
  }
  if (broken.empty()) broken = judge(name, ran, before);
  apply_ran(name, ran, state, move.a);
  return true;
}

// A writer that takes no lock changes the row between the request's read and its write.
bool Mover::edit_inside(const Move& move, State& state, std::string& broken) {
  const WorkName name{.kind = WorkKind::request, .index = move.a};
  const Event& event = world_.scenario().events[move.b];
  const std::size_t edited = world_.entity_index(*event.row);
  const Ran& ran = runner_.run(name, state, state.entities);
  const bool writes = std::any_of(ran.entities.begin(), ran.entities.end(),
                                  [&](const auto& write) { return write.first == edited; });
  if (!writes || !event_happens(event, move.b, state)) return false;
  // The row is not the one that was read: the batch is rolled back, and only the edit stays.
  if (!guard_holds(protocol::guard::row_version, false)) return true;
  apply_ran(name, ran, state, 0);
  broken = "a change of " + world_.shown(event.row->key) +
           " was overwritten by a decision that had not seen it";
  return true;
}

}  // namespace pawl::check
