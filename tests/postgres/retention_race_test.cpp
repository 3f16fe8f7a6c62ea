// SPDX-License-Identifier: Apache-2.0
//
// An alert of an ended effect that is raised in the very instant in which retention removes that
// effect. Either way round one waits for the other, seen in the server's own lock table: raised
// first, the alert keeps its effect; removed first, the alert is raised all the same.
#include <gtest/gtest.h>

#include <future>

#include "postgres/lane_fixture.h"
#include "postgres/raw_session.h"
#include "protocol/retention.h"

namespace pawl::test {
namespace {

using protocol::RetentionSubject;

constexpr int patience_ms = 60'000;
constexpr std::int64_t effect_id = 5;

class RetentionRace : public LaneTest {
 protected:
  RetentionRace() {
    // Whoever waits does so until the other goes on, and nobody is thrown out before.
    world.options().lock_timeout_ms = patience_ms;
    world.options().idle_in_transaction_timeout_ms = patience_ms;
    world.options().lane_lease_ms = 10 * patience_ms;
  }
  void SetUp() override {
    raising = open();
    removing = open();
    ASSERT_TRUE(raising.lane && removing.lane);
    protocol::EffectRow row;
    row.id = effect_id;
    row.kind = "bank.payment";
    row.owner = account_ref("a");
    row.created = row.next_at = Time{100};
    (void)raising.lock(protocol::LockRequest{});
    auto writes = LaneUser::nothing();
    writes.effects_inserted = {row};
    writes.alerts = {alert(1, 0)};
    ASSERT_TRUE(raising.lane->commit(writes));
    protocol::LockRequest request;
    request.effects = {effect_id};
    auto locked = raising.lock(request);
    ASSERT_TRUE(locked.effects.at(0));
    row = *locked.effects[0];
    row.state = protocol::EffectState::ended;
    row.ended_at = Time{200};
    writes = LaneUser::nothing();
    writes.effects_updated = {row};
    ASSERT_TRUE(raising.lane->commit(writes));
  }

  static protocol::AlertRow alert(std::int64_t id, std::int64_t effect) {
    protocol::AlertRow row;
    row.id = id;
    row.code = "c";
    row.entity = account_ref("a");
    row.effect_id = effect;
    return row;
  }
  RawSession session(const std::string& name) {
    return RawSession(world.server().admin_url(), world.schema(), name);
  }
  Result<void> raise() {
    (void)raising.lock(protocol::LockRequest{});
    auto writes = LaneUser::nothing();
    writes.alerts = {alert(2, effect_id)};
    // Last of all that a commit writes: whoever holds this row stops it just before its end.
    writes.alerts_acked = {alert(1, 0)};
    writes.alerts_acked[0].acked_by = "ann";
    return raising.lane->commit(writes);
  }
  Result<protocol::RetentionPassed> remove() {
    return removing.lane->remove_old({RetentionSubject::ended_effects, {}, Time{300}, 10});
  }
  std::string effects() { return world.sql("SELECT count(*)::text FROM pawl_effects_ended"); }
  std::string alerts() {
    return world.sql("SELECT count(*)::text FROM pawl_alerts WHERE effect_id = " +
                     std::to_string(effect_id));
  }

  LaneUser raising;
  LaneUser removing;
};

TEST_F(RetentionRace, AnAlertThatIsNotYetCommittedKeepsItsEffect) {
  auto holder = session("holder");
  auto probe = session("probe");
  holder.run("BEGIN");
  holder.run("SELECT FROM pawl_alerts WHERE id = 1 FOR UPDATE");
  auto raised = std::async(std::launch::async, [&] { return raise(); });
  ASSERT_TRUE(blocks(probe, holder.pid(), "pawl lane")) << "the alert is not raised yet";
  const std::string raiser =
      probe.run("SELECT pid FROM pg_stat_activity WHERE " + std::to_string(holder.pid()) +
                " = ANY(pg_blocking_pids(pid))");
  auto removed = std::async(std::launch::async, [&] { return remove(); });
  const bool waits = blocks(probe, std::stoi(raiser), "pawl lane");
  holder.run("COMMIT");
  const auto done = raised.get();
  EXPECT_TRUE(done) << done.error().text();
  const auto passed = removed.get();
  ASSERT_TRUE(passed) << passed.error().text();
  EXPECT_TRUE(waits) << "the removal did not wait for the commit";
  EXPECT_EQ(passed->removed, 0);
  EXPECT_EQ(effects(), "1");
  EXPECT_EQ(alerts(), "1");
}

TEST_F(RetentionRace, AnAlertOfAnEffectThatIsJustRemovedIsRaisedAllTheSame) {
  auto holder = session("holder");
  auto probe = session("probe");
  holder.run("BEGIN");
  // Retention, stopped between its removal and its commit.
  holder.run("DELETE FROM pawl_effects_ended WHERE id = " + std::to_string(effect_id));
  auto raised = std::async(std::launch::async, [&] { return raise(); });
  EXPECT_TRUE(blocks(probe, holder.pid(), "pawl lane"));
  holder.run("COMMIT");
  const auto done = raised.get();
  EXPECT_TRUE(done) << done.error().text();
  EXPECT_EQ(effects(), "0");
  EXPECT_EQ(alerts(), "1");
  const auto untold = raising.store->reads().undelivered_alerts(10);
  ASSERT_TRUE(untold);
  EXPECT_EQ(untold->size(), 1U) << "somebody is told of it";
}

}  // namespace
}  // namespace pawl::test
