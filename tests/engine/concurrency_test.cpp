// SPDX-License-Identifier: Apache-2.0
//
// Many threads at once: nothing is lost, nothing runs twice, exactly one wins, and every entity's
// history is one after another.
#include <barrier>
#include <iostream>
#include <random>
#include <set>

#include "engine/engine_fixture.h"
#include "protocol/receipt_lookups.h"
#include "seed.h"

namespace pawl::test {
namespace {

constexpr int thread_count = 8;

// Runs the body on every thread, begun together.
void together(int threads, const std::function<void(int)>& body) {
  std::barrier begin(threads);
  std::vector<std::jthread> running;
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      begin.arrive_and_wait();
      body(i);
    });
  }
}

std::uint64_t printed_seed() {
  const std::uint64_t seed = seed_of_run();
  std::cout << "PAWL_SEED=" << seed << "\n";
  return seed;
}

class Concurrency : public EngineFixture {
 protected:
  // Replays each account's journal: versions without gaps, each `from` the `to` before it, and the
  // last entry is the row.
  void check_history(const std::string& key) {
    const auto row = engine_->read(Key<bank::Account>{key});
    ASSERT_TRUE(row && *row);
    auto timeline = engine_->timeline(entity_ref(Key<bank::Account>{key}), 100'000);
    ASSERT_TRUE(timeline) << timeline.error().text();
    ASSERT_EQ(timeline->size(), static_cast<std::size_t>((*row)->version));
    const MachineSpec& machine = *registry_->find_machine("account");
    std::string state;
    std::int64_t version = 0;
    std::map<std::int32_t, std::int64_t> sequences;  // of each lane
    for (auto entry = timeline->rbegin(); entry != timeline->rend(); ++entry) {
      ASSERT_EQ(entry->version, version + 1) << key;
      ASSERT_EQ(entry->from, state) << key << " at " << entry->version;
      ASSERT_GE(entry->sequence, sequences[entry->lane]);
      if (!entry->from.empty() && entry->from != entry->to) {
        ASSERT_TRUE(machine.moves.contains({entry->from, entry->to}));
      }
      state = entry->to;
      version = entry->version;
      sequences[entry->lane] = entry->sequence;
    }
    ASSERT_EQ(state, name_of((*row)->row.state));
  }
};

TEST_F(Concurrency, DepositsOnOneHotAccountAllCount) {
  start();
  done(bank::Open{"hot", 0, {}});
  together(thread_count, [&](int) {
    for (int i = 0; i < 200; ++i) done(bank::Deposit{"hot", 1});
  });
  EXPECT_EQ(account("hot").balance, thread_count * 200);
  check_history("hot");
  EXPECT_GT(engine_->statistics().works, engine_->statistics().commits) << "nothing was batched";
}

TEST_F(Concurrency, TransfersConserveTheTotal) {
  constexpr int accounts = 20;
  const std::uint64_t seed = printed_seed();
  start();
  for (int i = 0; i < accounts; ++i) done(bank::Open{std::to_string(i), 100, {}});
  std::atomic<int> finished{0};
  std::atomic<int> refused{0};
  together(thread_count, [&](int thread) {
    std::mt19937_64 random(seed + static_cast<unsigned>(thread));
    for (int i = 0; i < 200; ++i) {
      const auto from = random() % accounts;
      const auto to = (from + 1 + random() % (accounts - 1)) % accounts;
      const auto receipt = call(bank::Transfer{std::to_string(from), std::to_string(to),
                                               static_cast<std::int64_t>(random() % 60)});
      ASSERT_TRUE(receipt) << receipt.error().text();
      ++(receipt->done ? finished : refused);
    }
  });
  EXPECT_EQ(finished + refused, thread_count * 200);
  EXPECT_GT(refused, 0) << "nobody ran out of funds: the test shows nothing";
  EXPECT_EQ(total_balance(), accounts * 100);
  for (int i = 0; i < accounts; ++i) {
    EXPECT_GE(account(std::to_string(i)).balance, 0);
    check_history(std::to_string(i));
  }
}

TEST_F(Concurrency, OfManyWhoWantTheSameExactlyOneWins) {
  start();
  for (int round = 0; round < 30; ++round) {
    const std::string key = "seat" + std::to_string(round);
    std::atomic<int> winners{0};
    together(thread_count, [&](int thread) {
      const auto receipt = call(bank::Open{key, thread, {}});
      ASSERT_TRUE(receipt) << receipt.error().text();
      winners += receipt->done ? 1 : 0;
    });
    EXPECT_EQ(winners, 1);
  }
}

TEST_F(Concurrency, OfManyWhoWantTheSameUniqueValueExactlyOneWins) {
  start();
  for (int round = 0; round < 10; ++round) {
    std::atomic<int> winners{0};
    std::atomic<int> losers{0};
    together(thread_count, [&](int thread) {
      const std::string key = std::to_string(round) + "-" + std::to_string(thread);
      const auto receipt = call(bank::Open{key, 1, "alias" + std::to_string(round)});
      if (receipt && receipt->done) ++winners;
      if (!receipt && receipt.error().code.code == "already_exists") ++losers;
    });
    EXPECT_EQ(winners, 1);
    EXPECT_EQ(losers, thread_count - 1);
  }
}

TEST_F(Concurrency, ARepeatFromManyThreadsRunsOnceAndIsAnsweredAlike) {
  start();
  done(bank::Open{"a", 0, {}});
  for (int round = 0; round < 20; ++round) {
    std::mutex mutex;
    std::set<std::string> replies;
    std::atomic<int> fresh{0};
    together(16, [&](int) {
      const auto receipt = call(bank::Deposit{"a", 1}, "round" + std::to_string(round));
      ASSERT_TRUE(receipt) << receipt.error().text();
      ASSERT_TRUE(receipt->done);
      fresh += receipt->repeated ? 0 : 1;
      const std::lock_guard lock(mutex);
      replies.insert(receipt->reply_json + "@" + std::to_string(receipt->version));
    });
    EXPECT_EQ(fresh, 1);
    EXPECT_EQ(replies.size(), 1U);
  }
  EXPECT_EQ(account("a").balance, 20);
}

TEST_F(Concurrency, ReceiptsOutliveTheProcess) {
  start();
  done(bank::Open{"a", 0, {}}, "open");
  const auto first = call(bank::Deposit{"a", 1}, "d");
  const auto refused = call(bank::Transfer{"a", "b", 1}, "t");
  ASSERT_TRUE(first && refused);
  restart();
  const auto again = call(bank::Deposit{"a", 1}, "d");
  ASSERT_TRUE(again && again->done);
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(again->reply_json, first->reply_json);
  EXPECT_EQ(again->version, first->version);
  const auto refused_again = call(bank::Transfer{"a", "b", 1}, "t");
  ASSERT_TRUE(refused_again);
  EXPECT_FALSE(refused_again->done);
  EXPECT_TRUE(refused_again->repeated);
  EXPECT_EQ(refused_again->code, refused->code);
  EXPECT_EQ(refused_again->detail, refused->detail);
  EXPECT_EQ(refused_again->error_class, refused->error_class);
  const auto reused = call(bank::Deposit{"a", 2}, "d");
  ASSERT_FALSE(reused);
  EXPECT_EQ(reused.error().code, idempotency_mismatch);
  EXPECT_EQ(account("a").balance, 1);
}

// After a while without repeats receipts are no longer looked up: the unique key finds them.
TEST_F(Concurrency, RepeatsThatWereNotLookedUpAreAnsweredByTheirReceipts) {
  start();
  const auto without_repeats = [&] {
    for (int i = 0; i < protocol::ReceiptLookups::batches_after_repeat; ++i) {
      done(bank::Deposit{"a", 1});
    }
  };
  done(bank::Open{"a", 0, "name"}, "open");
  without_repeats();
  const auto opened = call(bank::Open{"a", 0, "name"}, "open");
  ASSERT_TRUE(opened) << opened.error().text();
  EXPECT_TRUE(opened->done && opened->repeated) << "it would be refused by now";
  without_repeats();
  done(bank::Go{"a", bank::State::frozen}, "freeze");
  done(bank::Go{"a", bank::State::open});
  done(bank::Go{"a", bank::State::closed}, "close");
  for (int i = 0; i < protocol::ReceiptLookups::batches_after_repeat; ++i) {
    (void)call(bank::Deposit{"a", 1});  // refused, and that is a receipt, too
  }
  const auto closed = call(bank::Go{"a", bank::State::closed}, "close");
  ASSERT_TRUE(closed) << closed.error().text();
  EXPECT_TRUE(closed->done && closed->repeated);
  for (int i = 0; i < protocol::ReceiptLookups::batches_after_repeat; ++i) {
    (void)call(bank::Deposit{"a", 1});
  }
  const auto frozen = call(bank::Go{"a", bank::State::frozen}, "freeze");
  ASSERT_TRUE(frozen) << "it is no legal move by now: " << frozen.error().text();
  EXPECT_TRUE(frozen->done && frozen->repeated);
  const auto reused = call(bank::Go{"a", bank::State::open}, "close");
  ASSERT_FALSE(reused);
  EXPECT_EQ(reused.error().code, idempotency_mismatch);
}

// Decided anew it would not be refused: its commit would fail. What it was is known by its receipt.
TEST_F(Concurrency, ARepeatThatWasNotLookedUpAndWouldFailIsAnsweredByItsReceipt) {
  start();
  done(bank::Open{"a", 100, {}});
  done(bank::Open{"b", 0, {}});
  const auto first = call(bank::Deposit{"a", -100}, "all of it");
  ASSERT_TRUE(first && first->done);
  for (int i = 0; i < protocol::ReceiptLookups::batches_after_repeat; ++i) {
    done(bank::Deposit{"b", 1});
  }
  const auto again = call(bank::Deposit{"a", -100}, "all of it");
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_TRUE(again->done && again->repeated);
  EXPECT_EQ(again->reply_json, first->reply_json);
  EXPECT_EQ(again->version, first->version);
  const auto new_one = call(bank::Deposit{"a", -100}, "more than there is");
  ASSERT_FALSE(new_one) << "it breaks the table's check";
  EXPECT_EQ(account("a").balance, 0);
}

// Every command of every kind against every other, with messages and payments in between.
TEST_F(Concurrency, RandomHistoriesAreSerial) {
  constexpr int accounts = 6;
  const std::uint64_t seed = printed_seed();
  handler_ = std::make_shared<ScriptedHandler>([](const EffectCall& call,
                                                  EffectHandler::Done done) {
    const auto outcome = static_cast<Outcome>(std::hash<std::string>()(call.idempotency_key) % 4);
    done(EffectAnswer(call.purpose == EffectCall::Purpose::perform ? outcome : Outcome::confirmed));
  });
  start();
  for (int i = 0; i < accounts; ++i) done(bank::Open{std::to_string(i), 1'000, {}});
  together(thread_count, [&](int thread) {
    std::mt19937_64 random(seed + static_cast<unsigned>(thread));
    for (int i = 0; i < 150; ++i) {
      const std::string one = std::to_string(random() % accounts);
      const std::string other =
          std::to_string((random() % (accounts - 1) + 1 + (one[0] - '0')) % accounts);
      const auto amount = static_cast<std::int64_t>(random() % 50);
      switch (random() % 5) {
        case 0:
          ASSERT_TRUE(call(bank::Transfer{one, other, amount}));
          break;
        case 1:
          ASSERT_TRUE(call(bank::Send{one, other, amount, ""}));
          break;
        case 2:
          ASSERT_TRUE(call(bank::Pay{one, amount, std::to_string(random())}));
          break;
        case 3:
          (void)call(bank::Misbehave{one, "throw", 0});
          break;
        default:
          ASSERT_TRUE(call(bank::Deposit{one, 0}));
      }
    }
  });
  EXPECT_TRUE(eventually([&] {
    const auto open = engine_->effects(false, 0, 1);
    std::int64_t total = 0;
    for (int i = 0; i < accounts; ++i) {
      const auto row = account(std::to_string(i));
      total += row.balance + row.paying + row.paid;
    }
    return open && open->empty() && total == accounts * 1'000;
  })) << "money in a message or a payment never arrived";
  EXPECT_TRUE(parked().empty());
  for (int i = 0; i < accounts; ++i) {
    EXPECT_EQ(account(std::to_string(i)).paying, 0);
    check_history(std::to_string(i));
  }
}

}  // namespace
}  // namespace pawl::test
