// SPDX-License-Identifier: Apache-2.0
//
// The program on a PostgreSQL: a trade through `pawl serve`, the verbs that read the store, what is
// said where something is wrong, and that a password is never shown.
#include "postgres/server.h"

#include <gtest/gtest.h>

#include "app/program_fixture.h"

namespace pawl::app::test {

namespace {

using pawl::test::TestSchema;
using pawl::test::TestServer;

class OnPostgres : public ServedTest {
 protected:
  std::string settings() const override {
    return "[store]\nurl = \"" + server().url() + "\"\nschema = \"" + schema_.name() +
           "\"\n[otc]\npayout_poll_interval_ms = 50\n";
  }
  static TestServer& server() { return TestServer::shared(); }
  std::string config() const { return path("pawl.toml"); }
  std::vector<std::string> with_config(std::vector<std::string> verb) const {
    verb.insert(verb.end(), {"--config", config(), "--data", folder_});
    return verb;
  }
  static bool shows_password(const Ended& ended) {
    return (ended.out + ended.err).find(TestServer::password) != std::string::npos;
  }

  TestSchema schema_;
};

TEST_F(OnPostgres, ATradeIsPutThroughAuditedAndFoundAgainByTheNextServer) {
  const auto order = trade();
  ASSERT_TRUE(order) << order.error().text();
  EXPECT_FALSE(std::filesystem::exists(path("pawl.db"))) << "a second store in the data folder";
  const auto audit =
      run_pawl(with_config({"audit", "otc", "--custodian-url", pair_->sandbox_url()}));
  EXPECT_EQ(audit.exit_code, 0) << audit.out << audit.err;
  EXPECT_NE(audit.out.find("orders: completed 1\ntrades: 1\n"), std::string::npos) << audit.out;
  const auto check = run_pawl(with_config({"migrate", "--check"}));
  EXPECT_EQ(check.exit_code, 0) << check.out << check.err;
  EXPECT_FALSE(shows_password(check)) << check.out;

  pair_->kill_server();
  const auto again = pair_->start_server();
  ASSERT_TRUE(again) << again.error().text();
  const auto inspect = run_pawl({"inspect", *order, "--url", pair_->url()});
  EXPECT_EQ(inspect.exit_code, 0) << inspect.err;
  EXPECT_NE(inspect.out.find("completed"), std::string::npos) << inspect.out;
  const auto second = trade();
  ASSERT_TRUE(second) << second.error().text();
  const std::string log = read_file(pair_->server_log());
  EXPECT_EQ(log.find(TestServer::password), std::string::npos);
  EXPECT_NE(log.find("password=***"), std::string::npos) << log;
}

TEST_F(OnPostgres, TheEpochOfARestoredDatabaseIsBegunOnlyWhenNoServerHoldsALane) {
  const auto held = run_pawl({"restore", "--epoch", "--config", config()});
  EXPECT_EQ(held.exit_code, 4) << held.out << held.err;
  ASSERT_TRUE(pair_->stop_server());
  const auto begun = run_pawl({"restore", "--epoch", "--config", config()});
  EXPECT_EQ(begun.exit_code, 0) << begun.out << begun.err;
  EXPECT_NE(begun.out.find("in its new epoch 1-"), std::string::npos) << begun.out;
  EXPECT_FALSE(shows_password(begun)) << begun.out;
  const auto again = pair_->start_server();
  ASSERT_TRUE(again) << again.error().text();
  const auto order = trade();
  EXPECT_TRUE(order) << order.error().text();
}

class NoSuchPostgres : public ProgramTest {
 protected:
  // What `pawl migrate --check` says of this URL.
  static Ended check(const std::string& url) {
    return run_pawl({"migrate", "--check", "--store", url});
  }
};

TEST_F(NoSuchPostgres, WhatIsWrongIsSaidByACode) {
  TestServer& server = TestServer::shared();
  const auto nobody = check("postgresql://pawl:pawl-secret@127.0.0.1:1/pawl");
  EXPECT_EQ(nobody.exit_code, 3);
  EXPECT_NE(nobody.err.find("store_unreachable"), std::string::npos) << nobody.err;
  EXPECT_EQ(nobody.err.find("pawl-secret"), std::string::npos) << nobody.err;
  const auto refused = check(server.url("pawl", "not-the-one"));
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_NE(refused.err.find("store_login_refused"), std::string::npos) << refused.err;
  EXPECT_EQ(refused.err.find("not-the-one"), std::string::npos) << refused.err;
  std::string other = server.url();
  const auto database = other.rfind("/pawl");
  ASSERT_NE(database, std::string::npos);
  const auto missing = check(other.replace(database, 5, "/nothing"));
  EXPECT_EQ(missing.exit_code, 3);
  EXPECT_NE(missing.err.find("store_database_missing"), std::string::npos) << missing.err;
  const auto unreadable = check("postgresql://pawl:pawl-secret@[::1/pawl");
  EXPECT_EQ(unreadable.exit_code, 2);
  EXPECT_EQ(unreadable.err.find("pawl-secret"), std::string::npos) << unreadable.err;
}

TEST_F(NoSuchPostgres, CopiesAreLeftToTheDatabasesOwnTools) {
  const std::string url = TestServer::shared().url();
  const auto backup = run_pawl({"backup", "--store", url, "--to", path("copy.db")});
  EXPECT_EQ(backup.exit_code, 2);
  EXPECT_NE(backup.err.find("pg_dump"), std::string::npos) << backup.err;
  EXPECT_FALSE(std::filesystem::exists(path("copy.db")));
  const auto restore =
      run_pawl({"restore", "--store", url, "--from", path("copy.db"), "--to", path("new")});
  EXPECT_EQ(restore.exit_code, 2);
  EXPECT_NE(restore.err.find("restore --epoch"), std::string::npos) << restore.err;
  const auto sqlite = run_pawl({"restore", "--epoch"});
  EXPECT_EQ(sqlite.exit_code, 2) << sqlite.err;
}

TEST_F(NoSuchPostgres, AMissingRightIsNamed) {
  TestServer& server = TestServer::shared();
  server.sql("DROP SCHEMA IF EXISTS closed CASCADE; CREATE SCHEMA closed");
  const std::string file =
      write("pawl.toml", "[store]\nurl = \"" + server.url() + "\"\nschema = \"closed\"\n");
  const auto refused = run_pawl({"migrate", "--config", file});
  EXPECT_EQ(refused.exit_code, 3) << refused.out;
  EXPECT_NE(refused.err.find("42501"), std::string::npos) << refused.err;
}

TEST_F(NoSuchPostgres, APasswordIsNotPrinted) {
  const auto shown = run_pawl({"config", "--store", "postgresql://pawl:pawl-secret@db.example/x"});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_EQ(shown.out.find("pawl-secret"), std::string::npos);
  EXPECT_NE(shown.out.find("host=db.example"), std::string::npos) << shown.out;
  const auto json =
      run_pawl({"config", "--json", "--store", "postgresql://db.example/x?password=pawl-secret"});
  EXPECT_EQ(json.exit_code, 0) << json.err;
  EXPECT_EQ(json.out.find("pawl-secret"), std::string::npos);
}

}  // namespace

}  // namespace pawl::app::test
