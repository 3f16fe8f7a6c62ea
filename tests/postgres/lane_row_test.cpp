// SPDX-License-Identifier: Apache-2.0
//
// A commit locks its lane's row and seldom writes it, so that nobody's snapshot makes commits walk
// over its dead versions; the journal, not the row, says which sequence is next.
#include <gtest/gtest.h>

#include "engine/bank_decide.h"
#include "postgres/postgres_world.h"
#include "store/store.h"

namespace pawl::test {

namespace {

class LaneRow : public ::testing::Test {
 public:
  LaneRow() { bank::describe(registry_); }

 protected:
  // The sequence that it had.
  static std::int64_t commit(StoreLane& lane) {
    const auto locked = lane.lock({});
    EXPECT_TRUE(locked) << locked.error().text();
    if (!locked) return -1;
    protocol::WriteBatch writes;
    writes.journal_entries = "[]";
    writes.time = locked->time;
    const auto done = lane.commit(writes);
    EXPECT_TRUE(done) << done.error().text();
    return locked->sequence;
  }
  std::string row_version() { return world_.sql("SELECT ctid::text FROM pawl_lanes"); }

  PostgresWorld world_;
  Registry registry_;
};

TEST_F(LaneRow, IsNotWrittenByACommitAndTheSequenceGoesOn) {
  auto options = world_.options();
  options.lane_lease_ms = 600'000;
  auto store = open_postgres(options, registry_);
  ASSERT_TRUE(store) << store.error().text();
  auto lane = (*store)->take_lane(LaneWish::own);
  ASSERT_TRUE(lane && *lane);
  const std::string before = row_version();
  for (std::int64_t sequence = 1; sequence <= 3; ++sequence) {
    EXPECT_EQ(commit(**lane), sequence);
  }
  EXPECT_EQ(row_version(), before);
}

TEST_F(LaneRow, IsWrittenOnceAPartOfTheLeaseHasPassed) {
  auto options = world_.options();
  options.lane_lease_ms = 4;
  auto store = open_postgres(options, registry_);
  ASSERT_TRUE(store) << store.error().text();
  auto lane = (*store)->take_lane(LaneWish::own);
  ASSERT_TRUE(lane && *lane);
  const std::string before = row_version();
  constexpr int most_commits = 1'000;
  int commits = 0;
  while (row_version() == before && commits < most_commits) {
    EXPECT_EQ(commit(**lane), ++commits);
  }
  EXPECT_NE(row_version(), before);
  EXPECT_EQ(commit(**lane), commits + 1);
}

TEST_F(LaneRow, StillFencesWhoLostTheLane) {
  auto store = world_.open(registry_, false);
  ASSERT_TRUE(store) << store.error().text();
  auto lane = (*store)->take_lane(LaneWish::own);
  ASSERT_TRUE(lane && *lane);
  const auto locked = (*lane)->lock({});
  ASSERT_TRUE(locked) << locked.error().text();
  world_.sql("UPDATE pawl_lanes SET epoch = epoch + 1");
  protocol::WriteBatch writes;
  writes.journal_entries = "[]";
  writes.time = locked->time;
  const auto done = (*lane)->commit(writes);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, protocol::lane_fenced);
  EXPECT_EQ(world_.sql("SELECT count(*)::text FROM pawl_journal"), "0");
}

}  // namespace

}  // namespace pawl::test
