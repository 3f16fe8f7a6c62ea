// SPDX-License-Identifier: Apache-2.0
//
// The journal of several lanes on a real server: two engines on one store, a reader that follows
// both while they commit, an entity's life across lanes.
#include <gtest/gtest.h>

#include <atomic>
#include <iostream>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "engine/bank_decide.h"
#include "postgres/postgres_world.h"
#include "seed.h"

namespace pawl::test {

namespace {

class SharedJournal : public ::testing::Test {
 public:
  SharedJournal() { bank::describe(registry_); }

  std::unique_ptr<Engine> open_engine(int lanes) {
    auto store = world_.open(registry_, false);
    EXPECT_TRUE(store) << (store ? "" : store.error().text());
    if (!store) return nullptr;
    EngineOptions options;
    options.lanes = lanes;
    auto engine = std::make_unique<Engine>(std::move(*store), registry_, std::move(options));
    const auto started = engine->start();
    EXPECT_TRUE(started) << (started ? "" : started.error().text());
    return engine;
  }
  template <class C>
  static void done(Engine& engine, C command, const std::string& id) {
    const auto receipt = engine.call(std::move(command), {.principal = "ann", .id = id});
    ASSERT_TRUE(receipt) << receipt.error().text();
  }
  // Reads on until nothing is behind the cursor; each entity's versions must rise by one.
  void follow(Engine& engine, JournalCursor& at, int commits) {
    for (bool more = true; more;) {
      const auto page = engine.journal_after(at, commits);
      ASSERT_TRUE(page) << page.error().text();
      for (const JournalEntry& entry : page->entries) {
        ASSERT_EQ(entry.step.version, ++versions_[entry.key]) << entry.key;
        lanes_seen_.insert(entry.place.lane);
      }
      at = page->end;
      more = page->more;
    }
  }

 protected:
  PostgresWorld world_;
  Registry registry_;
  std::map<std::string, std::int64_t> versions_;
  std::set<std::int32_t> lanes_seen_;
};

TEST_F(SharedJournal, OneEntitysStepsAreInTheirOrderWhicheverLaneTookThem) {
  const auto one = open_engine(1);
  const auto other = open_engine(1);
  ASSERT_TRUE(one && other);
  done(*one, bank::Open{"a", 1, {}}, "open");
  for (int i = 0; i < 20; ++i) {
    done(i % 2 == 0 ? *other : *one, bank::Deposit{"a", 1}, "deposit-" + std::to_string(i));
  }
  for (const int commits : {1, 3, 1'000}) {
    versions_.clear();
    JournalCursor at;
    follow(*one, at, commits);
    EXPECT_EQ(versions_["a"], 21) << commits;
    EXPECT_EQ(at, other->journal_end().value());
    EXPECT_EQ(at.places.size(), 2U);
  }
  EXPECT_EQ(lanes_seen_.size(), 2U);
  // And back along its own entries.
  const auto timeline = other->timeline({bank::Account::machine, "a"}, 100);
  ASSERT_TRUE(timeline) << timeline.error().text();
  ASSERT_EQ(timeline->size(), 21U);
  for (std::size_t i = 0; i < timeline->size(); ++i) {
    EXPECT_EQ((*timeline)[i].version, static_cast<std::int64_t>(21 - i));
  }
  EXPECT_EQ(other->timeline({bank::Account::machine, "a"}, 5)->size(), 5U);
}

TEST_F(SharedJournal, AReaderBesideTheWritersSkipsAndRepeatsNothing) {
  const auto seed = seed_of_run();
  std::cout << "PAWL_SEED=" << seed << "\n";
  constexpr int accounts = 4;
  constexpr int deposits = 60;  // of each writer
  const auto one = open_engine(2);
  const auto other = open_engine(2);
  ASSERT_TRUE(one && other);
  for (int i = 0; i < accounts; ++i) {
    done(*one, bank::Open{std::string(1, static_cast<char>('a' + i)), 0, {}},
         "open-" + std::to_string(i));
  }
  std::atomic<int> writing = 0;
  std::vector<std::thread> writers;
  for (int w = 0; w < 4; ++w) {
    ++writing;
    writers.emplace_back([&, w] {
      std::mt19937_64 random(seed + static_cast<std::uint64_t>(w));
      for (int i = 0; i < deposits; ++i) {
        const std::string id = std::to_string(w) + "-" + std::to_string(i);
        const std::string account(1, static_cast<char>('a' + random() % accounts));
        done(w % 2 == 0 ? *one : *other, bank::Deposit{account, 1}, id);
      }
      --writing;
    });
  }
  std::mt19937_64 random(seed);
  JournalCursor at;
  while (writing > 0 && !HasFatalFailure()) follow(*one, at, static_cast<int>(1 + random() % 9));
  for (auto& writer : writers) writer.join();
  follow(*other, at, 7);
  std::int64_t entries = 0;
  for (const auto& [key, version] : versions_) entries += version;
  EXPECT_EQ(entries, accounts + 4 * deposits);
  EXPECT_EQ(at, one->journal_end().value());
}

TEST_F(SharedJournal, AGapInOneLaneIsToldAndTheOthersAreNotReadPastIt) {
  const auto one = open_engine(1);
  const auto other = open_engine(1);
  ASSERT_TRUE(one && other);
  done(*one, bank::Open{"a", 1, {}}, "a");
  done(*other, bank::Open{"b", 1, {}}, "b");
  const JournalCursor before = one->journal_end().value();
  for (int i = 0; i < 4; ++i) {
    done(i % 2 == 0 ? *one : *other, bank::Deposit{i % 2 == 0 ? "a" : "b", 1}, std::to_string(i));
  }
  EXPECT_EQ(one->journal_after(before, 10)->entries.size(), 4U);
  const JournalPlace second = before.places.at(1);
  world_.sql("DELETE FROM pawl_journal WHERE lane = " + std::to_string(second.lane) +
             " AND sequence = " + std::to_string(second.sequence + 1));
  const auto page = one->journal_after(before, 10);
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, journal_place_gone);
}

}  // namespace

}  // namespace pawl::test
