// SPDX-License-Identifier: Apache-2.0
//
// Decides one work after the other on the locked rows of a batch: what each kind of source does
// with the decision it gets (a receipt, a bounce, a parked command, an effect's next state).
#pragma once

#include <vector>

#include "protocol/batch_state.h"
#include "protocol/plan.h"
#include "protocol/work.h"

namespace pawl::protocol {

// Names an inner command across restarts: what DecidingNote holds while it is decided.
std::string note_of(const MessageRow& row);
std::string note_of(const DeadlineRow& row);
std::string note_of(const EffectRow& row);

class Decider {
 public:
  // The key of a receipt that is written is moved out of `receipt_keys`, where the plan put it.
  Decider(const Registry& registry, BatchState& state, std::vector<ReceiptKey>& receipt_keys,
          std::vector<StartExchange>& exchanges, std::int64_t receipts_window_us)
      : registry_(registry),
        state_(state),
        receipt_keys_(receipt_keys),
        exchanges_(exchanges),
        receipts_window_us_(receipts_window_us) {}

  WorkResult decide(const Work& work, const Planned& planned);

  // It ended so without a receipt, neither found nor written: if receipts were not looked up, it is
  // not known whether that is its answer.
  bool lacks_receipt(const Planned& planned, const WorkResult& result) const;

 private:
  bool is_skipped(const Planned& planned) const;
  WorkResult dispatch(const Work& work, const Planned& planned);
  WorkResult request(const RequestWork& work, const Planned& planned);
  WorkResult message(const MessageWork& work, const Planned& planned);
  WorkResult deadline(const DeadlineWork& work, const Planned& planned);
  WorkResult claim(const ClaimWork& work, const Planned& planned);
  WorkResult answer(const AnswerWork& work, const Planned& planned);
  WorkResult lease_lost(const LeaseLostWork& work, const Planned& planned);
  WorkResult operate(const OperateWork& work, const Planned& planned);
  WorkResult park(const ParkWork& work, const Planned& planned);
  WorkResult parked(const ParkedWork& work, const Planned& planned);
  WorkResult alert(const AlertWork& work, const Planned& planned);

  // Takes over what a step made of an effect, its outcome's command with it. False: the batch is
  // full and nothing was done.
  bool settle_effect(std::size_t index, EffectRow row, const EffectStep& step,
                     const Planned& planned, const CommandOrigin& origin);
  // Its receipt may have been removed already: it is not known whether it was decided.
  bool too_old(const Origin& origin) const;
  void store_receipt(const Planned& planned, const Receipt& receipt);
  void bounce(const MessageRow& row, const Receipt& refusal);
  void park_message(const MessageRow& row, const std::string& code, const std::string& detail);
  void park_deadline(const DeadlineRow& row, std::string code, std::string detail);
  void park_outcome(const EffectRow& row, std::string code, std::string detail);

  const Registry& registry_;
  BatchState& state_;
  std::vector<ReceiptKey>& receipt_keys_;
  std::vector<StartExchange>& exchanges_;
  std::int64_t receipts_window_us_;
  bool full_ = false;
};

}  // namespace pawl::protocol
