// SPDX-License-Identifier: Apache-2.0
//
// Backup beside a writing engine, and what a restore makes of the copy.
#include <pawl/backup.h>

#include <thread>

#include "engine/engine_fixture.h"

namespace pawl::test {
namespace {

class BackupTest : public EngineFixture {
 protected:
  std::string backup_file() const { return dir_->file("copy.db"); }
  void start_restored() {
    engine_.reset();
    std::filesystem::remove(dir_->file("bank.db"));
    std::filesystem::remove(dir_->file("bank.db-wal"));
    std::filesystem::remove(dir_->file("bank.db-shm"));
    const auto facts = restore_sqlite(backup_file(), dir_->file("bank.db"), *registry_);
    ASSERT_TRUE(facts) << facts.error().text();
    restored_ = *facts;
    start(no_grace());
  }
  RestoreFacts restored_;
};

TEST_F(BackupTest, ACopyBesideAWritingEngineIsTheStoreAsOfOneCommit) {
  start();
  for (const char* account : {"a", "b", "c"}) done(bank::Open{account, 1'000, {}});
  std::atomic<bool> stop = false;
  std::vector<std::thread> movers;
  for (int i = 0; i < 3; ++i) {
    movers.emplace_back([&, i] {
      const std::string names[] = {"a", "b", "c"};
      for (int n = 0; !stop; ++n) {
        (void)call(bank::Transfer{names[i], names[(i + 1) % 3], 1});
      }
    });
  }
  const auto commits = engine_->statistics().commits;
  eventually([&] { return engine_->statistics().commits > commits + 20; });
  const auto facts = backup_sqlite(dir_->file("bank.db"), backup_file());
  const bool went_on = eventually([&, now = engine_->statistics().commits] {
    return engine_->statistics().commits > now + 20;
  });
  stop = true;
  for (auto& mover : movers) mover.join();
  ASSERT_TRUE(facts) << facts.error().text();
  EXPECT_TRUE(went_on);
  EXPECT_EQ(total_balance(), 3'000);
  const auto store = engine_->store_identity();
  EXPECT_EQ(facts->store_id, store.id);
  EXPECT_EQ(facts->epoch, store.epoch);
  start_restored();
  EXPECT_EQ(total_balance(), 3'000) << "no half of a transfer";
  EXPECT_EQ(engine_->store_identity().id, store.id);
  EXPECT_EQ(engine_->store_identity().restores, 1);
  EXPECT_NE(engine_->store_identity().epoch, store.epoch);
  EXPECT_EQ(engine_->store_identity().epoch, restored_.epoch);
}

TEST_F(BackupTest, NoIdThatWasGivenOutAfterTheBackupIsGivenOutAgain) {
  handler_ = std::make_shared<ScriptedHandler>(hang);
  start(no_grace());
  done(bank::Open{"a", 100, {}});
  ASSERT_TRUE(backup_sqlite(dir_->file("bank.db"), backup_file()));
  for (int i = 0; i < 5; ++i) done(bank::Pay{"a", 1, "k" + std::to_string(i)});
  const auto lost = engine_->effects(true, 0, 10);
  ASSERT_TRUE(lost && lost->size() == 5);
  start_restored();
  done(bank::Pay{"a", 1, "k0"});
  EXPECT_GT(only_effect().id, lost->back().id);
  const auto timeline = engine_->timeline(entity_ref(Key<bank::Account>{"a"}), 10);
  ASSERT_TRUE(timeline);
  EXPECT_EQ(timeline->size(), 2U) << "the walk leads over the gap";
}

TEST_F(BackupTest, WhatHadNotEndedIsInquiredUnderItsKeyBeforeItIsSent) {
  policy_ = bank::quick_policy(ResendRule::not_after);
  handler_ = std::make_shared<ScriptedHandler>(hang);
  start(no_grace());
  done(bank::Open{"a", 100, {}});
  done(bank::Pay{"a", 1, "the-key"});
  ASSERT_TRUE(handler_->wait_for_calls(1));
  ASSERT_TRUE(backup_sqlite(dir_->file("bank.db"), backup_file()));
  handler_ = std::make_shared<ScriptedHandler>(hang);
  const Time before = system_clock().now();
  start_restored();
  EXPECT_EQ(restored_.effects_to_inquire, 1);
  ASSERT_TRUE(handler_->wait_for_calls(1));
  const auto call = handler_->calls().front();
  EXPECT_EQ(call.purpose, EffectCall::Purpose::inquire);
  EXPECT_EQ(call.idempotency_key, "the-key");
  EXPECT_GE(call.not_after, before.plus_ms(policy_.not_after_ms));
  EXPECT_EQ(handler_->sends(), 0);
}

TEST_F(BackupTest, OnlyWhatItsManifestVouchesForIsRestored) {
  start();
  done(bank::Open{"a", 100, {}});
  ASSERT_TRUE(backup_sqlite(dir_->file("bank.db"), backup_file()));
  EXPECT_EQ(backup_sqlite(dir_->file("bank.db"), backup_file()).error().code, backup_file_exists);
  const auto refused = [&] {
    const auto facts = restore_sqlite(backup_file(), dir_->file("other.db"), *registry_);
    EXPECT_FALSE(std::filesystem::exists(dir_->file("other.db")));
    EXPECT_FALSE(std::filesystem::exists(dir_->file("other.db.restoring")));
    return facts ? ErrorCode{} : facts.error().code;
  };
  std::filesystem::rename(backup_file() + ".json", dir_->file("kept.json"));
  EXPECT_EQ(refused(), backup_damaged);
  std::filesystem::rename(dir_->file("kept.json"), backup_file() + ".json");
  std::filesystem::resize_file(backup_file(), std::filesystem::file_size(backup_file()) - 1);
  EXPECT_EQ(refused(), backup_damaged);
  EXPECT_EQ(restore_sqlite(backup_file(), dir_->file("bank.db"), *registry_).error().code,
            store_locked);
}

}  // namespace
}  // namespace pawl::test
