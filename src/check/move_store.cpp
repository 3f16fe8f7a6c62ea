// SPDX-License-Identifier: Apache-2.0
//
// What happens to the store as a whole: another process takes the lane over, receipts that are old
// are removed, a backup is taken and a store made of it. Who may commit, what is old, and what a
// restore makes of an effect are asked of production code.
#include "check/moves.h"
#include "protocol/guards.h"
#include "protocol/lane_hold.h"

namespace pawl::check {

namespace {

// Only equality counts.
constexpr std::int64_t this_epoch = 2;
constexpr std::int64_t earlier_epoch = 1;

}  // namespace

void Mover::store_moves(const State& state, std::vector<Move>& out) {
  if (retention_) {
    const auto pass = retention_->next(world_.time_of(state), 0);
    for (std::size_t i = 0; pass && i < world_.sizes().requests; ++i) {
      const PartId receipt = state.receipts[i];
      if (receipt == 0 || world_.time_at(world_.parts().receipt_tick(receipt)) >= pass->before) {
        continue;
      }
      out.push_back({MoveKind::remove_receipt, static_cast<std::uint8_t>(i)});
    }
  }
  if (state.restores < world_.bounds().restores) {
    out.push_back({state.backup == 0 ? MoveKind::back_up : MoveKind::restore});
  }
  if (state.takeovers < world_.bounds().takeovers) {
    for (std::uint8_t w = 0; w < static_cast<std::uint8_t>(world_.sizes().workers); ++w) {
      out.push_back({MoveKind::take_over, w});
    }
  }
}

bool Mover::store_step(const Move& move, State& state) {
  switch (move.kind) {
    case MoveKind::remove_receipt:
      state.receipts[move.a] = 0;
      return true;
    case MoveKind::back_up: {
      State committed = state;
      committed.tick = committed.restores = committed.restored_at = 0;
      committed.used = {};
      committed.facts = 0;
      committed.exchanges = {};
      committed.wire = {};
      committed.hands = {};
      std::string bytes;
      encode(committed, world_.sizes(), bytes);
      state.backup = world_.parts().of_committed(bytes);
      return true;
    }
    case MoveKind::restore:
      restore(state);
      return true;
    default:
      // It begins anew: what it had in memory in an earlier life is gone.
      ++state.takeovers;
      state.owner = move.a;
      state.holds[move.a] = Hold::newest;
      state.hands[move.a] = {};
      for (std::size_t i = state.exchanges.size(); i-- > 0;) {
        if (state.exchanges[i].worker == move.a) state.exchanges.erase(i);
      }
      return true;
  }
}

// The outside, the time and what is on its way stay as they are; the processes of the lost store
// are gone, after they have sent what they were about to send.
void Mover::restore(State& state) {
  State made = decode(world_.parts().committed(state.backup), world_.sizes());
  made.tick = state.tick;
  made.config = state.config;
  made.used = state.used;
  made.facts = state.facts;
  made.wire = state.wire;
  made.backup = state.backup;
  made.restores = static_cast<std::uint8_t>(state.restores + 1);
  made.restored_at = static_cast<std::uint8_t>(state.tick + 1);
  for (const Exchange& exchange : state.exchanges) {
    const auto purpose = static_cast<EffectCall::Purpose>(exchange.purpose);
    if (exchange.phase != Phase::to_send || purpose != EffectCall::Purpose::perform) continue;
    const auto row = row_of(state, exchange);
    made.wire.push_back({exchange.label, static_cast<std::uint8_t>(row.attempt),
                         static_cast<std::int8_t>(ticks_of(row.not_after))});
  }
  for (OpenEffect& effect : made.effects) {
    const EffectPolicy& policy = world_.effect_spec(effect.label).policy;
    auto row = world_.parts().effect(effect.row, world_.label(effect.label));
    protocol::restored(row, &policy, world_.time_of(made));
    effect.row = world_.parts().of_effect(row, policy);
  }
  state = made;
}

bool Mover::holds_lane(State& state, std::uint8_t worker) {
  const std::int64_t own = state.owner == worker ? this_epoch : earlier_epoch;
  if (protocol::check_lane(this_epoch, own)) return true;
  state.holds[worker] = Hold::none;
  state.hands[worker] = {};
  return false;
}

void Mover::take_place(State& state, std::uint8_t worker, std::string& broken) {
  if (state.holds[worker] == Hold::behind && broken.empty()) {
    broken = "two commits took one place in the journal: what they made has the same ids";
  }
  for (std::size_t i = 0; i < world_.sizes().workers; ++i) {
    if (i != worker && state.holds[i] == Hold::newest) state.holds[i] = Hold::behind;
  }
}

}  // namespace pawl::check
