// SPDX-License-Identifier: Apache-2.0
//
// What can happen next in a state, and the state after it: the drivers' and the outside's part.
// Every rule of the protocol is decided by Runner with production code; a move only brings work to
// it, keeps what a worker's memory knows, and plays the far side with its faults. What happens to
// the store as a whole (a lane taken over, receipts removed, a backup restored) is move_store.cpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "check/byte_table.h"
#include "check/runner.h"
#include "check/state.h"
#include "check/world.h"
#include "protocol/retention.h"

namespace pawl::check {

enum class MoveKind : std::uint8_t {
  request,
  message,
  deadline,
  claim,
  carried_out,  // of an exchange: the request arrives, its answer is on its way
  answer_lost,
  delayed,
  refused,
  not_sent,
  answer,  // the worker hears it, or gives up
  late_arrival,
  crash,
  lease_lost,
  stall,
  time_passes,
  event,
  operate,
  parked,
  take,  // in hand
  run_hand,
  edit_inside,     // an event edits a row between a request's read and its write
  send_unclaimed,  // without the guard claim_before_send
  remove_receipt,
  back_up,
  restore,
  take_over
};

struct Move {
  MoveKind kind = MoveKind::request;
  std::uint8_t a = 0;
  std::uint8_t b = 0;
  std::uint16_t c = 0;
};

class Mover {
 public:
  Mover(World& world, Runner& runner);

  void moves(const State& state, std::vector<Move>& out);
  // The state after the move, and whether it is another one. `broken`: an invariant of the engine
  // that the move broke; empty if none.
  bool apply(const Move& move, State& state, std::string& broken);
  // Any up to `size` of the moves in one batch must do what they do one after the other: "" if they
  // do. Moves of the kinds that batches do not fold are left out.
  std::string batch_differs(const std::vector<Move>& moves, const State& state, int size);
  // A short phrase, unique among the moves of the state.
  std::string text(const Move& move, const State& state);

 private:
  struct Foldable {
    Move move;
    WorkName name;
  };
  std::string batches_from(const std::vector<Foldable>& all, const State& state, int size,
                           std::vector<std::size_t>& chosen);
  bool folds(const std::vector<WorkName>& names, const State& state);

  void exchange_moves(const State& state, std::vector<Move>& out);
  void effect_moves(const State& state, std::vector<Move>& out);
  void inner_moves(const State& state, std::vector<Move>& out);
  void hand_moves(const State& state, std::vector<Move>& out);
  void request_moves(const State& state, std::vector<Move>& out);
  void store_moves(const State& state, std::vector<Move>& out);
  bool time_may_pass(const State& state);
  bool pair_waits(const State& state, std::size_t message);

  bool exchange_step(const Move& move, State& state, std::string& broken);
  bool event_happens(const Event& event, std::size_t index, State& state);
  bool operate(const Move& move, State& state, std::string& broken);
  bool run_hand(const Move& move, State& state, std::string& broken);
  bool take(const Move& move, State& state);
  bool edit_inside(const Move& move, State& state, std::string& broken);
  WorkName work_in(const Hand& hand) const;
  bool store_step(const Move& move, State& state);
  void restore(State& state);
  // May this process commit? One that finds itself fenced stops.
  bool holds_lane(State& state, std::uint8_t worker);
  // It has committed: which place in the journal that took.
  void take_place(State& state, std::uint8_t worker, std::string& broken);
  bool runs(const State& state, std::size_t worker) const {
    return !world_.sizes().lanes || state.holds[worker] != Hold::none;
  }

  // Runs it and applies what it wrote.
  bool commit(const WorkName& name, State& state, std::string& broken, std::uint8_t worker = 0);
  void apply_ran(const WorkName& name, const Ran& ran, State& state, std::uint8_t worker);
  void apply_effects(const WorkName& name, const Ran& ran, State& state, std::uint8_t worker);
  void supersede(State& state, std::size_t effect);
  void tell_hands(const WorkName& name, const Ran& ran, State& state);
  std::string judge(const WorkName& name, const Ran& ran, const State& before);
  std::string judge_waiting(const Ran& ran, const State& before, const State& after);

  // One request or inquiry as the far side takes it: its answer, and its facts afterwards.
  struct Met {
    PartId facts = 0;
    PartId answer = 0;
  };
  Met meet(const State& state, std::uint16_t label, EffectCall::Purpose purpose, int attempt,
           int not_after_tick, std::string_view refusal);
  Met meet_exchange(const State& state, const Exchange& exchange, std::string_view refusal);
  std::vector<std::string> refusals(const State& state, const Exchange& exchange);
  EffectCall call_of(std::uint16_t label, EffectCall::Purpose purpose, int attempt,
                     int not_after_tick) const;
  protocol::EffectRow row_of(const State& state, const Exchange& exchange) const;
  int ticks_of(Time time) const;
  // Late requests that can change nothing any more are gone.
  void forget_spent(State& state, std::string& broken);
  bool in_flight(const State& state, std::uint16_t label) const;

  World& world_;
  Runner& runner_;
  ByteTable met_keys_;
  std::vector<Met> met_;
  ByteTable batches_;  // keys of those that were tried
  ByteTable spent_keys_;
  std::vector<bool> spent_;
  bool step(const Move& move, State& state, std::string& broken);
  PartId given_up_;
  PartId unsent_;
  std::optional<protocol::RetentionPlan> retention_;
  bool early_reads_;
  bool early_sends_;
  bool late_answers_count_;
};

}  // namespace pawl::check
