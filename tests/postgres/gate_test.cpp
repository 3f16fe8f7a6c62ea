// SPDX-License-Identifier: Apache-2.0
//
// The gate, between the pipeline and a real server: what passes, to the byte, what each fault looks
// like from this side, and what the server did.
#include "postgres/gate.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

#include "eventually.h"
#include "postgres/server.h"
#include "store/postgres/pipeline.h"

namespace pawl::test {

using postgres::Answer;
using postgres::Connection;
using postgres::deadline_in;
using postgres::Outcome;
using postgres::Parameters;
using postgres::Pipeline;
using postgres::run_one;
using postgres::SqlErrorKind;

class GateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server().sql("CREATE TABLE " + table() + " (id int8 PRIMARY KEY)");
    server().sql("GRANT ALL ON " + table() + " TO pawl");
    connection = open();
  }

  static TestServer& server() { return TestServer::shared(); }
  std::string table() const { return schema.name() + ".numbers"; }

  Connection open() {
    auto options = schema.options();
    options.url = "postgresql://pawl:" + std::string(TestServer::password) +
                  "@127.0.0.1:" + std::to_string(gate.port()) + "/pawl?sslmode=disable";
    auto opened = Connection::open(options);
    EXPECT_TRUE(opened) << opened.error().text();
    return opened ? std::move(*opened) : Connection();
  }

  // BEGIN and INSERT in one round, COMMIT in the next, as a store does.
  Outcome commit(std::int64_t id, int deadline_ms = patience_ms) {
    Pipeline first(connection);
    first.add("BEGIN");
    first.add("INSERT INTO numbers VALUES (" + std::to_string(id) + ")");
    EXPECT_TRUE(first.run(deadline_in(patience_ms)));
    Pipeline second(connection);
    second.add("SELECT 1");
    commit_at = second.add("COMMIT");
    return second.run(deadline_in(deadline_ms));
  }

  // What the server has, once it has ended the transaction of a connection that broke.
  bool is_there(std::int64_t id) {
    EXPECT_TRUE(eventually([] {
      return server().sql(
                 "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pawl'"
                 " AND state <> 'idle'") == "0";
    }));
    return server().sql("SELECT count(*) FROM " + table() + " WHERE id = " + std::to_string(id)) ==
           "1";
  }

  void proves_healed(std::int64_t id) {
    gate.heal();
    connection = open();
    const auto outcome = commit(id);
    ASSERT_TRUE(outcome) << outcome.error().message;
    EXPECT_TRUE(is_there(id));
  }

  TestSchema schema;
  Gate gate{server().port()};
  Connection connection;
  std::size_t commit_at = 0;
};

TEST_F(GateTest, PassesEverythingOnAndFindsTheCommit) {
  const auto before = gate.bytes(Direction::to_server);
  EXPECT_GT(before, 0U);
  const auto outcome = commit(1);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_TRUE(is_there(1));
  EXPECT_GT(gate.bytes(Direction::to_server), before);
  EXPECT_EQ(gate.connections(), 1);
  ASSERT_TRUE(eventually([&] { return gate.commit(Direction::to_client).has_value(); }));
  // Parse("COMMIT") 15, Bind 15 (one result format: binary), Describe 7, Execute 10, Sync 5.
  EXPECT_EQ(gate.commit(Direction::to_server)->length(), 15U + 15U + 7U + 10U + 5U);
  // ParseComplete, BindComplete, NoData: 5 each; CommandComplete("COMMIT") 12; ReadyForQuery 6.
  EXPECT_EQ(gate.commit(Direction::to_client)->length(), 15U + 12U + 6U);
}

TEST_F(GateTest, TheCommitsAnswerIsFoundBehindThatOfAnotherSync) {
  Pipeline round(connection);
  round.add("SELECT 1");
  round.sync();
  round.add("COMMIT");
  ASSERT_TRUE(round.run(deadline_in(patience_ms)));
  ASSERT_TRUE(eventually([&] { return gate.commit(Direction::to_client).has_value(); }));
  // With a warning in it: there was no transaction.
  const auto answer = gate.commit(Direction::to_client);
  EXPECT_EQ(gate.commit(Direction::to_server)->length(), 15U + 15U + 7U + 10U + 5U);
  EXPECT_GT(answer->length(), 15U + 12U + 6U);
  gate.arm({.direction = Direction::to_client, .bytes = answer->length(), .fault = Fault::cut});
  EXPECT_TRUE(run_one(connection, "COMMIT", deadline_in(patience_ms)));
  EXPECT_TRUE(gate.struck(patience_ms));
}

TEST_F(GateTest, TwentyThousandStatementsPass) {
  const postgres::Statement echo{
      .name = "echo", .sql = "SELECT $1", .types = {postgres::Type::text}};
  const std::string text(500, 'x');
  Pipeline round(connection);
  Parameters parameters;
  for (int i = 0; i < 20'000; ++i) {
    parameters.clear();
    round.add(echo, parameters.text(text));
  }
  const auto outcome = round.run(deadline_in(60'000));
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome[19'999].text_view(0, 0), text);
}

TEST_F(GateTest, LatencyIsAdded) {
  gate.set_latency_ms(40);
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(run_one(connection, "SELECT 1", deadline_in(patience_ms)));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(80));
}

// Every byte of the COMMIT's request: the server executes once it has the Execute whole, not
// before.
TEST_F(GateTest, EveryByteOfTheCommitsRequestIsACutOfItsOwn) {
  constexpr std::uint64_t through_execute = 15 + 15 + 7 + 10;
  std::int64_t id = 0;
  for (const auto fault : {Fault::reset, Fault::cut}) {
    for (std::uint64_t bytes = 0; bytes <= through_execute + 5; ++bytes) {
      gate.heal();
      if (!connection.alive()) connection = open();
      gate.arm({.direction = Direction::to_server, .bytes = bytes, .fault = fault});
      const auto outcome = commit(++id);
      ASSERT_FALSE(outcome) << bytes;
      EXPECT_EQ(outcome.error().kind, SqlErrorKind::connection_lost);
      EXPECT_TRUE(outcome.in_doubt(commit_at)) << bytes;
      EXPECT_TRUE(gate.struck(patience_ms));
      EXPECT_FALSE(connection.alive());
      // A reset can overtake what the server has not read yet; an orderly end cannot.
      const bool there = is_there(id);
      if (fault == Fault::cut || bytes < through_execute) {
        EXPECT_EQ(there, bytes >= through_execute) << bytes;
      }
    }
  }
  proves_healed(++id);
}

// Every byte of its answer: it is committed, and known to be as soon as CommandComplete has come
// whole.
TEST_F(GateTest, EveryByteOfTheCommitsAnswerIsACutOfItsOwn) {
  constexpr std::uint64_t through_complete = 15 + 12;
  std::int64_t id = 0;
  for (const auto fault : {Fault::reset, Fault::cut}) {
    for (std::uint64_t bytes = 0; bytes <= through_complete + 6; ++bytes) {
      gate.heal();
      if (!connection.alive()) connection = open();
      gate.arm({.direction = Direction::to_client, .bytes = bytes, .fault = fault});
      const auto outcome = commit(++id);
      EXPECT_TRUE(gate.struck(patience_ms));
      EXPECT_TRUE(is_there(id)) << bytes;
      if (bytes == through_complete + 6) {
        EXPECT_TRUE(outcome) << outcome.error().message;
        EXPECT_TRUE(eventually([this] { return !connection.alive(); }));
        continue;
      }
      ASSERT_FALSE(outcome) << bytes;
      EXPECT_EQ(outcome.in_doubt(commit_at), bytes < through_complete) << bytes;
      if (bytes >= through_complete) {
        EXPECT_EQ(outcome[commit_at].tag(), "COMMIT");
      }
    }
  }
  proves_healed(++id);
}

// libpq reads on until the end is all it finds: what came before it must not be lost with it.
TEST_F(GateTest, AnAnswerThatCameTogetherWithTheEndCounts) {
  ASSERT_TRUE(commit(1));
  ASSERT_TRUE(eventually([&] { return gate.commit(Direction::to_client).has_value(); }));
  const auto answer = gate.commit(Direction::to_client)->length();
  gate.arm({.direction = Direction::to_client, .bytes = answer - 6, .fault = Fault::cut});
  Pipeline round(connection);
  round.add("BEGIN");
  const auto large = round.add("SELECT repeat('x', 100000)");
  const auto committed = round.add("COMMIT");
  round.sync();
  // All of it, and the end, is here before a byte is read.
  ASSERT_TRUE(gate.struck(patience_ms));
  const auto outcome = round.run(deadline_in(patience_ms));
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome[large].done());
  EXPECT_EQ(outcome[committed].tag(), "COMMIT");
  EXPECT_FALSE(outcome.in_doubt(committed));
}

TEST_F(GateTest, WhatIsSwallowedEndsInATimeOut) {
  gate.arm({.direction = Direction::to_client, .bytes = 0, .fault = Fault::swallow});
  const auto outcome = commit(1, 200);
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(gate.struck(patience_ms));
  EXPECT_TRUE(outcome.in_doubt(commit_at));
  EXPECT_TRUE(is_there(1));
  proves_healed(2);
}

TEST_F(GateTest, WhatIsHeldGoesOnWhenHealed) {
  gate.arm({.direction = Direction::to_server, .bytes = 20, .fault = Fault::hold});
  std::thread healer([this] {
    EXPECT_TRUE(gate.struck(patience_ms));
    EXPECT_EQ(server().sql("SELECT count(*) FROM " + table()), "0");
    gate.heal();
  });
  const auto outcome = commit(1);
  healer.join();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_TRUE(is_there(1));
}

TEST_F(GateTest, AFaultCanBeCountedFromTheConnectionsBegin) {
  connection.close();
  gate.arm({.direction = Direction::to_server,
            .from = From::connection,
            .bytes = 10,
            .fault = Fault::reset});
  auto options = schema.options();
  options.url =
      "postgresql://pawl@127.0.0.1:" + std::to_string(gate.port()) + "/pawl?sslmode=disable";
  const auto refused = Connection::open(options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code.code, "store_unreachable");
  EXPECT_TRUE(gate.struck(patience_ms));
  proves_healed(1);
}

TEST_F(GateTest, ShutItLetsNobodyThrough) {
  gate.shut();
  EXPECT_TRUE(eventually([this] { return !connection.alive(); }));
  EXPECT_FALSE(Connection::open([this] {
    auto options = schema.options();
    options.url = "host=127.0.0.1 user=pawl port=" + std::to_string(gate.port());
    return options;
  }()));
  proves_healed(1);
}

}  // namespace pawl::test
