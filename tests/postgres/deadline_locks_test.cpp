// SPDX-License-Identifier: Apache-2.0
//
// Deadlines' rows are locked and removed in one order, whatever the order of their places and of
// the request: two sessions that want the same ones wait for each other's, and never both.
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "postgres/lane_fixture.h"
#include "postgres/raw_session.h"

namespace pawl::test {
namespace {

using protocol::DeadlineRef;
using protocol::LockRequest;

const DeadlineRef first{account_ref("x"), "1"};
const DeadlineRef second{account_ref("x"), "2"};
const DeadlineRef third{account_ref("y"), "1"};

class DeadlineLocks : public LaneTest {
 protected:
  // Their places are in the opposite order.
  void SetUp() override {
    world.options().lock_timeout_ms = patience_ms;
    user = open();
    std::int64_t arming = 0;
    for (const DeadlineRef& ref : {third, second, first}) {
      user.lock(LockRequest{});
      auto writes = LaneUser::nothing();
      writes.deadlines_armed = {
          {ref.entity, ref.name, ++arming, Time::from_seconds(1), "bank.alarm", "{}", ""}};
      ASSERT_TRUE(user.lane->commit(writes));
    }
    ASSERT_EQ(world.sql("SELECT string_agg(entity_key || name, ' ' ORDER BY ctid) FROM "
                        "pawl_deadlines"),
              "y1 x2 x1");
    holder.run("BEGIN");
    holder.run("SELECT FROM pawl_deadlines WHERE entity_key = 'x' AND name = '2' FOR UPDATE");
  }
  bool the_lane_waits() { return blocks(probe, holder.pid(), "pawl lane"); }
  std::string those_that_nobody_holds() {
    return probe.run(
        "SELECT string_agg(entity_key || name, ' ') FROM (SELECT entity_key, name FROM "
        "pawl_deadlines FOR UPDATE SKIP LOCKED) AS free");
  }

  RawSession holder{world.server().url(), world.schema(), "holder"};
  RawSession probe{world.server().url(), world.schema(), "probe"};
  LaneUser user;
};

TEST_F(DeadlineLocks, AreTakenInOneOrder) {
  LockRequest request;
  request.deadlines = {third, second, first};
  protocol::LockedBatch locked;
  std::jthread waiting([&] { locked = user.lock(request); });
  EXPECT_TRUE(the_lane_waits());
  EXPECT_EQ(those_that_nobody_holds(), "y1");
  holder.run("COMMIT");
  waiting.join();
  user.lane->abandon();
  EXPECT_EQ(locked.deadlines.size(), 3U);
}

// That of the batch, which is the same.
TEST_F(DeadlineLocks, AreTakenInTheSameOrderWhereTheyAreRemoved) {
  user.lock(LockRequest{});
  auto writes = LaneUser::nothing();
  writes.deadlines_deleted = {first, second, third};
  Result<void> committed;
  std::jthread waiting([&] { committed = user.lane->commit(writes); });
  EXPECT_TRUE(the_lane_waits());
  EXPECT_EQ(those_that_nobody_holds(), "y1");
  holder.run("COMMIT");
  waiting.join();
  EXPECT_TRUE(committed);
  EXPECT_EQ(world.sql("SELECT count(*) FROM pawl_deadlines"), "0");
}

}  // namespace
}  // namespace pawl::test
