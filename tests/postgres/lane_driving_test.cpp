// SPDX-License-Identifier: Apache-2.0
//
// A lane that is held is driven: nothing of it is forgotten while it is taken, while another
// process changes it, or while it is given back.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "engine/engine_fixture.h"
#include "engine/failing_store.h"
#include "engine/manual_clock.h"
#include "postgres/postgres_world.h"
#include "postgres/raw_session.h"

namespace pawl::test {
namespace {

class LaneDriving : public ::testing::Test {
 protected:
  void start(EngineOptions options = {}) {
    auto policy = bank::quick_policy();
    policy.poll_interval_ms = 3'600'000;
    bank::describe(registry_, policy);
    world_.options().lock_timeout_ms = 20;
    auto store = world_.open(registry_, false);
    ASSERT_TRUE(store) << store.error().text();
    options.lanes = 1;
    options.seed = 1;
    StoreHooks hooks;
    hooks.effects = [this]() -> std::optional<Error> {
      ++looks_;
      if (effects_fail_) return Error(protocol::store_failed, "not now");
      return std::nullopt;
    };
    hooks.notes = [this](std::string path) {
      return notes_fail_ ? std::string("/no/such/directory/notes") : path;
    };
    hooks.listens = [this](bool listens) { listens_ = listens; };
    const auto no_fault = [](const protocol::WriteBatch&) { return std::optional<Error>(); };
    engine_ = std::make_unique<Engine>(
        StoreHandle(new FailingStore(std::move(*store), no_fault, std::move(hooks))), registry_,
        options);
    engine_->handle_effect(bank::Payment::kind, outside_);
    const auto started = engine_->start();
    ASSERT_TRUE(started) << started.error().text();
    open("a");
    open("idle");
  }
  void open(const std::string& key) {
    const auto opened = engine_->call(bank::Open{key, 100, {}}, {"ann", "open " + key, ""});
    ASSERT_TRUE(opened && opened->done);
  }
  void pay() {
    const auto paid = engine_->call(bank::Pay{"a", 1, "k"}, {"ann", "pay", ""});
    ASSERT_TRUE(paid && paid->done);
  }
  Result<Receipt> turn() {
    return engine_->call(bank::Deposit{"idle", 1}, {"ann", "turn " + std::to_string(++turns_), ""});
  }
  // Permits are asked for now and then, by the clock.
  bool sent(int times, std::int64_t step_ms = 20) {
    return eventually([&] {
      clock_.pass_ms(step_ms);
      return turn() && outside_->sends() == times;
    });
  }
  std::string state() const { return world_.sql("SELECT state FROM pawl_effects ORDER BY id"); }
  std::string outcome() const { return world_.sql("SELECT outcome FROM pawl_effects_ended"); }
  // Sent, and to be asked for in an hour.
  void pay_and_wait() {
    outside_->set(answering(Outcome::accepted));
    pay();
    ASSERT_TRUE(sent(1));
    ASSERT_TRUE(eventually([&] { return turn() && state() == "accepted"; }));
  }
  // As an operator's verb in another process would, of which nobody was told.
  void begin_again() const {
    world_.sql("UPDATE pawl_effects SET state = 'ready', next_at_us = 0");
  }
  std::string holder_and_end() const {
    return world_.sql("SELECT holder || ' ' || held_until_us FROM pawl_lanes");
  }
  // Keeps the exchange's answer until it is wanted.
  void hold_answer() {
    outside_->set([this](const EffectCall&, EffectHandler::Done done) {
      const std::lock_guard lock(mutex_);
      answer_ = std::move(done);
    });
  }
  void answer(Outcome outcome) {
    EffectHandler::Done done;
    {
      const std::lock_guard lock(mutex_);
      done = std::move(answer_);
    }
    ASSERT_TRUE(done);
    done(EffectAnswer(outcome));
  }
  void try_to_take_a_lane(std::atomic<bool>& fails) {
    world_.options().clock = &clock_;
    start();
    fails = true;
    world_.sql("UPDATE pawl_lanes SET epoch = epoch + 1");
    for (int tries = 0; tries < 3; ++tries) {
      EXPECT_FALSE(turn()) << "of a lane that nobody drives";
      EXPECT_EQ(world_.sql("SELECT count(*) FROM pawl_lanes"), "2");
      EXPECT_EQ(world_.sql("SELECT held_until_us FROM pawl_lanes WHERE id = 1"), "0");
      clock_.pass_ms(1'000);
    }
    fails = false;
    clock_.pass_ms(1'000);
    EXPECT_TRUE(turn());
  }

  PostgresWorld world_;
  Registry registry_;
  ManualClock clock_;
  std::atomic<int> looks_ = 0;
  std::atomic<bool> effects_fail_ = false;
  std::atomic<bool> notes_fail_ = false;
  std::atomic<bool> listens_ = false;
  int turns_ = 0;
  std::mutex mutex_;
  EffectHandler::Done answer_;
  std::shared_ptr<ScriptedHandler> outside_ =
      std::make_shared<ScriptedHandler>(answering(Outcome::confirmed));
  std::unique_ptr<Engine> engine_;
};

TEST_F(LaneDriving, ALaneWhoseEffectsAreNotReadIsGivenBack) {
  try_to_take_a_lane(effects_fail_);
}

TEST_F(LaneDriving, ALaneWhoseNotesAreNotOpenedIsGivenBack) {
  try_to_take_a_lane(notes_fail_);
}

// Everything that it would do is due, and it can do nothing of it.
TEST_F(LaneDriving, ALaneThatIsNotHeldSleepsUntilTheNextTry) {
  world_.options().clock = &clock_;
  start();
  std::promise<void> told;
  engine_->wait_for(
      {"account", "a"}, [](const EntitySlot&) { return false; }, 86'400'000,
      [&](const auto&, bool) { told.set_value(); });
  ASSERT_TRUE(turn());
  effects_fail_ = true;
  world_.sql("UPDATE pawl_lanes SET epoch = epoch + 1");
  EXPECT_FALSE(turn());
  clock_.pass_ms(3'600'000);
  EXPECT_FALSE(turn());
  const std::int64_t before = clock_.reads();
  EXPECT_FALSE(eventually([&] { return clock_.reads() > before + 5'000; }, 300)) << "it spins";
  effects_fail_ = false;
  clock_.pass_ms(1'000);
  EXPECT_TRUE(turn());
  engine_->stop();
  told.get_future().get();
}

// Nobody was there before in a new lane, so that a claim that is not ours is inquired at once.
TEST_F(LaneDriving, AnAnswerThatWaitsForARowIsNotForgottenByALook) {
  hold_answer();
  start();
  RawSession holder(world_.server().url(), world_.schema(), "holder");
  RawSession probe(world_.server().url(), world_.schema(), "probe");
  pay();
  ASSERT_TRUE(outside_->wait_for_calls(1));
  holder.run("BEGIN");
  holder.run("SELECT FROM accounts WHERE id = 'a' FOR UPDATE");
  answer(Outcome::confirmed);
  ASSERT_TRUE(blocks(probe, holder.pid(), "pawl lane"));
  const int looks = looks_;
  // Heard once the lane's listener is there.
  ASSERT_TRUE(eventually([&] {
    probe.run("NOTIFY \"pawl_" + world_.schema() + "\", 'e0'");
    return looks_ > looks;
  }));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(turn());
  EXPECT_EQ(state(), "sending");
  holder.run("COMMIT");
  EXPECT_TRUE(eventually([&] { return outcome() == "confirmed"; })) << state();
  EXPECT_EQ(outside_->inquiries(), 0);
}

TEST_F(LaneDriving, AllOpenEffectsAreLookedAtOnceAMinute) {
  world_.options().clock = &clock_;
  start();
  pay_and_wait();
  // More than a page of others, which wait for long.
  begin_again();
  world_.sql(
      "INSERT INTO pawl_effects SELECT (jsonb_populate_record(e, jsonb_build_object('id', e.id + "
      "g, 'idempotency_key', 'k' || g, 'next_at_us', 9000000000000000))).* FROM pawl_effects AS e, "
      "generate_series(-1200, -1) AS g");
  const int looks = looks_;
  clock_.pass_ms(55'000);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(turn());
  EXPECT_EQ(looks_, looks);
  EXPECT_EQ(outside_->sends(), 1);
  clock_.pass_ms(5'000);
  EXPECT_TRUE(sent(2));
  EXPECT_EQ(looks_, looks + 2);
}

TEST_F(LaneDriving, WhoeverMissedTidingsLooksAtAllEffects) {
  start();
  pay_and_wait();
  begin_again();
  ASSERT_TRUE(eventually([&] {
    return world_.sql(
               "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "
               "application_name = 'pawl tidings'") == "1";
  }));
  EXPECT_TRUE(outside_->wait_for_calls(2));
}

// What a lane commits while it stops is announced as all else.
TEST_F(LaneDriving, TidingsEndAfterTheLanes) {
  hold_answer();
  start();
  pay();
  ASSERT_TRUE(outside_->wait_for_calls(1));
  auto stopped = std::async(std::launch::async, [&] { engine_->stop(); });
  EXPECT_TRUE(eventually([&] {
    const auto refused = turn();
    return !refused && refused.error().code == engine_stopping;
  }));
  EXPECT_TRUE(listens_);
  answer(Outcome::confirmed);
  stopped.get();
  EXPECT_FALSE(listens_);
  EXPECT_EQ(outcome(), "confirmed");
}

TEST_F(LaneDriving, WhoStopsWithAnExchangeUnderWayStaysKnownAsItsHolder) {
  hold_answer();
  EngineOptions options;
  options.stop_grace_ms = 0;
  start(options);
  pay();
  ASSERT_TRUE(outside_->wait_for_calls(1));
  engine_->stop();
  EXPECT_NE(holder_and_end(), " 0");
  EXPECT_TRUE(holder_and_end().ends_with(" 0")) << holder_and_end();
}

TEST_F(LaneDriving, WhoStopsWithNothingUnderWayIsForgotten) {
  start();
  pay();
  ASSERT_TRUE(eventually([&] { return outcome() == "confirmed"; }));
  engine_->stop();
  EXPECT_EQ(holder_and_end(), " 0");
}

}  // namespace
}  // namespace pawl::test
