// SPDX-License-Identifier: Apache-2.0
//
// A commit locks its lane's row and seldom writes it, so that nobody's snapshot makes commits walk
// over its dead versions; the journal, not the row, says which sequence is next. The lock keeps the
// lane from being taken over in the middle, and what is granted ends with the lease.
#include <functional>
#include <future>

#include "postgres/lane_fixture.h"
#include "store/journal_page.h"

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

// A standby that became the primary may never have heard of a taking that nothing answered rests
// on. Who takes the lane there comes to another epoch than the one that was lost.
TEST_F(LaneRow, FencesWhoseTakingAFailOverLost) {
  auto first = world_.open(registry_, false);
  auto second = world_.open(registry_, false);
  ASSERT_TRUE(first && second);
  for (const bool is_new : {true, false}) {
    SCOPED_TRACE(is_new ? "a new lane" : "one that was released");
    world_.sql("CREATE TABLE standby AS SELECT * FROM pawl_lanes");
    auto lost = (*first)->take_lane(LaneWish::own);
    ASSERT_TRUE(lost && *lost);
    ASSERT_TRUE((*lost)->lock({}));
    (*lost)->abandon();
    world_.sql(
        "DELETE FROM pawl_lanes; INSERT INTO pawl_lanes SELECT * FROM standby; DROP TABLE standby");
    auto taken = (*second)->take_lane(LaneWish::own);
    ASSERT_TRUE(taken && *taken);
    ASSERT_EQ((*taken)->id(), (*lost)->id());
    EXPECT_EQ((*lost)->lock({}).error().code, protocol::lane_fenced);
    EXPECT_GT(commit(**taken), 0);
    (*taken)->release();
  }
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

class LaneRowLock : public LaneTest {
 protected:
  LaneRowLock() {
    world.options().lane_lease_ms = 10 * patience_ms;
    world.options().idle_in_transaction_timeout_ms = patience_ms;
  }
  // One that another process holds.
  static std::string new_lane(std::int64_t id) {
    return "INSERT INTO pawl_lanes (id, epoch, next_sequence, held_until_us, holder, adopted) "
           "VALUES (" +
           std::to_string(id) + ", 1, 1, 9000000000000000, 'far/away/1/1', false)";
  }
};

// Were the row only read, the lane could be taken over and the commit still happen afterwards.
TEST_F(LaneRowLock, IsHeldByACommitUntilItsEndSoThatNobodyTakesTheLaneMeanwhile) {
  LaneUser b = open();
  world.options().lock_timeout_ms = patience_ms;
  LaneUser a = open();
  const std::string own = " FROM pawl_lanes WHERE id = " + std::to_string(a.lane->id());
  const std::string epoch = world.sql("SELECT epoch" + own);
  auto locked = a.lock({"x"});
  // Whoever looks finds the lane free; the commit under way does not renew it.
  world.sql("UPDATE pawl_lanes SET held_until_us = 1 WHERE id = " + std::to_string(a.lane->id()));
  Holder holder(world);
  ASSERT_EQ(holder.run("BEGIN; LOCK TABLE accounts IN SHARE MODE"), "");
  auto committed = std::async(
      std::launch::async, [&] { return a.lane->commit(LaneUser::giving(std::move(locked), 1)); });
  ASSERT_TRUE(somebody_waits());
  const auto taken = take(b, LaneWish::own);
  ASSERT_TRUE(taken);
  EXPECT_NE(taken->id(), a.lane->id());
  EXPECT_EQ(world.sql("SELECT epoch" + own), epoch);
  EXPECT_EQ(holder.run("COMMIT"), "");
  EXPECT_TRUE(committed.get());
}

// A snapshot older than the taking says that the lane is still ours; the lock looks again.
TEST_F(LaneRowLock, OfWhoTakesTheLaneIsWaitedForAndItsEpochSeen) {
  for (const bool renews : {false, true}) {
    SCOPED_TRACE(renews);
    world.options().lock_timeout_ms = patience_ms;
    LaneUser a = open();
    const std::string own = " WHERE id = " + std::to_string(a.lane->id());
    if (renews) world.sql("UPDATE pawl_lanes SET held_until_us = 1" + own);
    auto locked = a.lock({"x"});
    Holder taker(world);
    ASSERT_EQ(taker.run("BEGIN; UPDATE pawl_lanes SET epoch = epoch + 1" + own), "");
    auto committed = std::async(
        std::launch::async, [&] { return a.lane->commit(LaneUser::giving(std::move(locked), 1)); });
    EXPECT_TRUE(somebody_waits());
    EXPECT_EQ(taker.run("COMMIT"), "");
    const auto done = committed.get();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, protocol::lane_fenced) << done.error().text();
    EXPECT_EQ(world.sql("SELECT count(*) FROM pawl_journal"), "0");
  }
}

// Whoever wants a free lane has looked at its row before: what another changed since then is seen.
TEST_F(LaneRowLock, OfATakingSeesThatAnotherWasFaster) {
  world.options().lock_timeout_ms = patience_ms;
  LaneUser a = open();
  LaneUser b = open();
  const std::string own = " WHERE id = " + std::to_string(a.lane->id());
  for (const std::string changed : {"epoch = epoch + 1", "held_until_us = 2"}) {
    SCOPED_TRACE(changed);
    world.sql("UPDATE pawl_lanes SET held_until_us = 1" + own);
    Holder faster(world);
    ASSERT_EQ(faster.run("BEGIN; UPDATE pawl_lanes SET " + changed + own), "");
    auto taken = std::async(std::launch::async, [&] { return take(b, LaneWish::own); });
    EXPECT_TRUE(somebody_waits());
    EXPECT_EQ(faster.run("COMMIT"), "");
    const auto lane = taken.get();
    ASSERT_TRUE(lane);
    EXPECT_NE(lane->id(), a.lane->id());
  }
}

TEST_F(LaneRowLock, OfANewLaneIsWaitedForAndTheNextOneMade) {
  world.options().lock_timeout_ms = patience_ms;
  LaneUser a = open();
  Holder faster(world);
  ASSERT_EQ(faster.run("BEGIN; " + new_lane(a.lane->id() + 1)), "");
  auto made = std::async(std::launch::async, [&] { return take(a, LaneWish::own); });
  EXPECT_TRUE(somebody_waits());
  EXPECT_EQ(faster.run("COMMIT"), "");
  const auto lane = made.get();
  ASSERT_TRUE(lane);
  EXPECT_EQ(lane->id(), a.lane->id() + 2);
}

// A lane's number has so many bits in every id.
TEST_F(LaneRowLock, IsNotToBeHadBeyondTheLastLane) {
  LaneUser a = open();
  Holder(world).run(new_lane(store::max_lanes - 1));
  const auto taken = a.store->take_lane(LaneWish::own);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, protocol::store_failed) << taken.error().text();
  EXPECT_EQ(world.sql("SELECT count(*) FROM pawl_lanes"), "2");
}

// Between its taking and its looking for leases another may take the lane, whose mark then stands.
TEST_F(LaneRowLock, OfWhoForgetsAnEarlierHolderSeesThatAnotherHasTheLane) {
  world.options().lock_timeout_ms = patience_ms;
  LaneUser a = open();
  LaneUser b = open();
  const std::string own = " WHERE id = " + std::to_string(a.lane->id());
  world.sql("UPDATE pawl_lanes SET holder = 'far/away/1/1', held_until_us = 1" + own);
  Holder holder(world);
  ASSERT_EQ(holder.run("BEGIN; LOCK TABLE pawl_effects IN ACCESS EXCLUSIVE MODE"), "");
  auto taken = std::async(std::launch::async, [&] { return take(b, LaneWish::own); });
  EXPECT_TRUE(somebody_waits());
  world.sql("UPDATE pawl_lanes SET epoch = epoch + 1, holder = 'another'" + own);
  EXPECT_EQ(holder.run("COMMIT"), "");
  const auto lane = taken.get();
  ASSERT_TRUE(lane);
  EXPECT_EQ(lane->id(), a.lane->id());
  EXPECT_EQ(world.sql("SELECT holder FROM pawl_lanes" + own), "another");
  EXPECT_EQ(lane->lock({}).error().code, protocol::lane_fenced);
}

TEST_F(LaneRowLock, OfAReleaseSeesThatAnotherHasTheLane) {
  world.options().lock_timeout_ms = patience_ms;
  LaneUser a = open();
  Holder taker(world);
  ASSERT_EQ(taker.run("BEGIN; UPDATE pawl_lanes SET epoch = epoch + 1, held_until_us = 77"), "");
  auto released = std::async(std::launch::async, [&] { a.lane->release(); });
  EXPECT_TRUE(somebody_waits());
  EXPECT_EQ(taker.run("COMMIT"), "");
  released.get();
  EXPECT_EQ(world.sql("SELECT held_until_us FROM pawl_lanes"), "77");
}

// What a taking, a commit, a renewal grant is the lease to the microsecond, however far away the
// row said the end was.
TEST_F(LaneRowLock, IsGrantedForTheLeaseAndNoLonger) {
  constexpr int lease_ms = 60'000;
  world.options().lane_lease_ms = lease_ms;
  const auto now = [&] {
    return std::stoll(
        world.sql("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"));
  };
  const auto grants = [&](std::int64_t most_us, const std::function<void()>& grant) {
    const auto before = now();
    grant();
    const auto after = now();
    const auto end = std::stoll(world.sql("SELECT held_until_us FROM pawl_lanes WHERE id = 0"));
    EXPECT_GE(end, before + most_us);
    EXPECT_LE(end, after + most_us);
  };
  const auto set_end = [&](std::int64_t end) {
    world.sql("UPDATE pawl_lanes SET held_until_us = " + std::to_string(end) + " WHERE id = 0");
  };
  constexpr std::int64_t lease_us = lease_ms * 1'000LL;
  LaneUser a;
  grants(lease_us, [&] { a = open(); });
  ASSERT_EQ(a.lane->id(), 0);
  // More than a quarter of it has passed: a commit renews it.
  set_end(now() + lease_us / 2);
  grants(lease_us, [&] { EXPECT_TRUE(a.give({"x"}, 1)); });
  for (const auto end : {now(), now() + 100 * lease_us}) {
    set_end(end);
    grants(a.lane->renew_interval_ms() * 3'000LL, [&] { EXPECT_TRUE(a.lane->renew()); });
  }
  EXPECT_LE(a.lane->renew_interval_ms() * 3, lease_ms);
  set_end(1);
  LaneUser b;
  grants(lease_us, [&] { b = open(); });
  EXPECT_EQ(b.lane->id(), 0);
}

TEST_F(LaneRowLock, IsNotGrantedForNothing) {
  for (const int lease_ms : {0, -1}) {
    PostgresOptions options = world.options();
    options.lane_lease_ms = lease_ms;
    const auto opened = open_postgres(options, registry);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, registry_invalid) << opened.error().text();
  }
}

}  // namespace

}  // namespace pawl::test
