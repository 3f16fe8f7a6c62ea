// SPDX-License-Identifier: Apache-2.0
#include "protocol/committer.h"

#include <utility>

#include "protocol/batch_state.h"
#include "protocol/decider.h"

namespace pawl::protocol {

Batch::Batch(const Registry& registry, const ConfigSnapshot& config, std::vector<Work> works,
             DecidingNote* note, std::int64_t receipts_window_us, bool wait_for_rows)
    : registry_(registry),
      config_(config),
      note_(note),
      receipts_window_us_(receipts_window_us),
      works_(std::move(works)) {
  request_.wait_for_rows = wait_for_rows;
  Planner planner(registry_, request_);
  planned_.reserve(works_.size());
  for (Work& work : works_) planned_.push_back(planner.plan(work.item));
  planner.finish(planned_);
}

void Batch::decide(LockedBatch locked) {
  BatchState state(registry_, config_, std::move(locked), note_);
  Decider decider(registry_, state, request_.receipts, exchanges_, receipts_window_us_);
  results_.reserve(works_.size());
  for (std::size_t i = 0; i < works_.size(); ++i) {
    WorkResult result = decider.decide(works_[i], planned_[i]);
    result.ticket = works_[i].ticket;
    results_.push_back(std::move(result));
  }
  state.finish();
  writes_ = std::move(state.writes());
}

}  // namespace pawl::protocol
