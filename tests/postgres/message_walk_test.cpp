// SPDX-License-Identifier: Apache-2.0
//
// When a lane reads what waits in a store that it shares with others: messages that cannot be
// delivered yet are looked at again and again, neither so often that a backlog of them costs much
// nor put off by what is found meanwhile. By a clock that the test moves.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>

#include "engine/bank_decide.h"
#include "engine/failing_store.h"
#include "engine/manual_clock.h"
#include "postgres/postgres_world.h"

namespace pawl::test {
namespace {

class MessageWalk : public ::testing::Test {
 protected:
  void SetUp() override {
    bank::describe(registry_);
    world_.options().clock = &clock_;
    auto store = world_.open(registry_, false);
    ASSERT_TRUE(store) << store.error().text();
    EngineOptions options;
    options.lanes = 1;
    options.seed = 1;
    const auto no_fault = [](const protocol::WriteBatch&) { return std::optional<Error>(); };
    engine_ = std::make_unique<Engine>(
        StoreHandle(new FailingStore(std::move(*store), no_fault, [this] { ++looks_; })), registry_,
        options);
    const auto started = engine_->start();
    ASSERT_TRUE(started) << started.error().text();
    open("t");
    open("idle");
    turns();
  }

  void open(const std::string& key) {
    const auto opened = engine_->call(bank::Open{key, 100, {}}, {"ann", "open " + key, ""});
    ASSERT_TRUE(opened && opened->done);
  }
  // To t, labelled by its sender.
  void send_from(const std::string& key) {
    const auto sent = engine_->call(bank::Send{key, "t", 1, key}, {"ann", "send " + key, ""});
    ASSERT_TRUE(sent && sent->done);
  }
  // The lane has looked around and has tried whatever it found: what it reads in one turn is tried
  // in that one, and told of in the next.
  void turns() {
    for (int i = 0; i < 3; ++i) {
      const auto turned =
          engine_->call(bank::Deposit{"idle", 1}, {"ann", "turn " + std::to_string(++turns_), ""});
      ASSERT_TRUE(turned && turned->done);
    }
  }
  int looks_after_ms(std::int64_t ms) {
    clock_.pass_ms(ms);
    turns();
    return looks_;
  }
  // One of the pair is parked: what follows it waits for an operator.
  void hold_pair_from(const std::string& key) const {
    world_.sql(
        "INSERT INTO pawl_parked (id, source, from_machine, from_key, machine, entity_key, "
        "kind, payload, code, detail, effect_id, hops, parked_us) SELECT count(*) + 1, "
        "'message', 'account', '" +
        key + "', 'account', 't', 'bank.credit', '{}', '', '', 0, 1, 0 FROM pawl_parked");
  }
  void free_pair_from(const std::string& key) const {
    world_.sql("DELETE FROM pawl_parked WHERE from_key = '" + key + "'");
  }
  // Waiting in this engine's lane, younger than any that it has sent.
  void add_messages(const std::string& from, int count) const {
    world_.sql(
        "INSERT INTO pawl_messages (id, from_machine, from_key, to_machine, to_key, kind, "
        "payload, hops, bounced, code, detail, from_version) SELECT (lane << 51) + (1 << 30) "
        "+ n, 'account', '" +
        from +
        "', 'account', 't', 'bank.credit', '{}', 1, 0, '', '', n FROM (SELECT "
        "max(lane)::bigint AS lane FROM pawl_journal) AS l, generate_series(1, " +
        std::to_string(count) + ") AS n");
  }
  std::string trail() const { return world_.sql("SELECT trail FROM accounts WHERE id = 't'"); }

  ManualClock clock_;
  PostgresWorld world_;
  Registry registry_;
  std::atomic<int> looks_{0};
  int turns_ = 0;
  std::unique_ptr<Engine> engine_;
};

TEST_F(MessageWalk, ALookThatStandsIsNotPutOffByWhatIsFoundBehindMeanwhile) {
  constexpr int pairs = 20;
  for (int i = 0; i < pairs; ++i) {
    open("p" + std::to_string(i));
    hold_pair_from("p" + std::to_string(i));
  }
  const int before = looks_;
  send_from("p0");
  turns();
  ASSERT_EQ(trail(), "");
  free_pair_from("p0");
  // Each of another pair, and after less time than a look waits.
  for (int i = 1; i < pairs; ++i) {
    clock_.pass_ms(3);
    send_from("p" + std::to_string(i));
    turns();
  }
  EXPECT_GT(looks_, before);
  EXPECT_EQ(trail(), "p0") << "it could be delivered all the while";
}

// Of a thousand each.
TEST_F(MessageWalk, RestsBetweenThePagesOfWhatCannotBeDelivered) {
  hold_pair_from("x");
  add_messages("x", 2'001);
  const int before = looks_;
  ASSERT_EQ(looks_after_ms(1'000), before + 1) << "the idle look: all of it is tried";
  EXPECT_EQ(looks_after_ms(40), before + 1);
  EXPECT_EQ(looks_after_ms(20), before + 2) << "known to wait: none of it is tried";
  EXPECT_EQ(looks_after_ms(40), before + 2);
  EXPECT_EQ(looks_after_ms(20), before + 3);
}

}  // namespace
}  // namespace pawl::test
