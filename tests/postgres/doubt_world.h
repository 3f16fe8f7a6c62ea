// SPDX-License-Identifier: Apache-2.0
//
// An engine with one lane on a PostgreSQL store that it reaches through a gate, and an account
// whose deposits are counted: whatever happens to a commit, each of them must be there once.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>

#include "engine/bank_decide.h"
#include "eventually.h"
#include "postgres/gate.h"
#include "postgres/postgres_world.h"
#include "store/store.h"

namespace pawl::test {

class DoubtWorld {
 public:
  DoubtWorld() : DoubtWorld(TestServer::shared()) {}
  explicit DoubtWorld(TestServer& server) : world_(server), gate_(server.port()) {
    bank::describe(registry_);
    auto& options = world_.options();
    options.url = "postgresql://pawl:" + std::string(TestServer::password) +
                  "@127.0.0.1:" + std::to_string(gate_.port()) + "/pawl?sslmode=disable";
    options.readers = 1;
    options.lock_timeout_ms = 20;
    options.in_doubt_wait_ms = patience_ms;
  }

  Gate& gate() { return gate_; }
  PostgresOptions& options() { return world_.options(); }
  const Registry& registry() const { return registry_; }
  Engine& engine() { return *engine_; }
  std::string sql(const std::string& text) const { return world_.sql(text); }
  Result<StoreHandle> open() { return world_.open(registry_, false); }

  void start() {
    auto store = open();
    ASSERT_TRUE(store) << store.error().text();
    EngineOptions options;
    options.lanes = 1;
    options.seed = 1;
    options.stop_grace_ms = 0;
    // Nothing but the lane's batches shall commit.
    options.retention = {0, 0, 0, 0};
    engine_ = std::make_unique<Engine>(std::move(*store), registry_, options);
    const auto started = engine_->start();
    ASSERT_TRUE(started) << started.error().text();
  }
  void stop() { engine_.reset(); }
  void open_account() {
    const auto opened = engine_->call(bank::Open{"a", 0, {}}, {"ann", "open", ""});
    ASSERT_TRUE(opened && opened->done);
  }
  // One unit, under the id of that number.
  std::future<Result<Receipt>> deposit(int number) {
    auto promise = std::make_shared<std::promise<Result<Receipt>>>();
    auto future = promise->get_future();
    engine_->submit(bank::Deposit{"a", 1}, {"ann", "deposit-" + std::to_string(number), ""},
                    [promise](Result<Receipt> receipt) { promise->set_value(std::move(receipt)); });
    return future;
  }
  static bool ready(const std::future<Result<Receipt>>& future) {
    return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }
  // The deposit of that number was carried out, as that many-th; `repeated`: before this.
  static void expect_done(const Result<Receipt>& receipt, int number, bool repeated) {
    ASSERT_TRUE(receipt) << receipt.error().text();
    EXPECT_TRUE(receipt->done) << receipt->code;
    EXPECT_EQ(receipt->repeated, repeated);
    EXPECT_EQ(receipt->version, number + 1);
    EXPECT_TRUE(receipt->reply_json.starts_with("{\"balance\":" + std::to_string(number) + ","))
        << receipt->reply_json;
  }
  std::string table(const std::string& name) const { return world_.schema() + "." + name; }
  // By the row, the receipts and the journal, behind the engine's back.
  void expect_deposits(int number) const {
    const std::string n = std::to_string(number);
    EXPECT_EQ(sql("SELECT balance FROM accounts"), n);
    EXPECT_EQ(sql("SELECT count(*) FROM pawl_receipts WHERE kind = 'bank.deposit'"), n);
    EXPECT_EQ(sql("SELECT count(*) FROM pawl_journal WHERE entries LIKE '%bank.deposit%'"), n);
  }

 private:
  PostgresWorld world_;
  Gate gate_;
  Registry registry_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace pawl::test
