// SPDX-License-Identifier: Apache-2.0
//
// What SQLite files bring with them: a second opener, another process, a writer that does not let
// go, a full disk, a disk that refuses, a file that may only be read.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "eventually.h"
#include "store/sqlite_world.h"

namespace pawl::test {
namespace {

class SqliteStoreTest : public ::testing::Test {
 protected:
  SqliteStoreTest() { bank::describe(registry); }

  struct Opened {
    std::unique_ptr<Engine> engine;
    std::string error;
  };
  Opened open() {
    auto store = world.open(registry, false);
    if (!store) return {nullptr, std::string(store.error().code.code)};
    EngineOptions options;
    options.stop_grace_ms = 0;
    auto engine = std::make_unique<Engine>(std::move(*store), registry, options);
    EXPECT_TRUE(engine->start());
    return {std::move(engine), ""};
  }
  static std::string deposit(Engine& engine, int id, const std::string& account = "a") {
    const auto receipt = engine.call(bank::Deposit{account, 1}, {"ann", std::to_string(id), ""});
    return receipt ? (receipt->done ? "done" : receipt->code)
                   : std::string(receipt.error().code.code);
  }
  static std::int64_t balance(Engine& engine) {
    const auto row = engine.read(Key<bank::Account>{"a"});
    return row && *row ? (*row)->row.balance : -1;
  }
  void prepare() {
    auto opened = open();
    ASSERT_TRUE(opened.engine) << opened.error;
    ASSERT_TRUE(opened.engine->call(bank::Open{"a", 0, {}}, {"ann", "open", ""}));
  }
  // Runs the body in a process of its own; it answers 0 when all was as expected.
  static int in_a_child(const std::function<int()>& body) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(body());
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1'000 + WTERMSIG(status);
  }

  SqliteWorld world;
  Registry registry;
};

TEST_F(SqliteStoreTest, ASecondOpenerIsRefusedUntilTheFirstHasClosed) {
  prepare();
  {
    auto first = open();
    ASSERT_TRUE(first.engine);
    EXPECT_EQ(open().error, "store_locked");
    EXPECT_EQ(deposit(*first.engine, 1), "done") << "and does the first no harm";
  }
  EXPECT_TRUE(open().engine);
}

TEST_F(SqliteStoreTest, AnotherProcessIsRefusedToo) {
  prepare();
  auto first = open();
  ASSERT_TRUE(first.engine);
  EXPECT_EQ(in_a_child([&] {
              auto store = world.open(registry, false);
              return !store && store.error().code == store_locked &&
                             store.error().detail.find(std::to_string(::getppid())) !=
                                 std::string::npos
                         ? 0
                         : 1;
            }),
            0);
  EXPECT_EQ(deposit(*first.engine, 1), "done");
}

TEST_F(SqliteStoreTest, TheLockGoesWithAKilledProcess) {
  prepare();
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto store = world.open(registry, false);
    const char byte = store ? 'y' : 'n';
    if (::write(ready[1], &byte, 1) != 1) ::_exit(1);
    while (true) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, 'y');
  EXPECT_EQ(open().error, "store_locked");
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(open().engine);
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(SqliteStoreTest, AMissingFileIsNotMadeWhenItMustExist) {
  SqliteOptions options;
  options.path = world.path();
  options.create = false;
  const auto store = open_sqlite(options, registry);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code.code, "store_open_failed");
  EXPECT_FALSE(std::filesystem::exists(world.path()));
}

TEST_F(SqliteStoreTest, AFileThatIsNoDatabaseIsRefused) {
  const int file = ::open(world.path().c_str(), O_WRONLY | O_CREAT, 0600);
  const std::string text(4'096, 'x');
  ASSERT_EQ(::write(file, text.data(), text.size()), 4'096);
  ::close(file);
  const auto store = world.open(registry, false);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code.error_class, ErrorClass::unavailable);
}

TEST_F(SqliteStoreTest, AWriterThatDoesNotLetGoIsAnErrorAndNoHang) {
  prepare();
  auto opened = open();
  ASSERT_TRUE(opened.engine);
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(world.path().c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_EQ(deposit(*opened.engine, 1), "store_failed");
  ASSERT_EQ(sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
  EXPECT_EQ(deposit(*opened.engine, 1), "done") << "the same id: nothing had been decided";
  EXPECT_EQ(balance(*opened.engine), 1);
}

TEST_F(SqliteStoreTest, WhoLostTheLaneWritesNothing) {
  prepare();
  auto opened = open();
  ASSERT_TRUE(opened.engine);
  // As a process would that takes the lane over.
  world.sql("UPDATE pawl_lanes SET epoch = epoch + 1");
  EXPECT_EQ(deposit(*opened.engine, 1), "lane_fenced");
  EXPECT_EQ(balance(*opened.engine), 0);
  opened.engine.reset();
  auto next = open();
  EXPECT_EQ(deposit(*next.engine, 1), "done");
}

TEST_F(SqliteStoreTest, EndedEffectsLeaveTheTableOfOpenOnes) {
  prepare();
  auto opened = open();
  world.sql(
      "INSERT INTO pawl_effects_ended SELECT 7, 'k', 'account', 'a', '{}', '', 0, 0, 'ended', 1, "
      "0, 1, 0, 0, 0, 0, 0, 'confirmed', '', '', 5, '', ''");
  EXPECT_EQ(opened.engine->effects(false, 0, 10)->size(), 0U);
  EXPECT_EQ(opened.engine->effects(true, 0, 10)->size(), 1U);
}

// The disk refuses to grow the file: writes fail with an error that SQLite takes for a broken disk.
TEST_F(SqliteStoreTest, AfterADiskErrorItTakesNoMoreWritesUntilReopened) {
  prepare();
  const int verdict = in_a_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    auto opened = open();
    if (!opened.engine) return 1;
    if (deposit(*opened.engine, 1) != "done") return 2;
    const auto size = std::filesystem::file_size(world.path() + "-wal");
    const rlimit limit{size + 100, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 3;
    const std::string failed = deposit(*opened.engine, 2);
    if (failed != "store_failed" && failed != "in_doubt") return 4;
    const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_FSIZE, &none) != 0) return 5;
    // There is room again, but what the failed write left behind is not known.
    if (deposit(*opened.engine, 3) != "store_refuses_writes") return 6;
    if (balance(*opened.engine) != 1) return 7;  // reads go on
    opened.engine.reset();
    return 0;
  });
  EXPECT_EQ(verdict, 0);
  auto opened = open();
  ASSERT_TRUE(opened.engine);
  EXPECT_EQ(balance(*opened.engine), 1) << "no half state";
  EXPECT_EQ(deposit(*opened.engine, 2), "done");
  EXPECT_EQ(balance(*opened.engine), 2);
}

TEST_F(SqliteStoreTest, AFileThatMayOnlyBeReadIsRefused) {
  prepare();
  if (::geteuid() == 0) {
    // Root may write everything: somebody else asks.
    const auto folder = std::filesystem::path(world.path()).parent_path();
    ASSERT_EQ(::chmod(folder.c_str(), 0755), 0);
    ASSERT_EQ(::chmod((world.path() + ".lock").c_str(), 0666), 0);
  }
  ASSERT_EQ(::chmod(world.path().c_str(), 0444), 0);
  EXPECT_EQ(in_a_child([&] {
              if (::geteuid() == 0 && ::setuid(65'534) != 0) return 2;
              auto store = world.open(registry, false);
              return !store && store.error().code.error_class == ErrorClass::unavailable ? 0 : 1;
            }),
            0);
}

TEST_F(SqliteStoreTest, AnEntityOfANewerBinaryIsNeverRewritten) {
  prepare();
  world.sql("UPDATE accounts SET state = 'melted', trail = 'newer'");
  auto opened = open();
  ASSERT_TRUE(opened.engine);
  EXPECT_EQ(deposit(*opened.engine, 1), "entity_unreadable");
  const auto read = opened.engine->read(Key<bank::Account>{"a"});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, entity_unreadable);
  // Inner commands are set aside, and the sender's pair with them; others go on.
  ASSERT_TRUE(opened.engine->call(bank::Open{"b", 5, {}}, {"ann", "b", ""}));
  ASSERT_TRUE(opened.engine->call(bank::Send{"b", "a", 5, "m"}, {"ann", "s", ""}));
  ASSERT_TRUE(eventually([&] {
    const auto parked = opened.engine->parked(10);
    return parked && parked->size() == 1 && parked->front().code == "entity_unreadable";
  }));
  EXPECT_EQ(deposit(*opened.engine, 2, "b"), "done");
  const auto slot = opened.engine->read_slot({bank::Account::machine, "a"});
  ASSERT_TRUE(slot);
  EXPECT_EQ(slot->row.at(1), Value(std::string("melted")));
  EXPECT_EQ(slot->row.at(9), Value(std::string("newer")));
  EXPECT_EQ(slot->version, 1);
}

// A small file system of its own, where mounting is allowed: SQLite sees the disk full.
TEST_F(SqliteStoreTest, AFullDiskRefusesAndGoesOnWhenThereIsRoomAgain) {
  TempDir mount_point;
  const std::string folder = mount_point.file("");
  const std::string mount = "mount -t tmpfs -o size=1m tmpfs " + folder + " 2>/dev/null";
  if (std::system(mount.c_str()) != 0) GTEST_SKIP() << "mounting is not allowed here";
  {
    SqliteOptions options;
    options.path = folder + "/store.db";
    auto store = open_sqlite(options, registry);
    ASSERT_TRUE(store) << store.error().text();
    Engine engine(std::move(*store), registry, {});
    ASSERT_TRUE(engine.start());
    ASSERT_TRUE(engine.call(bank::Open{"a", 0, {}}, {"ann", "open", ""}));
    const std::string fill = "head -c 4m /dev/zero > " + folder + "/fill 2>/dev/null";
    (void)!std::system(fill.c_str());
    int done = 0;
    std::string code = "done";
    while (code == "done" && done < 2'000) {
      code = deposit(engine, done);
      done += code == "done" ? 1 : 0;
    }
    EXPECT_EQ(code, "store_failed");
    EXPECT_EQ(balance(engine), done) << "no half state";
    std::filesystem::remove(folder + "/fill");
    EXPECT_EQ(deposit(engine, done), "done") << "the same id";
    EXPECT_EQ(balance(engine), done + 1);
  }
  EXPECT_EQ(std::system(("umount " + folder).c_str()), 0);
}

}  // namespace
}  // namespace pawl::test
