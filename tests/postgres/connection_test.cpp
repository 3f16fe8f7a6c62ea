// SPDX-License-Identifier: Apache-2.0
//
// Opening a session: what a server, a role or a pooler has set otherwise must not matter, and what
// cannot be mended is an error of its own. Also the pool of connections for reading.
#include "store/postgres/connection.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <string>
#include <thread>

#include "eventually.h"
#include "postgres/pgbouncer.h"
#include "postgres/server.h"
#include "store/postgres/connection_pool.h"
#include "store/postgres/pipeline.h"
#include "store/postgres/pooling.h"

namespace pawl::postgres::test {

using pawl::test::eventually;
using pawl::test::free_port;
using pawl::test::patience_ms;
using pawl::test::PoolMode;
using pawl::test::ServerSettings;
using pawl::test::TestPgbouncer;
using pawl::test::TestSchema;
using pawl::test::TestServer;

ConnectionOptions options_of(std::string url) {
  ConnectionOptions options;
  options.url = std::move(url);
  return options;
}

std::string ask(Connection& connection, const std::string& sql) {
  const auto answer = run_one(connection, sql, deadline_in(patience_ms));
  if (!answer) return "failed: " + answer.error().message;
  return std::string(answer->text_view(0, 0));
}

std::string code_of(const Result<Connection>& opened) {
  return opened ? "opened" : std::string(opened.error().code.code);
}

// A role of the shared server with settings of its own, gone at the end.
class TestRole {
 public:
  explicit TestRole(const std::string& settings) {
    static int made = 0;
    name_ = "role_" + std::to_string(::getpid()) + "_" + std::to_string(++made);
    server().sql("CREATE ROLE " + name_ + " LOGIN PASSWORD 'secret'");
    server().sql("ALTER ROLE " + name_ + " SET " + settings);
  }
  TestRole(const TestRole&) = delete;
  TestRole& operator=(const TestRole&) = delete;
  ~TestRole() { server().sql("DROP ROLE " + name_); }

  std::string url() const { return server().url(name_, "secret"); }

 private:
  static TestServer& server() { return TestServer::shared(); }
  std::string name_;
};

// A socket that listens and never answers; or answers the first that comes with the bytes given.
class SilentHost {
 public:
  explicit SilentHost(std::string answer = {})
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(fd_, generic, length), 0);
    EXPECT_EQ(::listen(fd_, 8), 0);
    EXPECT_EQ(::getsockname(fd_, generic, &length), 0);
    port_ = ntohs(address.sin_port);
    if (answer.empty()) return;
    thread_ = std::thread([this, answer = std::move(answer)] {
      const int client = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      (void)!::write(client, answer.data(), answer.size());
      char gone = 0;
      while (::read(client, &gone, 1) > 0) continue;
      ::close(client);
    });
  }
  SilentHost(const SilentHost&) = delete;
  SilentHost& operator=(const SilentHost&) = delete;
  ~SilentHost() {
    ::shutdown(fd_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    ::close(fd_);
  }
  std::string port() const { return std::to_string(port_); }

 private:
  int fd_;
  int port_ = 0;
  std::thread thread_;
};

TEST(PostgresConnection, TheIsolationLevelIsOursWhateverTheRoleHas) {
  for (const std::string level : {"serializable", "repeatable read"}) {
    const TestRole role("default_transaction_isolation = '" + level + "'");
    auto unsettled = Connection::open_unsettled(options_of(role.url()));
    ASSERT_TRUE(unsettled);
    EXPECT_EQ(ask(*unsettled, "SHOW transaction_isolation"), level);
    auto connection = Connection::open(options_of(role.url()));
    ASSERT_TRUE(connection) << connection.error().text();
    EXPECT_EQ(ask(*connection, "SHOW transaction_isolation"), "read committed");
  }
}

TEST(PostgresConnection, TheUrlsOwnOptionsCannotChangeTheIsolationLevel) {
  auto connection = Connection::open(options_of(
      TestServer::shared().url() + "?options=-cdefault_transaction_isolation%3Dserializable"));
  ASSERT_TRUE(connection) << connection.error().text();
  EXPECT_EQ(ask(*connection, "SHOW transaction_isolation"), "read committed");
}

TEST(PostgresConnection, ACommitIsNeverAnsweredBeforeItIsOnTheDisk) {
  const TestRole role("synchronous_commit = off");
  auto connection = Connection::open(options_of(role.url()));
  ASSERT_TRUE(connection) << connection.error().text();
  EXPECT_EQ(ask(*connection, "SHOW synchronous_commit"), "on");
  EXPECT_TRUE(connection->facts().synchronous_commit_raised);
  // Any other level is the server's business.
  const TestRole remote("synchronous_commit = remote_apply");
  auto other = Connection::open(options_of(remote.url()));
  ASSERT_TRUE(other) << other.error().text();
  EXPECT_EQ(ask(*other, "SHOW synchronous_commit"), "remote_apply");
  EXPECT_FALSE(other->facts().synchronous_commit_raised);
}

TEST(PostgresConnection, WarningsReachUsWhateverTheRoleHas) {
  const TestRole role("client_min_messages = error");
  auto connection = Connection::open(options_of(role.url()));
  ASSERT_TRUE(connection) << connection.error().text();
  Pipeline round(*connection);
  round.add("SELECT 1");
  const auto warned = round.add("ROLLBACK");  // outside a transaction: 25P01
  const auto outcome = round.run(deadline_in(patience_ms));
  ASSERT_TRUE(outcome) << outcome.error().message;
  ASSERT_TRUE(outcome.warned(warned));
  EXPECT_EQ(outcome.warnings[0].sqlstate, "25P01");
}

TEST(PostgresConnection, TheSessionIsAsTheOptionsSay) {
  const TestSchema schema;
  auto options = schema.options();
  options.statement_timeout_ms = 12'000;
  options.lock_timeout_ms = 1'500;
  options.idle_in_transaction_timeout_ms = 7'000;
  options.application_name = "pawl-test";
  options.settings = {{"jit", "off"}, {"TimeZone", "Europe/Rome"}};
  auto connection = Connection::open(options);
  ASSERT_TRUE(connection) << connection.error().text();
  EXPECT_EQ(ask(*connection, "SHOW statement_timeout"), "12s");
  EXPECT_EQ(ask(*connection, "SHOW lock_timeout"), "1500ms");
  EXPECT_EQ(ask(*connection, "SHOW idle_in_transaction_session_timeout"), "7s");
  EXPECT_EQ(ask(*connection, "SHOW application_name"), "pawl-test");
  EXPECT_EQ(ask(*connection, "SHOW jit"), "off");
  EXPECT_EQ(ask(*connection, "SHOW TimeZone"), "UTC");
  EXPECT_EQ(ask(*connection, "SELECT current_schema()::text"), schema.name());
  EXPECT_TRUE(connection->facts().schema_exists);
  EXPECT_GE(connection->facts().server_version, min_server_version);
  options.schema = "not there\"; --";
  auto without = Connection::open(options);
  ASSERT_TRUE(without) << without.error().text();
  EXPECT_FALSE(without->facts().schema_exists);
}

// A server before 17 does not know it; one that does may have it set for the role.
TEST(PostgresConnection, WhereThereIsATransactionTimeoutItIsNone) {
  const auto timeout = [](int server_version) {
    std::string found = "not set";
    for (const auto& [name, value] : postgres::session_settings({}, server_version)) {
      if (name == "transaction_timeout") found = value;
    }
    return found;
  };
  EXPECT_EQ(timeout(160'010), "not set");
  EXPECT_EQ(timeout(170'000), "0");
  EXPECT_EQ(timeout(180'001), "0");
}

TEST(PostgresConnection, ASettingThatTheServerRefusesIsNamed) {
  auto options = options_of(TestServer::shared().url());
  options.settings = {{"no_such_setting", "1"}};
  EXPECT_EQ(code_of(Connection::open(options)), "store_session_unsettled");
}

TEST(PostgresConnection, ASettingThatDoesNotStaySetIsNamed) {
  auto options = options_of(TestServer::shared().url());
  // Of one transaction: it is gone when it is read back, as behind a pooler that lends by
  // transaction.
  options.settings = {{"transaction_read_only", "on"}};
  const auto opened = Connection::open(options);
  EXPECT_EQ(code_of(opened), "store_session_unsettled");
  EXPECT_EQ(opened.error().detail, "transaction_read_only");
}

TEST(PostgresConnection, WhoIsNotLetInIsToldSoWithoutThePassword) {
  const auto& server = TestServer::shared();
  const auto wrong = Connection::open(options_of(server.url("pawl", "wrong-secret")));
  EXPECT_EQ(code_of(wrong), "store_login_refused");
  EXPECT_EQ(wrong.error().detail.find("wrong-secret"), std::string::npos);
  const auto nobody = Connection::open(options_of(server.url("nobody", "wrong-secret")));
  EXPECT_EQ(code_of(nobody), "store_login_refused");
  auto none = options_of("host=127.0.0.1 user=pawl dbname=pawl passfile=/dev/null port=" +
                         std::to_string(server.port()));
  EXPECT_EQ(code_of(Connection::open(none)), "store_login_refused");
  auto elsewhere = options_of(server.url() + "_not_there");
  EXPECT_EQ(code_of(Connection::open(elsewhere)), "store_database_missing");
}

TEST(PostgresConnection, AHostThatIsNotThereIsUnreachable) {
  EXPECT_EQ(code_of(Connection::open(
                options_of("host=127.0.0.1 user=pawl port=" + std::to_string(free_port())))),
            "store_unreachable");
  EXPECT_EQ(code_of(Connection::open(options_of("host=/nonexistent user=pawl"))),
            "store_unreachable");
  const auto unreadable = Connection::open(options_of("postgresql://pawl:wrong-secret@[::1/pawl"));
  EXPECT_EQ(code_of(unreadable), "store_unreachable");
  EXPECT_EQ(unreadable.error().text().find("wrong-secret"), std::string::npos);
}

TEST(PostgresConnection, AHostThatNeverAnswersCostsItsShareOfTheTime) {
  const SilentHost silent;
  auto options = options_of("host=127.0.0.1 user=pawl port=" + silent.port());
  options.connect_timeout_ms = 200;
  EXPECT_EQ(code_of(Connection::open(options)), "store_unreachable");

  const auto& server = TestServer::shared();
  options.url = "postgresql://pawl:" + std::string(TestServer::password) +
                "@127.0.0.1:" + silent.port() + ",127.0.0.1:" + std::to_string(server.port()) +
                "/pawl";
  options.connect_timeout_ms = 4'000;
  const auto second = Connection::open(options);
  ASSERT_TRUE(second) << second.error().text();
  EXPECT_EQ(second->peer(), "127.0.0.1:" + std::to_string(server.port()));
}

TEST(PostgresConnection, AStandbyIsRefusedAndThePrimaryBehindItFound) {
  TestServer standby;
  standby.stop();
  standby.start_as_standby();
  EXPECT_EQ(code_of(Connection::open(options_of(standby.url()))), "store_not_primary");

  const auto& primary = TestServer::shared();
  const auto both = "postgresql://pawl:" + std::string(TestServer::password) +
                    "@127.0.0.1:" + std::to_string(standby.port()) +
                    ",127.0.0.1:" + std::to_string(primary.port()) + "/pawl";
  const auto found = Connection::open(options_of(both));
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found->peer(), "127.0.0.1:" + std::to_string(primary.port()));
}

TEST(PostgresConnection, AnOlderServerIsRefused) {
  // AuthenticationOk, ParameterStatus, ReadyForQuery.
  const std::string ok("R\0\0\0\x08\0\0\0\0", 9);
  const std::string version(
      "S\0\0\0\x18server_version\0"
      "14.9\0",
      25);
  const std::string ready("Z\0\0\0\x05I", 6);
  const SilentHost old(ok + version + ready);
  const auto opened =
      Connection::open(options_of("host=127.0.0.1 user=pawl sslmode=disable port=" + old.port()));
  EXPECT_EQ(code_of(opened), "store_server_too_old");
}

TEST(PostgresConnection, ReadOnlyByDefaultIsRefused) {
  const TestRole role("default_transaction_read_only = on");
  EXPECT_EQ(code_of(Connection::open(options_of(role.url()))), "store_read_only");
}

TEST(PostgresConnection, AnIdleConnectionNoticesThatTheServerHungUp) {
  auto& server = TestServer::shared();
  auto connection = Connection::open(options_of(server.url()));
  ASSERT_TRUE(connection);
  EXPECT_TRUE(connection->alive());
  server.sql("SELECT pg_terminate_backend(" + std::to_string(connection->facts().backend_pid) +
             ")");
  EXPECT_TRUE(eventually([&] { return !connection->alive(); }));
}

TEST(PostgresConnection, APasswordIsNeverShown) {
  const auto shown = shown_url("postgresql://pawl:s3cret@db.example:5433/books?sslmode=require");
  EXPECT_EQ(shown.find("s3cret"), std::string::npos);
  EXPECT_NE(shown.find("password=***"), std::string::npos);
  EXPECT_NE(shown.find("host=db.example"), std::string::npos);
  EXPECT_NE(shown.find("port=5433"), std::string::npos);
  EXPECT_EQ(shown_url("host=a password=s3cret sslpassword=t0p").find("s3cret"), std::string::npos);
  EXPECT_EQ(shown_url("host=a password=s3cret sslpassword=t0p").find("t0p"), std::string::npos);
  EXPECT_EQ(shown_url("postgresql://pawl:s3cret@[::1/x").find("s3cret"), std::string::npos);
}

TEST(PostgresPooling, TransactionPoolingIsFoundOut) {
  for (const int pool_size : {1, 2, 20}) {
    const TestPgbouncer pooler(TestServer::shared(), PoolMode::transaction, pool_size);
    const auto refused = refuse_transaction_pooling(options_of(pooler.url()));
    ASSERT_FALSE(refused) << pool_size;
    EXPECT_EQ(refused.error().code.code, "store_transaction_pooling") << refused.error().text();
  }
}

TEST(PostgresPooling, ADirectConnectionIsNone) {
  const auto direct = refuse_transaction_pooling(options_of(TestServer::shared().url()));
  EXPECT_TRUE(direct) << direct.error().text();
}

TEST(PostgresPooling, ThroughSessionPoolingNamedStatementsAreEachClientsOwn) {
  const TestPgbouncer pooler(TestServer::shared(), PoolMode::session);
  const auto accepted = refuse_transaction_pooling(options_of(pooler.url()));
  ASSERT_TRUE(accepted) << accepted.error().text();
  auto first = Connection::open(options_of(pooler.url()));
  auto second = Connection::open(options_of(pooler.url()));
  ASSERT_TRUE(first) << first.error().text();
  ASSERT_TRUE(second) << second.error().text();
  // The same name for two statements, as two versions of a program have it.
  const Statement one{.name = "same", .sql = "SELECT 'one'"};
  const Statement two{.name = "same", .sql = "SELECT 'two'"};
  for (int i = 0; i < 10; ++i) {
    const auto a = run_one(*first, one, {}, deadline_in(patience_ms));
    const auto b = run_one(*second, two, {}, deadline_in(patience_ms));
    ASSERT_TRUE(a) << a.error().message;
    ASSERT_TRUE(b) << b.error().message;
    EXPECT_EQ(a->text_view(0, 0), "one");
    EXPECT_EQ(b->text_view(0, 0), "two");
  }
  // What one session left behind is no trouble for the next on the same server connection.
  first->close();
  auto third = Connection::open(options_of(pooler.url()));
  ASSERT_TRUE(third) << third.error().text();
  const auto c = run_one(*third, two, {}, deadline_in(patience_ms));
  ASSERT_TRUE(c) << c.error().message;
  EXPECT_EQ(c->text_view(0, 0), "two");
}

TEST(PostgresPool, LendsNoMoreThanItsSizeAndWakesWhoWaits) {
  ConnectionPool pool(options_of(TestServer::shared().url()), 1);
  auto lease =
      std::make_unique<Result<ConnectionPool::Lease>>(pool.checkout(deadline_in(patience_ms)));
  ASSERT_TRUE(*lease) << lease->error().text();
  const auto pid = (**lease)->facts().backend_pid;
  const auto busy = pool.checkout(deadline_in(50));
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code.code, "store_readers_busy");
  auto waiting = std::async(std::launch::async, [&pool] {
    auto second = pool.checkout(deadline_in(patience_ms));
    return second ? (*second)->facts().backend_pid : 0;
  });
  ASSERT_TRUE(eventually([&] { return pool.waiting() == 1; }));
  lease.reset();
  ASSERT_EQ(waiting.wait_for(std::chrono::milliseconds(patience_ms / 2)),
            std::future_status::ready);
  EXPECT_EQ(waiting.get(), pid);
}

TEST(PostgresPool, ReplacesWhatDiedAndWhatCameBackInAMiddle) {
  auto& server = TestServer::shared();
  ConnectionPool pool(options_of(server.url()), 1);
  std::int64_t first = 0;
  {
    auto lease = pool.checkout(deadline_in(patience_ms));
    ASSERT_TRUE(lease) << lease.error().text();
    first = (*lease)->facts().backend_pid;
    EXPECT_TRUE(run_one(**lease, "BEGIN", deadline_in(patience_ms)));
  }
  std::int64_t second = 0;
  {
    auto lease = pool.checkout(deadline_in(patience_ms));
    ASSERT_TRUE(lease) << lease.error().text();
    second = (*lease)->facts().backend_pid;
    EXPECT_NE(second, first);
  }
  server.sql("SELECT pg_terminate_backend(" + std::to_string(second) + ", 10000)");
  auto lease = pool.checkout(deadline_in(patience_ms));
  ASSERT_TRUE(lease) << lease.error().text();
  EXPECT_NE((*lease)->facts().backend_pid, second);
  EXPECT_TRUE(run_one(**lease, "SELECT 1", deadline_in(patience_ms)));
}

TEST(PostgresPool, ACloseWakesWhoWaits) {
  ConnectionPool pool(options_of(TestServer::shared().url()), 1);
  auto lease = pool.checkout(deadline_in(patience_ms));
  ASSERT_TRUE(lease) << lease.error().text();
  auto waiting = std::async(std::launch::async,
                            [&] { return pool.checkout(deadline_in(patience_ms)).has_value(); });
  ASSERT_TRUE(eventually([&] { return pool.waiting() == 1; }));
  pool.close();
  ASSERT_EQ(waiting.wait_for(std::chrono::milliseconds(patience_ms / 2)),
            std::future_status::ready);
  EXPECT_FALSE(waiting.get());
}

TEST(PostgresPool, AnErrorOfOpeningGivesThePlaceBack) {
  ConnectionPool pool(options_of("host=127.0.0.1 user=pawl port=" + std::to_string(free_port())),
                      1);
  for (int i = 0; i < 3; ++i) {
    const auto lease = pool.checkout(deadline_in(patience_ms));
    ASSERT_FALSE(lease);
    EXPECT_EQ(lease.error().code.code, "store_unreachable");
  }
}

}  // namespace pawl::postgres::test
