// SPDX-License-Identifier: Apache-2.0
//
// Folding: the committer decides many works in one batch, each on the rows as the ones before left
// them. Everything else here commits them one by one. This is why that is enough: in a state, any
// two of them in one batch are held to what they do one after the other.
#include <algorithm>

#include "check/moves.h"
#include "protocol/committer.h"

namespace pawl::check {

Ran Runner::run_both(const std::array<WorkName, 2>& names, const State& state,
                     std::array<bool, 2>& gone) {
  std::vector<protocol::Work> works;
  works.reserve(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    works.push_back({i + 1, item(names[i], static_cast<std::int64_t>(i) + 1)});
  }
  const ConfigSnapshot& config = world_.scenario().configs[state.config];
  protocol::Batch batch(world_.registry(), config, std::move(works));
  batch.decide(locked(names[0], batch.lock_request(), state, state.entities));
  const protocol::WriteBatch& writes = batch.write_batch();
  Ran ran;
  take_writes(names[0], writes, state, ran);
  for (auto& [at, part] : ran.receipts) {
    // No two requests here share an id: the receipt is of who asked under it.
    std::size_t writer = 0;
    part = world_.parts().of_receipt(world_.parts().receipt(part, writer), at);
  }
  for (const std::int64_t id : writes.messages_deleted) {
    gone[static_cast<std::size_t>(id) - 1] = true;
  }
  ran.message_gone = false;
  return ran;
}

std::string Mover::fold_differs(const Move& first, const Move& second, const State& state) {
  std::array<WorkName, 2> names;
  const std::array<const Move*, 2> moves{&first, &second};
  for (std::size_t i = 0; i < 2; ++i) {
    const Move& move = *moves[i];
    if (move.kind == MoveKind::request && !world_.shares_receipt(move.a)) {
      names[i] = {.kind = WorkKind::request, .index = move.a};
    } else if (move.kind == MoveKind::message) {
      names[i] = {.kind = WorkKind::message, .row = state.messages[move.a].row};
    } else if (move.kind == MoveKind::deadline) {
      names[i] = {.kind = WorkKind::deadline, .index = move.a, .row = state.deadlines[move.a]};
    } else {
      return {};
    }
  }
  const bool one_source = first.kind == second.kind && first.a == second.a;
  if (one_source && first.kind != MoveKind::request) return {};

  // One after the other; a deadline that the first has armed anew no longer stands for the second.
  State apart = state;
  const Ran& led = runner_.run(names[0], state, state.entities);
  WorkName then = names[1];
  if (then.kind == WorkKind::deadline &&
      std::any_of(led.deadlines.begin(), led.deadlines.end(),
                  [&](const auto& one) { return one.first == then.index; })) {
    then.flag = 0;
  }
  apply_ran(names[0], led, apart, 0);
  apply_ran(then, runner_.run(then, apart, apart.entities), apart, 0);

  // Both in one batch.
  State together = state;
  std::array<bool, 2> gone{};
  const Ran both = runner_.run_both(names, state, gone);
  apply_ran(names[0], both, together, 0);
  for (std::size_t i = 0; i < 2; ++i) {
    if (!gone[i]) continue;
    for (std::size_t m = 0; m < together.messages.size(); ++m) {
      if (together.messages[m].row != names[i].row) continue;
      together.messages.erase(m);
      break;
    }
  }
  std::string one;
  std::string other;
  world_.canonical(apart, one);
  world_.canonical(together, other);
  if (one == other) return {};
  return "in one batch they do something else: " + text(first, state) + ", then " +
         text(second, state);
}

}  // namespace pawl::check
