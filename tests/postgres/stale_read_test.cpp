// SPDX-License-Identifier: Apache-2.0
//
// The race of a decision on an old row: a balance's row serialises, a channel's row is decided on,
// and whoever waited for the first must see what its holder did to the second. Our path does; four
// ways of writing it by hand do not, and are here so that each shows that the test would tell. No
// sleeps: the holder goes on once the waiter is seen waiting in the server's own lock table.
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>

#include "engine/bank_decide.h"
#include "postgres/postgres_world.h"
#include "postgres/raw_session.h"
#include "store/store.h"

namespace pawl::test {
namespace {

using protocol::LockedBatch;
using protocol::LockRequest;
using protocol::WriteBatch;

const std::string waiter_name = "waiter";
const std::string lane_name = "pawl lane";

// What the waiter saw of the channel, and how the channel is in the end.
struct Outcome {
  std::string seen;
  std::string left;
};

class StaleRead : public ::testing::Test {
 protected:
  StaleRead() {
    bank::describe(registry_);
    // The waiter waits until the holder goes on, and neither is thrown out before.
    world_.options().lock_timeout_ms = patience_ms;
    world_.options().idle_in_transaction_timeout_ms = patience_ms;
    world_.options().lane_lease_ms = 10 * patience_ms;
  }
  ~StaleRead() override {
    world_.server().sql(
        "ALTER ROLE pawl RESET ALL; ALTER ROLE pawl IN DATABASE pawl RESET ALL; "
        "ALTER DATABASE pawl RESET ALL");
  }
  void SetUp() override {
    auto opened = world_.open(registry_, false);
    ASSERT_TRUE(opened) << opened.error().text();
    store_ = std::move(*opened);
    for (const auto* key : {"channel", "balance"}) {
      world_.sql("INSERT INTO accounts VALUES ('" + std::string(key) +
                 "', 'open', 1, 100, 0, 0, 0, 0, 0, '', NULL, 1, 1, 0, 0, 0, 1)");
    }
  }

  RawSession session(const std::string& name) {
    return RawSession(world_.server().url(), world_.schema(), name);
  }
  std::string state_of(const std::string& key) {
    return world_.sql("SELECT state FROM accounts WHERE id = '" + key + "'");
  }
  std::unique_ptr<StoreLane> take_lane() {
    auto lane = store_->take_lane(LaneWish::own);
    EXPECT_TRUE(lane && *lane) << (lane ? "" : lane.error().text());
    return lane && *lane ? std::move(*lane) : nullptr;
  }

  // The holder has the balance's row; the waiter begins and comes to wait for it; the holder
  // freezes the channel and commits; the waiter goes on.
  Outcome race(const std::string& name, const std::function<std::string()>& waiter,
               bool touches_balance = false) {
    RawSession holder = session("holder");
    RawSession probe = session("probe");
    holder.run("BEGIN");
    holder.run("SELECT FROM accounts WHERE id = 'balance' FOR UPDATE");
    auto waiting = std::async(std::launch::async, waiter);
    EXPECT_TRUE(blocks(probe, holder.pid(), name)) << "the waiter never waited: this shows nothing";
    holder.run("UPDATE accounts SET state = 'frozen', pawl_version = 2 WHERE id = 'channel'");
    if (touches_balance) {
      holder.run("UPDATE accounts SET ticks = ticks + 1, pawl_version = 2 WHERE id = 'balance'");
    }
    holder.run("COMMIT");
    const std::string seen = waiting.get();
    return {seen, state_of("channel")};
  }
  static Result<LockedBatch> lock_both(StoreLane& lane) {
    LockRequest request{{{"account", "balance"}, {"account", "channel"}}};
    request.wait_for_rows = true;
    return lane.lock(request);
  }
  // Writes all of the channel's row as it was read, with a trace of its own.
  static Result<void> write_back(StoreLane& lane, LockedBatch locked) {
    WriteBatch writes;
    writes.journal_entries = "[]";
    writes.time = locked.time;
    EntitySlot& slot = locked.entities[1];
    bank::Account row;
    EXPECT_TRUE(from_row(std::span<const Value>(slot.row), row));
    ++row.accepted;
    slot.row = to_row(row);
    writes.entity_writes.push_back({1, false, slot.version});
    ++slot.version;
    slot.newest = {locked.lane, locked.sequence, 1};
    writes.entities = std::move(locked.entities);
    return lane.commit(writes);
  }
  static std::string state_in(const EntitySlot& slot) {
    bank::Account row;
    EXPECT_TRUE(slot.present && from_row(std::span<const Value>(slot.row), row));
    return std::string(name_of(row.state));
  }
  Outcome race_with_our_lane(bool touches_balance) {
    const auto lane = take_lane();
    if (!lane) return {};
    return race(
        lane_name,
        [&]() -> std::string {
          auto locked = lock_both(*lane);
          if (!locked) return locked.error().text();
          const std::string seen = state_in(locked->entities[1]);
          const auto written = write_back(*lane, std::move(*locked));
          return written ? seen : written.error().text();
        },
        touches_balance);
  }

  // ---- ways to write it by hand, on a session as the server gives it

  static void overwrite(RawSession& session, const std::string& seen) {
    session.run("UPDATE accounts SET state = '" + seen + "', accepted = 1 WHERE id = 'channel'");
    session.run("COMMIT");
  }
  // One statement that locks the balance and gives the channel's state.
  Outcome race_by_hand(const std::string& statement, bool touches_balance = false) {
    return race(
        waiter_name,
        [&] {
          RawSession mine = session(waiter_name);
          mine.run("BEGIN");
          const std::string seen = mine.run(statement);
          overwrite(mine, seen);
          return seen;
        },
        touches_balance);
  }

  Registry registry_;
  PostgresWorld world_;
  StoreHandle store_;
};

constexpr std::string_view join =
    "SELECT c.state FROM accounts AS c JOIN accounts AS b ON b.id = 'balance' WHERE c.id = "
    "'channel' FOR UPDATE OF b";

void expect_reopened(const Outcome& outcome) {
  EXPECT_EQ(outcome.seen, "open");
  EXPECT_EQ(outcome.left, "open") << "this is how it goes wrong by hand";
}

void expect_fresh(const Outcome& outcome) {
  EXPECT_EQ(outcome.seen, "frozen");
  EXPECT_EQ(outcome.left, "frozen");
}

TEST_F(StaleRead, OurLockedReadSeesWhatItsHolderCommitted) {
  expect_fresh(race_with_our_lane(false));
  EXPECT_EQ(world_.sql("SELECT accepted FROM accounts WHERE id = 'channel'"), "1");
}

TEST_F(StaleRead, AlsoWhenTheRowWaitedForWasChangedToo) {
  expect_fresh(race_with_our_lane(true));
  EXPECT_EQ(world_.sql("SELECT accepted FROM accounts WHERE id = 'channel'"), "1");
}

TEST_F(StaleRead, MutantAReadThenLockThenWriteBackReopens) {
  expect_reopened(race(waiter_name, [&] {
    RawSession mine = session(waiter_name);
    mine.run("BEGIN");
    const std::string seen = mine.run("SELECT state FROM accounts WHERE id = 'channel'");
    mine.run("SELECT FROM accounts WHERE id = 'balance' FOR UPDATE");
    overwrite(mine, seen);
    return seen;
  }));
}

TEST_F(StaleRead, MutantBJoinThatLocksOneTableReopens) {
  expect_reopened(race_by_hand(std::string(join)));
}

TEST_F(StaleRead, MutantBReopensAlsoWhenTheLockedRowIsCheckedAgain) {
  expect_reopened(race_by_hand(std::string(join), true));
}

TEST_F(StaleRead, MutantELockInsideAWithReopens) {
  expect_reopened(
      race_by_hand("WITH locked AS MATERIALIZED (SELECT id FROM accounts WHERE id = 'balance' FOR "
                   "UPDATE) SELECT c.state FROM accounts AS c, locked WHERE c.id = 'channel'"));
}

// As a role, a database or both may have it: ours sets its own. That the level is really in force
// is seen by a lock followed by a read, which is right under READ COMMITTED alone.
TEST_F(StaleRead, WhateverLevelTheServerHasAsItsDefault) {
  const auto lock_then_read = [&] {
    return race(waiter_name, [&] {
      RawSession mine = session(waiter_name);
      mine.run("BEGIN");
      mine.run("SELECT FROM accounts WHERE id = 'balance' FOR UPDATE");
      const std::string seen = mine.run("SELECT state FROM accounts WHERE id = 'channel'");
      mine.run("ROLLBACK");
      return seen;
    });
  };
  const auto begin_anew = [&] {
    world_.sql("UPDATE accounts SET state = 'open', accepted = 0, pawl_version = 1");
  };
  EXPECT_EQ(lock_then_read().seen, "frozen") << "sound, under READ COMMITTED";
  for (const std::string level : {"repeatable read", "serializable"}) {
    for (const std::string whose : {"ROLE pawl", "DATABASE pawl", "ROLE pawl IN DATABASE pawl"}) {
      SCOPED_TRACE(level + " of " + whose);
      world_.server().sql("ALTER " + whose + " SET default_transaction_isolation = '" + level +
                          "'");
      ASSERT_EQ(session("asks").run("SHOW transaction_isolation"), level);
      begin_anew();
      EXPECT_EQ(lock_then_read().seen, "open") << "the alarm does not work";
      for (const bool touches_balance : {false, true}) {
        begin_anew();
        expect_fresh(race_with_our_lane(touches_balance));
      }
      world_.server().sql("ALTER " + whose + " RESET default_transaction_isolation");
    }
  }
}

class StaleReadOfAnEngine : public StaleRead {
 protected:
  void SetUp() override {
    StaleRead::SetUp();
    EngineOptions options;
    options.lanes = 1;
    engine_ = std::make_unique<Engine>(std::move(store_), registry_, options);
    const auto started = engine_->start();
    ASSERT_TRUE(started) << started.error().text();
    // The other process.
    auto opened = world_.open(registry_, false);
    ASSERT_TRUE(opened) << opened.error().text();
    store_ = std::move(*opened);
  }
  void TearDown() override { engine_.reset(); }

  std::string transfer(const std::string& id) {
    const auto receipt = engine_->call(bank::Transfer{"balance", "channel", 1}, {"ann", id, ""});
    if (!receipt) return receipt.error().text();
    return receipt->done ? "done" : receipt->code;
  }

  std::unique_ptr<Engine> engine_;
};

TEST_F(StaleReadOfAnEngine, ACommandThatWaitedIsDecidedOnWhatTheHolderLeft) {
  EXPECT_EQ(transfer("before"), "done");
  const Outcome outcome = race(lane_name, [&] { return transfer("frozen meanwhile"); });
  EXPECT_EQ(outcome.seen, "not_open");
  EXPECT_EQ(outcome.left, "frozen");
  EXPECT_EQ(world_.sql("SELECT balance FROM accounts WHERE id = 'channel'"), "101");
}

// The holder is a lane of another process, which freezes the channel as a command of its would.
TEST_F(StaleReadOfAnEngine, TheSameBehindALaneOfAnotherProcess) {
  const auto lane = take_lane();
  ASSERT_TRUE(lane);
  RawSession probe = session("probe");
  auto held = lock_both(*lane);
  ASSERT_TRUE(held) << held.error().text();
  auto waiting = std::async(std::launch::async, [&] { return transfer("frozen meanwhile"); });
  EXPECT_TRUE(eventually([&] {
    return probe.run(
               "SELECT count(*) FROM pg_stat_activity AS a JOIN pg_stat_activity AS h ON h.pid = "
               "ANY(pg_blocking_pids(a.pid)) WHERE a.application_name = 'pawl lane' AND "
               "h.application_name = 'pawl lane'") != "0";
  })) << "the waiter never waited";
  bank::Account row;
  ASSERT_TRUE(from_row(std::span<const Value>(held->entities[1].row), row));
  row.state = bank::State::frozen;
  held->entities[1].row = to_row(row);
  ASSERT_TRUE(write_back(*lane, std::move(*held)));
  EXPECT_EQ(waiting.get(), "not_open");
  EXPECT_EQ(state_of("channel"), "frozen");
}

// The other order: the engine's lane has the rows, and who freezes the channel waits for it.
TEST_F(StaleReadOfAnEngine, WhoFreezesItAfterwardsFindsWhatWasWritten) {
  const auto lane = take_lane();
  ASSERT_TRUE(lane);
  RawSession probe = session("probe");
  auto held = lock_both(*lane);
  ASSERT_TRUE(held) << held.error().text();
  const int holder = std::stoi(
      probe.run("SELECT pid FROM pg_stat_activity WHERE application_name = 'pawl lane' AND state "
                "= 'idle in transaction'"));
  auto freezing = std::async(std::launch::async, [&] {
    RawSession mine = session(waiter_name);
    mine.run("BEGIN");
    mine.run("SELECT FROM accounts WHERE id = 'balance' FOR UPDATE");
    const std::string seen = mine.run("SELECT accepted FROM accounts WHERE id = 'channel'");
    mine.run("UPDATE accounts SET state = 'frozen', pawl_version = 9 WHERE id = 'channel'");
    mine.run("COMMIT");
    return seen;
  });
  EXPECT_TRUE(blocks(probe, holder, waiter_name)) << "it never waited";
  ASSERT_TRUE(write_back(*lane, std::move(*held)));
  EXPECT_EQ(freezing.get(), "1");
  EXPECT_EQ(state_of("channel"), "frozen");
  EXPECT_EQ(transfer("after"), "not_open");
}

}  // namespace
}  // namespace pawl::test
