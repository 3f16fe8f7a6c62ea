// SPDX-License-Identifier: Apache-2.0
//
// Folding: the committer decides many works in one batch, each on the rows as the ones before left
// them. Everything else here commits them one by one. This is why that is enough: in a state, any
// two (or three) of them in one batch are held to what they do one after the other. What a batch
// does follows from its works and from what they read, so each different one is tried once.
#include <algorithm>
#include <optional>

#include "check/moves.h"
#include "protocol/committer.h"

namespace pawl::check {

std::string_view Runner::batch_key(std::span<const WorkName> names, const State& state) {
  std::vector<std::uint32_t> shapes;
  shapes.reserve(names.size());
  for (const WorkName& name : names) shapes.push_back(shape_of(name));
  key_.assign({tick_key(state), static_cast<std::uint32_t>(names.size())});
  key_.insert(key_.end(), shapes.begin(), shapes.end());
  for (std::size_t i = 0; i < names.size(); ++i) {
    append_reads(shapes_[shapes[i]], names[i], state, state.entities);
  }
  return {reinterpret_cast<const char*>(key_.data()), key_.size() * sizeof(std::uint32_t)};
}

Ran Runner::run_batch(std::span<const WorkName> names, const State& state,
                      std::vector<bool>& gone) {
  const ConfigSnapshot& config = world_.scenario().configs[state.config];
  std::optional<protocol::Batch> batch;
  for (const bool look_up : {false, true}) {
    std::vector<protocol::Work> works;
    works.reserve(names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
      works.push_back({i + 1, item(names[i], static_cast<std::int64_t>(i) + 1)});
    }
    batch.emplace(
        world_.registry(), config, std::move(works), nullptr,
        protocol::BatchOptions{.receipts_window_us = window_us(), .look_up_receipts = look_up});
    batch->decide(locked(names[0], batch->lock_request(), state, state.entities));
    if (!batch->needs_receipts() && !receipt_is_taken(batch->write_batch(), state)) break;
  }
  Ran ran;
  // Not even the receipts helped (a guard is off): nothing is committed.
  if (receipt_is_taken(batch->write_batch(), state)) return ran;
  const protocol::WriteBatch& writes = batch->write_batch();
  take_writes(names[0], writes, state, ran);
  for (auto& [at, part] : ran.receipts) {
    // No two requests here share an id: the receipt is of who asked under it.
    std::size_t writer = 0;
    const auto receipt = world_.parts().receipt(part, writer);
    part = world_.parts().of_receipt(receipt, at, world_.parts().receipt_tick(part));
  }
  for (const std::int64_t id : writes.messages_deleted) {
    gone[static_cast<std::size_t>(id) - 1] = true;
  }
  ran.message_gone = false;
  return ran;
}

std::string Mover::batch_differs(const std::vector<Move>& moves, const State& state, int size) {
  std::vector<Foldable> all;
  for (const Move& move : moves) {
    WorkName name;
    if (move.kind == MoveKind::request && move.b == 0 && !world_.shares_receipt(move.a)) {
      name = {.kind = WorkKind::request, .index = move.a};
    } else if (move.kind == MoveKind::message) {
      name = {.kind = WorkKind::message, .row = state.messages[move.a].row};
    } else if (move.kind == MoveKind::deadline) {
      name = {.kind = WorkKind::deadline, .index = move.a, .row = state.deadlines[move.a]};
    } else {
      continue;
    }
    all.push_back({move, name});
  }
  std::vector<std::size_t> chosen;
  return batches_from(all, state, size, chosen);
}

// Every order of works, up to `size` of them, that begins with those that were chosen. A request
// may come twice; a message or a deadline is there once.
std::string Mover::batches_from(const std::vector<Foldable>& all, const State& state, int size,
                                std::vector<std::size_t>& chosen) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool again = std::find(chosen.begin(), chosen.end(), i) != chosen.end();
    if (again && all[i].name.kind != WorkKind::request) continue;
    chosen.push_back(i);
    std::string differs;
    if (chosen.size() > 1) {
      std::vector<WorkName> names;
      names.reserve(chosen.size());
      for (const std::size_t at : chosen) names.push_back(all[at].name);
      if (batches_.insert(runner_.batch_key(names, state)).second && !folds(names, state)) {
        differs = "in one batch they do something else: ";
        for (std::size_t c = 0; c < chosen.size(); ++c) {
          differs += (c == 0 ? "" : ", then ") + text(all[chosen[c]].move, state);
        }
      }
    }
    if (differs.empty() && static_cast<int>(chosen.size()) < size) {
      differs = batches_from(all, state, size, chosen);
    }
    chosen.pop_back();
    if (!differs.empty()) return differs;
  }
  return {};
}

bool Mover::folds(const std::vector<WorkName>& names, const State& state) {
  // One after the other; a deadline that one before has armed anew no longer stands.
  State apart = state;
  // What was refused is not asked again: within the batch its receipt is kept.
  std::vector<std::uint8_t> armed;
  std::vector<std::uint16_t> refused;
  for (WorkName name : names) {
    if (name.kind == WorkKind::request &&
        std::find(refused.begin(), refused.end(), name.index) != refused.end()) {
      continue;
    }
    if (name.kind == WorkKind::deadline &&
        std::find(armed.begin(), armed.end(), name.index) != armed.end()) {
      name.flag = 0;
    }
    const Ran& ran = runner_.run(name, apart, apart.entities);
    if (name.kind == WorkKind::request && ran.refused) refused.push_back(name.index);
    for (const auto& [place, part] : ran.deadlines) armed.push_back(place);
    apply_ran(name, ran, apart, 0);
  }

  // All in one batch.
  State together = state;
  std::vector<bool> gone(names.size());
  const Ran all = runner_.run_batch(names, state, gone);
  apply_ran(names[0], all, together, 0);
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (std::size_t m = 0; gone[i] && m < together.messages.size(); ++m) {
      if (together.messages[m].row != names[i].row) continue;
      together.messages.erase(m);
      break;
    }
  }
  std::string one;
  std::string other;
  world_.canonical(apart, one);
  world_.canonical(together, other);
  return one == other;
}

}  // namespace pawl::check
