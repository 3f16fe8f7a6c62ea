// SPDX-License-Identifier: Apache-2.0
//
// What PostgreSQL answers instead of yes, and which of the store's errors it becomes.
#include <thread>

#include "postgres/lane_fixture.h"
#include "store/postgres/engine_schema.h"

namespace pawl::test {
namespace {

using protocol::LockRequest;

class PostgresStoreErrors : public LaneTest {};

TEST_F(PostgresStoreErrors, IsolationIsOursWhateverTheRoleHas) {
  for (const char* level : {"repeatable read", "serializable"}) {
    world.sql(std::string("ALTER ROLE pawl SET default_transaction_isolation = '") + level + "'");
    PostgresOptions options = world.options();
    options.lock_timeout_ms = patience_ms;
    LaneUser a = open_with(options);
    LaneUser b = open_with(options);
    world.sql("ALTER ROLE pawl RESET default_transaction_isolation");
    ASSERT_TRUE(a.give({"x"}, 1));
    auto mine = a.lock({"x"});
    const std::int64_t before = mine.entities[0].version;
    protocol::LockedBatch waited;
    std::jthread waiting([&] { waited = b.lock({"x"}, true); });
    ASSERT_TRUE(somebody_waits());
    ASSERT_TRUE(a.lane->commit(LaneUser::giving(std::move(mine), 2)));
    waiting.join();
    ASSERT_EQ(waited.entities.size(), 1U) << level;
    EXPECT_EQ(waited.entities[0].version, before + 1) << level << ": a snapshot of its own";
    EXPECT_TRUE(b.lane->commit(LaneUser::giving(std::move(waited), 3))) << level;
    b.lane->release();
    a.lane->release();
  }
}

TEST_F(PostgresStoreErrors, ADeadlocksVictimIsRunAgain) {
  world.options().lock_timeout_ms = patience_ms;
  LaneUser a = open();
  ASSERT_TRUE(a.give({"x"}, 1));
  auto locked = a.lock({"w", "x"});
  Holder holder(world);
  // Never the victim: it does not look for deadlocks.
  holder.run("SET deadlock_timeout = '1h'");
  holder.run(
      "BEGIN; INSERT INTO accounts SELECT 'w', state, state_since_us, balance, paying, "
      "paid, accepted, bounces, ticks, trail, alias, pawl_version, pawl_time_us, "
      "pawl_lane, pawl_sequence, pawl_offset, pawl_schema FROM accounts");
  std::string said = "nothing";
  std::jthread waiting([&] { said = holder.run("UPDATE accounts SET ticks = 1 WHERE id = 'x'"); });
  ASSERT_TRUE(somebody_waits());
  const auto committed = a.lane->commit(LaneUser::giving(std::move(locked), 2));
  waiting.join();
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code, protocol::transaction_aborted);
  EXPECT_EQ(said, "");
  holder.run("ROLLBACK");
  EXPECT_TRUE(a.give({"w", "x"}, 2));
}

TEST_F(PostgresStoreErrors, AFailureToSerializeIsRunAgain) {
  LaneUser a = open();
  world.sql(
      "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
      "'as told' USING ERRCODE = '40001'; END $$; CREATE TRIGGER refuse BEFORE INSERT ON "
      "accounts EXECUTE FUNCTION refuse()");
  EXPECT_EQ(a.give({"x"}, 1).error().code, protocol::transaction_aborted);
  world.sql("DROP TRIGGER refuse ON accounts");
  EXPECT_TRUE(a.give({"x"}, 1));
}

TEST_F(PostgresStoreErrors, TextThatTheDatabaseCannotHoldIsInvalid) {
  LaneUser a = open();
  for (const std::string& bad :
       {std::string("a\0b", 3), std::string("\xff"), std::string("\xed\xa0\x80")}) {
    const auto locked = a.lane->lock(LockRequest{{account_ref(bad)}});
    ASSERT_FALSE(locked);
    EXPECT_EQ(locked.error().code.error_class, ErrorClass::invalid);
    auto writes = LaneUser::giving(a.lock({"x"}), 1);
    std::get<std::string>(writes.entities[0].row[9]) = bad;
    const auto committed = a.lane->commit(writes);
    ASSERT_FALSE(committed);
    EXPECT_EQ(committed.error().code.error_class, ErrorClass::invalid);
    EXPECT_EQ(a.balance("x"), -1);
  }
  EXPECT_TRUE(a.give({"x"}, 1));
}

// In the journal it is escaped, so the database takes it. What is no NUL stays as it is.
TEST_F(PostgresStoreErrors, ANulInTheJournalIsShownAsAQuestionMark) {
  LaneUser a = open();
  a.lock(LockRequest{});
  auto writes = LaneUser::nothing();
  writes.journal_entries =
      R"([{"id":"\u0000a\u0000\u0000","why":"\\u0000","reason":"\\\u0000 \n\u0001"},{"id":"b"}])";
  ASSERT_TRUE(a.lane->commit(writes));
  const auto shown = [&](const std::string& column) {
    return world.sql("SELECT string_agg(" + column + ", '|') FROM pawl_journal_entries");
  };
  EXPECT_EQ(shown("command_id"), "?a??|b");
  EXPECT_EQ(shown("why"), R"(\u0000)");
  EXPECT_EQ(shown("reason"), "\\? \n\x01");
}

TEST_F(PostgresStoreErrors, AMissingRightIsNamed) {
  LaneUser a = open();
  world.sql("REVOKE INSERT ON pawl_journal FROM pawl");
  const auto committed = a.give({"x"}, 1);
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code, protocol::store_failed);
  EXPECT_NE(committed.error().detail.find("pawl_journal"), std::string::npos);
  world.sql("GRANT INSERT ON pawl_journal TO pawl");
  EXPECT_TRUE(a.give({"x"}, 1));
}

TEST_F(PostgresStoreErrors, AKeyWithoutAnIndexOrAnothersCollationIsRefused) {
  open().lane->release();
  const auto refused = [&] {
    const auto opened = open_postgres(world.options(), registry);
    return !opened && opened.error().code == schema_differs;
  };
  world.sql("ALTER TABLE accounts ALTER COLUMN trail TYPE text COLLATE pg_catalog.\"default\"");
  EXPECT_TRUE(refused());
  world.sql("ALTER TABLE accounts ALTER COLUMN trail TYPE text COLLATE \"C\"");
  EXPECT_FALSE(refused());
  world.sql("ALTER TABLE accounts DROP CONSTRAINT accounts_pkey");
  EXPECT_TRUE(refused());
}

TEST_F(PostgresStoreErrors, SeveralThatOpenANewStoreAtOnceAllDo) {
  constexpr int count = 6;
  std::vector<std::jthread> opening;
  std::atomic<int> opened{0};
  for (int i = 0; i < count; ++i) {
    opening.emplace_back([&] {
      const auto store = open_postgres(world.options(), registry);
      EXPECT_TRUE(store) << store.error().text();
      if (store) ++opened;
    });
  }
  for (auto& thread : opening) thread.join();
  EXPECT_EQ(opened, count);
  EXPECT_EQ(world.sql("SELECT count(*) FROM pawl_migrations WHERE system = 'engine'"),
            std::to_string(postgres::engine_migrations().size()));
}

}  // namespace
}  // namespace pawl::test
