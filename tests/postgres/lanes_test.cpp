// SPDX-License-Identifier: Apache-2.0
//
// Lanes of several processes on one store: whose rows they are, who drives what, and what is left
// when one is gone.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <map>
#include <thread>

#include "postgres/lane_fixture.h"

extern char** environ;

namespace pawl::test {
namespace {

using protocol::LockRequest;

class PostgresLanes : public LaneTest {
 protected:
  static protocol::MessageRow message(std::int64_t id, const char* from, const char* to) {
    return {id, account_ref(from), account_ref(to), "bank.credit", "{}", 1, false, "", ""};
  }
  static protocol::EffectRow effect(std::int64_t id) {
    protocol::EffectRow row;
    row.id = id;
    row.kind = "bank.payment";
    row.owner = account_ref("x");
    return row;
  }
  void lapse(std::int32_t lane) {
    world.sql("UPDATE pawl_lanes SET held_until_us = 1 WHERE id = " + std::to_string(lane));
  }
};

TEST_F(PostgresLanes, WhatAnotherLaneHoldsIsLeftOutAndSaidSo) {
  LaneUser a = open();
  LaneUser b = open();
  EXPECT_NE(a.lane->id(), b.lane->id());
  ASSERT_TRUE(a.give({"x", "y"}, 1));
  auto writes = LaneUser::nothing();
  a.lock(LockRequest{});
  writes.effects_inserted = {effect(5), effect(6)};
  ASSERT_TRUE(a.lane->commit(writes));
  LockRequest held{{account_ref("x")}};
  held.effects = {6};
  a.lock(held);
  LockRequest both{{account_ref("nobody"), account_ref("x"), account_ref("y")}};
  both.effects = {5, 6, 7};
  const auto locked = b.lock(both);
  EXPECT_EQ(locked.entities_skipped, (std::vector<bool>{false, true, false}));
  EXPECT_FALSE(locked.entities[0].present) << "absent is not held";
  EXPECT_TRUE(locked.entities[2].present);
  EXPECT_EQ(locked.effects_skipped, (std::vector<bool>{false, true, false}));
  EXPECT_TRUE(locked.effects[0]);
  EXPECT_FALSE(locked.effects[2]);
  b.lane->abandon();
  a.lane->abandon();
  EXPECT_TRUE(b.lock(both).entities_skipped.empty());
}

TEST_F(PostgresLanes, WhoWaitsForARowGetsItAsItsHolderLeftIt) {
  world.options().lock_timeout_ms = patience_ms;
  LaneUser a = open();
  LaneUser b = open();
  ASSERT_TRUE(a.give({"x"}, 1));
  auto mine = a.lock({"x"});
  protocol::LockedBatch waited;
  std::jthread waiting([&] { waited = b.lock({"x"}, true); });
  ASSERT_TRUE(somebody_waits());
  ASSERT_TRUE(a.lane->commit(LaneUser::giving(std::move(mine), 2)));
  waiting.join();
  ASSERT_EQ(waited.entities.size(), 1U);
  EXPECT_EQ(waited.entities[0].version, 2);
  ASSERT_TRUE(b.lane->commit(LaneUser::giving(std::move(waited), 3)));
  EXPECT_EQ(a.balance("x"), 3);
}

TEST_F(PostgresLanes, AWaitHasAnEnd) {
  LaneUser a = open();
  LaneUser b = open();
  ASSERT_TRUE(a.give({"x"}, 1));
  a.lock({"x"});
  LockRequest request{{account_ref("x")}};
  request.wait_for_rows = true;
  const auto locked = b.lane->lock(request);
  ASSERT_FALSE(locked);
  EXPECT_EQ(locked.error().code, protocol::rows_locked);
  a.lane->abandon();
  EXPECT_TRUE(b.give({"x"}, 2)) << "and goes on";
}

TEST_F(PostgresLanes, ACreateThatLostToAnotherLanesLeavesNothing) {
  LaneUser a = open();
  LaneUser b = open();
  auto of_a = a.lock({"x"});
  auto of_b = b.lock({"w", "x"});
  ASSERT_TRUE(a.lane->commit(LaneUser::giving(std::move(of_a), 1)));
  const auto lost = b.lane->commit(LaneUser::giving(std::move(of_b), 2));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, protocol::create_conflict);
  EXPECT_EQ(b.balance("w"), -1);
  EXPECT_EQ(b.balance("x"), 1);
  // One that is not committed yet is waited for, as long as for a row.
  Holder holder(world);
  holder.run(
      "BEGIN; INSERT INTO accounts SELECT 'z', state, state_since_us, balance, paying, "
      "paid, accepted, bounces, ticks, trail, alias, pawl_version, pawl_time_us, "
      "pawl_lane, pawl_sequence, pawl_offset, pawl_schema FROM accounts");
  EXPECT_EQ(b.give({"z"}, 2).error().code, protocol::rows_locked);
  holder.run("ROLLBACK");
  EXPECT_TRUE(b.give({"z"}, 2));
}

TEST_F(PostgresLanes, WhoHasLostItsLaneWritesNothing) {
  LaneUser a = open();
  LaneUser b = open();
  const auto lane = a.lane->id();
  auto locked = a.lock({"x"});
  lapse(lane);
  auto taken = take(b, LaneWish::own);
  ASSERT_EQ(taken->id(), lane);
  EXPECT_FALSE(taken->earlier_holder_is_dead());
  const auto committed = a.lane->commit(LaneUser::giving(std::move(locked), 1));
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code, protocol::lane_fenced);
  EXPECT_EQ(b.balance("x"), -1);
  EXPECT_EQ(world.sql("SELECT count(*) FROM pawl_journal"), "0");
  EXPECT_EQ(a.lane->lock(LockRequest{}).error().code, protocol::lane_fenced);
  EXPECT_EQ(a.lane->renew().error().code, protocol::lane_fenced);
  a.lane->release();
  EXPECT_TRUE(taken->lock(LockRequest{})) << "a release by the earlier holder frees nothing";
}

// Whatever finds it first, the lane is lost for good: not even read, also if the row should say
// otherwise later.
TEST_F(PostgresLanes, WhoeverFindsTheLaneLostItStaysSo) {
  using Step = std::function<Result<void>(StoreLane&)>;
  const auto bare = [](const auto& result) {
    return result ? Result<void>() : Result<void>(std::unexpected(result.error()));
  };
  const std::map<std::string, Step> steps{
      {"lock", [&](StoreLane& lane) { return bare(lane.lock(LockRequest{})); }},
      {"renew", [](StoreLane& lane) { return lane.renew(); }},
      {"permits", [&](StoreLane& lane) { return bare(lane.share_permits({{"bank", 4, 1, 0}})); }},
      {"retention", [&](StoreLane& lane) { return bare(lane.remove_old({})); }},
      {"commit", [](StoreLane& lane) { return lane.commit(LaneUser::nothing()); }},
  };
  for (const auto& [name, step] : steps) {
    SCOPED_TRACE(name);
    LaneUser user = open();
    if (name == "commit") user.lock(LockRequest{});
    const std::string own = " WHERE id = " + std::to_string(user.lane->id());
    world.sql("UPDATE pawl_lanes SET epoch = epoch + 1" + own);
    const auto found = step(*user.lane);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, protocol::lane_fenced) << found.error().text();
    world.sql("UPDATE pawl_lanes SET epoch = epoch - 1" + own);
    EXPECT_EQ(user.lane->lock(LockRequest{}).error().code, protocol::lane_fenced);
    EXPECT_EQ(user.lane->open_effects(0, 10).error().code, protocol::lane_fenced);
  }
}

TEST_F(PostgresLanes, AReleasedLaneIsTakenAgain) {
  LaneUser a = open();
  LaneUser b = open();
  ASSERT_TRUE(a.give({"x"}, 1));
  const auto lane = a.lane->id();
  const auto sequence = a.lock(LockRequest{}).sequence;
  a.lane->release();
  auto again = take(b, LaneWish::own);
  EXPECT_EQ(again->id(), lane);
  EXPECT_TRUE(again->earlier_holder_is_dead());
  EXPECT_EQ(again->lock(LockRequest{})->sequence, sequence);
}

TEST_F(PostgresLanes, ALaneIsHeldAsLongAsItIsRenewed) {
  LaneUser a = open();
  const auto held = [&] { return std::stoll(world.sql("SELECT held_until_us FROM pawl_lanes")); };
  lapse(0);
  ASSERT_TRUE(a.lane->renew());
  EXPECT_GT(held(), 1);
  lapse(0);
  ASSERT_TRUE(a.give({"x"}, 1));
  EXPECT_GT(held(), 1) << "a commit says so, too";
  EXPECT_GT(a.lane->renew_interval_ms(), 0);
}

TEST_F(PostgresLanes, TheLaneOfAKilledProcessIsTakenAtOnce) {
  LaneUser b = open();
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  environment.push_back("PAWL_LANE_CHILD_URL=" + world.options().url);
  environment.push_back("PAWL_LANE_CHILD_SCHEMA=" + world.schema());
  std::vector<char*> pointers;
  for (auto& entry : environment) pointers.push_back(entry.data());
  pointers.push_back(nullptr);
  std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  std::string filter = "--gtest_filter=PostgresLaneChild.TakesALaneAndDies";
  char* arguments[] = {program.data(), filter.data(), nullptr};
  const pid_t child = ::fork();
  if (child == 0) {
    ::execve(program.c_str(), arguments, pointers.data());
    ::_exit(127);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the child failed by itself";
  ASSERT_EQ(world.sql("SELECT count(*) FROM pawl_lanes WHERE held_until_us > (extract(epoch FROM "
                      "clock_timestamp()) * 1000000)::bigint"),
            "2");
  auto taken = take(b, LaneWish::own);
  EXPECT_EQ(taken->id(), 1) << "no third lane was needed";
  EXPECT_TRUE(taken->earlier_holder_is_dead());
}

TEST(PostgresLaneChild, TakesALaneAndDies) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): read before the test has a second thread
  const char* url = std::getenv("PAWL_LANE_CHILD_URL");
  // NOLINTNEXTLINE(concurrency-mt-unsafe): as above
  const char* schema = std::getenv("PAWL_LANE_CHILD_SCHEMA");
  if (url == nullptr || schema == nullptr) GTEST_SKIP() << "run by the test above";
  Registry registry;
  bank::describe(registry);
  PostgresOptions options;
  options.url = url;
  options.schema = schema;
  options.lane_lease_ms = 3'600'000;
  auto store = open_postgres(options, registry);
  ASSERT_TRUE(store) << store.error().text();
  auto lane = (*store)->take_lane(LaneWish::own);
  ASSERT_TRUE(lane && (*lane)->id() == 1);
  ::raise(SIGKILL);
}

TEST_F(PostgresLanes, WhatADeadProcessLeftIsDrivenByAnotherUntilALaneIsWanted) {
  LaneUser a = open();
  LaneUser b = open();
  const auto lane = a.lane->id();
  lapse(lane);
  EXPECT_FALSE(take(b, LaneWish::orphaned)) << "nothing is left to be driven";
  a.lock(LockRequest{});
  auto writes = LaneUser::nothing();
  writes.deadlines_armed = {{account_ref("x"), "d", 5, Time{99}, "bank.alarm", "{}"}};
  ASSERT_TRUE(a.lane->commit(writes));
  EXPECT_FALSE(take(b, LaneWish::orphaned)) << "its holder lives";
  lapse(lane);
  auto adopted = take(b, LaneWish::orphaned);
  ASSERT_TRUE(adopted);
  EXPECT_EQ(adopted->id(), lane);
  EXPECT_TRUE(adopted->has_work().value());
  EXPECT_EQ(adopted->due_deadlines(Time{100}, 10)->size(), 1U);
  EXPECT_TRUE(b.lane->due_deadlines(Time{100}, 10)->empty()) << "of its own lane alone";
  EXPECT_FALSE(take(b, LaneWish::orphaned)) << "it is driven now";
  LaneUser c = open();
  EXPECT_EQ(c.lane->id(), lane) << "before a new lane is made";
  EXPECT_EQ(adopted->renew().error().code, protocol::lane_fenced);
}

// A holder on another machine may have an exchange under way as long as its claim's lease lasts,
// whoever had the lane in between.
TEST_F(PostgresLanes, AHolderOfWhomNothingIsKnownIsRemembered) {
  LaneUser a = open();
  LaneUser b = open();
  const auto lane = a.lane->id();
  a.lock(LockRequest{});
  auto writes = LaneUser::nothing();
  writes.effects_inserted = {effect(5)};
  ASSERT_TRUE(a.lane->commit(writes));
  world.sql("UPDATE pawl_effects SET state = 'sending', lease_until_us = 9000000000000000");
  world.sql("UPDATE pawl_lanes SET holder = 'far/away/1/1', held_until_us = 1 WHERE id = " +
            std::to_string(lane));
  for (int i = 0; i < 2; ++i) {
    auto taken = take(b, LaneWish::own);
    ASSERT_EQ(taken->id(), lane);
    EXPECT_FALSE(taken->earlier_holder_is_dead());
    taken->release();
  }
  world.sql("UPDATE pawl_effects SET lease_until_us = 1");
  take(b, LaneWish::own)->release();
  EXPECT_TRUE(take(b, LaneWish::own)->earlier_holder_is_dead());
}

// An exchange that did not end within the grace of a stop may still send: this process lives on.
TEST_F(PostgresLanes, ALaneThatIsLeftWithAnExchangeUnderWayKeepsItsClaims) {
  LaneUser a = open();
  LaneUser b = open();
  const auto lane = a.lane->id();
  a.lock(LockRequest{});
  auto writes = LaneUser::nothing();
  writes.effects_inserted = {effect((std::int64_t{lane} << 51) + 5)};
  ASSERT_TRUE(a.lane->commit(writes));
  world.sql("UPDATE pawl_effects SET state = 'sending', lease_until_us = 9000000000000000");
  a.lane->leave();
  auto taken = take(b, LaneWish::own);
  ASSERT_EQ(taken->id(), lane);
  EXPECT_FALSE(taken->earlier_holder_is_dead());
}

TEST_F(PostgresLanes, MessagesOfOnePairKeepTheirOrderAcrossLanes) {
  LaneUser a = open();
  LaneUser b = open();
  const auto send = [&](LaneUser& from, std::vector<std::int64_t> ids) {
    auto writes = LaneUser::giving(from.lock({"x"}), 1);
    for (const auto id : ids) writes.messages_inserted.push_back(message(id, "x", "y"));
    ASSERT_TRUE(from.lane->commit(writes));
  };
  const std::int64_t of_b = std::int64_t{b.lane->id()} << 51;
  const std::int64_t of_a = std::int64_t{a.lane->id()} << 51;
  // The later lane has the lower numbers, so that these alone would say otherwise.
  LaneUser& first = of_a > of_b ? a : b;
  LaneUser& second = of_a > of_b ? b : a;
  const std::int64_t high = std::max(of_a, of_b);
  const std::int64_t low = std::min(of_a, of_b);
  send(first, {high + 7, high + 8});
  send(second, {low + 7});
  const auto behind = [](LaneUser& user, std::vector<std::int64_t> ids) {
    LockRequest request;
    request.messages = std::move(ids);
    const auto locked = user.lock(request);
    user.lane->abandon();
    EXPECT_EQ(locked.messages, std::vector<bool>(locked.messages.size(), true));
    return locked.messages_behind;
  };
  EXPECT_EQ(behind(second, {low + 7}), std::vector<bool>{true});
  EXPECT_TRUE(behind(first, {high + 7, high + 8}).empty()) << "in one batch: in its order";
  EXPECT_EQ(behind(first, {high + 8}), std::vector<bool>{true}) << "not over one left behind";
  first.lock(LockRequest{});
  auto writes = LaneUser::nothing();
  writes.messages_deleted = {high + 7, high + 8};
  ASSERT_TRUE(first.lane->commit(writes));
  EXPECT_TRUE(behind(second, {low + 7}).empty());
  EXPECT_EQ(second.lane->waiting_messages(0, 10)->size(), 1U);
  EXPECT_TRUE(first.lane->waiting_messages(0, 10)->empty()) << "of its own lane alone";
  first.lock(LockRequest{});
  writes = LaneUser::nothing();
  protocol::ParkedRow parked;
  parked.id = high + 9;
  parked.source = "message";
  parked.from = account_ref("x");
  parked.entity = account_ref("y");
  writes.parked_inserted = {parked};
  ASSERT_TRUE(first.lane->commit(writes));
  EXPECT_EQ(behind(second, {low + 7}), std::vector<bool>{true}) << "the pair is held";
}

TEST_F(PostgresLanes, PermitsAreSharedAndThoseOfALapsedLaneAreFree) {
  LaneUser a = open();
  LaneUser b = open();
  const auto ask = [](LaneUser& user, int wanted, int in_use) {
    auto granted = user.lane->share_permits({{"bank", 4, wanted, in_use}});
    EXPECT_TRUE(granted) << (granted ? "" : granted.error().text());
    return granted ? granted->at(0) : -1;
  };
  EXPECT_EQ(ask(a, 10, 0), 4);
  EXPECT_EQ(ask(b, 10, 0), 0) << "all are given out";
  EXPECT_EQ(ask(a, 10, 1), 2) << "and shared from now on";
  EXPECT_EQ(ask(b, 10, 0), 2);
  lapse(a.lane->id());
  EXPECT_EQ(ask(b, 10, 0), 4);
  world.sql("UPDATE pawl_lanes SET epoch = epoch + 1");
  EXPECT_EQ(b.lane->share_permits({{"bank", 4, 1, 0}}).error().code, protocol::lane_fenced);
}

TEST_F(PostgresLanes, OthersAreToldOfCommitsAndOfTheirEffects) {
  LaneUser a = open();
  LaneUser b = open();
  std::mutex mutex;
  bool committed = false;
  std::vector<std::int32_t> lanes;
  b.store->listen([&](const Tidings& tidings) {
    const std::lock_guard lock(mutex);
    committed = committed || tidings.committed;
    lanes.insert(lanes.end(), tidings.lanes.begin(), tidings.lanes.end());
  });
  a.store->listen([](const Tidings&) {});
  const std::int64_t of_b = (std::int64_t{b.lane->id()} << 51) + 5;
  b.lock(LockRequest{});
  auto writes = LaneUser::nothing();
  writes.effects_inserted = {effect(of_b)};
  ASSERT_TRUE(b.lane->commit(writes));
  // A hint can be lost while the listener is not there yet: so it is given until it is heard.
  std::int64_t token = 1;
  EXPECT_TRUE(eventually([&] {
    LockRequest request;
    request.effects = {of_b};
    auto locked = a.lock(request);
    auto update = LaneUser::nothing();
    update.effects_updated = {*locked.effects.at(0)};
    update.effects_updated[0].token = token++;
    EXPECT_TRUE(a.lane->commit(update));
    const std::lock_guard lock(mutex);
    return committed && std::find(lanes.begin(), lanes.end(), b.lane->id()) != lanes.end();
  }));
  b.store->listen(nullptr);
  a.store->listen(nullptr);
}

}  // namespace
}  // namespace pawl::test
