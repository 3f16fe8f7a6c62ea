// SPDX-License-Identifier: Apache-2.0
//
// A primary that dies under load, under Patroni with a synchronous standby: what was acknowledged
// is there afterwards, nothing was done twice, and work goes on without anybody's help. A customer
// who gets no definite answer sends the same command again, under the same id.
#include <gtest/gtest.h>
#include <pawl/engine.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <map>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "engine/bank.h"
#include "engine/bank_decide.h"
#include "failover/patroni_cluster.h"
#include "seed.h"

namespace pawl::test {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr int customers = 8;
constexpr int accounts = 16;
constexpr int recovery_ms = 120'000;

std::string account_of(int number) {
  return "account-" + std::to_string(number);
}

// Customers who deposit and pay, each command until it is acknowledged.
class Load {
 public:
  explicit Load(Engine& engine, std::uint64_t seed) : engine_(engine) {
    for (int i = 0; i < customers; ++i) {
      threads_.emplace_back([this, i, seed] { run(i, seed + static_cast<std::uint64_t>(i)); });
    }
  }
  ~Load() { stop(); }

  std::int64_t acknowledged() const { return acknowledged_; }
  // Waits until so many more were acknowledged.
  bool goes_on(std::int64_t more, int deadline_ms = patience_ms) {
    const std::int64_t goal = acknowledged_ + more;
    return eventually([&] { return acknowledged_ >= goal; }, deadline_ms);
  }
  void stop() {
    stopping_ = true;
    for (auto& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  std::map<std::string, std::int64_t> deposits() {
    const std::lock_guard lock(mutex_);
    return deposits_;
  }
  std::int64_t payments() const { return payments_; }
  std::int64_t unanswered() const { return unanswered_; }
  // The longest time in which nobody was acknowledged anything.
  double longest_gap_s() {
    const std::lock_guard lock(mutex_);
    return longest_gap_s_;
  }

 private:
  void run(int customer, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    for (int i = 0; !stopping_; ++i) {
      const std::string account = account_of(static_cast<int>(random() % accounts));
      const std::string id = "c" + std::to_string(customer) + "-" + std::to_string(i);
      const bool pays = random() % 8 == 0;
      if (!pays) {
        until_acknowledged(bank::Deposit{account, 1}, id);
        const std::lock_guard lock(mutex_);
        ++deposits_[account];
      } else if (until_acknowledged(bank::Pay{account, 1, id}, id)) {
        ++payments_;
      }
    }
  }
  // Answers whether it was done (a payment may be refused for want of money).
  template <class C>
  bool until_acknowledged(const C& command, const std::string& id) {
    while (true) {
      const auto receipt = engine_.call(command, {.principal = "ann", .id = id});
      if (receipt) {
        acknowledge();
        return receipt->done;
      }
      ++unanswered_;
      // lint: allow(sleep): the customer's own pause before it asks again
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  void acknowledge() {
    ++acknowledged_;
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock(mutex_);
    longest_gap_s_ =
        std::max(longest_gap_s_, std::chrono::duration<double>(now - last_acknowledged_).count());
    last_acknowledged_ = now;
  }

  Engine& engine_;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::int64_t> acknowledged_ = 0;
  std::atomic<std::int64_t> payments_ = 0;
  std::atomic<std::int64_t> unanswered_ = 0;
  std::mutex mutex_;
  std::map<std::string, std::int64_t> deposits_;
  SteadyTime last_acknowledged_ = std::chrono::steady_clock::now();
  double longest_gap_s_ = 0;
  std::vector<std::thread> threads_;
};

// A far side that carries one key out once, and counts how often it was asked to.
class Payee final : public EffectHandler {
 public:
  void start(const EffectCall& call, Done done) override {
    {
      const std::lock_guard lock(mutex_);
      if (call.purpose == EffectCall::Purpose::perform) {
        ++paid_[call.idempotency_key];
      } else if (!paid_.contains(call.idempotency_key)) {
        return done(EffectAnswer(Outcome::absent));
      }
    }
    done(EffectAnswer(Outcome::confirmed));
  }
  std::size_t payments() const {
    const std::lock_guard lock(mutex_);
    return paid_.size();
  }
  std::size_t sent_twice() const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::count_if(
        paid_.begin(), paid_.end(), [](const auto& paid) { return paid.second > 1; }));
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, int> paid_;
};

class Failover : public ::testing::Test {
 protected:
  Failover() {
    // Sent again only where the far side says that it knows nothing of it, and never on a guess.
    EffectPolicy policy = bank::quick_policy();
    policy.resend = ResendRule::inquiry_voids;
    bank::describe(registry_, policy);
  }

  void start() {
    PostgresOptions options;
    options.url = cluster_.url();
    options.connect_timeout_ms = 2'000;
    auto store = open_postgres(options, registry_);
    ASSERT_TRUE(store) << store.error().text();
    engine_ = std::make_unique<Engine>(std::move(*store), registry_, EngineOptions{});
    engine_->handle_effect(bank::Payment::kind, payee_);
    const auto started = engine_->start();
    ASSERT_TRUE(started) << started.error().text();
    for (int i = 0; i < accounts; ++i) {
      const auto opened = engine_->call(bank::Open{account_of(i), 1'000, {}},
                                        {.principal = "ann", .id = "open-" + std::to_string(i)});
      ASSERT_TRUE(opened && opened->done);
    }
  }
  // All that was promised, counted on the node that took over.
  void check(Load& load, std::string_view fault) {
    ASSERT_TRUE(eventually(
        [&] {
          const auto open = engine_->effects(false, 0, 10);
          return open && open->empty();
        },
        recovery_ms))
        << "every payment ends";
    const auto deposits = load.deposits();
    std::int64_t deposited = 0;
    for (const auto& [account, count] : deposits) deposited += count;
    Query query;
    query.table = bank::Account::table;
    const auto sum = engine_->aggregate(query, "balance");
    ASSERT_TRUE(sum);
    const std::int64_t expected = accounts * 1'000 + deposited - load.payments();
    EXPECT_EQ(sum->sum, expected) << "acknowledged and lost, or done twice";
    EXPECT_EQ(payee_->payments(), static_cast<std::size_t>(load.payments()));
    EXPECT_EQ(payee_->sent_twice(), 0U);
    std::printf("%.*s: acknowledged %lld (payments %lld), asked again %lld, longest gap %.2f s\n",
                static_cast<int>(fault.size()), fault.data(),
                static_cast<long long>(load.acknowledged()),
                static_cast<long long>(load.payments()), static_cast<long long>(load.unanswered()),
                load.longest_gap_s());
    RecordProperty("longest_gap_s", std::to_string(load.longest_gap_s()));
  }

  const std::uint64_t seed_ = seed_of_run();
  PatroniCluster cluster_;
  Registry registry_;
  std::shared_ptr<Payee> payee_ = std::make_shared<Payee>();
  std::unique_ptr<Engine> engine_;
};

TEST_F(Failover, NothingAcknowledgedIsLostAndNothingDoneTwice) {
  std::printf("PAWL_SEED=%llu\n", static_cast<unsigned long long>(seed_));
  start();
  {
    Load load(*engine_, seed_);
    ASSERT_TRUE(load.goes_on(300));
    cluster_.kill_postmaster(cluster_.primary());
    ASSERT_TRUE(load.goes_on(300, recovery_ms)) << "after the postmaster's death";
    load.stop();
    check(load, "postmaster killed");
  }
  ASSERT_TRUE(cluster_.await_synchronous_standby(recovery_ms));
}

TEST_F(Failover, AWholeNodeMayDie) {
  std::printf("PAWL_SEED=%llu\n", static_cast<unsigned long long>(seed_));
  start();
  Load load(*engine_, seed_);
  ASSERT_TRUE(load.goes_on(300));
  const int node = cluster_.primary();
  cluster_.kill_node(node);
  ASSERT_TRUE(load.goes_on(300, recovery_ms)) << "after the node's death";
  EXPECT_EQ(cluster_.primary(), 1 - node);
  load.stop();
  check(load, "node killed");
}

}  // namespace
}  // namespace pawl::test
