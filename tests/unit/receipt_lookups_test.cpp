// SPDX-License-Identifier: Apache-2.0
//
// When receipts are looked up, and what a batch may answer that did not look them up.
#include "protocol/receipt_lookups.h"

#include "core/json.h"
#include "unit/batch_fixture.h"

namespace pawl::protocol {
namespace {

int batches_until_unwanted(ReceiptLookups& lookups) {
  int batches = 0;
  for (; lookups.wanted() && batches < 1'000; ++batches) lookups.batch_done(false);
  return batches;
}

TEST(ReceiptLookups, AreWantedAtTheBeginningAndForAWhileAfterARepeat) {
  ReceiptLookups lookups;
  EXPECT_EQ(batches_until_unwanted(lookups), ReceiptLookups::batches_after_repeat);
  lookups.batch_done(false);
  EXPECT_FALSE(lookups.wanted());
  lookups.batch_done(true);
  EXPECT_EQ(batches_until_unwanted(lookups), ReceiptLookups::batches_after_repeat);
}

TEST(ReceiptLookups, ARepeatAmongThemBeginsTheWhileAnew) {
  ReceiptLookups lookups;
  for (int i = 0; i < 10; ++i) lookups.batch_done(false);
  lookups.batch_done(true);
  EXPECT_EQ(batches_until_unwanted(lookups), ReceiptLookups::batches_after_repeat);
}

class WithoutReceipts : public BatchFixture {
 protected:
  WithoutReceipts() { look_up_receipts = false; }
};

TEST_F(WithoutReceipts, WhatWritesItsOwnMayBeCommitted) {
  put("a", 5);
  request(bank::Deposit{"a", 1});
  request(bank::Transfer{"a", "b", 1'000});  // refused: that is an answer, too
  run();
  EXPECT_FALSE(batch->needs_receipts());
  EXPECT_EQ(writes().receipts.size(), 2U);
}

TEST_F(WithoutReceipts, ARepeatWithinTheBatchIsAnsweredByTheFirstOne) {
  put("a", 5);
  request(bank::Deposit{"a", 1}, "same");
  const auto repeat = request(bank::Deposit{"a", 1}, "same");
  run();
  EXPECT_FALSE(batch->needs_receipts());
  EXPECT_TRUE(result(repeat).receipt->repeated);
  EXPECT_EQ(row("a").balance, 6);
}

TEST_F(WithoutReceipts, WhatEndsWithoutOneMayBeARepeat) {
  put("a", 5);
  request(bank::Deposit{"a", 1});
  request(bank::Misbehave{"a", "throw", 0});
  run();
  EXPECT_TRUE(batch->needs_receipts()) << "its first sending may have been carried out";
  look_up_receipts = true;
  request(bank::Misbehave{"a", "throw", 0});
  run();
  EXPECT_FALSE(batch->needs_receipts()) << "looked up, and there is none";
}

TEST_F(WithoutReceipts, SoMayWhatIsTooOld) {
  put("a", 5);
  receipts_window_us = 1'000'000;
  const auto ticket =
      add(RequestWork{make_command(bank::Deposit{"a", 1}),
                      {.principal = "ann", .id = "old", .made_at = now.plus_seconds(-3'600)}});
  run();
  EXPECT_EQ(code(ticket), "too_old");
  EXPECT_TRUE(batch->needs_receipts());
}

}  // namespace
}  // namespace pawl::protocol
