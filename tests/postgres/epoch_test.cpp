// SPDX-License-Identifier: Apache-2.0
//
// What PostgreSQL's own tools restored becomes a new epoch: nothing is sent unasked, no number is
// given out again, and no process may be at it meanwhile.
#include <pawl/backup.h>

#include <future>

#include "postgres/lane_fixture.h"

namespace pawl::test {

namespace {

class RestoredEpoch : public ::testing::Test {
 public:
  RestoredEpoch() { bank::describe(registry_); }

 protected:
  PostgresWorld world_;
  Registry registry_;
};

TEST_F(RestoredEpoch, OpenEffectsBecomeUnknownAndNumbersLeap) {
  auto store = world_.open(registry_, false);
  ASSERT_TRUE(store) << store.error().text();
  const auto before = (*store)->identity();
  store->reset();
  world_.sql(
      "INSERT INTO pawl_lanes VALUES (0, 3, 6, 0, 'x', false), (1, 1, 1, 0, '', true);"
      "INSERT INTO pawl_journal SELECT 0, i, 3, i, 0, '[]' FROM generate_series(1, 5) i;"
      "INSERT INTO pawl_effects (id, kind, machine, entity_key, payload, idempotency_key, "
      "created_us, next_at_us, state) VALUES (7, 'bank.payment', 'account', 'a', '{}', 'k', 1, 1, "
      "'ready'), (8, 'bank.payment', 'account', 'a', '{}', 'l', 1, 1, 'waiting')");
  const auto facts = begin_postgres_epoch(world_.options(), registry_);
  ASSERT_TRUE(facts) << facts.error().text();
  EXPECT_EQ(facts->store_id, before.id);
  EXPECT_NE(facts->epoch, before.epoch);
  EXPECT_EQ(facts->effects_to_inquire, 2);
  EXPECT_EQ(facts->newest_commit, Time{5});
  EXPECT_EQ(world_.sql("SELECT string_agg(state || token || maybe_sent, ' ') FROM pawl_effects"),
            "unknown11 unknown11");
  EXPECT_EQ(world_.sql("SELECT (next_sequence > 1000000 AND epoch > 3 AND holder = '')::text FROM "
                       "pawl_lanes WHERE id = 0"),
            "true");
  EXPECT_EQ(world_.sql("SELECT next_sequence::text FROM pawl_lanes WHERE id = 1"), "1073741825");

  store = world_.open(registry_, false);
  ASSERT_TRUE(store) << store.error().text();
  EXPECT_EQ((*store)->identity().restores, 1);
  EXPECT_EQ((*store)->identity().epoch, facts->epoch);
  // Three lanes are taken, of which one is new: none begins where the forgotten life may have.
  std::vector<std::unique_ptr<StoreLane>> lanes;
  for (int i = 0; i < 3; ++i) {
    auto lane = (*store)->take_lane(LaneWish::own);
    ASSERT_TRUE(lane && *lane) << (lane ? "" : lane.error().text());
    const auto locked = (*lane)->lock({});
    ASSERT_TRUE(locked) << locked.error().text();
    EXPECT_GT(locked->sequence, 1'000'000) << (*lane)->id();
    protocol::WriteBatch writes;
    writes.journal_entries = "[]";
    writes.time = locked->time;
    ASSERT_TRUE((*lane)->commit(writes));
    lanes.push_back(std::move(*lane));
  }
  // The leap is a gap for who stands before it; who begins with the newest goes on.
  Reads& reads = (*store)->reads();
  const auto old = reads.journal_after(JournalCursor{{{0, 3, 5}}}, 10);
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().code, journal_place_gone);
  const auto end = reads.journal_end().value();
  EXPECT_EQ(end.places.size(), 3U);
  EXPECT_TRUE(reads.journal_after(end, 10));
  // A lane that nobody named yet is read from its beginning, although that is not 1.
  JournalCursor without_new = end;
  std::erase_if(without_new.places, [](const JournalPlace& p) { return p.lane == 2; });
  const auto page = reads.journal_after(without_new, 10);
  ASSERT_TRUE(page) << page.error().text();
  EXPECT_EQ(page->end, end);
}

TEST_F(RestoredEpoch, WhileAProcessHoldsALaneItIsRefused) {
  auto store = world_.open(registry_, false);
  ASSERT_TRUE(store) << store.error().text();
  auto lane = (*store)->take_lane(LaneWish::own);
  ASSERT_TRUE(lane && *lane);
  const auto refused = begin_postgres_epoch(world_.options(), registry_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, store_locked);
  EXPECT_EQ(world_.sql("SELECT restores::text FROM pawl_store"), "0");
  (*lane)->release();
  lane->reset();
  EXPECT_TRUE(begin_postgres_epoch(world_.options(), registry_));
}

TEST_F(RestoredEpoch, WhereThereIsNoStoreThereIsNoEpoch) {
  const auto refused = begin_postgres_epoch(world_.options(), registry_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, schema_differs) << refused.error().text();
}

class EpochBesideALane : public LaneTest {};

// Who wants a lane while the epoch begins waits for it, and gets one that the epoch leaves it.
TEST_F(EpochBesideALane, ALaneThatWasFreeIsNotTakenInTheMiddle) {
  world.options().lock_timeout_ms = patience_ms;
  LaneUser user = open();
  user.lane->release();
  // It has looked at the lanes by then, and has not changed anything yet.
  Holder holder(world);
  ASSERT_EQ(holder.run("BEGIN; LOCK TABLE pawl_journal IN ACCESS EXCLUSIVE MODE"), "");
  auto begun = std::async(std::launch::async,
                          [&] { return begin_postgres_epoch(world.options(), registry); });
  EXPECT_TRUE(somebody_waits());
  auto taken = std::async(std::launch::async, [&] { return take(user, LaneWish::own); });
  EXPECT_TRUE(somebody_waits(2)) << "a lane was taken that the epoch then takes away";
  EXPECT_EQ(holder.run("COMMIT"), "");
  EXPECT_TRUE(begun.get());
  const auto lane = taken.get();
  ASSERT_TRUE(lane);
  EXPECT_TRUE(lane->lock({}));
}

}  // namespace

}  // namespace pawl::test
