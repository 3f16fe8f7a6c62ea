// SPDX-License-Identifier: Apache-2.0
//
// After a slow round a lane's statements are planned anew, and after others they are not. Which
// plan wrote a journal row stands in the row: a column's default that calls itself immutable is
// worked out once for each plan, when it is made.
#include <functional>
#include <future>
#include <utility>

#include "postgres/lane_fixture.h"

namespace pawl::test {

namespace {

// More than what a lane takes for a slow round.
constexpr int slow_round_ms = 150;

class Plans : public LaneTest {
 protected:
  // Before the lane's first commit: a table that changes has its statements planned anew by itself.
  void number_the_plans() {
    world.sql(
        "CREATE SEQUENCE plans; GRANT USAGE ON SEQUENCE plans TO pawl; "
        "CREATE FUNCTION plan_number() RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS "
        "$$ BEGIN RETURN nextval('plans'); END $$; "
        "ALTER TABLE pawl_journal ADD COLUMN plan bigint DEFAULT plan_number()");
  }
  std::int64_t newest_plan() {
    return std::stoll(world.sql("SELECT plan FROM pawl_journal ORDER BY sequence DESC LIMIT 1"));
  }
  // Holds what `statement` locks until the lane has waited for it for longer than a slow round.
  void while_locked(const std::string& statement, const std::function<void()>& round) {
    Holder holder(world);
    ASSERT_EQ(holder.run("BEGIN"), "");
    ASSERT_EQ(holder.run(statement), "");
    auto done = std::async(std::launch::async, round);
    EXPECT_TRUE(eventually([&] {
      return world.sql(
                 "SELECT count(*) FROM pg_locks WHERE NOT granted AND waitstart < "
                 "clock_timestamp() - interval '" +
                 std::to_string(slow_round_ms) + " ms'") == "1";
    })) << "the lane never waited";
    EXPECT_EQ(holder.run("COMMIT"), "");
    done.get();
  }
  LaneUser open_patient() {
    PostgresOptions options = world.options();
    options.lock_timeout_ms = patience_ms;
    options.idle_in_transaction_timeout_ms = patience_ms;
    return open_with(options);
  }
};

TEST_F(Plans, AreMadeAnewAfterALockThatWaited) {
  LaneUser user = open_patient();
  number_the_plans();
  ASSERT_TRUE(user.give({"x"}, 1));
  while_locked("UPDATE accounts SET balance = 2 WHERE id = 'x'", [&] {
    ASSERT_TRUE(user.lane->commit(LaneUser::giving(user.lock({"x"}, true), 3)));
  });
  const auto before = newest_plan();
  ASSERT_TRUE(user.give({"x"}, 4));
  EXPECT_NE(newest_plan(), before);
}

TEST_F(Plans, AreMadeAnewAfterACommitThatWaited) {
  LaneUser user = open_patient();
  number_the_plans();
  auto locked = user.lock({"x"});
  while_locked("LOCK TABLE pawl_journal IN SHARE MODE",
               [&] { ASSERT_TRUE(user.lane->commit(LaneUser::giving(std::move(locked), 2))); });
  const auto before = newest_plan();
  ASSERT_TRUE(user.give({"x"}, 3));
  EXPECT_NE(newest_plan(), before);
}

// That two rounds one after the other are fast is luck on a slow machine; that none ever are is
// not.
TEST_F(Plans, AreKeptOtherwiseAlsoAfterASlowOne) {
  LaneUser user = open_patient();
  number_the_plans();
  ASSERT_TRUE(user.give({"x"}, 1));
  while_locked("UPDATE accounts SET balance = 2 WHERE id = 'x'", [&] {
    ASSERT_TRUE(user.lane->commit(LaneUser::giving(user.lock({"x"}, true), 3)));
  });
  std::int64_t before = -1;
  EXPECT_TRUE(eventually([&] {
    EXPECT_TRUE(user.give({"x"}, 4));
    const auto plan = newest_plan();
    return std::exchange(before, plan) == plan;
  }));
}

}  // namespace

}  // namespace pawl::test
