// SPDX-License-Identifier: Apache-2.0
//
// A database that goes away with a commit's answer, and servers that are two: what is said while
// nobody can be asked, a wait for a standby that somebody cancelled, and a standby that was
// promoted without having had the last commit.
#include <array>

#include "postgres/doubt_world.h"

namespace pawl::test {
namespace {

// Until the last commit's fate is known, nothing else is said of it.
Result<Receipt> in_the_end(DoubtWorld& world, int number) {
  Result<Receipt> again = fail(outcome_in_doubt);
  EXPECT_TRUE(eventually([&] {
    again = world.deposit(number).get();
    if (again) return true;
    EXPECT_EQ(again.error().code, outcome_in_doubt) << again.error().text();
    return ::testing::Test::HasFailure();
  }));
  return again;
}

void expect_in_doubt(std::future<Result<Receipt>> future) {
  const auto receipt = future.get();
  ASSERT_FALSE(receipt) << "answered as if it were known";
  EXPECT_EQ(receipt.error().code, outcome_in_doubt) << receipt.error().text();
}

struct LastBytes {
  ArmedFault fault;
  bool committed;
};
// The answer is lost, or the server has not all of the request.
constexpr std::array last_bytes{
    LastBytes{{Direction::to_client, From::commit, 0, Fault::swallow}, true},
    LastBytes{{Direction::to_server, From::commit, 20, Fault::swallow}, false}};

TEST(DatabaseAway, WhatWasInDoubtHasItsTrueReceiptWhenTheServerIsBack) {
  TestServer server;
  DoubtWorld world(server);
  world.options().in_doubt_wait_ms = 100;
  world.start();
  if (::testing::Test::HasFatalFailure()) return;
  world.open_account();
  int number = 0;
  for (const auto& [fault, committed] : last_bytes) {
    ++number;
    DoubtWorld::expect_done(world.deposit(number).get(), number, false);
    world.gate().arm(fault);
    auto receipt = world.deposit(++number);
    ASSERT_TRUE(world.gate().struck(patience_ms));
    server.kill_now();
    world.gate().heal();
    expect_in_doubt(std::move(receipt));
    expect_in_doubt(world.deposit(number));
    server.start();
    DoubtWorld::expect_done(in_the_end(world, number), number, committed);
    DoubtWorld::expect_done(world.deposit(number).get(), number, true);
    if (::testing::Test::HasFailure()) return;
  }
  world.expect_deposits(number);
  world.stop();
}

TEST(DatabaseAway, TheSameWhereOnlyTheWayToItWasGone) {
  DoubtWorld world;
  world.options().in_doubt_wait_ms = 100;
  world.start();
  if (::testing::Test::HasFatalFailure()) return;
  world.open_account();
  int number = 0;
  for (const auto& [fault, committed] : last_bytes) {
    ++number;
    DoubtWorld::expect_done(world.deposit(number).get(), number, false);
    world.gate().arm(fault);
    auto receipt = world.deposit(++number);
    ASSERT_TRUE(world.gate().struck(patience_ms));
    world.gate().shut();
    expect_in_doubt(std::move(receipt));
    expect_in_doubt(world.deposit(number));
    world.gate().heal();
    DoubtWorld::expect_done(in_the_end(world, number), number, committed);
    if (::testing::Test::HasFailure()) return;
  }
  world.expect_deposits(number);
}

class Standby : public ::testing::Test {
 protected:
  // Of backends that wait for a standby, begun after that transaction.
  static std::string waiting(const TestServer& server, const std::string& after) {
    return server.sql(
        "SELECT pid || ' ' || xact_start FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND "
        "xact_start > '" +
        after + "' LIMIT 1");
  }
  static void set_standbys(const TestServer& server, const std::string& names) {
    server.sql("ALTER SYSTEM SET synchronous_standby_names = '" + names + "'");
    server.sql("SELECT pg_reload_conf()");
  }
};

// Each time the server says COMMIT, with a warning (01000), and nobody may be told that it is done:
// neither by the commit itself nor by the inquiry that follows it.
TEST_F(Standby, ACancelledWaitIsInDoubtUntilAFurtherCommitReturnsWithoutAWarning) {
  TestServer server;
  DoubtWorld world(server);
  world.start();
  if (HasFatalFailure()) return;
  world.open_account();
  set_standbys(server, "gone");
  // Processes read it one after the other: it counts once somebody waits.
  int number = 0;
  std::string waits;
  std::future<Result<Receipt>> receipt;
  ASSERT_TRUE(eventually([&] {
    receipt = world.deposit(++number);
    return !eventually([&] {
      waits = waiting(server, "-infinity");
      return !waits.empty() || DoubtWorld::ready(receipt);
    }) || !waits.empty();
  }));
  ASSERT_FALSE(waits.empty());
  for (int i = 0; i < 3; ++i) {
    const auto space = waits.find(' ');
    EXPECT_EQ(server.sql("SELECT pg_cancel_backend(" + waits.substr(0, space) + ")"), "t");
    const std::string after = waits.substr(space + 1);
    ASSERT_TRUE(eventually([&] {
      waits = waiting(server, after);
      return !waits.empty() || DoubtWorld::ready(receipt);
    }));
    ASSERT_FALSE(DoubtWorld::ready(receipt)) << "no standby has it";
    // Everybody sees it: the primary has committed.
    EXPECT_EQ(world.sql("SELECT balance FROM accounts"), std::to_string(number));
  }
  set_standbys(server, "");
  DoubtWorld::expect_done(receipt.get(), number, false);
  DoubtWorld::expect_done(world.deposit(number).get(), number, true);
  world.expect_deposits(number);
  EXPECT_EQ(world.sql("SELECT count(*) FROM pawl_lanes"), "1") << "it kept its lane";
  world.stop();
}

// The caller is not kept waiting for a standby for ever, nor told what is not known.
TEST_F(Standby, WhileItStandsStillTheAnswerIsInDoubt) {
  TestServer primary;
  TestServer standby(primary, "second");
  DoubtWorld world(primary);
  world.options().statement_timeout_ms = 300;
  world.options().tcp_timeout_ms = 300;
  world.options().in_doubt_wait_ms = 300;
  world.start();
  if (HasFatalFailure()) return;
  world.open_account();
  set_standbys(primary, "second");
  ASSERT_TRUE(eventually(
      [&] { return primary.sql("SELECT sync_state FROM pg_stat_replication") == "sync"; }));
  int number = 0;
  ++number;
  DoubtWorld::expect_done(world.deposit(number).get(), number, false);
  standby.stall();
  Result<Receipt> last = fail(outcome_in_doubt);
  // Those that were not waited for yet come through.
  ASSERT_TRUE(eventually([&] {
    last = world.deposit(++number).get();
    return !last;
  }));
  EXPECT_EQ(last.error().code, outcome_in_doubt) << last.error().text();
  expect_in_doubt(world.deposit(number));
  standby.go_on();
  DoubtWorld::expect_done(in_the_end(world, number), number, true);
  EXPECT_TRUE(eventually([&] {
    return standby.sql("SELECT balance FROM " + world.table("accounts")) == std::to_string(number);
  }));
  world.expect_deposits(number);
  world.stop();
}

// It was committed on the primary, which died before it could say so; the standby, which replicates
// behind, never had it. By the lane's row there it has not happened: it is run again, once.
TEST_F(Standby, WhatAPromotedOneNeverHadIsExecutedThereOnce) {
  TestServer primary;
  TestServer standby(primary, "second");
  DoubtWorld world(primary);
  Gate second(standby.port());
  world.options().url = "postgresql://pawl:" + std::string(TestServer::password) +
                        "@127.0.0.1:" + std::to_string(world.gate().port()) +
                        ",127.0.0.1:" + std::to_string(second.port()) + "/pawl?sslmode=disable";
  world.options().in_doubt_wait_ms = 60'000;
  world.start();
  if (HasFatalFailure()) return;
  world.open_account();
  int number = 0;
  for (int i = 0; i < 3; ++i) {
    ++number;
    DoubtWorld::expect_done(world.deposit(number).get(), number, false);
  }
  const auto balance = [&](const TestServer& server) {
    return server.sql("SELECT balance FROM " + world.table("accounts"));
  };
  ASSERT_TRUE(eventually([&] { return balance(standby) == std::to_string(number); }));
  standby.stop();
  world.gate().arm({Direction::to_client, From::commit, 0, Fault::swallow});
  auto receipt = world.deposit(++number);
  ASSERT_TRUE(world.gate().struck(patience_ms));
  EXPECT_EQ(balance(primary), std::to_string(number)) << "the primary has it";
  primary.kill_now();
  standby.start_as_standby();
  EXPECT_EQ(balance(standby), std::to_string(number - 1)) << "the standby has not";
  standby.promote();
  world.gate().heal();
  DoubtWorld::expect_done(receipt.get(), number, false);
  DoubtWorld::expect_done(world.deposit(number).get(), number, true);
  EXPECT_EQ(balance(standby), std::to_string(number));
  EXPECT_EQ(standby.sql("SELECT count(*) FROM " + world.table("pawl_receipts") +
                        " WHERE kind = 'bank.deposit'"),
            std::to_string(number));
  world.stop();
}

}  // namespace
}  // namespace pawl::test
