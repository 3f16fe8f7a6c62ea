// SPDX-License-Identifier: Apache-2.0
//
// Whether a holder is dead is said of a real process: while it lives, as a zombie, and when it is
// reaped; and by one that can read nothing, which then must not take the living for dead.
#include "store/postgres/lane_holder.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>

namespace pawl::test {

namespace {

using postgres::are_provably_dead;

// A process that tells its mark and then waits to be killed.
class Neighbour {
 public:
  Neighbour() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      const std::string mark = postgres::new_holder();
      const bool told = ::write(ends[1], mark.data(), mark.size()) == ssize_t(mark.size());
      ::close(ends[1]);
      while (told) ::pause();
      ::_exit(1);
    }
    ::close(ends[1]);
    std::array<char, 256> bytes{};
    for (ssize_t size = 0; (size = ::read(ends[0], bytes.data(), bytes.size())) > 0;) {
      mark_.append(bytes.data(), static_cast<std::size_t>(size));
    }
    ::close(ends[0]);
  }
  ~Neighbour() {
    kill();
    reap();
  }
  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;

  const std::string& mark() const { return mark_; }
  // Returns once it is dead; it stays to be reaped.
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }
  void reap() {
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
  std::string mark_;
};

// As long as it lives this process can open nothing.
class NoFiles {
 public:
  NoFiles() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    rlimit none = before_;
    none.rlim_cur = 0;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoFiles() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoFiles(const NoFiles&) = delete;
  NoFiles& operator=(const NoFiles&) = delete;

 private:
  rlimit before_{};
};

TEST(LaneHolder, IsDeadWhenItsProcessIs) {
  Neighbour neighbour;
  ASSERT_FALSE(neighbour.mark().empty());
  EXPECT_FALSE(are_provably_dead(neighbour.mark()));
  neighbour.kill();
  EXPECT_TRUE(are_provably_dead(neighbour.mark())) << "it only waits to be reaped";
  neighbour.reap();
  EXPECT_TRUE(are_provably_dead(neighbour.mark()));
}

TEST(LaneHolder, IsNotDeadBecauseNothingCanBeReadOfIt) {
  Neighbour neighbour;
  ASSERT_FALSE(are_provably_dead(neighbour.mark()));
  {
    const NoFiles none;
    EXPECT_FALSE(are_provably_dead(neighbour.mark()));
  }
  neighbour.kill();
  neighbour.reap();
  const NoFiles none;
  EXPECT_TRUE(are_provably_dead(neighbour.mark())) << "the kernel says that it is gone";
}

TEST(LaneHolder, WhoCameToTheSameNumberIsAnother) {
  Neighbour neighbour;
  const std::string& mark = neighbour.mark();
  const std::string started_earlier = mark.substr(0, mark.rfind('/')) + "/1#1";
  EXPECT_TRUE(are_provably_dead(started_earlier));
  EXPECT_TRUE(are_provably_dead(""));
  EXPECT_FALSE(are_provably_dead("elsewhere/1/2/3#1"));
  EXPECT_FALSE(are_provably_dead(mark.substr(0, mark.rfind('/')) + "/#1"))
      << "it could not read its own";
  EXPECT_FALSE(are_provably_dead(started_earlier + " " + mark));
}

TEST(LaneHolder, WhoGivesALaneBackLeavesItsEarlierTakings) {
  const std::string earlier = postgres::new_holder();
  const std::string mark = postgres::new_holder();
  ASSERT_NE(earlier, mark);
  const std::string holders = "elsewhere/1/2/3#1 " + earlier + " " + mark;
  EXPECT_EQ(postgres::newest_holder(holders), mark);
  EXPECT_EQ(postgres::without(holders, mark), "elsewhere/1/2/3#1 " + earlier);
  EXPECT_EQ(postgres::without(mark, mark), "");
  EXPECT_FALSE(are_provably_dead(postgres::without(holders, mark)));
}

}  // namespace

}  // namespace pawl::test
