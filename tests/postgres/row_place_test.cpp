// SPDX-License-Identifier: Apache-2.0
//
// A row is looked for where the lane left it. Whatever became of that place meanwhile, what is
// locked is the row that was asked for, as it is now; and what its lock protects is read under it.
#include <thread>

#include "postgres/doubt_world.h"
#include "postgres/lane_fixture.h"
#include "postgres/raw_session.h"

namespace pawl::test {
namespace {

using protocol::LockRequest;

class RowPlace : public LaneTest {
 protected:
  RawSession other() { return RawSession(world.server().admin_url(), world.schema(), "other"); }
  static std::int64_t balance_of(const EntitySlot& slot) {
    bank::Account row;
    if (!slot.present) return -1;
    EXPECT_TRUE(from_row(std::span<const Value>(slot.row), row));
    return row.balance;
  }
  // x is removed, and another row gets its place.
  bool a_lies_where_x_was() {
    const std::string left = place_of("x");
    RawSession session = other();
    session.run("CREATE TEMP TABLE copy AS SELECT * FROM accounts");
    session.run("UPDATE copy SET id = 'a', balance = 3");
    session.run("DELETE FROM accounts");
    // The place is free once nobody's snapshot has the row any more.
    return eventually([&] {
      session.run("VACUUM accounts");
      session.run("INSERT INTO accounts SELECT * FROM copy");
      if (place_of("a") == left) return true;
      session.run("DELETE FROM accounts");
      return false;
    });
  }
  std::string place_of(const std::string& key) {
    return world.sql("SELECT ctid FROM accounts WHERE id = '" + key + "'");
  }
};

TEST_F(RowPlace, IsMostlyEnough) {
  constexpr int changes = 40;
  LaneUser user = open();
  ASSERT_TRUE(user.give({"x"}, 0));
  for (int i = 1; i <= changes; ++i) {
    auto locked = user.lock({"x"});
    ASSERT_EQ(locked.entities.at(0).version, i);
    ASSERT_TRUE(user.lane->commit(LaneUser::giving(std::move(locked), i)));
  }
  // A session says what it has counted when it ends.
  user = {};
  const std::string here = " schemaname = '" + world.schema() + "'";
  ASSERT_TRUE(eventually([&] {
    return world.sql("SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'accounts' AND" +
                     here) == std::to_string(changes);
  }));
  const int walks = std::stoi(world.sql(
      "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'accounts_pkey' AND" + here));
  EXPECT_LT(walks, changes / 2) << "the index is walked each time";
  EXPECT_GT(walks, changes / 20) << "no page is ever cleaned";
}

TEST_F(RowPlace, ARowThatMovedIsReadAsItIsNow) {
  LaneUser user = open();
  ASSERT_TRUE(user.give({"x", "y"}, 1));
  RawSession session = other();
  session.run("UPDATE accounts SET balance = 7, pawl_version = 5 WHERE id = 'x'");
  auto locked = user.lock({"x", "y"});
  EXPECT_TRUE(locked.entities_skipped.empty());
  EXPECT_EQ(balance_of(locked.entities.at(0)), 7);
  EXPECT_EQ(locked.entities[0].version, 5);
  EXPECT_EQ(balance_of(locked.entities.at(1)), 1);
  ASSERT_TRUE(user.lane->commit(LaneUser::giving(std::move(locked), 8)));
  EXPECT_EQ(user.balance("x"), 8);
  EXPECT_EQ(user.balance("y"), 8);
}

TEST_F(RowPlace, AnotherRowThatLiesThereIsNotTakenForIt) {
  LaneUser user = open();
  ASSERT_TRUE(user.give({"x"}, 1));
  ASSERT_TRUE(a_lies_where_x_was());
  auto locked = user.lock({"x"});
  EXPECT_FALSE(locked.entities.at(0).present);
  EXPECT_TRUE(locked.entities_skipped.empty()) << "it is gone, nobody holds it";
  ASSERT_TRUE(user.lane->commit(LaneUser::giving(std::move(locked), 9)));
  EXPECT_EQ(user.balance("x"), 9);
  EXPECT_EQ(user.balance("a"), 3);
}

TEST_F(RowPlace, AnotherRowOfTheSameRequestThatLiesThereIsNotTakenForIt) {
  LaneUser user = open();
  ASSERT_TRUE(user.give({"x"}, 1));
  ASSERT_TRUE(a_lies_where_x_was());
  auto locked = user.lock({"a", "x"});
  EXPECT_EQ(balance_of(locked.entities.at(0)), 3);
  EXPECT_FALSE(locked.entities.at(1).present);
  ASSERT_TRUE(user.lane->commit(LaneUser::giving(std::move(locked), 4)));
  EXPECT_EQ(user.balance("a"), 4);
  EXPECT_EQ(user.balance("x"), 4);
}

TEST_F(RowPlace, AFullVacuumMovesAllRows) {
  LaneUser user = open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(user.give({"w", "x", "y"}, i));
  const std::string before = place_of("x");
  RawSession session = other();
  session.run("VACUUM FULL accounts");
  ASSERT_NE(place_of("x"), before);
  ASSERT_TRUE(user.give({"w", "x", "y"}, 5));
  EXPECT_EQ(user.balance("w") + user.balance("x") + user.balance("y"), 15);
}

TEST_F(RowPlace, ARowThatAnotherHoldsIsSaidToBeHeld) {
  LaneUser user = open();
  ASSERT_TRUE(user.give({"x", "y"}, 1));
  RawSession session = other();
  session.run("BEGIN");
  session.run("UPDATE accounts SET balance = 7, pawl_version = 2 WHERE id = 'x'");
  const auto locked = user.lock({"x", "y"});
  EXPECT_EQ(locked.entities_skipped, (std::vector<bool>{true, false}));
  EXPECT_EQ(balance_of(locked.entities.at(1)), 1);
  user.lane->abandon();
  session.run("COMMIT");
  EXPECT_EQ(balance_of(user.lock({"x"}).entities.at(0)), 7);
}

// Who waits must not hold what comes later in the one order, or two that wait could do so for ever.
TEST_F(RowPlace, WhoWaitsTakesItsLocksInOrder) {
  world.options().lock_timeout_ms = patience_ms;
  LaneUser user = open();
  ASSERT_TRUE(user.give({"x", "y"}, 1));
  RawSession session = other();
  session.run("BEGIN");
  session.run("SELECT FROM accounts WHERE id = 'x' FOR UPDATE");
  protocol::LockedBatch locked;
  std::jthread waiting([&] { locked = user.lock({"x", "y"}, true); });
  ASSERT_TRUE(somebody_waits());
  EXPECT_NO_THROW(session.run("SELECT FROM accounts WHERE id = 'y' FOR UPDATE NOWAIT"));
  session.run("COMMIT");
  waiting.join();
  EXPECT_EQ(locked.entities.size(), 2U);
}

// Its holder commits between the look at the place and the walk down the index.
TEST_F(RowPlace, WhatTheLockProtectsIsReadOnceItIsHeld) {
  Gate gate(world.server().port());
  auto options = world.options();
  options.url = "postgresql://pawl:" + std::string(TestServer::password) +
                "@127.0.0.1:" + std::to_string(gate.port()) + "/pawl?sslmode=disable";
  LaneUser user = open_with(options);
  ASSERT_TRUE(user.give({"x"}, 1));
  RawSession session = other();
  session.run("BEGIN");
  session.run("UPDATE accounts SET balance = 7, pawl_version = 2 WHERE id = 'x'");
  session.run(
      "INSERT INTO account_notes (record_id, entity_key, text, number) VALUES (5, 'x', 'new', 3)");
  session.run(
      "INSERT INTO pawl_receipts VALUES ('account', 'x', 'ann', 'bank.deposit', 'id', "
      "'0123456789abcdef', 1, '', '', 0, '{}', 2, 1)");
  LockRequest request{{account_ref("x")}};
  request.records = {{0, bank::Note::table, 10}};
  request.receipts = {{account_ref("x"), "ann", "bank.deposit", "id"}};
  gate.arm({Direction::to_client, From::armed, 0, Fault::hold});
  protocol::LockedBatch locked;
  std::jthread locking([&] { locked = user.lock(request); });
  ASSERT_TRUE(gate.struck(patience_ms));
  session.run("COMMIT");
  gate.heal();
  locking.join();
  ASSERT_EQ(locked.entities.size(), 1U);
  EXPECT_TRUE(locked.entities_skipped.empty());
  EXPECT_EQ(balance_of(locked.entities[0]), 7);
  EXPECT_EQ(locked.entities[0].records.at(0).rows.size(), 1U) << "read before the lock was held";
  EXPECT_TRUE(locked.receipts.at(0)) << "looked up before the lock was held";
}

class ClaimedEffect : public LaneTest {
 protected:
  void SetUp() override {
    user = open();
    row.id = 5;
    row.kind = "bank.payment";
    row.owner = account_ref("x");
    row.state = protocol::EffectState::sending;
    row.token = 3;
    row.code = "as stored";
    user.lock(LockRequest{});
    auto writes = LaneUser::nothing();
    writes.effects_inserted = {row};
    ASSERT_TRUE(user.lane->commit(writes));
    // What a claim sets comes with an update.
    write(row);
  }
  void write(const protocol::EffectRow& now) {
    LockRequest request;
    request.effects = {5};
    user.lock(request);
    auto writes = LaneUser::nothing();
    writes.effects_updated = {now};
    ASSERT_TRUE(user.lane->commit(writes));
  }
  // Locked as by an answer to the claim of this row.
  protocol::EffectRow lock_claimed(const protocol::EffectRow& claimed, bool wait = false) {
    LockRequest request;
    request.effects = {5};
    request.claimed = {&claimed};
    request.wait_for_rows = wait;
    const auto locked = user.lock(request);
    EXPECT_TRUE(locked.effects.at(0));
    return locked.effects.at(0).value_or(protocol::EffectRow{});
  }

  LaneUser user;
  protocol::EffectRow row;
};

TEST_F(ClaimedEffect, IsNotReadWhileItsTokenStands) {
  auto claimed = row;
  claimed.code = "as claimed";
  EXPECT_EQ(lock_claimed(claimed).code, "as claimed");
  user.lane->abandon();
  EXPECT_EQ(lock_claimed(claimed, true).code, "as stored") << "who waits reads what it waited for";
}

TEST_F(ClaimedEffect, IsReadWhereItHasAnotherToken) {
  auto now = row;
  ++now.token;
  now.state = protocol::EffectState::unknown;
  now.code = "later";
  write(now);
  const auto locked = lock_claimed(row);
  EXPECT_EQ(locked.token, now.token);
  EXPECT_EQ(locked.state, protocol::EffectState::unknown);
  EXPECT_EQ(locked.code, "later");
  // And can be written, as any that was locked.
  auto writes = LaneUser::nothing();
  writes.effects_updated = {now};
  writes.effects_updated[0].code = "latest";
  ASSERT_TRUE(user.lane->commit(writes));
  EXPECT_EQ(lock_claimed(row).code, "latest");
}

// As a claim that a fail-over lost and an operator's verb since could have left it.
TEST_F(ClaimedEffect, IsReadWhereTheTokenIsTheSameAndTheStateIsNot) {
  world.sql("UPDATE pawl_effects SET state = 'ready', code = 'another'");
  const auto locked = lock_claimed(row);
  EXPECT_EQ(locked.state, protocol::EffectState::ready);
  EXPECT_EQ(locked.code, "another");
}

TEST_F(ClaimedEffect, ThatEndedIsGivenAsItEnded) {
  auto now = row;
  now.state = protocol::EffectState::ended;
  now.code = "done";
  write(now);
  EXPECT_EQ(lock_claimed(row).state, protocol::EffectState::ended);
}

TEST_F(ClaimedEffect, ThatAnotherHoldsIsSaidToBeHeld) {
  RawSession session(world.server().admin_url(), world.schema(), "other");
  session.run("BEGIN");
  session.run("SELECT FROM pawl_effects FOR UPDATE");
  LockRequest request;
  request.effects = {5};
  request.claimed = {&row};
  const auto locked = user.lock(request);
  EXPECT_FALSE(locked.effects.at(0));
  EXPECT_EQ(locked.effects_skipped, std::vector<bool>{true});
}

}  // namespace
}  // namespace pawl::test
