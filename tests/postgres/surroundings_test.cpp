// SPDX-License-Identifier: Apache-2.0
//
// The whole engine where the surroundings are not as one would have them: poolers, isolation levels
// and other defaults of server, database and role, rights that are missing, texts that the database
// does not take. It works as ever, or says by a code what is wrong.
#include <atomic>
#include <functional>
#include <thread>

#include "postgres/doubt_world.h"
#include "postgres/pgbouncer.h"
#include "protocol/storage.h"
#include "store/postgres/pipeline.h"
#include "store/postgres/sql_error.h"
#include "store/postgres/store_error.h"

namespace pawl::test {
namespace {

constexpr int commands_each = 40;

// A store of its own on a server, and engines on it by whichever URL.
class Surroundings : public ::testing::Test {
 protected:
  explicit Surroundings(TestServer& server = TestServer::shared())
      : world_(server), server_(server) {
    bank::describe(registry_);
  }
  Result<std::unique_ptr<Engine>> engine(const std::string& url, int lanes = 1) {
    world_.options().url = url;
    auto store = world_.open(registry_, false);
    if (!store) return std::unexpected(store.error());
    EngineOptions options;
    options.lanes = lanes;
    options.seed = 1;
    options.stop_grace_ms = 0;
    auto out = std::make_unique<Engine>(std::move(*store), registry_, options);
    if (auto started = out->start(); !started) return std::unexpected(started.error());
    return out;
  }
  static Result<Receipt> deposit(Engine& on, const std::string& id) {
    return on.call(bank::Deposit{"a", 1}, {"ann", id, ""});
  }
  static void open_account(Engine& on, const std::string& name = "a") {
    const auto opened = on.call(bank::Open{name, 0, {}}, {"ann", "open-" + name, ""});
    ASSERT_TRUE(opened) << opened.error().text();
    ASSERT_TRUE(opened->done) << opened->code;
  }
  // Two processes' worth of engines, at one account, as fast as they can: whatever the isolation
  // level, the locked row is read as its last holder left it.
  void two_engines_count_together(const std::string& url) {
    auto first = engine(url, 2);
    ASSERT_TRUE(first) << first.error().text();
    auto second = engine(url);
    ASSERT_TRUE(second) << second.error().text();
    open_account(**first);
    bool reached = false;
    std::promise<void> seen;
    (*first)->wait_for(
        {bank::Account::machine, "a"},
        [](const EntitySlot& slot) { return slot.version > 2 * commands_each; }, patience_ms,
        [&](Result<EntitySlot> slot, bool ended) {
          reached = slot && ended;
          seen.set_value();
        });
    std::atomic<int> done{0};
    std::vector<std::thread> threads;
    for (Engine* on : {first->get(), second->get()}) {
      threads.emplace_back([on, &done, &first] {
        const std::string who = on == first->get() ? "first-" : "second-";
        for (int i = 0; i < commands_each; ++i) {
          const auto receipt = deposit(*on, who + std::to_string(i));
          EXPECT_TRUE(receipt) << receipt.error().text();
          if (receipt && receipt->done && !receipt->repeated) ++done;
        }
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(done, 2 * commands_each);
    seen.get_future().wait();
    EXPECT_TRUE(reached) << "the watch was not told";
    EXPECT_EQ(world_.sql("SELECT balance FROM accounts"), std::to_string(2 * commands_each));
    const auto repeated = deposit(**second, "first-0");
    EXPECT_TRUE(repeated && repeated->repeated);
  }

  PostgresWorld world_;
  TestServer& server_;
  Registry registry_;
};

TEST_F(Surroundings, ThroughAPoolerBySessionEverythingWorks) {
  const TestPgbouncer pooler(server_, PoolMode::session);
  two_engines_count_together(pooler.url());
}

TEST_F(Surroundings, APoolerByTransactionIsRefusedBeforeAnythingIsSet) {
  for (const int pool_size : {1, 20}) {
    const TestPgbouncer pooler(server_, PoolMode::transaction, pool_size);
    const auto refused = engine(pooler.url());
    ASSERT_FALSE(refused) << pool_size;
    EXPECT_EQ(refused.error().code, postgres::transaction_pooling) << refused.error().text();
    EXPECT_FALSE(refused.error().detail.empty());
    // Others get the server connections that we were lent.
    postgres::ConnectionOptions other;
    other.url = pooler.url();
    auto connection = postgres::Connection::open_unsettled(other);
    ASSERT_TRUE(connection) << connection.error().text();
    const auto found = postgres::run_one(*connection, "SELECT current_setting('statement_timeout')",
                                         postgres::deadline_in(5'000));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->text_view(0, 0), "0") << "what we set was left for others";
  }
}

class DefaultsTest : public Surroundings {
 protected:
  DefaultsTest() : Surroundings(own_server()) {}
  // Its defaults are the tests' to change; each leaves none.
  static TestServer& own_server() {
    static TestServer server;
    return server;
  }
  void TearDown() override {
    server_.sql("ALTER SYSTEM RESET ALL");
    server_.sql("SELECT pg_reload_conf()");
    server_.sql(
        "BEGIN READ WRITE; ALTER DATABASE pawl RESET ALL; ALTER ROLE pawl RESET ALL; COMMIT");
  }
  void set_default(const std::string& where, const std::string& setting, const std::string& value) {
    server_.sql("ALTER " + where + " SET " + setting + " = '" + value + "'");
    server_.sql("SELECT pg_reload_conf()");
    // What a new session of the role has; the reload reaches them a moment later.
    ASSERT_TRUE(eventually([&] {
      postgres::ConnectionOptions options;
      options.url = server_.url();
      auto connection = postgres::Connection::open_unsettled(options);
      const auto found = connection ? postgres::run_one(*connection, "SHOW " + setting,
                                                        postgres::deadline_in(patience_ms))
                                    : std::unexpected(postgres::SqlError());
      return found && found->text_view(0, 0) == value;
    })) << where;
  }
};

constexpr std::array places{"SYSTEM", "DATABASE pawl", "ROLE pawl"};

TEST_F(DefaultsTest, IsolationLevelsOfServerDatabaseAndRoleDoNotMatter) {
  for (const std::string where : places) {
    for (const std::string level : {"repeatable read", "serializable"}) {
      SCOPED_TRACE(where + " " + level);
      set_default(where, "default_transaction_isolation", level);
      two_engines_count_together(server_.url());
      if (HasFailure()) return;
      world_.sql("TRUNCATE accounts, pawl_receipts");
    }
    TearDown();
  }
}

TEST_F(DefaultsTest, TimeOutsAndAsynchronousCommitAreSetOtherwise) {
  set_default("ROLE pawl", "statement_timeout", "20ms");
  set_default("ROLE pawl", "lock_timeout", "1ms");
  set_default("ROLE pawl", "idle_in_transaction_session_timeout", "1ms");
  set_default("ROLE pawl", "synchronous_commit", "off");
  two_engines_count_together(server_.url());
}

TEST_F(DefaultsTest, ReadOnlyIsSaidAtTheStart) {
  for (const std::string where : places) {
    set_default(where, "default_transaction_read_only", "on");
    const auto refused = engine(server_.url());
    ASSERT_FALSE(refused) << where;
    EXPECT_EQ(refused.error().code, postgres::session_read_only) << refused.error().text();
    TearDown();
  }
}

// A role that may use the tables of another, and no more.
class Rights : public Surroundings {
 protected:
  Rights() {
    server_.sql("CREATE ROLE " + name_ + " LOGIN PASSWORD 'secret'");
    server_.sql("GRANT USAGE ON SCHEMA " + world_.schema() + " TO " + name_);
  }
  ~Rights() override { server_.sql("DROP OWNED BY " + name_ + "; DROP ROLE " + name_); }
  void migrate_as_owner() {
    auto opened = engine(server_.url());
    ASSERT_TRUE(opened) << opened.error().text();
    open_account(**opened);
    server_.sql("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA " + world_.schema() +
                " TO " + name_);
  }
  Result<std::unique_ptr<Engine>> engine_of_role() { return engine(server_.url(name_, "secret")); }

  const std::string name_ = "worker_" + world_.schema();
};

TEST_F(Rights, ARoleWithoutCreateServesATableThatIsThere) {
  migrate_as_owner();
  auto on = engine_of_role();
  ASSERT_TRUE(on) << on.error().text();
  const auto receipt = deposit(**on, "d");
  ASSERT_TRUE(receipt) << receipt.error().text();
  EXPECT_TRUE(receipt->done);
}

TEST_F(Rights, WhereTheSchemaIsEmptyTheMissingRightIsNamed) {
  const auto refused = engine_of_role();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, protocol::store_failed);
  EXPECT_NE(refused.error().detail.find("CREATE"), std::string::npos) << refused.error().text();
  EXPECT_NE(refused.error().detail.find("42501"), std::string::npos) << refused.error().text();
}

TEST_F(Rights, OneTableWithoutARightIsNamed) {
  migrate_as_owner();
  for (const auto& [right, table] :
       {std::pair<std::string, std::string>{"INSERT", "pawl_receipts"}, {"UPDATE", "accounts"}}) {
    server_.sql("REVOKE " + right + " ON " + world_.schema() + "." + table + " FROM " + name_);
    auto on = engine_of_role();
    ASSERT_TRUE(on) << on.error().text();
    const auto receipt = deposit(**on, "d-" + table);
    ASSERT_FALSE(receipt) << table;
    EXPECT_EQ(receipt.error().code, protocol::store_failed) << receipt.error().text();
    EXPECT_NE(receipt.error().detail.find(table), std::string::npos) << receipt.error().text();
    EXPECT_NE(receipt.error().detail.find("42501"), std::string::npos) << receipt.error().text();
    server_.sql("GRANT " + right + " ON " + world_.schema() + "." + table + " TO " + name_);
  }
  server_.sql("REVOKE SELECT ON " + world_.schema() + ".pawl_store FROM " + name_);
  const auto refused = engine_of_role();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("pawl_store"), std::string::npos) << refused.error().text();
}

// PostgreSQL takes no NUL and nothing that is not UTF-8. Whoever sends it pays for it alone.
TEST_F(Surroundings, BadTextIsRefusedAndTheRestOfTheBatchGoesOn) {
  auto opened = engine(server_.url());
  ASSERT_TRUE(opened) << opened.error().text();
  Engine& on = **opened;
  open_account(on);
  open_account(on, "b");
  for (const std::string& bad : {std::string("x\0y", 3), std::string("\xff\xfe"),
                                 std::string("\xed\xa0\x80"), std::string("\xc0\x80")}) {
    // The others come while the first is being answered: they are one batch.
    std::promise<void> entered;
    std::promise<void> release;
    on.submit(bank::Deposit{"a", 0}, {"ann", "hold-" + bad, ""}, [&](const Result<Receipt>&) {
      entered.set_value();
      release.get_future().wait();
    });
    entered.get_future().wait();
    std::vector<std::future<Result<Receipt>>> spoilt;
    std::vector<std::future<Result<Receipt>>> sound;
    const auto send = [&](auto command, Origin origin, auto& into) {
      auto promise = std::make_shared<std::promise<Result<Receipt>>>();
      into.push_back(promise->get_future());
      on.submit(std::move(command), std::move(origin),
                [promise](Result<Receipt> receipt) { promise->set_value(std::move(receipt)); });
    };
    int number = 0;
    const auto id = [&] {
      return std::to_string(++number) + "-" + std::to_string(bad.size()) + bad[0] + bad[1];
    };
    const auto good = [&] { send(bank::Deposit{"a", 1}, {"ann", "good-" + id(), ""}, sound); };
    good();
    send(bank::Deposit{bad, 1}, {"ann", "key-" + id(), ""}, spoilt);
    good();
    send(bank::Open{"new", 1, bad}, {"ann", "alias-" + id(), ""}, spoilt);
    send(bank::Deposit{"b", 1}, {bad, "principal-" + id(), ""}, spoilt);
    send(bank::Deposit{"b", 1}, {"ann", "reason-" + id(), bad}, spoilt);
    good();
    send(bank::Write{"b", bad, 1}, {"ann", "record-" + id(), ""}, spoilt);
    send(bank::Send{"b", bad, 0, "x"}, {"ann", "to-" + id(), ""}, spoilt);
    send(bank::Pay{"b", 0, bad}, {"ann", "effect-" + id(), ""}, spoilt);
    // An id may be any bytes.
    send(bank::Deposit{"a", 1}, {"ann", "id-" + bad, ""}, sound);
    release.set_value();
    for (auto& future : sound) {
      const auto receipt = future.get();
      ASSERT_TRUE(receipt) << receipt.error().text();
      EXPECT_TRUE(receipt->done) << receipt->code;
    }
    int invalid = 0;
    for (std::size_t i = 0; i < spoilt.size(); ++i) {
      const auto receipt = spoilt[i].get();
      // A refusal of the machine's is an answer, too.
      if (receipt) {
        EXPECT_FALSE(receipt->done) << i;
      } else {
        ++invalid;
        EXPECT_EQ(receipt.error().code.error_class, ErrorClass::invalid)
            << i << ": " << receipt.error().text();
      }
    }
    EXPECT_GE(invalid, 6);
    const auto read = on.read(Key<bank::Account>{bad});
    EXPECT_TRUE(read || read.error().code.error_class == ErrorClass::invalid)
        << read.error().text();
    if (HasFailure()) return;
  }
  EXPECT_EQ(world_.sql("SELECT balance FROM accounts WHERE id = 'a'"), std::to_string(4 * 4));
  EXPECT_EQ(world_.sql("SELECT count(*) FROM pawl_parked"), "0");
  EXPECT_EQ(world_.sql("SELECT count(*) FROM pawl_alerts"), "0");
  EXPECT_EQ(world_.sql("SELECT command_id FROM pawl_journal_entries WHERE command_id LIKE 'id-x%'"),
            "id-x?y");
}

}  // namespace
}  // namespace pawl::test
