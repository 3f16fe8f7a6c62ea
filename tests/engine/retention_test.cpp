// SPDX-License-Identifier: Apache-2.0
//
// The engine removes what is old by itself, idle or busy, and keeps its promise about repeats.
#include <thread>

#include "engine/engine_fixture.h"

namespace pawl::test {
namespace {

class RetentionTest : public EngineFixture {
 protected:
  static EngineOptions seconds(std::int64_t receipts, std::int64_t journal = 0) {
    EngineOptions options;
    options.retention = {receipts, 0, 0, journal, 100};
    return options;
  }
  std::int64_t removed() const { return engine_->statistics().rows_removed; }
};

TEST_F(RetentionTest, AnIdleEngineRemovesReceiptsOnceTheirWindowIsOver) {
  start(seconds(1));
  done(bank::Open{"a", 0, {}}, "open");
  for (int i = 0; i < 300; ++i) done(bank::Deposit{"a", 1}, "d" + std::to_string(i));
  const auto repeat = call(bank::Deposit{"a", 1}, "d299");
  ASSERT_TRUE(repeat);
  EXPECT_TRUE(repeat->repeated) << "within its window";
  ASSERT_TRUE(eventually([&] { return removed() >= 301; }));
  // An id that says nothing of its age is a new one then; one that does is refused.
  const auto opaque = call(bank::Deposit{"a", 1}, "d299");
  ASSERT_TRUE(opaque);
  EXPECT_FALSE(opaque->repeated);
  const auto dated = call(bank::Deposit{"a", 1}, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
  ASSERT_FALSE(dated);
  EXPECT_EQ(dated.error().code, request_too_old);
  EXPECT_EQ(account("a").balance, 301);
}

TEST_F(RetentionTest, ABusyEngineDoesNotFallBehind) {
  start(seconds(1));
  done(bank::Open{"a", 0, {}});
  std::atomic<bool> stop = false;
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&, i] {
      for (int n = 0; !stop; ++n) {
        (void)engine_->call(bank::Deposit{"a", 1},
                            {"caller-" + std::to_string(i), std::to_string(n), ""});
      }
    });
  }
  const bool went_on = eventually([&] { return removed() > 1'000; });
  stop = true;
  for (auto& caller : callers) caller.join();
  EXPECT_TRUE(went_on) << removed();
}

TEST_F(RetentionTest, ATimelineSaysWhereItBegins) {
  start(seconds(0, 1));
  done(bank::Open{"a", 0, {}});
  done(bank::Deposit{"a", 1});
  EXPECT_EQ(engine_->timeline(entity_ref(Key<bank::Account>{"a"}), 10)->size(), 2U);
  EXPECT_FALSE(*engine_->history_starts_at());
  ASSERT_TRUE(eventually([&] { return removed() >= 1; }));
  done(bank::Deposit{"a", 1});
  EXPECT_LT(engine_->timeline(entity_ref(Key<bank::Account>{"a"}), 10)->size(), 3U);
  const auto begins = engine_->history_starts_at();
  ASSERT_TRUE(begins && *begins);
  EXPECT_GT((*begins)->us, 0);
}

}  // namespace
}  // namespace pawl::test
