// SPDX-License-Identifier: Apache-2.0
//
// Start, stop, overload and waiting for a state: every caller is answered exactly once.
#include "engine/engine_fixture.h"
#include "engine/failing_store.h"

namespace pawl::test {
namespace {

class Lifecycle : public EngineFixture {
 protected:
  static EntityRef ref(const std::string& key) { return {bank::Account::machine, key}; }
  // Holds the engine's thread inside a callback until let go.
  struct Held {
    std::promise<void> entered;
    std::promise<void> release;
  };
  std::shared_ptr<Held> hold() {
    auto held = std::make_shared<Held>();
    engine_->submit(bank::Deposit{"a", 0}, {"holder", "hold", ""}, [held](const Result<Receipt>&) {
      held->entered.set_value();
      held->release.get_future().wait();
    });
    held->entered.get_future().wait();
    return held;
  }
  struct Waited {
    Result<EntitySlot> slot = fail(engine_stopping);
    bool ended = false;
  };
  std::future<Waited> wait_for(const std::string& key, std::int64_t balance, int deadline_ms) {
    auto promise = std::make_shared<std::promise<Waited>>();
    auto future = promise->get_future();
    engine_->wait_for(
        ref(key),
        [balance](const EntitySlot& slot) {
          bank::Account row;
          return slot.present && from_row(std::span<const Value>(slot.row), row) &&
                 row.balance >= balance;
        },
        deadline_ms,
        [promise](Result<EntitySlot> slot, bool ended) {
          promise->set_value({std::move(slot), ended});
        });
    return future;
  }
};

TEST_F(Lifecycle, WaitForAnswersAtOnceLaterOrWhenTimeIsUp) {
  start();
  done(bank::Open{"a", 5, {}});
  EXPECT_TRUE(wait_for("a", 5, 10'000).get().ended);

  auto later = wait_for("a", 7, patience_ms);
  done(bank::Deposit{"a", 1});
  EXPECT_EQ(later.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  done(bank::Deposit{"a", 1});
  const auto reached = later.get();
  EXPECT_TRUE(reached.ended);
  EXPECT_EQ(reached.slot->version, 3);

  auto never = wait_for("a", 1'000, 50);
  done(bank::Deposit{"a", 1});
  const auto over = never.get();
  EXPECT_FALSE(over.ended);
  ASSERT_TRUE(over.slot);
  EXPECT_EQ(over.slot->version, 4) << "with the newest row";

  auto absent = wait_for("b", 0, patience_ms);
  done(bank::Open{"b", 0, {}});
  EXPECT_TRUE(absent.get().ended);
}

TEST_F(Lifecycle, WaitersAreAnsweredAtStop) {
  start();
  done(bank::Open{"a", 5, {}});
  auto waiting = wait_for("a", 100, 600'000);
  engine_->stop();
  const auto over = waiting.get();
  EXPECT_FALSE(over.ended);
  const auto after = wait_for("a", 0, 10).get();
  EXPECT_FALSE(after.slot);
}

TEST_F(Lifecycle, WhatIsTooMuchIsRefusedAtOnce) {
  EngineOptions options;
  options.max_waiting = 4;
  start(options);
  done(bank::Open{"a", 0, {}});
  const auto held = hold();
  std::atomic<int> overloaded{0};
  std::atomic<int> finished{0};
  for (int i = 0; i < 10; ++i) {
    engine_->submit(bank::Deposit{"a", 1}, {"ann", "o" + std::to_string(i), ""},
                    [&](const Result<Receipt>& receipt) {
                      if (receipt) {
                        ++finished;
                      } else if (receipt.error().code == engine_overloaded) {
                        ++overloaded;
                      }
                    });
  }
  EXPECT_EQ(overloaded, 6);
  EXPECT_EQ(engine_->statistics().waiting, 4);
  held->release.set_value();
  EXPECT_TRUE(eventually([&] { return finished == 4; }));
  EXPECT_EQ(account("a").balance, 4);
  done(bank::Deposit{"a", 1});
  EXPECT_EQ(engine_->statistics().waiting, 0);
}

TEST_F(Lifecycle, StopUnderLoadAnswersEverybodyAndKeepsWhatItAnswered) {
  start();
  done(bank::Open{"a", 0, {}});
  std::atomic<int> submitted{0};
  std::atomic<int> deposited{0};
  std::atomic<int> refused{0};
  std::atomic<int> other{0};
  std::atomic<bool> go_on{true};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; go_on; ++i) {
          if (submitted - deposited - refused - other > 2'000) {
            std::this_thread::yield();
            continue;
          }
          ++submitted;
          engine_->submit(bank::Deposit{"a", 1}, {"t" + std::to_string(t), std::to_string(i), ""},
                          [&](const Result<Receipt>& receipt) {
                            if (receipt && receipt->done) {
                              ++deposited;
                            } else if (!receipt && receipt.error().code == engine_stopping) {
                              ++refused;
                            } else {
                              ++other;
                            }
                          });
        }
      });
    }
    ASSERT_TRUE(eventually([&] { return deposited > 500; }));
    engine_->stop();
    EXPECT_TRUE(eventually([&] { return refused > 10; }));
    go_on = false;
  }
  EXPECT_EQ(other, 0);
  EXPECT_EQ(deposited + refused, submitted);
  engine_.reset();
  start();
  EXPECT_EQ(account("a").balance, deposited);
}

TEST_F(Lifecycle, StopCanBeAskedForTwiceAndByMany) {
  start();
  done(bank::Open{"a", 0, {}});
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) threads.emplace_back([&] { engine_->stop(); });
  }
  engine_->stop();
  const auto late = call(bank::Deposit{"a", 1});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, engine_stopping);
}

TEST_F(Lifecycle, BeforeStartNothingIsTaken) {
  registry_ = std::make_unique<Registry>();
  bank::describe(*registry_);
  auto store = world_->open(*registry_, nullptr);
  ASSERT_TRUE(store);
  Engine engine(std::move(*store), *registry_, {});
  const auto early = engine.call(bank::Deposit{"a", 1}, {"ann", "1", ""});
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, engine_stopping);
}

TEST_F(Lifecycle, AStopWaitsForExchangesUpToItsGrace) {
  std::mutex mutex;
  EffectHandler::Done open;
  handler_ =
      std::make_shared<ScriptedHandler>([&](const EffectCall&, const EffectHandler::Done& done) {
        const std::lock_guard lock(mutex);
        open = done;
      });
  start();
  done(bank::Open{"a", 10, {}});
  done(bank::Pay{"a", 10, "k"});
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return open != nullptr;
  }));
  std::jthread answering([&] {
    (void)eventually([&] { return !call(bank::Deposit{"a", 0}); });  // it is stopping
    open(EffectAnswer(Outcome::confirmed));
  });
  engine_->stop();
  answering.join();
  EXPECT_EQ(account("a").paid, 10) << "the answer that came within the grace was taken";
  engine_.reset();
}

TEST_F(Lifecycle, ALoneCallIsCommittedOnItsCallersThread) {
  std::atomic<std::thread::id> committer;
  wrap_ = [&](StoreHandle inner) {
    return StoreHandle(new FailingStore(std::move(inner), [&](const protocol::WriteBatch&) {
      committer = std::this_thread::get_id();
      return std::optional<Error>();
    }));
  };
  start();
  // Once the thread of the engine has settled down, nobody else has the turn.
  EXPECT_TRUE(eventually([&] {
    done(bank::Open{"a" + std::to_string(ids_++), 0, {}});
    return committer.load() == std::this_thread::get_id();
  }));
}

TEST_F(Lifecycle, ACallFromACallbackIsRefusedAndDoesNotHang) {
  start();
  done(bank::Open{"a", 0, {}});
  std::promise<std::string> answer;
  engine_->submit(bank::Deposit{"a", 1}, {"ann", "outer", ""}, [&](const Result<Receipt>&) {
    const auto inner = engine_->call(bank::Deposit{"a", 1}, {"ann", "inner", ""});
    answer.set_value(inner ? "answered" : std::string(inner.error().code.code));
  });
  EXPECT_EQ(answer.get_future().get(), "machine_defect");
  done(bank::Deposit{"a", 1});
  EXPECT_EQ(account("a").balance, 2);
}

// The engine's thread sleeps up to a second when nothing is due: what a caller's own turn leaves to
// be done wakes it.
TEST_F(Lifecycle, WhatACallArmsIsNotWaitedForLongerThanItsTime) {
  start();
  done(bank::Open{"a", 0, {}});
  std::vector<std::int64_t> late_ms;
  for (int round = 0; round < 5; ++round) {
    const auto before = std::chrono::steady_clock::now();
    done(bank::SetAlarm{"a", "x", 30, 0});
    ASSERT_TRUE(reaches("a", [&](const auto& row) { return row.ticks == round + 1; }));
    late_ms.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(
                          std::chrono::steady_clock::now() - before)
                          .count());
  }
  std::sort(late_ms.begin(), late_ms.end());
  EXPECT_LT(late_ms[2], 500);
}

TEST_F(Lifecycle, ADecisionThatThrowsHarmsNobodyElse) {
  start();
  done(bank::Open{"a", 0, {}});
  const auto held = hold();
  std::atomic<int> good{0};
  std::atomic<int> defects{0};
  for (int i = 0; i < 20; ++i) {
    engine_->submit(bank::Deposit{"a", 1}, {"ann", "d" + std::to_string(i), ""},
                    [&](const Result<Receipt>& receipt) { good += receipt && receipt->done; });
    const std::string how = i % 2 == 0 ? "throw" : "negative";  // the second fails in the store
    engine_->submit(bank::Misbehave{"a", how, 0}, {"ann", "m" + std::to_string(i), ""},
                    [&](const Result<Receipt>& receipt) {
                      defects += !receipt && receipt.error().code.error_class == ErrorClass::defect;
                    });
  }
  held->release.set_value();
  EXPECT_TRUE(eventually([&] { return good + defects == 40; }));
  EXPECT_EQ(good, 20);
  EXPECT_EQ(account("a").balance, 20);
}

TEST_F(Lifecycle, WhoWatchesCommitsIsCalledAfterEachUntilTheWatchEnds) {
  start();
  std::mutex mutex;
  std::string seen;
  JournalCursor place;
  // Called when the commit can be read.
  auto look = [&] {
    const std::lock_guard lock(mutex);
    const auto page = engine_->journal_after(place, 10);
    ASSERT_TRUE(page) << page.error().text();
    place = page->end;
    for (const auto& entry : page->entries) seen += entry.key + std::to_string(entry.step.version);
  };
  {
    const CommitWatch watch = engine_->watch_commits(look);
    done(bank::Open{"a", 5, {}});
    done(bank::Deposit{"a", 1});
    EXPECT_EQ(seen, "a1a2");
    EXPECT_EQ(engine_->journal_end().value(), place);
  }
  done(bank::Deposit{"a", 1});
  EXPECT_EQ(seen, "a1a2") << "the watch has ended";
  CommitWatch moved = engine_->watch_commits(look);
  CommitWatch watch = std::move(moved);
  moved = CommitWatch();
  done(bank::Deposit{"a", 1});
  EXPECT_EQ(seen, "a1a2a3a4");
  watch = CommitWatch();
  done(bank::Deposit{"a", 1});
  EXPECT_EQ(seen, "a1a2a3a4");
}

}  // namespace
}  // namespace pawl::test
