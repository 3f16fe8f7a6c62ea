// SPDX-License-Identifier: Apache-2.0
//
// A backup in the middle of settlements, restored while the custodian has gone on: nothing is paid
// twice, nothing is lost, and what the backup does not know is asked for before it is sent.
#include <sqlite3.h>

#include <fstream>
#include <map>

#include "app/client_options.h"
#include "app/desk_world.h"
#include "app/service_key.h"

namespace pawl::app::test {
namespace {

class RestoreTest : public DeskWorld {
 protected:
  std::string settings() const override {
    return "[otc]\npayout_poll_interval_ms = 20\ncustodian_timeout_ms = 500\n"
           "redrive_base_seconds = 1\nredrive_cap_seconds = 2\n";
  }
  Ended backup(const std::string& file) {
    return run_pawl({"backup", "--data", server_data_, "--to", file});
  }
  Ended restore(const std::string& file, const std::string& data) {
    return run_pawl({"restore", "--from", file, "--to", data});
  }
  // The server dies with its disk; its key was kept elsewhere.
  void lose_the_store(const std::string& file) {
    server_.kill_now();
    const std::string lost = server_data_;
    server_data_ = path("restored");
    const auto restored = restore(file, server_data_);
    ASSERT_EQ(restored.exit_code, 0) << restored.err;
    std::filesystem::copy_file(lost + "/service.key", server_data_ + "/service.key");
  }
  std::string epoch() {
    const auto alive = HttpCall(url()).get("/healthz");
    return alive ? alive->text("epoch") : "";
  }
  // Each payout and each release once, at most, by the custodian's own books.
  void expect_nothing_twice() {
    const auto books = SandboxClient(sandbox_url()).books();
    ASSERT_TRUE(books);
    std::map<std::string, int> done;
    for (const auto& operation : books->operations) {
      if (operation.state != "refused") ++done[operation.order_id + " " + operation.call];
    }
    for (const auto& [what, times] : done) EXPECT_EQ(times, 1) << what;
  }
  // Runs SQL on a file that no server has.
  static void sql(const std::string& file, const std::string& text) {
    sqlite3* raw = nullptr;
    ASSERT_EQ(sqlite3_open(file.c_str(), &raw), SQLITE_OK);
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(raw, text.c_str(), nullptr, nullptr, &message), SQLITE_OK) << message;
    sqlite3_free(message);
    sqlite3_close(raw);
  }
};

TEST_F(RestoreTest, InTheMiddleOfSettlementsNothingIsPaidTwiceAndNothingLost) {
  ASSERT_TRUE(start_server());
  std::vector<Sale> sales;
  for (int i = 0; i < 12; ++i) sales.push_back(matched());
  const std::string before = epoch();
  // Some are confirmed and hang in every way at the moment of the backup, some are confirmed only
  // after it, some never.
  fault(R"({"call":"release","mode":"commit_then_hang","next":2,"delay_ms":400})");
  fault(R"({"call":"release","mode":"late","next":2,"delay_ms":300})");
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(confirm(sales[static_cast<std::size_t>(i)], 0)->status, 202U);
  const std::string file = path("middle.backup");
  const auto copied = backup(file);
  ASSERT_EQ(copied.exit_code, 0) << copied.err;
  for (int i = 5; i < 9; ++i) {
    EXPECT_EQ(confirm(sales[static_cast<std::size_t>(i)])->status, 200U);
  }
  for (int i = 0; i < 9; ++i) EXPECT_TRUE(reaches(sales[static_cast<std::size_t>(i)], "completed"));
  lose_the_store(file);
  ASSERT_TRUE(start_server()) << read_file(path("serve.log"));
  EXPECT_NE(epoch(), before);
  EXPECT_TRUE(epoch().starts_with("1-")) << epoch();
  // What was under way comes to its end by itself; what was paid after the backup is asked for by
  // its sellers again, under the same keys.
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(reaches(sales[static_cast<std::size_t>(i)], "completed"));
  for (int i = 5; i < 12; ++i) {
    const auto& sale = sales[static_cast<std::size_t>(i)];
    EXPECT_EQ(status_of(sale), "matched") << "as of the backup";
    EXPECT_EQ(confirm(sale)->status, 200U);
    EXPECT_TRUE(reaches(sale, "completed")) << status_of(sale);
  }
  expect_nothing_twice();
  expect_sound();
  EXPECT_EQ(SandboxClient(sandbox_url()).balance_micro(taker_.wallet()), 12 * sale_micro);
}

TEST_F(RestoreTest, WhatWasOnlyReadyIsAskedForBeforeItIsSent) {
  ASSERT_TRUE(start_server());
  const Sale sale = matched();
  fault(R"({"call":"release","mode":"hang","next":1000,"delay_ms":60000})");
  EXPECT_EQ(confirm(sale, 0)->status, 202U);
  ASSERT_TRUE(eventually([&] {
    return HttpCall(url()).get("/effects")->body.text().find("otc_release") != std::string::npos;
  }));
  const std::string file = path("ready.backup");
  ASSERT_EQ(backup(file).exit_code, 0);
  server_.kill_now();
  // As if it had not begun yet when the backup was taken.
  sql(file,
      "UPDATE pawl_effects SET state = 'ready', attempt = 0, inquiry = 0, maybe_sent = 0, "
      "next_at_us = 0, lease_until_us = 0, history = ''");
  // The checksum is of the file as it was: it is refused as it is now.
  EXPECT_EQ(restore(file, path("restored")).exit_code, 1);
  const std::string again = path("again.backup");
  ASSERT_TRUE(std::filesystem::create_directory(path("as-data")));
  std::filesystem::rename(file, path("as-data/pawl.db"));
  const auto copied = run_pawl({"backup", "--data", path("as-data"), "--to", again});
  ASSERT_EQ(copied.exit_code, 0) << copied.err;
  lose_the_store(again);
  ASSERT_TRUE(SandboxClient(sandbox_url()).clear_faults());
  ASSERT_TRUE(start_server()) << read_file(path("serve.log"));
  EXPECT_TRUE(reaches(sale, "completed")) << status_of(sale);
  const auto effects = HttpCall(url()).get("/effects?ended=1&limit=100");
  ASSERT_TRUE(effects);
  for (const auto& effect : member_array(effects->body, "effects")) {
    if (member_text(effect, "kind") != "otc_release") continue;
    const std::string history = member_text(effect, "history");
    const auto restored = history.find("restored from a backup");
    const auto asked = history.find(" inquiring");
    const auto sent = history.find(" sending");
    EXPECT_NE(restored, std::string::npos) << history;
    EXPECT_NE(asked, std::string::npos) << history;
    EXPECT_LT(asked, sent) << history;
  }
  expect_nothing_twice();
  expect_sound();
}

TEST_F(RestoreTest, NothingIsWrittenOverAndNothingDamagedIsRestored) {
  ASSERT_TRUE(start_server());
  matched();
  const std::string file = path("a.backup");
  ASSERT_EQ(backup(file).exit_code, 0);
  const auto second = backup(file);
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_NE(second.err.find("backup_file_exists"), std::string::npos) << second.err;
  const auto over = restore(file, server_data_);
  EXPECT_EQ(over.exit_code, 4) << "a server has it: " << over.err;
  ASSERT_TRUE(server_.stop(20'000));
  const auto beside = restore(file, server_data_);
  EXPECT_EQ(beside.exit_code, 1);
  EXPECT_NE(beside.err.find("store_file_exists"), std::string::npos) << beside.err;
  {
    std::fstream damaged(file, std::ios::in | std::ios::out | std::ios::binary);
    damaged.seekp(20'000);
    damaged << "not what was here";
  }
  const auto refused = restore(file, path("elsewhere"));
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.err.find("backup_damaged"), std::string::npos) << refused.err;
  EXPECT_FALSE(std::filesystem::exists(path("elsewhere/pawl.db")));
  EXPECT_EQ(restore(path("none"), path("elsewhere")).exit_code, 1);
}

// A store that was written by the version before, killed in the middle of settlements, and the
// books of its custodian.
class UpgradeTest : public RestoreTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    server_data_ = path("desk");
    ASSERT_TRUE(prepare_data_dir(server_data_));
    ASSERT_TRUE(std::filesystem::create_directory(path("custodian")));
    sql(server_data_ + "/pawl.db", fixture("pawl-engine-1.sql"));
    sql(path("custodian/sandbox.db"), fixture("sandbox-engine-1.sql"));
    {
      std::ofstream key(server_data_ + "/service.key");
      key << fixture("service-engine-1.key");
    }
    std::filesystem::permissions(
        server_data_ + "/service.key",
        std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    const auto key = load_or_make_key(service_key_path(server_data_));
    ASSERT_TRUE(key) << key.error().text();
    ChildProcess::Options options;
    options.program = PAWL_PROGRAM;
    options.arguments = {"sandbox",
                         "--listen",
                         "127.0.0.1:0",
                         "--data",
                         path("custodian"),
                         "--service-key",
                         key->public_key_hex(),
                         "--payout-delay-ms",
                         "50"};
    options.log_file = path("sandbox.log");
    const auto started = sandbox_.start(options);
    ASSERT_TRUE(started) << started.error().text() << read_file(options.log_file);
  }
  static std::string fixture(const std::string& name) {
    return read_file(PAWL_SOURCE_DIR "/tests/data/" + name);
  }
  Ended migrate(bool check) {
    std::vector<std::string> arguments = {"migrate", "--data", server_data_};
    if (check) arguments.push_back("--check");
    return run_pawl(arguments);
  }
};

TEST_F(UpgradeTest, AStoreOfTheVersionBeforeOpensAndSettlesWhatWasUnderWay) {
  EXPECT_FALSE(start_server()) << "a store is never brought up to date without being asked";
  const std::string untouched = read_file(database());
  for (int i = 0; i < 2; ++i) {
    const auto check = migrate(true);
    EXPECT_EQ(check.exit_code, 1);
    EXPECT_NE(check.out.find("engine 2"), std::string::npos) << check.out;
  }
  EXPECT_EQ(read_file(database()), untouched) << "a check changes nothing";
  ASSERT_EQ(backup(path("before.backup")).exit_code, 0) << "it can be copied as it is";
  EXPECT_EQ(migrate(false).exit_code, 0);
  EXPECT_EQ(migrate(true).exit_code, 0);
  ASSERT_TRUE(start_server()) << read_file(path("serve.log"));
  EXPECT_TRUE(eventually([&] {
    const auto effects = HttpCall(url()).get("/effects");
    return effects && member_array(effects->body, "effects").empty();
  })) << HttpCall(url()).get("/effects")->body.text();
  const auto parked = HttpCall(url()).get("/parked");
  ASSERT_TRUE(parked);
  EXPECT_TRUE(member_array(parked->body, "parked").empty()) << parked->body.text();
  expect_sound();
}

TEST_F(UpgradeTest, ABackupOfTheVersionBeforeIsRestoredToThisOne) {
  ASSERT_EQ(backup(path("before.backup")).exit_code, 0);
  lose_the_store(path("before.backup"));
  EXPECT_EQ(migrate(true).exit_code, 0) << "restored, it is up to date";
  ASSERT_TRUE(start_server()) << read_file(path("serve.log"));
  EXPECT_TRUE(eventually([&] {
    const auto effects = HttpCall(url()).get("/effects");
    return effects && member_array(effects->body, "effects").empty();
  })) << HttpCall(url()).get("/effects")->body.text();
  expect_sound();
}

}  // namespace
}  // namespace pawl::app::test
