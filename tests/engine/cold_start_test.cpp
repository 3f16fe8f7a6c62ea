// SPDX-License-Identifier: Apache-2.0
//
// What an engine finds claimed when it starts, after a crash perhaps very much: it goes through
// that a batch at a time, and a request that comes in meanwhile does not wait for all of it.
#include <future>

#include "engine/engine_fixture.h"
#include "engine/failing_store.h"

namespace pawl::test {
namespace {

class ColdStart : public EngineFixture {
 protected:
  // Payments that were begun, and of which nothing more is known.
  void leave_claimed(std::size_t number) {
    handler_ = std::make_shared<ScriptedHandler>(hang);
    start(no_grace());
    done(bank::Open{"a", static_cast<std::int64_t>(number), {}});
    for (std::size_t i = 0; i < number; ++i) done(bank::Pay{"a", 1, "k" + std::to_string(i)});
    ASSERT_TRUE(handler_->wait_for_calls(number));
    engine_.reset();
  }
};

TEST_F(ColdStart, ARequestPassesWhatAnEarlierHolderHadClaimed) {
  EngineOptions options = no_grace();
  options.lanes = 1;
  options.max_batch = 4;
  constexpr std::size_t batches = 6;
  leave_claimed(batches * options.max_batch);
  if (HasFatalFailure()) return;
  std::atomic<int> commits{0};
  std::promise<void> first;
  std::promise<void> goes_on;
  wrap_ = [&](StoreHandle inner) {
    return StoreHandle(new FailingStore(std::move(inner), [&](const auto&) -> std::optional<Error> {
      if (++commits == 1) {
        first.set_value();
        goes_on.get_future().wait();
      }
      return std::nullopt;
    }));
  };
  start(options);
  EXPECT_EQ(first.get_future().wait_for(std::chrono::milliseconds(patience_ms)),
            std::future_status::ready);
  std::promise<int> answered;
  engine_->submit(bank::Deposit{"a", 5}, {"ann", "meanwhile", ""},
                  [&](const Result<Receipt>& receipt) {
                    EXPECT_TRUE(receipt && receipt->done);
                    answered.set_value(commits);
                  });
  goes_on.set_value();
  EXPECT_LE(answered.get_future().get(), 3);
  // And all of it is inquired about.
  EXPECT_TRUE(eventually(
      [&] { return handler_->inquiries() == static_cast<int>(batches * options.max_batch); }));
  engine_.reset();
}

}  // namespace
}  // namespace pawl::test
