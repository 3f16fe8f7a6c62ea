// SPDX-License-Identifier: Apache-2.0
//
// Acceptance cases 21 and 94: the server's storage is full, refuses to grow, may only be read, or
// is locked by another for ten seconds. Callers get a 503, nothing is half done, and what the
// custodian did meanwhile is found.
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <chrono>
#include <future>

#include "app/client_options.h"
#include "app/desk_world.h"

namespace pawl::app::test {
namespace {

constexpr int max_creates = 2'000;

class StorageFault : public DeskWorld {
 protected:
  std::string settings() const override {
    return "[otc]\npayout_poll_interval_ms = 20\ncustodian_timeout_ms = 60000\n";
  }
  // Creates orders until the store takes no more. Gives the first that was refused, and keeps those
  // that were taken. Orders to buy ask nothing of the custodian.
  Sale create_until_refused(otc::Side side = otc::Side::sell) {
    for (int i = 0; i < max_creates; ++i) {
      Sale sale = new_sale();
      sale.terms.side = side;
      if (side == otc::Side::buy) sale.terms.htlc_hash = "";
      const auto answer = desk(0).create(maker_, sale.terms);
      if (answer && (answer->status == 201U || answer->status == 202U)) {
        taken_.push_back(sale);
        continue;
      }
      expect_store_unavailable(answer);
      return sale;
    }
    ADD_FAILURE() << "the store never refused";
    return {};
  }
  // Whatever was taken ends open, locked once; what was refused was never seen by the custodian.
  void expect_taken_are_open() {
    for (const auto& sale : taken_) {
      EXPECT_TRUE(reaches(sale, "open")) << status_of(sale);
    }
    for (const auto& sale : taken_) {
      EXPECT_EQ(carried_out(sale, "lock"), sale.terms.side == otc::Side::sell ? 1 : 0);
    }
  }
  void expect_ready(unsigned status) {
    EXPECT_TRUE(eventually([&] {
      const auto ready = HttpCall(url()).get("/readyz");
      return ready && ready->status == status;
    })) << status;
  }
  // The lock is carried out and its answer does not come until the sandbox goes on.
  std::future<Result<HttpAnswer>> create_and_freeze_the_answer(const Sale& sale) {
    fault(R"({"call":"lock","mode":"late","next":1,"delay_ms":3000})");
    auto answer = std::async(std::launch::async,
                             [this, &sale] { return desk(30'000).create(maker_, sale.terms); });
    EXPECT_TRUE(eventually([&] { return carried_out(sale, "lock") == 1; }));
    ::kill(sandbox_.pid(), SIGSTOP);
    return answer;
  }
  // The answer comes, and what it says cannot be committed.
  void let_the_answer_fail() {
    const auto before = failed_commits();
    ::kill(sandbox_.pid(), SIGCONT);
    EXPECT_TRUE(eventually([&] { return failed_commits() > before; }));
  }
  int failed_commits() const {
    const std::string log = read_file(path("serve.log"));
    int count = 0;
    const std::string line = "\"commit_failed\"";
    for (auto at = log.find(line); at != std::string::npos; at = log.find(line, at + 1)) ++count;
    return count;
  }

  std::vector<Sale> taken_;
};

// A small file system of its own for the server's folder, where mounting is allowed.
class FullDisk : public StorageFault {
 protected:
  void SetUp() override {
    mount_point_ = (std::filesystem::temp_directory_path() / "pawl-full-XXXXXX").string();
    ASSERT_NE(::mkdtemp(mount_point_.data()), nullptr);
    mounted_ = ::mount("tmpfs", mount_point_.c_str(), "tmpfs", 0, "size=4m") == 0;
    if (!mounted_) GTEST_SKIP() << "mounting is not allowed here";
    server_data_ = mount_point_ + "/desk";
    StorageFault::SetUp();
    ASSERT_TRUE(start_server());
  }
  void TearDown() override {
    if (mounted_) StorageFault::TearDown();
    if (mounted_) ::umount2(mount_point_.c_str(), MNT_DETACH);
    std::filesystem::remove(mount_point_);
  }
  void fill() const {
    const std::string command = "head -c 8m /dev/zero > " + mount_point_ + "/fill 2>/dev/null";
    (void)!std::system(command.c_str());  // NOLINT(concurrency-mt-unsafe): no other asks for it
  }
  void make_room() const { std::filesystem::remove(mount_point_ + "/fill"); }

  std::string mount_point_;
  bool mounted_ = false;
};

TEST_F(FullDisk, Case94RefusesCleanlyAndGoesOnByItselfWhenThereIsRoom) {
  const Sale before = matched();
  fill();
  const Sale refused = create_until_refused();
  expect_ready(503);
  EXPECT_EQ(HttpCall(url()).get("/healthz")->status, 200U);
  EXPECT_EQ(status_of(before), "matched") << "reads go on";
  EXPECT_EQ(desk().show(refused.id)->status, 404U) << "no half state";
  EXPECT_EQ(carried_out(refused, "lock"), 0);
  make_room();
  expect_ready(200);
  const auto again = desk().create(maker_, refused.terms);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->status, 201U) << again->body.text();
  expect_taken_are_open();
  ASSERT_EQ(confirm(before)->status, 200U);
  EXPECT_TRUE(reaches(before, "completed"));
  expect_sound();
}

TEST_F(FullDisk, Case21LockThatCouldNotBeWrittenDownIsFoundWhenThereIsRoom) {
  const Sale sale = new_sale();
  auto created = create_and_freeze_the_answer(sale);
  fill();
  create_until_refused(otc::Side::buy);
  let_the_answer_fail();
  EXPECT_EQ(status_of(sale), "opening") << "it says no more than is written";
  make_room();
  const auto answer = created.get();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 201U) << answer->body.text();
  EXPECT_EQ(carried_out(sale, "lock"), 1);
  expect_taken_are_open();
  expect_sound();
}

TEST_F(FullDisk, Case21LockThatCouldNotBeWrittenDownIsFoundAfterADeath) {
  const Sale sale = new_sale();
  auto created = create_and_freeze_the_answer(sale);
  fill();
  create_until_refused(otc::Side::buy);
  let_the_answer_fail();
  server_.kill_now();
  const auto answer = created.get();
  EXPECT_FALSE(answer && answer->ok()) << "nobody was told that it had ended well";
  make_room();
  ASSERT_TRUE(start_server()) << read_file(path("serve.log"));
  EXPECT_TRUE(reaches(sale, "open"));
  EXPECT_EQ(carried_out(sale, "lock"), 1) << "found by its key, not locked again";
  expect_taken_are_open();
  expect_sound();
}

TEST_F(FullDisk, Case94ReadOnlyStorageIsRefusedAtTheStartAndTakenWhenItIsWritable) {
  const Sale sale = matched();
  ASSERT_TRUE(server_.stop(20'000));
  ASSERT_EQ(::mount(nullptr, mount_point_.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  EXPECT_FALSE(start_server());
  EXPECT_EQ(server_.exit_code(), 3) << read_file(path("serve.log"));
  ASSERT_EQ(::mount(nullptr, mount_point_.c_str(), nullptr, MS_REMOUNT, nullptr), 0);
  ASSERT_TRUE(start_server()) << read_file(path("serve.log"));
  EXPECT_EQ(confirm(sale)->status, 200U);
  EXPECT_TRUE(reaches(sale, "completed"));
  expect_sound();
}

TEST_F(StorageFault, Case94StorageThatRefusesToGrowIsRefusedUntilARestart) {
  ASSERT_TRUE(start_server());
  const Sale before = matched();
  const auto wal_bytes = std::filesystem::file_size(database() + "-wal");
  const rlimit limit{wal_bytes + 100, RLIM_INFINITY};
  ASSERT_EQ(::prlimit(server_.pid(), RLIMIT_FSIZE, &limit, nullptr), 0);
  const Sale refused = create_until_refused();
  ASSERT_TRUE(server_.running()) << "a limit is an error of the write, and no signal's end";
  expect_ready(503);
  EXPECT_EQ(status_of(before), "matched") << "reads go on";
  EXPECT_EQ(carried_out(refused, "lock"), 0);
  const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
  ASSERT_EQ(::prlimit(server_.pid(), RLIMIT_FSIZE, &none, nullptr), 0);
  // There is room again, but what the failed write left behind is not known.
  const auto still = desk().create(maker_, refused.terms);
  ASSERT_TRUE(still) << still.error().text();
  expect_store_unavailable(still);
  EXPECT_EQ(still->text("code"), "store_refuses_writes");
  server_.stop(20'000);
  ASSERT_TRUE(start_server()) << read_file(path("serve.log"));
  const auto again = desk().create(maker_, refused.terms);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->status, 201U) << again->body.text();
  expect_taken_are_open();
  EXPECT_EQ(confirm(before)->status, 200U);
  EXPECT_TRUE(reaches(before, "completed"));
  expect_sound();
}

class LockedStorage : public StorageFault {
 protected:
  // Final while the store is locked, which it is by then also on a slow machine.
  std::int64_t payout_delay_ms() const override { return 6'000; }
};

TEST_F(LockedStorage, Case94LockedForTenSecondsAnswers503AndGoesOn) {
  ASSERT_TRUE(start_server());
  const Sale paying = confirmed();
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(database().c_str(), &other), SQLITE_OK);
  sqlite3_busy_timeout(other, 5'000);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  const Sale sale = new_sale();
  int refused = 0;
  while (std::chrono::steady_clock::now() < until) {
    expect_store_unavailable(desk(0).create(maker_, sale.terms));
    const auto shown = desk().show(sale.id);
    ASSERT_TRUE(shown) << shown.error().text();
    EXPECT_EQ(shown->status, 404U) << "no half state";
    EXPECT_EQ(status_of(paying), "payout_pending") << "reads go on";
    if (HasFailure()) break;
    ++refused;
  }
  EXPECT_GE(refused, 1);
  ASSERT_EQ(sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
  ASSERT_TRUE(eventually([&] {
    const auto again = desk().create(maker_, sale.terms);
    return again && again->status == 201U;
  }));
  EXPECT_TRUE(reaches(paying, "completed"));
  EXPECT_EQ(carried_out(paying, "payout"), 1);
  EXPECT_EQ(carried_out(sale, "lock"), 1);
  expect_sound();
}

}  // namespace
}  // namespace pawl::app::test
