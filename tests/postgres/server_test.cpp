// SPDX-License-Identifier: Apache-2.0
//
// The tests' own server: a crash keeps what was committed, nothing stays behind, and one that
// cannot start says why.
#include "postgres/server.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "eventually.h"

namespace pawl::test {

namespace fs = std::filesystem;

TEST(PostgresServer, KeepsWhatWasCommittedThroughKillMinusNine) {
  TestServer server;
  server.sql("CREATE TABLE kept (id int8)");
  server.sql("INSERT INTO kept VALUES (7)");
  const auto port = server.port();
  server.kill_now();
  server.start();
  EXPECT_EQ(server.port(), port);
  EXPECT_EQ(server.sql("SELECT id FROM kept"), "7");
}

TEST(PostgresServer, LeavesNothingBehind) {
  std::string directory;
  pid_t pid = 0;
  {
    const TestServer server;
    directory = server.directory();
    pid = server.pid();
    EXPECT_TRUE(fs::exists(directory));
  }
  EXPECT_FALSE(fs::exists(directory));
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST(PostgresServer, LeavesNothingBehindWhenItWasKilled) {
  std::string directory;
  int segment = -1;
  {
    TestServer server;
    directory = server.directory();
    std::ifstream file(directory + "/data/postmaster.pid");
    std::string line;
    for (int i = 0; i < 7; ++i) std::getline(file, line);
    segment = std::stoi(line.substr(line.rfind(' ') + 1));
    shmid_ds found{};
    ASSERT_EQ(::shmctl(segment, IPC_STAT, &found), 0);
    server.kill_now();
  }
  EXPECT_FALSE(fs::exists(directory));
  shmid_ds found{};
  EXPECT_NE(::shmctl(segment, IPC_STAT, &found), 0);
}

TEST(PostgresServer, LeavesNothingBehindWhenItsTestDies) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const TestServer server;
    const auto text = std::to_string(server.pid()) + " " + server.directory();
    const auto written = ::write(ends[1], text.data(), text.size());
    ::kill(::getpid(), SIGKILL);
    ::_exit(written > 0 ? 0 : 1);
  }
  ::close(ends[1]);
  std::string text(1000, '\0');
  const auto length = ::read(ends[0], text.data(), text.size());
  ::close(ends[0]);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_GT(length, 0);
  text.resize(static_cast<std::size_t>(length));
  const auto space = text.find(' ');
  const auto pid = static_cast<pid_t>(std::stol(text.substr(0, space)));
  const auto directory = text.substr(space + 1);
  // Told by the kernel, and before the cleaner gives up waiting for it.
  EXPECT_TRUE(eventually([&] { return ::kill(pid, 0) != 0; }, 8'000));
  EXPECT_TRUE(eventually([&] { return !fs::exists(directory); }));
}

TEST(PostgresServer, OneThatCannotStartSaysWhy) {
  try {
    const TestServer server(ServerSettings{{"shared_buffers", "nonsense"}});
    FAIL() << "it started";
  } catch (const std::runtime_error& error) {
    const std::string said = error.what();
    EXPECT_NE(said.find("shared_buffers"), std::string::npos);
  }
}

TEST(PostgresServer, ASchemaIsItsTestsOwn) {
  std::string name;
  {
    const TestSchema first;
    const TestSchema second;
    EXPECT_NE(first.name(), second.name());
    name = first.name();
    EXPECT_EQ(TestServer::shared().sql("SELECT count(*) FROM pg_namespace WHERE nspname = '" +
                                       name + "'"),
              "1");
  }
  EXPECT_EQ(
      TestServer::shared().sql("SELECT count(*) FROM pg_namespace WHERE nspname = '" + name + "'"),
      "0");
}

}  // namespace pawl::test
