// SPDX-License-Identifier: Apache-2.0
//
// Whether a batch looks its receipts up. Most commands are new: then the unique key of receipts
// says so at the commit, and the look-up is saved. A repeat costs the whole batch a second run, and
// those who repeat mostly repeat more (a client's retries, a process that was restarted): for a
// while after one, and at the beginning, receipts are looked up.
#pragma once

namespace pawl::protocol {

class ReceiptLookups {
 public:
  // Batches with look-ups after a repeat, so that repeats, however many, run at most one batch in
  // so many a second time.
  static constexpr int batches_after_repeat = 64;

  bool wanted() const { return left_ > 0; }
  // A batch has run to its end.
  void batch_done(bool had_repeats) {
    if (had_repeats) {
      left_ = batches_after_repeat;
    } else if (left_ > 0) {
      --left_;
    }
  }

 private:
  int left_ = batches_after_repeat;
};

}  // namespace pawl::protocol
