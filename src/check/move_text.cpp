// SPDX-License-Identifier: Apache-2.0
//
// How moves read in a schedule: plain words, unique in their state.
#include "check/moves.h"

namespace pawl::check {

namespace {

std::string worker_name(std::size_t worker) {
  return "w" + std::to_string(worker + 1);
}

}  // namespace

std::string Mover::text(const Move& move, const State& state) {
  const auto effect = [&] { return world_.effect_name(state.effects[move.a].label); };
  const auto entity = [&](const EntityRef& ref) { return world_.shown(ref.key); };
  switch (move.kind) {
    case MoveKind::request:
      return (world_.sizes().lanes ? worker_name(move.b) + " is asked: " : "") +
             world_.shown(world_.scenario().requests[move.a].name);
    case MoveKind::message: {
      const auto row = world_.parts().message(state.messages[move.a].row);
      return "deliver " + row.kind + (row.bounced ? " back to " : " to ") + entity(row.to) +
             " from " + entity(row.from);
    }
    case MoveKind::deadline: {
      const auto row = world_.parts().deadline(state.deadlines[move.a]);
      return (row.due > world_.time_of(state) ? "early deadline " : "deadline ") + row.name +
             " of " + entity(row.entity);
    }
    case MoveKind::claim: {
      const auto row = world_.parts().effect(state.effects[move.a].row,
                                             world_.label(state.effects[move.a].label));
      const bool send = row.state == protocol::EffectState::ready;
      return worker_name(move.b) + (send ? " claims " : " claims the inquiry for ") + effect();
    }
    case MoveKind::carried_out:
    case MoveKind::answer_lost:
    case MoveKind::delayed:
    case MoveKind::refused:
    case MoveKind::not_sent:
    case MoveKind::answer: {
      const Exchange& exchange = state.exchanges[move.a];
      const std::string who = worker_name(exchange.worker) +
                              (exchange.current != 0 ? ": " : " (superseded): ") +
                              world_.effect_name(exchange.label);
      const bool send = exchange.purpose == 0;
      if (move.kind == MoveKind::carried_out) return who + (send ? " arrives" : " is looked up");
      if (move.kind == MoveKind::answer_lost) {
        return who + (send ? " arrives, its answer is lost" : " is looked up, the answer is lost");
      }
      if (move.kind == MoveKind::delayed) return who + " is held up on its way";
      if (move.kind == MoveKind::not_sent) return who + " cannot be sent";
      if (move.kind == MoveKind::refused) {
        return who + " is refused: " + refusals(state, exchange)[move.b];
      }
      if (exchange.phase == Phase::hanging) return who + " times out";
      const auto answer = world_.parts().answer(exchange.answer);
      return who + " answered " + std::string(pawl::name_of(answer.outcome)) +
             (answer.code.empty() ? "" : " " + answer.code);
    }
    case MoveKind::late_arrival:
      return "late " + world_.effect_name(state.wire[move.a].label) + " arrives (send " +
             std::to_string(state.wire[move.a].attempt) + ")";
    case MoveKind::crash:
      return worker_name(move.a) + " crashes";
    case MoveKind::lease_lost:
      return (world_.sizes().lanes ? worker_name(move.b) + " finds that " : "") + "the lease on " +
             effect() + " has passed";
    case MoveKind::stall:
      return "its worker is slow, the lease on " + effect() + " is taken over";
    case MoveKind::time_passes:
      return "time passes";
    case MoveKind::event:
      return world_.scenario().events[move.a].name;
    case MoveKind::operate: {
      const auto verb = static_cast<protocol::EffectVerb>(move.b);
      return "operator: " + std::string(pawl::name_of(verb)) + " " + effect();
    }
    case MoveKind::parked:
      return std::string("operator: ") + (move.b != 0 ? "retry" : "drop") + " parked " +
             world_.parts().parked(state.parked[move.a].row).kind;
    case MoveKind::take: {
      const std::string who = worker_name(move.a) + " takes in hand ";
      switch (static_cast<Holds>(move.b)) {
        case Holds::request:
          return who + world_.shown(world_.scenario().requests[move.c].name);
        case Holds::message:
          return who + world_.parts().message(state.messages[move.c].row).kind + " to " +
                 entity(world_.parts().message(state.messages[move.c].row).to);
        case Holds::deadline:
          return who + "deadline " + world_.places()[move.c].name + " of " +
                 entity(world_.places()[move.c].entity);
        case Holds::claim:
          return who + "the claim of " + world_.effect_name(state.effects[move.c].label);
        default:
          return who + "the lease on " + world_.effect_name(state.effects[move.c].label);
      }
    }
    case MoveKind::run_hand:
      return worker_name(move.a) + " carries out what it has in hand";
    case MoveKind::edit_inside:
      return world_.shown(world_.scenario().requests[move.a].name) + ", and between its read and " +
             "its write: " + world_.scenario().events[move.b].name;
    case MoveKind::remove_receipt:
      return "the receipt of " + world_.shown(world_.scenario().requests[move.a].name) +
             " is removed";
    case MoveKind::back_up:
      return "a backup is taken";
    case MoveKind::restore:
      return "the store is lost, and made anew of the backup";
    case MoveKind::take_over:
      return worker_name(move.a) + " takes the lane over";
    case MoveKind::send_unclaimed:
      return "a worker sends " + effect() + " before its claim is committed, and crashes";
  }
  return {};
}

}  // namespace pawl::check
