// SPDX-License-Identifier: Apache-2.0
//
// Commits in doubt: the lane's connection is reset, cut, loses what is sent or holds it back, at
// every byte of COMMIT's exchange and here and there before it. Once it can reach the database
// again the caller gets the true receipt, every command is executed once, and the lane works on.
#include <array>
#include <cstdio>
#include <functional>
#include <thread>

#include "postgres/doubt_world.h"

namespace pawl::test {
namespace {

constexpr std::array faults{Fault::reset, Fault::cut, Fault::swallow, Fault::hold};
constexpr std::array directions{Direction::to_server, Direction::to_client};
// Between the places before COMMIT that are tried: no divisor of any message's length.
constexpr std::uint64_t sample_step_bytes = 53;
// How long an inquiry may take to have raised the lane's epoch.
constexpr int settling_ms = 3'000;
// Of a fault that must be met before the lane's own time-out.
constexpr int max_tries = 5;

class CommitThroughAGate : public ::testing::Test {
 protected:
  void begin() {
    world.start();
    if (HasFatalFailure()) return;
    world.open_account();
    works_on();
  }
  // Also so that the statements of the next are prepared on this connection.
  void works_on() {
    ++deposits;
    DoubtWorld::expect_done(world.deposit(deposits).get(), deposits, false);
  }
  // How long COMMIT's exchange is when it is prepared.
  std::uint64_t commit_length(Direction direction) {
    works_on();
    world.gate().heal();
    works_on();
    EXPECT_TRUE(eventually([&] { return world.gate().commit(direction).has_value(); }));
    return world.gate().commit(direction)->length();
  }
  // One deposit with a fault on its way. True: it has struck.
  bool deposit_through(const ArmedFault& fault) {
    const std::string which = "fault " + std::to_string(static_cast<int>(fault.fault)) + " " +
                              (fault.direction == Direction::to_server ? "to" : "from") +
                              " the server at byte " + std::to_string(fault.bytes);
    SCOPED_TRACE(which);
    const int connections = world.gate().connections();
    world.gate().arm(fault);
    auto receipt = world.deposit(++deposits);
    bool struck = false;
    EXPECT_TRUE(eventually([&] {
      struck = world.gate().struck(0);
      return struck || DoubtWorld::ready(receipt);
    }));
    struck = struck || world.gate().struck(0);
    world.gate().heal();
    DoubtWorld::expect_done(receipt.get(), deposits, false);
    DoubtWorld::expect_done(world.deposit(deposits).get(), deposits, true);
    if (struck && fault.fault != Fault::hold) {
      EXPECT_GT(world.gate().connections(), connections) << "another connection than the lane's";
    }
    return struck;
  }

  // The lane gives the connection up; what was held goes on then, once `until` is so. False: the
  // machine was so slow that the lane gave up before the fault came.
  bool hold_until(const ArmedFault& fault, const std::function<bool()>& until) {
    world.gate().arm(fault);
    auto receipt = world.deposit(++deposits);
    EXPECT_TRUE(eventually([&] { return world.gate().struck(0) || DoubtWorld::ready(receipt); }));
    const bool struck = world.gate().struck(0);
    const int connections = world.gate().connections();
    if (struck) {
      EXPECT_TRUE(eventually(
          [&] { return world.gate().connections() > connections || DoubtWorld::ready(receipt); }));
      eventually(until, settling_ms);
    }
    world.gate().heal();
    const auto answer = receipt.get();
    // The server's own time-out may have been faster: then it is said that nothing was changed.
    if (!answer) {
      EXPECT_TRUE(answer.error().code == protocol::rows_locked ||
                  answer.error().code == protocol::store_failed)
          << answer.error().text();
    } else {
      DoubtWorld::expect_done(answer, deposits, false);
    }
    DoubtWorld::expect_done(works_on_after_a_time_out(), deposits, answer.has_value());
    return struck;
  }
  // Until the connection has prepared both ways to the row, by its place and by the index: lock
  // rounds then differ by a few bytes, which are far fewer than a write round has.
  void locks_in_every_way() {
    for (int i = 0; i < 10 && !HasFailure(); ++i) {
      const auto receipt = world.deposit(++deposits).get();
      DoubtWorld::expect_done(receipt, deposits, false);
    }
  }
  static constexpr std::uint64_t into_write_round = 20;
  // The last deposit once more, as soon as the lane can.
  Result<Receipt> works_on_after_a_time_out() {
    Result<Receipt> again = fail(protocol::store_failed);
    EXPECT_TRUE(eventually([&] {
      again = world.deposit(deposits).get();
      return again.has_value();
    }));
    return again;
  }

  DoubtWorld world;
  int deposits = 0;
};

TEST_F(CommitThroughAGate, AtEveryByteOfItsExchangeTheCallerGetsTheTrueReceipt) {
  begin();
  if (HasFailure()) return;
  int runs = 0;
  for (const auto direction : directions) {
    const std::uint64_t length = commit_length(direction);
    for (const auto fault : faults) {
      for (std::uint64_t bytes = 0; bytes <= length; ++bytes) {
        works_on();
        EXPECT_TRUE(deposit_through({direction, From::commit, bytes, fault}));
        ++runs;
        if (HasFailure()) return;
      }
    }
    EXPECT_GT(length, 20U);
  }
  world.expect_deposits(deposits);
  std::printf("%d runs\n", runs);
  EXPECT_GT(runs, 200);
}

// Before COMMIT nothing can have happened: the batch runs again as a whole.
TEST_F(CommitThroughAGate, AnywhereBeforeTheCommitItRunsAgain) {
  begin();
  if (HasFailure()) return;
  int runs = 0;
  for (const auto direction : directions) {
    for (const auto fault : faults) {
      for (std::uint64_t bytes = 0;; bytes += sample_step_bytes) {
        works_on();
        if (!deposit_through({direction, From::armed, bytes, fault})) break;
        ++runs;
        if (HasFailure()) return;
      }
    }
  }
  world.expect_deposits(deposits);
  std::printf("%d runs\n", runs);
  EXPECT_GT(runs, 50);
}

// The bytes arrive when the lane has long given up that connection and asked what came of it.
TEST_F(CommitThroughAGate, WhatArrivesLateChangesNothing) {
  world.options().statement_timeout_ms = 300;
  world.options().tcp_timeout_ms = 300;
  begin();
  if (HasFailure()) return;
  for (const std::uint64_t bytes : {0, 11, 23}) {
    SCOPED_TRACE(bytes);
    bool struck = false;
    for (int tries = 0; tries < max_tries && !struck && !HasFailure(); ++tries) {
      works_on_after_a_time_out();
      struck =
          hold_until({Direction::to_server, From::commit, bytes, Fault::hold}, [] { return true; });
    }
    EXPECT_TRUE(struck);
    if (HasFailure()) return;
  }
  world.expect_deposits(deposits);
}

// A whole write round that arrives after the lane was told that it has not happened: the epoch was
// raised, so that it cannot happen any more.
TEST_F(CommitThroughAGate, AWriteRoundThatArrivesLateFindsTheEpochRaised) {
  world.options().statement_timeout_ms = 300;
  world.options().tcp_timeout_ms = 300;
  begin();
  if (HasFailure()) return;
  locks_in_every_way();
  // Where the write round begins: when the lock round is answered, nothing of it was sent.
  const auto sent = world.gate().bytes(Direction::to_server);
  world.gate().arm({Direction::to_client, From::armed, 1, Fault::hold});
  auto receipt = world.deposit(++deposits);
  ASSERT_TRUE(world.gate().struck(patience_ms));
  const auto lock_round = world.gate().bytes(Direction::to_server) - sent;
  world.gate().heal();
  (void)receipt.get();
  bool struck = false;
  for (int tries = 0; tries < max_tries && !struck && !HasFailure(); ++tries) {
    works_on_after_a_time_out();
    locks_in_every_way();
    const std::string epoch = world.sql("SELECT epoch FROM pawl_lanes");
    // Without the raise this waits in vain, and what is then let through is carried out.
    struck =
        hold_until({Direction::to_server, From::armed, lock_round + into_write_round, Fault::hold},
                   [&] { return world.sql("SELECT epoch FROM pawl_lanes") != epoch; });
  }
  EXPECT_TRUE(struck);
  world.expect_deposits(deposits);
}

// The lane by itself: what commit() says is what the journal has.
class LaneInDoubt : public ::testing::Test {
 protected:
  void begin() {
    auto opened = world.open();
    ASSERT_TRUE(opened) << opened.error().text();
    store = std::move(*opened);
    auto taken = store->take_lane(LaneWish::own);
    ASSERT_TRUE(taken && *taken);
    lane = std::move(*taken);
    ASSERT_TRUE(commit());
  }
  Result<void> commit() {
    auto locked = lane->lock({});
    if (!locked) return std::unexpected(locked.error());
    sequence = locked->sequence;
    protocol::WriteBatch writes;
    writes.journal_entries = "[]";
    writes.time = locked->time;
    return lane->commit(writes);
  }
  // It is committed, the answer is lost, and the database cannot be reached.
  void leave_in_doubt() {
    world.gate().arm({Direction::to_client, From::commit, 0, Fault::swallow});
    std::thread closer([&] {
      EXPECT_TRUE(world.gate().struck(patience_ms));
      world.gate().shut();
    });
    const auto done = commit();
    closer.join();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, outcome_in_doubt) << done.error().text();
  }
  bool is_in_journal(std::int64_t place) const {
    return world.sql("SELECT count(*) FROM pawl_journal WHERE sequence = " +
                     std::to_string(place)) == "1";
  }

  DoubtWorld world;
  StoreHandle store;
  std::unique_ptr<StoreLane> lane;
  std::int64_t sequence = 0;
};

TEST_F(LaneInDoubt, WhatItSaysIsWhatTheJournalHas) {
  begin();
  if (HasFatalFailure()) return;
  int committed = 0;
  int not_committed = 0;
  for (const auto direction : directions) {
    ASSERT_TRUE(commit());
    world.gate().heal();
    ASSERT_TRUE(commit());
    ASSERT_TRUE(eventually([&] { return world.gate().commit(direction).has_value(); }));
    const std::uint64_t length = world.gate().commit(direction)->length();
    for (const auto fault : {Fault::reset, Fault::cut}) {
      for (std::uint64_t bytes = 0; bytes <= length; ++bytes) {
        SCOPED_TRACE(bytes);
        const auto before = commit();
        ASSERT_TRUE(before) << before.error().text();
        world.gate().arm({direction, From::commit, bytes, fault});
        const auto done = commit();
        EXPECT_TRUE(world.gate().struck(patience_ms));
        world.gate().heal();
        EXPECT_EQ(done.has_value(), is_in_journal(sequence));
        if (!done) {
          EXPECT_EQ(done.error().code, protocol::transaction_aborted) << done.error().text();
        }
        ++(done ? committed : not_committed);
        if (HasFailure()) return;
      }
    }
  }
  EXPECT_GT(committed, 50);
  EXPECT_GT(not_committed, 50);
  // Without a gap, and each once.
  EXPECT_EQ(world.sql("SELECT count(*) = max(sequence) FROM pawl_journal"), "t");
}

TEST_F(LaneInDoubt, WhileTheDatabaseIsAwayItIsInDoubtAndNothingElseIsDone) {
  world.options().in_doubt_wait_ms = 100;
  begin();
  if (HasFatalFailure()) return;
  leave_in_doubt();
  const auto in_doubt = sequence;
  for (int i = 0; i < 2; ++i) {
    const auto again = lane->lock({});
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, outcome_in_doubt) << "nothing is known: " << again.error().text();
  }
  world.gate().heal();
  const auto next = commit();
  ASSERT_TRUE(next) << next.error().text();
  EXPECT_TRUE(is_in_journal(in_doubt));
  EXPECT_EQ(sequence, in_doubt + 1);
}

TEST_F(LaneInDoubt, OnceItIsSettledTheLaneIsHeldForTheLeaseAndNoLonger) {
  world.options().in_doubt_wait_ms = 100;
  world.options().lane_lease_ms = 60'000;
  begin();
  if (HasFatalFailure()) return;
  const auto number = [&](const std::string& sql) { return std::stoll(world.sql(sql)); };
  const std::string now = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
  const std::string end = "SELECT held_until_us FROM pawl_lanes";
  for (const std::string held : {"1", "9000000000000000"}) {
    leave_in_doubt();
    if (HasFatalFailure()) return;
    world.sql("UPDATE pawl_lanes SET held_until_us = " + held);
    world.gate().heal();
    const auto before = number(now);
    EXPECT_TRUE(lane->lock({}));
    lane->abandon();
    const auto after = number(now);
    EXPECT_GE(number(end), before + 60'000'000);
    EXPECT_LE(number(end), after + 60'000'000);
  }
}

// The inquiry is a commit itself, and its answer can be lost, too, at every byte and again and
// again: the lane knows its own raised epochs by its mark in the row, and goes on.
TEST_F(LaneInDoubt, AnInquiryWhoseOwnAnswerIsLostIsMadeAgain) {
  world.options().in_doubt_wait_ms = 100;
  begin();
  if (HasFatalFailure()) return;
  for (const auto direction : directions) {
    for (const std::uint64_t bytes : {0, 3, 19}) {
      leave_in_doubt();
      if (HasFatalFailure()) return;
      const auto in_doubt = sequence;
      world.gate().heal();
      world.gate().arm({direction, From::commit, bytes, Fault::reset});
      Result<void> renewed = fail(outcome_in_doubt);
      // Each try waits only a moment for the answer.
      EXPECT_TRUE(eventually([&] {
        renewed = lane->renew();
        return renewed || renewed.error().code != outcome_in_doubt;
      }));
      EXPECT_TRUE(renewed) << renewed.error().text();
      EXPECT_TRUE(world.gate().struck(patience_ms));
      EXPECT_TRUE(is_in_journal(in_doubt));
      world.gate().heal();
      const auto next = commit();
      ASSERT_TRUE(next) << next.error().text();
      EXPECT_EQ(sequence, in_doubt + 1);
    }
  }
  EXPECT_EQ(world.sql("SELECT count(*) FROM pawl_lanes"), "1");
}

// Who took the lane over meanwhile has written itself into its row: it is not taken for our own
// raised epoch, whichever number it has.
TEST_F(LaneInDoubt, ALaneThatWasTakenOverMeanwhileIsNotTakenBack) {
  world.options().in_doubt_wait_ms = 100;
  begin();
  if (HasFatalFailure()) return;
  leave_in_doubt();
  if (HasFatalFailure()) return;
  // An inquiry that was not committed, which the lane cannot know: the number is free for
  // another's.
  world.gate().heal();
  world.gate().arm({Direction::to_server, From::commit, 3, Fault::swallow});
  std::thread closer([&] {
    EXPECT_TRUE(world.gate().struck(patience_ms));
    world.gate().shut();
  });
  EXPECT_EQ(lane->renew().error().code, outcome_in_doubt);
  closer.join();
  world.sql("UPDATE pawl_lanes SET held_until_us = 1");
  world.gate().heal();
  auto taken = store->take_lane(LaneWish::own);
  ASSERT_TRUE(taken && *taken) << (taken ? "" : taken.error().text());
  EXPECT_EQ((*taken)->id(), lane->id());
  const auto renewed = lane->renew();
  ASSERT_FALSE(renewed);
  EXPECT_EQ(renewed.error().code, protocol::lane_fenced) << renewed.error().text();
  lane = std::move(*taken);
  const auto next = commit();
  EXPECT_TRUE(next) << next.error().text();
}

// Who had it meanwhile and gave it back has left the mark of the one in doubt, whose exchanges may
// be under way: what it has in memory is old all the same.
TEST_F(LaneInDoubt, ALaneThatWasGivenBackMeanwhileIsNotTakenBack) {
  world.options().in_doubt_wait_ms = 100;
  begin();
  if (HasFatalFailure()) return;
  leave_in_doubt();
  if (HasFatalFailure()) return;
  world.sql("UPDATE pawl_lanes SET epoch = epoch + 1, held_until_us = 0");
  world.gate().heal();
  const auto renewed = lane->renew();
  ASSERT_FALSE(renewed);
  EXPECT_EQ(renewed.error().code, protocol::lane_fenced) << renewed.error().text();
}

}  // namespace
}  // namespace pawl::test
