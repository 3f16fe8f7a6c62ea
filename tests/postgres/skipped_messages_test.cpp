// SPDX-License-Identifier: Apache-2.0
//
// Messages and requests whose entity's row another session holds are left out of their batch and
// tried again in one that waits: in their order, and each once.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "engine/bank_decide.h"
#include "eventually.h"
#include "postgres/postgres_world.h"
#include "postgres/raw_session.h"

namespace pawl::test {
namespace {

class SkippedMessages : public ::testing::Test {
 protected:
  void SetUp() override {
    bank::describe(registry_);
    // A wait ends when the test lets go, not before.
    world_.options().lock_timeout_ms = patience_ms;
    auto store = world_.open(registry_, false);
    ASSERT_TRUE(store) << store.error().text();
    EngineOptions options;
    options.lanes = 1;
    options.seed = 1;
    engine_ = std::make_unique<Engine>(std::move(*store), registry_, options);
    const auto started = engine_->start();
    ASSERT_TRUE(started) << started.error().text();
    for (const char* key : {"a", "b", "c"}) {
      const auto opened = engine_->call(bank::Open{key, 1'000, {}}, {"ann", key, ""});
      ASSERT_TRUE(opened && opened->done);
    }
  }
  // A session that holds the account's row until it commits.
  std::unique_ptr<RawSession> holding(const std::string& account) {
    auto session = std::make_unique<RawSession>(world_.server().url(), world_.schema(), "holder");
    session->run("BEGIN");
    session->run("SELECT FROM accounts WHERE id = '" + account + "' FOR UPDATE");
    return session;
  }
  template <class C>
  void begin(C command, const std::string& id) {
    engine_->submit(std::move(command), {"ann", id, ""}, [](const Result<Receipt>&) {});
  }
  bool the_lane_waits_for(const RawSession& holder) {
    return blocks(probe_, holder.pid(), "pawl lane");
  }

  PostgresWorld world_;
  Registry registry_;
  RawSession probe_{world_.server().url(), world_.schema(), "probe"};
  std::unique_ptr<Engine> engine_;
};

TEST_F(SkippedMessages, OfOnePairAreDecidedInTheirOrder) {
  auto first = holding("c");
  auto second = holding("b");
  begin(bank::Deposit{"c", 1}, "deposit");
  ASSERT_TRUE(the_lane_waits_for(*first));
  // What comes while it waits is one batch, and so are the messages that it sends.
  for (const char* label : {"1", "2", "3", "4", "5"}) begin(bank::Send{"a", "b", 1, label}, label);
  first->run("COMMIT");
  ASSERT_TRUE(the_lane_waits_for(*second));
  ASSERT_EQ(world_.sql("SELECT count(*) || ' in ' || count(DISTINCT id >> 15) FROM pawl_messages"),
            "5 in 1");
  second->run("COMMIT");
  const auto trail = [&] { return world_.sql("SELECT trail FROM accounts WHERE id = 'b'"); };
  ASSERT_TRUE(eventually([&] { return trail().size() == 5; }));
  EXPECT_EQ(trail(), "12345");
}

TEST_F(SkippedMessages, RequestsAreTriedAgainInTheOrderTheyCameIn) {
  auto first = holding("c");
  auto second = holding("b");
  begin(bank::Deposit{"c", 1}, "deposit");
  ASSERT_TRUE(the_lane_waits_for(*first));
  // What comes while it waits is one batch, and all of it is skipped.
  for (const char* text : {"1", "2", "3", "4", "5"}) begin(bank::Write{"b", text, 0}, text);
  first->run("COMMIT");
  ASSERT_TRUE(the_lane_waits_for(*second));
  second->run("COMMIT");
  const auto notes = [&] {
    return world_.sql("SELECT string_agg(text, '' ORDER BY record_id) FROM account_notes");
  };
  ASSERT_TRUE(eventually([&] { return notes().size() == 5; }));
  EXPECT_EQ(notes(), "12345");
}

}  // namespace
}  // namespace pawl::test
