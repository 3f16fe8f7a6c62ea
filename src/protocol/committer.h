// SPDX-License-Identifier: Apache-2.0
//
// The committer's step machine: many commands, one commit. It does no input or output:
//
//   Batch batch(registry, config, works);       step "plan":   which keys, in the global order
//   store.lock(batch.lock_request())            step "lock"
//   batch.decide(locked)                        step "decide": every command, in arrival order
//   store.commit(batch.write_batch())           step "commit"
//   batch.results()                             step "answer": only after the commit returned
//
// Commands on one entity fold in memory: each sees what the one before decided. A command that is
// refused, or whose code throws, leaves no trace in the rows. If the commit fails nothing has
// happened, and the driver runs the items again, one by one where one of them was at fault.
#pragma once

#include <pawl/context.h>
#include <pawl/machine.h>

#include <vector>

#include "protocol/deciding_note.h"
#include "protocol/plan.h"
#include "protocol/storage.h"
#include "protocol/work.h"

namespace pawl::protocol {

inline constexpr std::size_t max_batch_works = 1'024;

struct BatchOptions {
  // A request made before it is refused as too old; 0: there is no window.
  std::int64_t receipts_window_us = 0;
  // See LockRequest; if not set, works may end as `skipped`.
  bool wait_for_rows = false;
  // See LockRequest; if not set, the batch may turn out to need its receipts.
  bool look_up_receipts = true;
};

class Batch {
 public:
  Batch(const Registry& registry, const ConfigSnapshot& config, std::vector<Work> works,
        DecidingNote* note = nullptr, BatchOptions options = {});
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  // Complete until decide(), which takes the keys of the receipts that it writes.
  const LockRequest& lock_request() const { return request_; }

  // Decides all works on the locked rows. Call once.
  void decide(LockedBatch locked);

  // Decided without its receipts, and one of the works ended without writing its own: it may be a
  // repeat, which has an answer already. Nothing of it may be committed or told; it is run again
  // with the receipts.
  bool needs_receipts() const { return needs_receipts_; }

  // What to commit. Empty when nothing changes: then no commit is needed.
  const WriteBatch& write_batch() const { return writes_; }

  // After the commit: how each work ended, and what the drivers carry on with.
  const std::vector<WorkResult>& results() const { return results_; }
  std::vector<WorkResult> take_results() { return std::move(results_); }
  const std::vector<StartExchange>& exchanges() const { return exchanges_; }

  // After a failed commit, to run them again.
  std::vector<Work> take_works() { return std::move(works_); }

 private:
  const Registry& registry_;
  const ConfigSnapshot& config_;
  DecidingNote* note_;
  BatchOptions options_;
  bool needs_receipts_ = false;
  std::vector<Work> works_;
  std::vector<Planned> planned_;
  LockRequest request_;
  WriteBatch writes_;
  std::vector<WorkResult> results_;
  std::vector<StartExchange> exchanges_;
};

}  // namespace pawl::protocol
