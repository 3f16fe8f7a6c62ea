// SPDX-License-Identifier: Apache-2.0
//
// Removal of old rows on PostgreSQL where several processes are at it and several lanes have rows.
#include "store/postgres/postgres_retention.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "engine/bank_decide.h"
#include "postgres/postgres_world.h"
#include "protocol/storage.h"
#include "store/postgres/pipeline.h"

namespace pawl::test {

namespace {

using protocol::RetentionPass;
using protocol::RetentionPassed;
using protocol::RetentionSubject;

class SharedRetention : public ::testing::Test {
 public:
  void SetUp() override {
    bank::describe(registry_);
    ASSERT_TRUE(world_.open(registry_, false));
    world_.sql("INSERT INTO pawl_lanes VALUES (0, 1, 1, 0, '', false), (1, 1, 1, 0, '', false)");
  }
  postgres::Connection connect() {
    postgres::ConnectionOptions options;
    options.url = world_.options().url;
    options.schema = world_.schema();
    auto opened = postgres::Connection::open(options);
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().text());
    return opened ? std::move(*opened) : postgres::Connection();
  }
  Result<RetentionPassed> pass(postgres::Connection& connection, RetentionSubject subject,
                               std::int64_t before, int rows, std::string_view table = {}) {
    return postgres::remove_old_rows(connection, registry_, {subject, table, Time{before}, rows}, 0,
                                     1);
  }
  // Until the walk is at its end.
  std::int64_t walk(RetentionSubject subject, std::int64_t before, int rows,
                    std::string_view table = {}) {
    auto connection = connect();
    std::int64_t removed = 0;
    for (int i = 0; i < 1'000; ++i) {
      const auto passed = pass(connection, subject, before, rows, table);
      EXPECT_TRUE(passed) << (passed ? "" : passed.error().text());
      if (!passed) return removed;
      removed += passed->removed;
      if (passed->finished) return removed;
    }
    ADD_FAILURE() << "the walk has no end";
    return removed;
  }
  std::string count(const std::string& from) const {
    return world_.sql("SELECT count(*)::text FROM " + from);
  }
  void add_journal(int lane, int from, int to) {
    world_.sql("INSERT INTO pawl_journal SELECT " + std::to_string(lane) +
               ", i, 1, i * 10, 0, '[]' FROM generate_series(" + std::to_string(from) + ", " +
               std::to_string(to) + ") i");
  }

 protected:
  PostgresWorld world_;
  Registry registry_;
};

TEST_F(SharedRetention, TheNewestRowOfEachLaneStaysAndAYoungLaneHoldsUpNoOther) {
  add_journal(0, 1, 20);
  add_journal(1, 1, 20);
  // All of lane 0 from 50 on is young; lane 1 must be reached all the same, in steps of three.
  EXPECT_EQ(walk(RetentionSubject::journal, 50, 3), 8);
  EXPECT_EQ(count("pawl_journal WHERE lane = 0"), "16");
  EXPECT_EQ(count("pawl_journal WHERE lane = 1"), "16");
  EXPECT_EQ(walk(RetentionSubject::journal, 1'000'000, 3), 30);
  EXPECT_EQ(world_.sql("SELECT string_agg(lane || '/' || sequence, ' ' ORDER BY lane) FROM "
                       "pawl_journal"),
            "0/20 1/20");
  const auto store = world_.open(registry_, false);
  ASSERT_TRUE(store);
}

TEST_F(SharedRetention, RecordsOfEachLaneAreAsOldAsTheirCommit) {
  add_journal(0, 1, 5);
  add_journal(1, 1, 5);
  for (const int lane : {0, 1}) {
    world_.sql("INSERT INTO account_notes SELECT ((" + std::to_string(lane) +
               "::bigint << 36) | i) << 15, 'a', 't', i FROM generate_series(1, 5) i");
  }
  EXPECT_EQ(walk(RetentionSubject::records, 25, 2, bank::Note::table), 4);
  EXPECT_EQ(count("account_notes"), "6");
  auto connection = connect();
  EXPECT_EQ(pass(connection, RetentionSubject::records, 25, 2, "pawl_lanes").error().code,
            query_invalid);
}

// Rows of different parts lie at the same places.
TEST_F(SharedRetention, OfADividedTableOnlyTheOldPartsRowsGo) {
  add_journal(0, 1, 4);
  world_.sql(
      "CREATE TABLE divided (LIKE account_notes INCLUDING ALL) PARTITION BY RANGE (record_id);"
      "CREATE TABLE divided_1 PARTITION OF divided FOR VALUES FROM (MINVALUE) TO (3 << 15);"
      "CREATE TABLE divided_2 PARTITION OF divided FOR VALUES FROM (3 << 15) TO (MAXVALUE);"
      "DROP TABLE account_notes; ALTER TABLE divided RENAME TO account_notes;"
      "GRANT ALL ON account_notes TO PUBLIC;"
      "INSERT INTO account_notes SELECT (i::bigint << 15), 'a', 'x', i FROM generate_series(1, 4) "
      "i");
  EXPECT_EQ(walk(RetentionSubject::records, 25, 10, bank::Note::table), 2);
  EXPECT_EQ(world_.sql("SELECT string_agg((record_id >> 15)::text, ' ' ORDER BY record_id) FROM "
                       "account_notes"),
            "3 4");
}

TEST_F(SharedRetention, WhoFindsAnotherAtItLeavesItToHim) {
  add_journal(0, 1, 10);
  EXPECT_EQ(walk(RetentionSubject::journal, 15, 100), 1);
  auto holder = connect();
  ASSERT_TRUE(postgres::run_one(holder, "BEGIN", postgres::deadline_in(10'000)));
  ASSERT_TRUE(postgres::run_one(holder, "SELECT 1 FROM pawl_retention FOR UPDATE",
                                postgres::deadline_in(10'000)));
  auto connection = connect();
  const auto passed = pass(connection, RetentionSubject::journal, 1'000, 100);
  ASSERT_TRUE(passed) << passed.error().text();
  EXPECT_EQ(passed->removed, 0);
  EXPECT_TRUE(passed->finished);
  EXPECT_EQ(connection.transaction_status(), postgres::TransactionStatus::idle);
  EXPECT_EQ(count("pawl_journal"), "9");
  // Another subject is free.
  EXPECT_TRUE(pass(connection, RetentionSubject::alerts, 1'000, 100));
}

TEST_F(SharedRetention, TwoAtOnceRemoveEachRowOnce) {
  world_.sql(
      "INSERT INTO pawl_receipts SELECT 'account', 'a', 'ann', 'k', ('id-' || i)::bytea, '', 1, "
      "'', "
      "'', 0, '', 1, CASE WHEN i % 3 = 0 THEN 900 ELSE 100 END FROM generate_series(1, 600) i");
  std::atomic<std::int64_t> removed = 0;
  std::vector<std::thread> removers;
  for (int i = 0; i < 2; ++i) {
    removers.emplace_back([&] { removed += walk(RetentionSubject::receipts, 500, 7); });
  }
  for (auto& remover : removers) remover.join();
  removed += walk(RetentionSubject::receipts, 500, 50);  // one of them may have been left at once
  EXPECT_EQ(removed, 400);
  EXPECT_EQ(count("pawl_receipts"), "200");
  EXPECT_EQ(world_.sql("SELECT removed::text FROM pawl_retention WHERE subject = 'receipts'"),
            "400");
}

TEST_F(SharedRetention, WhoseLaneWasTakenRemovesNothing) {
  add_journal(0, 1, 10);
  world_.sql("UPDATE pawl_lanes SET epoch = 2 WHERE id = 0");
  auto connection = connect();
  const auto passed = pass(connection, RetentionSubject::journal, 1'000, 100);
  ASSERT_FALSE(passed);
  EXPECT_EQ(passed.error().code, protocol::lane_fenced);
  EXPECT_EQ(connection.transaction_status(), postgres::TransactionStatus::idle);
  EXPECT_EQ(count("pawl_journal"), "10");
}

}  // namespace

}  // namespace pawl::test
