// SPDX-License-Identifier: Apache-2.0
//
// A duty is one process's at a time: until it leaves it, its lease has passed, or it is known to be
// dead.
#include "postgres/lane_fixture.h"

namespace pawl::test {
namespace {

constexpr int long_lease_ms = 600'000;

class Duties : public LaneTest {
 protected:
  bool takes(LaneUser& user, const char* duty = "tell") {
    const auto taken = user.store->take_duty(duty, long_lease_ms);
    EXPECT_TRUE(taken) << (taken ? "" : taken.error().text());
    return taken && *taken;
  }

  LaneUser a_ = open();
  LaneUser b_ = open();
};

TEST_F(Duties, IsOnesUntilItIsLeft) {
  EXPECT_TRUE(takes(a_));
  EXPECT_FALSE(takes(b_));
  EXPECT_TRUE(takes(a_)) << "as often as it asks";
  EXPECT_TRUE(takes(b_, "another"));
  b_.store->leave_duty("tell");
  EXPECT_FALSE(takes(b_)) << "it was not its to leave";
  a_.store->leave_duty("tell");
  EXPECT_TRUE(takes(b_));
  EXPECT_FALSE(takes(a_));
}

TEST_F(Duties, IsAnothersOnceItsLeaseHasPassed) {
  EXPECT_TRUE(takes(a_));
  EXPECT_FALSE(takes(b_));
  world.sql("UPDATE pawl_duties SET held_until_us = 1");
  EXPECT_TRUE(takes(b_));
  EXPECT_FALSE(takes(a_));
}

TEST_F(Duties, OfTheDeadIsAnothersAtOnce) {
  EXPECT_TRUE(takes(a_));
  EXPECT_FALSE(takes(b_));
  // Another process had that number before.
  world.sql("UPDATE pawl_duties SET holder = regexp_replace(holder, '/[0-9]+#', '/1#')");
  EXPECT_TRUE(takes(b_));
}

TEST_F(Duties, IsKeptByWhoLostItsConnection) {
  EXPECT_TRUE(takes(a_));
  world.sql(
      "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = "
      "'pawl duties'");
  EXPECT_TRUE(eventually([&] {
    const auto taken = a_.store->take_duty("tell", long_lease_ms);
    return taken && *taken;
  }));
  EXPECT_FALSE(takes(b_));
}

}  // namespace
}  // namespace pawl::test
