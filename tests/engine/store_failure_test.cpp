// SPDX-License-Identifier: Apache-2.0
//
// A store that fails: callers are told the truth, inner work waits and keeps its order, and the
// engine does not spin.
#include "engine/engine_fixture.h"
#include "engine/failing_store.h"

namespace pawl::test {
namespace {

class StoreFailure : public EngineFixture {
 protected:
  void begin(CommitFault fault) {
    wrap_ = [fault = std::move(fault)](StoreHandle inner) {
      return StoreHandle(new FailingStore(std::move(inner), fault));
    };
    start();
    done(bank::Open{"a", 100, {}});
    done(bank::Open{"b", 100, {}});
  }
  // So that their messages are in one batch, and no request shares the messages' commits.
  void send_three_in_one_commit() {
    std::promise<void> entered;
    std::promise<void> release;
    engine_->submit(bank::Deposit{"a", 0}, {"ann", "hold", ""}, [&](const Result<Receipt>&) {
      entered.set_value();
      release.get_future().wait();
    });
    entered.get_future().wait();
    std::atomic<int> answered{0};
    for (const char* label : {"1", "2", "3"}) {
      engine_->submit(bank::Send{"a", "b", 1, label}, {"ann", label, ""},
                      [&](const Result<Receipt>&) { ++answered; });
    }
    release.set_value();
    ASSERT_TRUE(eventually([&] { return answered == 3; }));
  }
};

TEST_F(StoreFailure, TheCallerIsToldAndNothingChanged) {
  std::atomic<bool> failing{false};
  begin([&](const protocol::WriteBatch&) -> std::optional<Error> {
    if (failing) return Error(protocol::store_failed, "on purpose");
    return std::nullopt;
  });
  failing = true;
  const auto failed = call(bank::Deposit{"a", 1}, "d1");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, protocol::store_failed);
  EXPECT_EQ(account("a").balance, 100);
  failing = false;
  const auto again = call(bank::Deposit{"a", 1}, "d1");
  ASSERT_TRUE(again && again->done);
  EXPECT_FALSE(again->repeated);
  engine_.reset();
}

// As when another process's create came first: it is decided again, on the row that is there now.
TEST_F(StoreFailure, ALostCreateIsDecidedAgain) {
  std::atomic<int> conflicts{0};
  begin([&](const protocol::WriteBatch&) -> std::optional<Error> {
    if (conflicts == 0) return std::nullopt;
    --conflicts;
    return Error(protocol::create_conflict, "on purpose");
  });
  conflicts = 1;
  done(bank::Open{"c", 1, {}});
  EXPECT_EQ(account("c").balance, 1);
  // What conflicts each time is a unique value that another has.
  conflicts = 3;
  const auto lost = call(bank::Open{"d", 1, {}}, "d");
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, protocol::create_conflict);
  EXPECT_EQ(conflicts, 0);
  engine_.reset();
}

// Rates would only say that little happens; this says that somebody waits and nothing completes.
TEST_F(StoreFailure, ACommitThatHangsIsSeenAsAStall) {
  std::atomic<bool> hanging{false};
  std::promise<void> entered;
  std::promise<void> release;
  begin([&](const protocol::WriteBatch&) -> std::optional<Error> {
    if (hanging.exchange(false)) {
      entered.set_value();
      release.get_future().wait();
    }
    return std::nullopt;
  });
  const EngineStatistics before = engine_->statistics();
  EXPECT_EQ(before.stalled_us, 0);
  EXPECT_GT(before.commits, 0);
  hanging = true;
  std::atomic<bool> answered{false};
  engine_->submit(bank::Deposit{"a", 1}, {"ann", "hang", ""},
                  [&](const Result<Receipt>&) { answered = true; });
  entered.get_future().wait();
  EXPECT_EQ(engine_->statistics().waiting, 1);
  ASSERT_TRUE(eventually([&] { return engine_->statistics().stalled_us >= 60'000; }));
  release.set_value();
  ASSERT_TRUE(eventually([&] { return answered.load(); }));
  const EngineStatistics after = engine_->statistics();
  EXPECT_EQ(after.stalled_us, 0);
  // The hang stands in the histogram: 60 ms, less the lock before it, are more than 2^7 units of
  // 128 us.
  std::int64_t slow = 0;
  for (std::size_t i = 8; i < PowerHistogram::places; ++i) slow += after.commit_us.counts[i];
  EXPECT_GE(slow, 1);
  EXPECT_GE(after.commit_us.sum, 20'000);
  std::int64_t batches = 0;
  for (const auto count : after.batch_works.counts) batches += count;
  EXPECT_EQ(batches, after.commits);
  EXPECT_EQ(after.batch_works.sum, after.works);
}

TEST_F(StoreFailure, InDoubtIsAnsweredAsInDoubt) {
  std::atomic<bool> failing{false};
  begin([&](const protocol::WriteBatch&) -> std::optional<Error> {
    if (failing) return Error(outcome_in_doubt, "on purpose");
    return std::nullopt;
  });
  failing = true;
  const auto failed = call(bank::Deposit{"a", 1});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, outcome_in_doubt);
  EXPECT_EQ(failed.error().code.error_class, ErrorClass::in_doubt);
  engine_.reset();
}

TEST_F(StoreFailure, InnerWorkWaitsWithoutSpinningAndGoesOnInOrder) {
  std::atomic<int> to_fail{3};
  std::atomic<int> tries{0};
  begin([&](const protocol::WriteBatch& writes) -> std::optional<Error> {
    if (writes.messages_deleted.empty()) return std::nullopt;
    ++tries;
    if (to_fail-- > 0) return Error(protocol::store_failed, "on purpose");
    return std::nullopt;
  });
  const auto begun = std::chrono::steady_clock::now();
  send_three_in_one_commit();
  ASSERT_TRUE(reaches("b", [](const auto& row) { return row.trail == "123"; }));
  EXPECT_LE(tries, 6) << "one try per pause, not one per turn of the loop";
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(900));
  engine_.reset();
}

TEST_F(StoreFailure, AFailureWhileRunningOneByOneKeepsTheOrderOfMessages) {
  std::atomic<int> alone{0};
  begin([&](const protocol::WriteBatch& writes) -> std::optional<Error> {
    // The batch of both: one of them is at fault. Then the first, alone, meets a failing store.
    if (writes.messages_deleted.size() > 1) return Error(protocol::store_constraint, "on purpose");
    if (writes.messages_deleted.size() == 1 && alone++ == 0) {
      return Error(protocol::store_failed, "on purpose");
    }
    return std::nullopt;
  });
  send_three_in_one_commit();
  ASSERT_TRUE(reaches("b", [](const auto& row) { return row.trail.size() == 3; }));
  EXPECT_EQ(account("b").trail, "123");
  EXPECT_GT(alone, 1);
  engine_.reset();
}

TEST_F(StoreFailure, ADeadlineThatCannotBeWrittenIsParkedAndTheNextOneRings) {
  begin([](const protocol::WriteBatch& writes) -> std::optional<Error> {
    for (const auto& gone : writes.deadlines_deleted) {
      if (gone.name == "p" && writes.parked_inserted.empty()) {
        return Error(protocol::store_constraint, "on purpose");
      }
    }
    return std::nullopt;
  });
  done(bank::SetAlarm{"b", "q", 400, 0});
  done(bank::SetAlarm{"a", "p", 100, 0});
  ASSERT_TRUE(reaches("b", [](const auto& row) { return row.trail == "q"; }));
  EXPECT_EQ(account("a").trail, "");
  const auto parked = engine_->parked(10);
  ASSERT_TRUE(parked);
  ASSERT_EQ(parked->size(), 1U);
  EXPECT_EQ(parked->front().source, "deadline");
  engine_.reset();
}

TEST_F(StoreFailure, StopDoesNotWaitForAStoreThatNeverComesBack) {
  std::atomic<bool> failing{false};
  begin([&](const protocol::WriteBatch& writes) -> std::optional<Error> {
    if (failing && !writes.messages_deleted.empty()) return Error(protocol::store_failed, "gone");
    return std::nullopt;
  });
  restart(no_grace());
  failing = true;
  done(bank::Send{"a", "b", 1, "x"});
  engine_->stop();
  failing = false;
  restart();
  EXPECT_TRUE(reaches("b", [](const auto& row) { return row.trail == "x"; }));
  engine_.reset();
}

}  // namespace
}  // namespace pawl::test
