// SPDX-License-Identifier: Apache-2.0
#include "protocol/committer.h"

#include <utility>

#include "protocol/batch_state.h"
#include "protocol/decider.h"

namespace pawl::protocol {

Batch::Batch(const Registry& registry, const ConfigSnapshot& config, std::vector<Work> works,
             DecidingNote* note, BatchOptions options)
    : registry_(registry),
      config_(config),
      note_(note),
      options_(options),
      works_(std::move(works)) {
  request_.wait_for_rows = options.wait_for_rows;
  request_.look_up_receipts = options.look_up_receipts;
  Planner planner(registry_, request_);
  planned_.reserve(works_.size());
  for (Work& work : works_) planned_.push_back(planner.plan(work.item));
  planner.finish(planned_);
}

void Batch::decide(LockedBatch locked) {
  BatchState state(registry_, config_, std::move(locked), note_);
  Decider decider(registry_, state, request_.receipts, exchanges_, options_.receipts_window_us);
  results_.reserve(works_.size());
  for (std::size_t i = 0; i < works_.size(); ++i) {
    WorkResult result = decider.decide(works_[i], planned_[i]);
    result.ticket = works_[i].ticket;
    if (!options_.look_up_receipts) {
      needs_receipts_ = needs_receipts_ || decider.lacks_receipt(planned_[i], result);
    }
    results_.push_back(std::move(result));
  }
  state.finish();
  writes_ = std::move(state.writes());
}

}  // namespace pawl::protocol
