// SPDX-License-Identifier: Apache-2.0
//
// Commits whose answer does not come: what the store says of them is what happened.
#include <thread>

#include "postgres/gate.h"
#include "postgres/lane_fixture.h"

namespace pawl::test {
namespace {

class CommitInDoubt : public LaneTest {
 protected:
  LaneUser open_through(const Gate& gate, int in_doubt_wait_ms = patience_ms) {
    PostgresOptions options = world.options();
    options.url =
        "host=127.0.0.1 port=" + std::to_string(gate.port()) +
        " user=pawl dbname=pawl sslmode=disable password=" + std::string(TestServer::password);
    options.in_doubt_wait_ms = in_doubt_wait_ms;
    return open_with(options);
  }
  std::int64_t stored(const std::string& key) {
    return std::stoll(
        world.sql("SELECT coalesce(max(balance), -1) FROM accounts WHERE id = '" + key + "'"));
  }
};

TEST_F(CommitInDoubt, AnAnswerThatIsLostIsFoundOut) {
  Gate gate(world.server().port());
  LaneUser a = open_through(gate);
  ASSERT_TRUE(a.give({"x"}, 1));
  for (const Fault fault : {Fault::reset, Fault::cut}) {
    gate.arm({.direction = Direction::to_client, .from = From::commit, .bytes = 0, .fault = fault});
    const auto committed = a.give({"x"}, 2);
    EXPECT_TRUE(committed) << committed.error().text();
    EXPECT_TRUE(gate.struck(patience_ms));
    EXPECT_EQ(stored("x"), 2);
    gate.heal();
    ASSERT_TRUE(a.give({"x"}, 1)) << "and the lane goes on";
  }
}

TEST_F(CommitInDoubt, ACommitThatDidNotArriveDidNotHappen) {
  Gate gate(world.server().port());
  LaneUser a = open_through(gate);
  ASSERT_TRUE(a.give({"x"}, 1));
  for (const std::uint64_t bytes : {0, 3}) {
    gate.arm({.direction = Direction::to_server, .bytes = bytes, .fault = Fault::reset});
    const auto committed = a.give({"x"}, 2);
    ASSERT_FALSE(committed);
    EXPECT_EQ(committed.error().code, protocol::transaction_aborted);
    EXPECT_TRUE(gate.struck(patience_ms));
    EXPECT_EQ(stored("x"), 1);
    gate.heal();
    EXPECT_TRUE(a.give({"x"}, 1));
  }
}

TEST_F(CommitInDoubt, WhatCannotBeFoundOutIsSaidToBeInDoubtAndSettledLater) {
  Gate gate(world.server().port());
  LaneUser a = open_through(gate, 1);
  ASSERT_TRUE(a.give({"x"}, 1));
  auto locked = a.lock({"x"});
  gate.arm({.direction = Direction::to_client, .from = From::commit, .fault = Fault::swallow});
  std::jthread shutting([&] {
    EXPECT_TRUE(gate.struck(patience_ms));
    gate.shut();
  });
  auto committed = a.lane->commit(LaneUser::giving(std::move(locked), 2));
  shutting.join();
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code, outcome_in_doubt);
  EXPECT_EQ(a.lane->lock(protocol::LockRequest{}).error().code, outcome_in_doubt)
      << "nothing before it is known";
  gate.heal();
  EXPECT_TRUE(eventually([&] { return a.lane->renew().has_value(); }));
  EXPECT_EQ(a.balance("x"), 2);
  EXPECT_TRUE(a.give({"x"}, 3));
}

TEST_F(CommitInDoubt, ASessionThatTheServerEndedBeforeTheCommitLeavesNothing) {
  world.options().in_doubt_wait_ms = patience_ms;
  LaneUser a = open();
  ASSERT_TRUE(a.give({"x"}, 1));
  auto locked = a.lock({"x"});
  ASSERT_EQ(world.sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE "
                      "application_name = 'pawl lane' AND state = 'idle in transaction'"),
            "t");
  const auto committed = a.lane->commit(LaneUser::giving(std::move(locked), 2));
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code, protocol::transaction_aborted);
  EXPECT_EQ(stored("x"), 1);
  EXPECT_TRUE(a.give({"x"}, 2));
}

// The transaction in doubt is still there, holding its rows: nothing is said before it has ended.
TEST_F(CommitInDoubt, ATransactionThatStillRunsIsWaitedFor) {
  Gate gate(world.server().port());
  world.options().idle_in_transaction_timeout_ms = 3'600'000;
  LaneUser a = open_through(gate);
  ASSERT_TRUE(a.give({"x"}, 1));
  auto locked = a.lock({"x"});
  // All of the round but the COMMIT arrives; then neither end is told that the other is gone.
  world.options().statement_timeout_ms = 1;
  gate.arm({.direction = Direction::to_server, .bytes = 0, .fault = Fault::swallow});
  Result<void> committed;
  std::jthread committing(
      [&] { committed = a.lane->commit(LaneUser::giving(std::move(locked), 2)); });
  ASSERT_TRUE(gate.struck(patience_ms));
  ASSERT_TRUE(eventually([&] {
    return world.sql(
               "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pawl lane' "
               "AND wait_event = 'ClientRead' AND xact_start IS NOT NULL") == "1";
  }));
  gate.heal();
  committing.join();
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code, protocol::transaction_aborted);
  EXPECT_EQ(stored("x"), 1);
}

// The same, but all of the round has arrived, the COMMIT with it: the inquiry reads the journal
// only once it has the lane's row, or it would say of a commit that is on its way that it never
// was.
TEST_F(CommitInDoubt, ACommitThatStillRunsIsWaitedForAndThenFound) {
  Gate gate(world.server().port());
  world.options().lock_timeout_ms = patience_ms;
  LaneUser a = open_through(gate);
  ASSERT_TRUE(a.give({"x"}, 1));
  auto locked = a.lock({"x"});
  Holder holder(world);
  ASSERT_EQ(holder.run("BEGIN; LOCK TABLE accounts IN SHARE MODE"), "");
  Result<void> committed;
  std::jthread committing(
      [&] { committed = a.lane->commit(LaneUser::giving(std::move(locked), 2)); });
  EXPECT_TRUE(somebody_waits());
  gate.shut();
  gate.heal();
  EXPECT_TRUE(somebody_waits(2)) << "the commit, and who inquires about it";
  EXPECT_EQ(holder.run("COMMIT"), "");
  committing.join();
  EXPECT_TRUE(committed) << committed.error().text();
  EXPECT_EQ(stored("x"), 2);
}

// What has our sequence may be another's commit, who took the lane over and had it next.
TEST_F(CommitInDoubt, ACommitOfWhoTookTheLaneIsNotTakenForOurs) {
  Gate gate(world.server().port());
  LaneUser b = open();
  LaneUser a = open_through(gate);
  ASSERT_TRUE(a.give({"x"}, 1));
  auto locked = a.lock({"x"});
  const auto sequence = locked.sequence;
  gate.arm({.direction = Direction::to_server, .bytes = 0, .fault = Fault::swallow});
  Result<void> committed;
  std::jthread committing(
      [&] { committed = a.lane->commit(LaneUser::giving(std::move(locked), 2)); });
  EXPECT_TRUE(gate.struck(patience_ms));
  gate.shut();
  // Waits until the transaction that lost its COMMIT is gone.
  world.sql("UPDATE pawl_lanes SET held_until_us = 1 WHERE id = " + std::to_string(a.lane->id()));
  b.lane = take(b, LaneWish::own);
  EXPECT_EQ(b.lane->id(), a.lane->id());
  EXPECT_EQ(b.lock(protocol::LockRequest{}).sequence, sequence);
  EXPECT_TRUE(b.lane->commit(LaneUser::nothing()));
  gate.heal();
  committing.join();
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code, protocol::lane_fenced) << committed.error().text();
  EXPECT_EQ(stored("x"), 1);
}

class CommitInDoubtOwnServer : public ::testing::Test {};

TEST_F(CommitInDoubtOwnServer, AServerThatWasKilledAfterTheCommitHasIt) {
  TestServer server;
  PostgresWorld world(server);
  Registry registry;
  bank::describe(registry);
  Gate gate(server.port());
  PostgresOptions options = world.options();
  options.url =
      "host=127.0.0.1 port=" + std::to_string(gate.port()) +
      " user=pawl dbname=pawl sslmode=disable password=" + std::string(TestServer::password);
  options.in_doubt_wait_ms = 3 * patience_ms;
  LaneUser a;
  a.store = open_postgres(options, registry).value();
  a.lane = a.store->take_lane(LaneWish::own).value();
  ASSERT_TRUE(a.give({"x"}, 1));
  auto locked = a.lock({"x"});
  gate.arm({.direction = Direction::to_client, .from = From::commit, .fault = Fault::hold});
  Result<void> committed = fail(protocol::store_failed);
  std::jthread committing(
      [&] { committed = a.lane->commit(LaneUser::giving(std::move(locked), 2)); });
  EXPECT_TRUE(gate.struck(patience_ms));
  server.kill_now();
  gate.shut();
  server.start();
  gate.heal();
  committing.join();
  EXPECT_TRUE(committed) << committed.error().text();
  EXPECT_EQ(a.balance("x"), 2);
  EXPECT_TRUE(a.give({"x"}, 3));
}

// The wait for a standby was cancelled: the commit is there, but not known to be safe.
TEST_F(CommitInDoubtOwnServer, AWarningIsNoYesUntilAStandbyHasIt) {
  TestServer server;
  PostgresWorld world(server);
  Registry registry;
  bank::describe(registry);
  PostgresOptions options = world.options();
  options.in_doubt_wait_ms = patience_ms;
  options.lane_lease_ms = 3'600'000;
  LaneUser a;
  a.store = open_postgres(options, registry).value();
  a.lane = a.store->take_lane(LaneWish::own).value();
  ASSERT_TRUE(a.give({"x"}, 1));
  auto locked = a.lock({"x"});
  server.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
  server.sql("SELECT pg_reload_conf()");
  const auto stop_waiting = [&](const std::string& of) {
    return world.sql(
               "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = "
               "'SyncRep' AND application_name " +
               of + " 'pawl lane'") == "1";
  };
  // Sessions know it at once; commits wait once another process of the server has heard of it, too.
  std::atomic<bool> commits_wait{false};
  std::atomic<bool> probed{false};
  std::jthread probing([&] {
    while (!commits_wait) {
      world.sql("SET synchronous_commit = on; SELECT pg_logical_emit_message(true, 'probe', '')");
    }
    probed = true;
  });
  const bool seen = eventually([&] {
    if (stop_waiting("<>")) commits_wait = true;
    return probed.load();
  });
  commits_wait = true;
  ASSERT_TRUE(seen);
  Result<void> committed = fail(protocol::store_failed);
  std::atomic<bool> answered{false};
  std::jthread committing([&] {
    committed = a.lane->commit(LaneUser::giving(std::move(locked), 2));
    answered = true;
  });
  // Twice: the settling is a commit, too, and believes no warning either.
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(eventually([&] { return stop_waiting("="); }));
  }
  EXPECT_FALSE(answered);
  server.sql("ALTER SYSTEM RESET synchronous_standby_names");
  server.sql("SELECT pg_reload_conf()");
  committing.join();
  EXPECT_TRUE(committed) << committed.error().text();
  EXPECT_EQ(a.balance("x"), 2);
  EXPECT_TRUE(a.give({"x"}, 3));
}

}  // namespace
}  // namespace pawl::test
