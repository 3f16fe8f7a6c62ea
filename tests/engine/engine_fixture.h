// SPDX-License-Identifier: Apache-2.0
//
// A real engine on a real store of its own, that a test can stop and start again, and an outside
// whose answers are scripted. Waits poll a condition up to a deadline.
#pragma once

#include <gtest/gtest.h>
#include <pawl/engine.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "engine/bank_decide.h"
#include "engine/engine_world.h"
#include "eventually.h"

namespace pawl::test {

// The outside. Records every call; the script answers, at once, later or never.
class ScriptedHandler final : public EffectHandler {
 public:
  using Script = std::function<void(const EffectCall&, Done)>;
  using Purpose = EffectCall::Purpose;

  explicit ScriptedHandler(Script script) : script_(std::move(script)) {}

  void start(const EffectCall& call, Done done) override {
    Script script;
    {
      const std::lock_guard lock(mutex_);
      calls_.push_back(call);
      script = script_;
    }
    called_.notify_all();
    script(call, std::move(done));
  }
  void set(Script script) {
    const std::lock_guard lock(mutex_);
    script_ = std::move(script);
  }
  int count(Purpose purpose) const {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(
        std::count_if(calls_.begin(), calls_.end(),
                      [&](const EffectCall& call) { return call.purpose == purpose; }));
  }
  int sends() const { return count(Purpose::perform); }
  int inquiries() const { return count(Purpose::inquire); }
  std::vector<EffectCall> calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  bool wait_for_calls(std::size_t number) {
    std::unique_lock lock(mutex_);
    return called_.wait_for(lock, std::chrono::milliseconds(patience_ms),
                            [&] { return calls_.size() >= number; });
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable called_;
  std::vector<EffectCall> calls_;
  Script script_;
};

inline ScriptedHandler::Script answering(Outcome outcome) {
  return [outcome](const EffectCall&, EffectHandler::Done done) { done(EffectAnswer(outcome)); };
}
inline void hang(const EffectCall&, const EffectHandler::Done&) {}

class EngineFixture : public ::testing::Test {
 protected:
  void describe(const EffectPolicy& policy) { policy_ = policy; }

  void start(EngineOptions options = {}) {
    if (!registry_) {
      registry_ = std::make_unique<Registry>();
      bank::describe(*registry_, policy_);
    }
    auto store = world_->open(*registry_, clock_);
    ASSERT_TRUE(store) << store.error().text();
    if (options.seed == 0) options.seed = 1;
    StoreHandle handle = wrap_ ? wrap_(std::move(*store)) : std::move(*store);
    engine_ = std::make_unique<Engine>(std::move(handle), *registry_, options);
    if (handler_) engine_->handle_effect(bank::Payment::kind, handler_);
    const auto started = engine_->start();
    ASSERT_TRUE(started) << started.error().text();
  }
  void restart(EngineOptions options = {}) {
    engine_.reset();
    start(options);
  }
  // As a killed process leaves it: nothing that is under way is waited for.
  static EngineOptions no_grace() {
    EngineOptions options;
    options.stop_grace_ms = 0;
    return options;
  }

  template <class C>
  Result<Receipt> call(C command, std::string id = {}, std::string who = "ann") {
    if (id.empty()) id = "auto-" + std::to_string(++ids_);
    return engine_->call(std::move(command), {std::move(who), std::move(id), ""});
  }
  template <class C>
  void done(C command, std::string id = {}) {
    const auto receipt = call(std::move(command), std::move(id));
    ASSERT_TRUE(receipt) << receipt.error().text();
    ASSERT_TRUE(receipt->done) << receipt->code << " " << receipt->detail;
  }
  bank::Account account(const std::string& key) {
    const auto row = engine_->read(Key<bank::Account>{key});
    EXPECT_TRUE(row) << (row ? "" : row.error().text());
    EXPECT_TRUE(row && *row) << "no account " << key;
    return row && *row ? (*row)->row : bank::Account{};
  }
  bool reaches(const std::string& key, const std::function<bool(const bank::Account&)>& test) {
    return eventually([&] { return test(account(key)); });
  }
  EffectInfo only_effect() {
    const auto effects = engine_->effects(true, 0, 10);
    EXPECT_TRUE(effects && effects->size() == 1);
    return effects && effects->size() == 1 ? effects->front() : EffectInfo{};
  }
  bool effect_reaches(const std::string& state) {
    return eventually([&] { return only_effect().state == state; });
  }
  Result<Receipt> operate(std::int64_t id, Engine::EffectVerb verb, std::int64_t token = 0) {
    std::promise<Result<Receipt>> promise;
    engine_->operate_effect(
        id, verb, token, {"operator:ann", "op-" + std::to_string(++ids_), "why"},
        [&](Result<Receipt> receipt) { promise.set_value(std::move(receipt)); });
    return promise.get_future().get();
  }
  Result<Receipt> operate_parked(std::int64_t id, bool retry, std::string request_id = {}) {
    if (request_id.empty()) request_id = "op-" + std::to_string(++ids_);
    std::promise<Result<Receipt>> promise;
    engine_->operate_parked(
        id, retry, {"operator:ann", request_id, "why"},
        [&](Result<Receipt> receipt) { promise.set_value(std::move(receipt)); });
    return promise.get_future().get();
  }
  std::vector<ParkedInfo> parked() {
    auto rows = engine_->parked(100);
    EXPECT_TRUE(rows);
    return rows ? *rows : std::vector<ParkedInfo>{};
  }
  std::int64_t total_balance() {
    Query query;
    query.table = bank::Account::table;
    const auto sum = engine_->aggregate(query, "balance");
    EXPECT_TRUE(sum);
    return sum ? sum->sum : -1;
  }

  // A store in which nothing has happened yet.
  void begin_anew() {
    world_.reset();
    dir_ = std::make_unique<TempDir>();
    world_ = new_engine_world(*dir_);
  }

  std::unique_ptr<TempDir> dir_ = std::make_unique<TempDir>();
  std::unique_ptr<EngineWorld> world_ = new_engine_world(*dir_);
  EffectPolicy policy_ = bank::quick_policy();
  std::unique_ptr<Registry> registry_;
  std::shared_ptr<ScriptedHandler> handler_;
  Clock* clock_ = nullptr;
  std::function<StoreHandle(StoreHandle)> wrap_;
  std::unique_ptr<Engine> engine_;
  std::atomic<int> ids_{0};
};

}  // namespace pawl::test
