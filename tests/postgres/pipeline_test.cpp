// SPDX-License-Identifier: Apache-2.0
//
// Rounds of statements against a real server: what is answered, what is skipped, what stays, and
// what is known when the server dies in the middle.
#include "store/postgres/pipeline.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <thread>

#include "eventually.h"
#include "postgres/server.h"

namespace pawl::postgres::test {

using pawl::test::eventually;
using pawl::test::ServerSettings;
using pawl::test::TestSchema;
using pawl::test::TestServer;

constexpr int patience_ms = pawl::test::patience_ms;

class PipelineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    connection = open(schema.options());
    run("CREATE TABLE numbers (id int8 PRIMARY KEY, name text)");
  }

  static Connection open(const ConnectionOptions& options) {
    auto opened = Connection::open(options);
    EXPECT_TRUE(opened) << opened.error().text();
    return opened ? std::move(*opened) : Connection();
  }

  ResultSet run(const std::string& sql) {
    auto result = run_one(connection, sql, deadline_in(patience_ms));
    EXPECT_TRUE(result) << sql << ": " << result.error().message;
    return result ? std::move(*result) : ResultSet();
  }

  std::int64_t count() { return run("SELECT count(*) FROM numbers").integer(0, 0); }

  TestSchema schema;
  Connection connection;
  const Statement insert{.name = "insert",
                         .sql = "INSERT INTO numbers VALUES ($1, $2)",
                         .types = {Type::bigint, Type::text}};
};

TEST_F(PipelineTest, EveryStatementIsAnsweredInItsOrder) {
  Pipeline round(connection);
  const auto begin = round.add("BEGIN");
  const auto first = round.add(insert, Parameters().integer(1).text("one"));
  const auto read = round.add("SELECT id, name FROM numbers");
  const auto commit = round.add("COMMIT");
  const auto outcome = round.run(deadline_in(patience_ms));
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome.progress, Progress::answered);
  EXPECT_EQ(outcome[begin].tag(), "BEGIN");
  EXPECT_EQ(outcome[first].affected(), 1);
  EXPECT_EQ(outcome[read].integer(0, 0), 1);
  EXPECT_EQ(outcome[read].text_view(0, 1), "one");
  EXPECT_EQ(outcome[commit].tag(), "COMMIT");
  EXPECT_EQ(count(), 1);
}

TEST_F(PipelineTest, AFailureSkipsTheRestAndUndoesWhatWasBefore) {
  Pipeline round(connection);
  const auto first = round.add(insert, Parameters().integer(1).text("one"));
  const auto twice = round.add(insert, Parameters().integer(1).text("again"));
  const auto after = round.add(insert, Parameters().integer(2).text("two"));
  const auto outcome = round.run(deadline_in(patience_ms));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.failed_at, twice);
  EXPECT_EQ(outcome.error().kind, SqlErrorKind::unique_violation);
  EXPECT_EQ(outcome.error().constraint, "numbers_pkey");
  EXPECT_EQ(outcome.error().statement, "insert");
  EXPECT_EQ(outcome[first].answer(), Answer::done);
  EXPECT_EQ(outcome[after].answer(), Answer::skipped);
  EXPECT_TRUE(connection.alive());
  EXPECT_EQ(count(), 0);
}

TEST_F(PipelineTest, ASyncSeparatesTransactions) {
  Pipeline round(connection);
  round.add(insert, Parameters().integer(1).text("one"));
  const auto twice = round.add(insert, Parameters().integer(1).text("again"));
  round.sync();
  const auto other = round.add(insert, Parameters().integer(2).text("two"));
  const auto outcome = round.run(deadline_in(patience_ms));
  EXPECT_EQ(outcome.failed_at, twice);
  EXPECT_TRUE(outcome[other].done());
  EXPECT_EQ(count(), 1);
}

TEST_F(PipelineTest, AStatementWhosePreparationFailedIsPreparedAgain) {
  const Statement late{.name = "late", .sql = "SELECT * FROM comes_later"};
  Pipeline round(connection);
  const auto asked = round.add(late, {});
  const auto outcome = round.run(deadline_in(patience_ms));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.failed_at, asked);
  EXPECT_EQ(outcome.error().sqlstate, "42P01");
  EXPECT_EQ(outcome[asked].answer(), Answer::failed);
  run("CREATE TABLE comes_later (id int8)");
  EXPECT_TRUE(run_one(connection, late, {}, deadline_in(patience_ms)));
}

TEST_F(PipelineTest, ATransactionThatFailsAtItsEndHasFailed) {
  run("ALTER TABLE numbers ADD UNIQUE (name) DEFERRABLE INITIALLY DEFERRED");
  Pipeline round(connection);
  round.add(insert, Parameters().integer(1).text("same"));
  const auto last = round.add(insert, Parameters().integer(2).text("same"));
  const auto outcome = round.run(deadline_in(patience_ms));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.failed_at, last);
  EXPECT_EQ(outcome.error().kind, SqlErrorKind::unique_violation);
  EXPECT_EQ(outcome[last].answer(), Answer::failed);
  EXPECT_TRUE(connection.alive());
  EXPECT_EQ(count(), 0);
}

TEST_F(PipelineTest, ACommitOfAFailedTransactionIsAnsweredRollback) {
  Pipeline round(connection);
  round.add("BEGIN");
  round.add("SELECT 1 / 0");
  EXPECT_FALSE(round.run(deadline_in(patience_ms)));
  EXPECT_EQ(connection.transaction_status(), TransactionStatus::failed);
  EXPECT_EQ(run("COMMIT").tag(), "ROLLBACK");
  EXPECT_EQ(connection.transaction_status(), TransactionStatus::idle);
}

TEST_F(PipelineTest, TwentyThousandStatementsWithLargeAnswersDoNotDeadlock) {
  constexpr int statements = 20'000;
  const Statement echo{.name = "echo", .sql = "SELECT $1 || $1", .types = {Type::text}};
  const std::string text(1000, 'x');
  Pipeline round(connection);
  Parameters parameters;
  for (int i = 0; i < statements; ++i) {
    parameters.clear();
    round.add(echo, parameters.text(text));
  }
  const auto outcome = round.run(deadline_in(60'000));
  ASSERT_TRUE(outcome) << outcome.error().message;
  for (int i = 0; i < statements; ++i) {
    ASSERT_EQ(outcome[static_cast<std::size_t>(i)].text_view(0, 0).size(), 2000U);
  }
}

TEST_F(PipelineTest, StatementsAndAnswersLargerThanEveryBufferDoNotDeadlock) {
  // Over a Unix socket, whose buffers are small.
  ConnectionOptions options;
  options.url = TestServer::shared().socket_url();
  auto local = open(options);
  constexpr int statements = 1'000;
  const Statement echo{.name = "echo", .sql = "SELECT $1 || $1", .types = {Type::text}};
  const std::string text(64'000, 'x');
  Pipeline round(local);
  for (int i = 0; i < statements; ++i) round.add(echo, Parameters().text(text));
  const auto outcome = round.run(deadline_in(60'000));
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome[statements - 1].text_view(0, 0).size(), 128'000U);
}

TEST_F(PipelineTest, EveryTypeArrivesAsItWasGiven) {
  const std::array<unsigned char, 3> raw{0, 255, 10};
  const Statement all{
      .name = "all",
      .sql = "SELECT $1, $2, $3, $4, $5, $6, $3::text, encode($5, 'hex'), $1::text",
      .types = {Type::bigint, Type::int4, Type::boolean, Type::text, Type::bytea, Type::text}};
  const auto answer = run_one(connection, all,
                              Parameters()
                                  .integer(-5'000'000'000)
                                  .int4(-7)
                                  .boolean(true)
                                  .text("")
                                  .bytes(raw)
                                  .null(Type::text),
                              deadline_in(patience_ms));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->integer(0, 0), -5'000'000'000);
  EXPECT_EQ(answer->integer(0, 1), -7);
  EXPECT_TRUE(answer->boolean(0, 2));
  EXPECT_FALSE(answer->is_null(0, 3));
  EXPECT_EQ(answer->text_view(0, 3), "");
  EXPECT_EQ(answer->blob(0, 4).size(), 3U);
  EXPECT_EQ(answer->blob(0, 4)[1], 255);
  EXPECT_TRUE(answer->is_null(0, 5));
  EXPECT_EQ(answer->text_view(0, 6), "true");
  EXPECT_EQ(answer->text_view(0, 7), "00ff0a");
  EXPECT_EQ(answer->text_view(0, 8), "-5000000000");
}

TEST_F(PipelineTest, ArraysKeepTheirNullsAndTheEmptyOneIsEmpty) {
  const Statement arrays{
      .name = "arrays",
      .sql =
          "SELECT $1::text, $2::text, $3::text, $4::text, $5::text, array_ndims($6) IS NULL,"
          " $6 = '{}'",
      .types = {Type::bigint_array, Type::text_array, Type::bytea_array, Type::boolean_array,
                Type::int4_array, Type::bigint_array}};
  const std::array<unsigned char, 2> raw{1, 254};
  Parameters parameters;
  parameters.array(Type::bigint_array).element(std::int64_t{-1}).element_null();
  parameters.array(Type::text_array).element_null().element("").element("a,\"b\"");
  parameters.array(Type::bytea_array).element(std::span<const unsigned char>(raw)).element_null();
  parameters.array(Type::boolean_array).element(true).element(false).element_null();
  parameters.array(Type::int4_array).element(std::int64_t{7});
  parameters.integers({});
  const auto answer = run_one(connection, arrays, parameters, deadline_in(patience_ms));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->text_view(0, 0), "{-1,NULL}");
  EXPECT_EQ(answer->text_view(0, 1), "{NULL,\"\",\"a,\\\"b\\\"\"}");
  EXPECT_EQ(answer->text_view(0, 2), "{\"\\\\x01fe\",NULL}");
  EXPECT_EQ(answer->text_view(0, 3), "{t,f,NULL}");
  EXPECT_EQ(answer->text_view(0, 4), "{7}");
  EXPECT_TRUE(answer->boolean(0, 5));
  EXPECT_TRUE(answer->boolean(0, 6));
}

TEST_F(PipelineTest, ParametersOfAnotherTypeAreNotSent) {
  Pipeline round(connection);
  round.add(insert, Parameters().text("1").text("one"));
  const auto outcome = round.run(deadline_in(patience_ms));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, SqlErrorKind::other);
  EXPECT_EQ(outcome.progress, Progress::nothing_sent);
  EXPECT_EQ(outcome[0].answer(), Answer::unsent);
}

TEST_F(PipelineTest, TwoStatementsOfOneNameAreAMistake) {
  ASSERT_TRUE(
      run_one(connection, insert, Parameters().integer(1).text("one"), deadline_in(patience_ms)));
  const Statement other{.name = insert.name, .sql = "SELECT 1"};
  const auto answer = run_one(connection, other, {}, deadline_in(patience_ms));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, SqlErrorKind::other);
  EXPECT_FALSE(connection.alive());
}

TEST_F(PipelineTest, TextThatIsNoUtf8IsRefusedByItsSqlstate) {
  const auto answer =
      run_one(connection, insert, Parameters().integer(1).text("\xff"), deadline_in(patience_ms));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, SqlErrorKind::invalid_text);
  const auto nul =
      run_one(connection, insert, Parameters().integer(1).text(std::string_view("a\0b", 3)),
              deadline_in(patience_ms));
  ASSERT_FALSE(nul);
  EXPECT_EQ(nul.error().kind, SqlErrorKind::invalid_text);
}

TEST_F(PipelineTest, ErrorsAreToldApartBySqlstate) {
  const auto kind = [this](const std::string& sql) {
    const auto answer = run_one(connection, sql, deadline_in(patience_ms));
    return answer ? SqlErrorKind::none : answer.error().kind;
  };
  run("ALTER TABLE numbers ADD CHECK (id > 0)");
  EXPECT_EQ(kind("INSERT INTO numbers VALUES (0)"), SqlErrorKind::constraint);
  EXPECT_EQ(kind("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'PW001'; END $$"),
            SqlErrorKind::raised_by_us);
  EXPECT_EQ(kind("SELECT pg_read_file('PG_VERSION')"), SqlErrorKind::permission);
  EXPECT_EQ(kind("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$"),
            SqlErrorKind::retry_whole);
  EXPECT_EQ(kind("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END $$"),
            SqlErrorKind::retry_whole);
  EXPECT_EQ(kind("SELECT 1 / 0"), SqlErrorKind::other);
  EXPECT_EQ(kind("SELECT 1"), SqlErrorKind::none);
}

TEST_F(PipelineTest, ALockThatDoesNotComeIsATimeOutOfItsOwn) {
  run("INSERT INTO numbers VALUES (1, 'one')");
  run("BEGIN");
  run("SELECT * FROM numbers FOR UPDATE");
  auto options = schema.options();
  options.lock_timeout_ms = 50;
  auto other = open(options);
  const auto answer = run_one(other, "SELECT * FROM numbers FOR UPDATE", deadline_in(patience_ms));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, SqlErrorKind::lock_timeout);
  EXPECT_TRUE(other.alive());
}

TEST_F(PipelineTest, AStatementThatTakesTooLongIsEndedByTheServer) {
  auto options = schema.options();
  options.statement_timeout_ms = 50;
  auto other = open(options);
  const auto answer = run_one(other, "SELECT pg_sleep(60)", deadline_in(patience_ms));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, SqlErrorKind::statement_timeout);
  EXPECT_TRUE(other.alive());
}

TEST_F(PipelineTest, ATransactionLeftOpenIsEndedByTheServer) {
  auto options = schema.options();
  options.idle_in_transaction_timeout_ms = 50;
  auto other = open(options);
  ASSERT_TRUE(run_one(other, "BEGIN", deadline_in(patience_ms)));
  EXPECT_TRUE(eventually([&] {
    return TestServer::shared().sql("SELECT count(*) FROM pg_stat_activity WHERE pid = " +
                                    std::to_string(other.facts().backend_pid)) == "0";
  }));
  const auto answer = run_one(other, "COMMIT", deadline_in(patience_ms));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, SqlErrorKind::connection_lost);
  EXPECT_EQ(answer.error().sqlstate, "25P03");
  EXPECT_FALSE(other.alive());
}

TEST_F(PipelineTest, NoAnswerInTimeClosesTheConnectionAndLeavesTheStatementInDoubt) {
  Pipeline round(connection);
  const auto done = round.add("SELECT 1");
  const auto slow = round.add("SELECT pg_sleep(60)");
  const auto outcome = round.run(deadline_in(100));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, SqlErrorKind::connection_lost);
  EXPECT_EQ(outcome.error().sqlstate, "");
  EXPECT_FALSE(connection.alive());
  EXPECT_TRUE(outcome.in_doubt(slow));
  // The server holds the first answer back until its buffer is full or the round is at its end.
  EXPECT_NE(outcome[done].answer(), Answer::unsent);
  const auto again = run_one(connection, "SELECT 1", deadline_in(patience_ms));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, SqlErrorKind::connection_lost);
}

TEST_F(PipelineTest, AServerThatNeverStopsTalkingIsNotListenedToForever) {
  Pipeline round(connection);
  round.add("DO $$ BEGIN LOOP RAISE WARNING 'on and on'; END LOOP; END $$");
  const auto outcome = round.run(deadline_in(100));
  ASSERT_FALSE(outcome);
  // Not the server's own time-out, much later.
  EXPECT_EQ(outcome.error().kind, SqlErrorKind::connection_lost);
  EXPECT_EQ(outcome.warnings.size(), max_kept_warnings);
}

TEST_F(PipelineTest, ARoundThatWasNotRunNeverReachesTheServer) {
  {
    Pipeline round(connection);
    round.add("BEGIN");
    round.add(insert, Parameters().integer(1).text("one"));
    round.add("COMMIT");
  }
  EXPECT_FALSE(connection.alive());
  connection = open(schema.options());
  EXPECT_EQ(count(), 0);
}

TEST_F(PipelineTest, ARoundOnAClosedConnectionSaysThatNothingWasSent) {
  connection.close();
  Pipeline round(connection);
  const auto commit = round.add("COMMIT");
  const auto outcome = round.run(deadline_in(patience_ms));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.progress, Progress::nothing_sent);
  EXPECT_FALSE(outcome.in_doubt(commit));
  EXPECT_EQ(outcome[commit].answer(), Answer::unsent);
}

TEST_F(PipelineTest, ACommitWhoseStandbyWasNotWaitedForCarriesItsWarning) {
  TestServer server(ServerSettings{{"synchronous_standby_names", "ghost"}});
  // Before there is a standby to wait for, settling the schema must not wait for it.
  ConnectionOptions options;
  options.url = server.url();
  options.settings = {{"synchronous_commit", "local"}};
  auto own = open(options);
  ASSERT_TRUE(run_one(own, "CREATE TABLE t (id int8)", deadline_in(patience_ms)));
  ASSERT_TRUE(run_one(own, "SET synchronous_commit = on", deadline_in(patience_ms)));

  const auto pid = std::to_string(own.facts().backend_pid);
  std::thread canceller([&server, pid] {
    eventually([&] {
      return server.sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = " + pid +
                        " AND wait_event = 'SyncRep'") == "t";
    });
  });
  Pipeline round(own);
  round.add("BEGIN");
  round.add("INSERT INTO t VALUES (1)");
  const auto commit = round.add("COMMIT");
  const auto outcome = round.run(deadline_in(patience_ms));
  canceller.join();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome[commit].tag(), "COMMIT");
  ASSERT_TRUE(outcome.warned(commit));
  EXPECT_EQ(outcome.warnings[0].sqlstate, "01000");
  EXPECT_FALSE(outcome.warned(0));
}

TEST_F(PipelineTest, AServerKilledInTheMiddleLeavesItsLastStatementInDoubt) {
  TestServer server;
  ConnectionOptions options;
  options.url = server.url();
  auto own = open(options);
  const auto pid = std::to_string(own.facts().backend_pid);
  std::thread killer([&server, pid] {
    eventually([&] {
      return server.sql("SELECT count(*) FROM pg_stat_activity WHERE pid = " + pid +
                        " AND wait_event = 'PgSleep'") == "1";
    });
    server.kill_now();
  });
  Pipeline round(own);
  const auto slow = round.add("SELECT pg_sleep(60)");
  const auto outcome = round.run(deadline_in(60'000));
  killer.join();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, SqlErrorKind::connection_lost);
  EXPECT_TRUE(outcome.in_doubt(slow));
  EXPECT_FALSE(own.alive());
  server.start();
  EXPECT_TRUE(Connection::open(options));
}

}  // namespace pawl::postgres::test
