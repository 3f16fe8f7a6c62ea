// SPDX-License-Identifier: Apache-2.0
//
// Which moves a state has. What each does: move_steps.cpp; how they read: move_text.cpp.
#include "check/moves.h"

#include <algorithm>

#include "protocol/guards.h"

namespace pawl::check {

using protocol::EffectState;

Mover::Mover(World& world, Runner& runner)
    : world_(world),
      runner_(runner),
      given_up_(world.parts().of_answer({Outcome::unknown, "handler_timeout"})),
      unsent_(world.parts().of_answer({Outcome::never_sent, "not_sent"})),
      early_reads_(guard_holds(protocol::guard::locked_read, false)),
      early_sends_(guard_holds(protocol::guard::claim_before_send, false)),
      late_answers_count_(guard_holds(protocol::guard::token_stands, false)) {
  if (world.scenario().receipts_seconds == 0) return;
  RetentionOptions options;
  options.receipts_seconds = world.scenario().receipts_seconds;
  options.ended_effects_seconds = options.acknowledged_alerts_seconds = 0;
  retention_.emplace(options, world.registry());
}

void Mover::moves(const State& state, std::vector<Move>& out) {
  out.clear();
  request_moves(state, out);
  inner_moves(state, out);
  exchange_moves(state, out);
  effect_moves(state, out);
  for (std::size_t i = 0; i < state.wire.size(); ++i) {
    out.push_back({MoveKind::late_arrival, static_cast<std::uint8_t>(i)});
  }
  if (state.used[used_crash] < world_.bounds().crashes) {
    for (std::uint8_t worker = 0; worker < static_cast<std::uint8_t>(world_.sizes().workers);
         ++worker) {
      const bool busy = state.hands[worker].holds != Holds::nothing ||
                        std::any_of(state.exchanges.begin(), state.exchanges.end(),
                                    [&](const Exchange& e) { return e.worker == worker; });
      if (busy) out.push_back({MoveKind::crash, worker});
    }
  }
  store_moves(state, out);
  if (time_may_pass(state)) out.push_back({MoveKind::time_passes});
  for (std::size_t i = 0; i < world_.sizes().events; ++i) {
    if (state.used[used_events + i] < world_.scenario().events[i].at_most) {
      out.push_back({MoveKind::event, static_cast<std::uint8_t>(i)});
    }
  }
}

void Mover::request_moves(const State& state, std::vector<Move>& out) {
  if (state.tick > world_.bounds().ticks) return;
  const auto processes = world_.sizes().lanes ? world_.sizes().workers : 1;
  for (std::size_t i = 0; i < world_.sizes().requests; ++i) {
    for (std::size_t worker = 0; worker < processes; ++worker) {
      if (!runs(state, worker)) continue;
      out.push_back(
          {MoveKind::request, static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(worker)});
    }
  }
}

// Beyond the last tick nobody asks for anything more, and time passes only until the last deadline
// has rung: whatever was begun can still come to its end.
bool Mover::time_may_pass(const State& state) {
  if (state.tick < world_.bounds().ticks) return true;
  if (state.tick == max_tick) throw TooMany("deadlines reach further than the clock");
  const Time now = world_.time_of(state);
  for (const PartId deadline : state.deadlines) {
    if (deadline != 0 && world_.parts().due(deadline) > now) return true;
  }
  return false;
}

bool Mover::pair_waits(const State& state, std::size_t message) {
  const std::uint32_t pair = world_.pair_of(state.messages[message].row);
  for (std::size_t i = 0; i < message; ++i) {
    if (world_.pair_of(state.messages[i].row) == pair) return true;
  }
  bool held = false;
  for (const Waiting& parked : state.parked) held |= world_.pair_held_by(parked.row) == pair;
  return !guard_holds(protocol::guard::pair_is_free, !held);
}

// Messages, deadlines and what is parked.
void Mover::inner_moves(const State& state, std::vector<Move>& out) {
  if (world_.sizes().hands) {
    hand_moves(state, out);
  } else {
    for (std::size_t i = 0; i < state.messages.size(); ++i) {
      if (!pair_waits(state, i)) out.push_back({MoveKind::message, static_cast<std::uint8_t>(i)});
    }
    for (std::size_t i = 0; i < world_.places().size(); ++i) {
      if (state.deadlines[i] != 0)
        out.push_back({MoveKind::deadline, static_cast<std::uint8_t>(i)});
    }
  }
  for (std::size_t i = 0; i < state.parked.size(); ++i) {
    const auto row = world_.parts().parked(state.parked[i].row);
    const bool again = row.source == "message" || row.source == "deadline";
    out.push_back({MoveKind::parked, static_cast<std::uint8_t>(i), 0});
    if (again) out.push_back({MoveKind::parked, static_cast<std::uint8_t>(i), 1});
  }
}

void Mover::hand_moves(const State& state, std::vector<Move>& out) {
  for (std::uint8_t worker = 0; worker < static_cast<std::uint8_t>(world_.sizes().workers);
       ++worker) {
    if (!runs(state, worker)) continue;
    if (state.hands[worker].holds != Holds::nothing) {
      out.push_back({MoveKind::run_hand, worker});
      continue;
    }
    const auto take = [&](Holds holds, std::size_t index) {
      out.push_back({MoveKind::take, worker, static_cast<std::uint8_t>(holds),
                     static_cast<std::uint16_t>(index)});
    };
    for (std::size_t i = 0; early_reads_ && i < world_.sizes().requests; ++i) {
      take(Holds::request, i);
    }
    for (std::size_t i = 0; i < state.messages.size(); ++i) {
      if (!pair_waits(state, i)) take(Holds::message, i);
    }
    for (std::size_t i = 0; i < world_.places().size(); ++i) {
      if (state.deadlines[i] != 0) take(Holds::deadline, i);
    }
    for (std::size_t i = 0; i < state.effects.size(); ++i) {
      const EffectState row = world_.parts().effect_state(state.effects[i].row);
      if (row == EffectState::waiting) continue;
      take(protocol::is_claimed(row) ? Holds::lease : Holds::claim, i);
    }
  }
  for (std::size_t e = 0; e < world_.sizes().events; ++e) {
    const Event& event = world_.scenario().events[e];
    if (!event.row || state.used[used_events + e] >= event.at_most) continue;
    for (std::size_t i = 0; i < world_.sizes().requests; ++i) {
      out.push_back(
          {MoveKind::edit_inside, static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(e)});
    }
  }
}

void Mover::exchange_moves(const State& state, std::vector<Move>& out) {
  const Bounds& bounds = world_.bounds();
  for (std::size_t i = 0; i < state.exchanges.size(); ++i) {
    const Exchange& exchange = state.exchanges[i];
    const auto at = static_cast<std::uint8_t>(i);
    if (exchange.phase != Phase::to_send) {
      out.push_back({MoveKind::answer, at});
      continue;
    }
    const auto purpose = static_cast<EffectCall::Purpose>(exchange.purpose);
    const auto open = std::find_if(state.effects.begin(), state.effects.end(),
                                   [&](const auto& e) { return e.label == exchange.label; });
    // The effect may have ended without this sender: its faults are used up then.
    const int lost = open == state.effects.end() ? bounds.lost : open->lost;
    const int late = open == state.effects.end() ? bounds.late : open->late;
    out.push_back({MoveKind::carried_out, at});
    if (lost < bounds.lost) out.push_back({MoveKind::answer_lost, at});
    if (purpose != EffectCall::Purpose::perform) continue;
    if (late < bounds.late) out.push_back({MoveKind::delayed, at});
    if (state.used[used_unsent] < bounds.unsent) out.push_back({MoveKind::not_sent, at});
    if (state.used[used_refusal] >= bounds.refusals) continue;
    const std::size_t codes = refusals(state, exchange).size();
    for (std::size_t code = 0; code < codes; ++code) {
      out.push_back({MoveKind::refused, at, static_cast<std::uint8_t>(code)});
    }
  }
}

void Mover::effect_moves(const State& state, std::vector<Move>& out) {
  const Bounds& bounds = world_.bounds();
  for (std::size_t i = 0; i < state.effects.size(); ++i) {
    const OpenEffect& effect = state.effects[i];
    const auto at = static_cast<std::uint8_t>(i);
    const EffectState row = world_.parts().effect_state(effect.row);
    if (state.used[used_operator] < bounds.operators) {
      for (std::uint8_t verb = 0; verb < 3; ++verb) out.push_back({MoveKind::operate, at, verb});
    }
    if (row == EffectState::waiting) continue;
    if (!protocol::is_claimed(row) && early_sends_ && state.used[used_crash] < bounds.crashes) {
      out.push_back({MoveKind::send_unclaimed, at});
    }
    const bool held =
        std::any_of(state.exchanges.begin(), state.exchanges.end(),
                    [&](const Exchange& e) { return e.label == effect.label && e.current != 0; });
    if (protocol::is_claimed(row) && held && state.used[used_stall] < bounds.stalls) {
      out.push_back({MoveKind::stall, at});
    }
    if (world_.sizes().hands) continue;
    const auto processes = world_.sizes().lanes ? world_.sizes().workers : 1;
    if (!protocol::is_claimed(row)) {
      for (std::uint8_t w = 0; w < static_cast<std::uint8_t>(world_.sizes().workers); ++w) {
        if (runs(state, w)) out.push_back({MoveKind::claim, at, w});
      }
      continue;
    }
    for (std::uint8_t w = 0; w < static_cast<std::uint8_t>(processes); ++w) {
      // Who takes a lane over takes every sender before it for gone.
      const bool own =
          std::any_of(state.exchanges.begin(), state.exchanges.end(), [&](const Exchange& e) {
            return e.label == effect.label && e.current != 0 &&
                   (!world_.sizes().lanes || e.worker == w);
          });
      if (!own && runs(state, w)) out.push_back({MoveKind::lease_lost, at, w});
    }
  }
}

}  // namespace pawl::check
