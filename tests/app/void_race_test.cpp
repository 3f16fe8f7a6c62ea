// SPDX-License-Identifier: Apache-2.0
//
// Acceptance case 15: the custodian's operator voids a queued payout at the moment at which it
// becomes final. Whoever wins there decides here, and nobody is told the other thing.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <random>

#include "app/client_options.h"
#include "app/desk_world.h"
#include "seed.h"
#include "systems/otc/custodian.h"

namespace pawl::app::test {
namespace {

constexpr int rounds = 200;
constexpr std::int64_t spread_us = 3'000;

class VoidRace : public DeskWorld {
 protected:
  std::string settings() const override {
    return "[otc]\npayout_poll_interval_ms = 10\nopen_per_maker = 100000\n"
           "held_per_taker = 100000\n";
  }
  std::int64_t payout_delay_ms() const override { return 15; }
};

// The moment is what this is about, so it is waited for and not polled.
void wait_us(std::int64_t us) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable never;
  never.wait_for(lock, std::chrono::microseconds(us));
}

TEST_F(VoidRace, Case15VoidAndPromotionOfAPayoutAtOnce) {
  const std::uint64_t seed = pawl::test::seed_of_run();
  std::cout << "PAWL_SEED=" << seed << "\n";
  std::mt19937_64 random(seed);
  ASSERT_TRUE(start_server());
  SandboxClient sandbox(sandbox_url());
  std::vector<Sale> completed;
  std::vector<Sale> voided;
  // Hunts the moment: earlier after each void that came too late, later after each in time.
  std::int64_t delay_us = payout_delay_ms() * 500;
  for (int round = 0; round < rounds; ++round) {
    const Sale sale = confirmed();
    wait_us(std::max<std::int64_t>(0, delay_us + static_cast<std::int64_t>(random() % spread_us)));
    const auto won = sandbox.void_payout(otc::custodian_key(otc::Call::payout, sale.id, 1));
    ASSERT_TRUE(won) << won.error().text();
    delay_us += *won ? 400 : -400;
    (*won ? voided : completed).push_back(sale);
    ASSERT_TRUE(reaches(sale, *won ? "settlement_recovery" : "completed"))
        << status_of(sale) << (*won ? ", voided" : ", final") << " in round " << round;
  }
  EXPECT_FALSE(completed.empty()) << "the void always won";
  EXPECT_FALSE(voided.empty()) << "the void never won";
  std::cout << "voided " << voided.size() << ", completed " << completed.size() << "\n";
  // Long after: nothing that was decided has turned over, and each void is known to a person.
  for (const auto& sale : voided) EXPECT_EQ(status_of(sale), "settlement_recovery");
  for (const auto& sale : completed) EXPECT_EQ(status_of(sale), "completed");
  EXPECT_EQ(sandbox.balance_micro(taker_.wallet()),
            static_cast<std::int64_t>(completed.size()) * sale_micro);
  const auto codes = alert_codes();
  EXPECT_EQ(std::count(codes.begin(), codes.end(), "otc_payout_refused"),
            static_cast<std::ptrdiff_t>(voided.size()));
  EXPECT_EQ(codes.size(), voided.size());
  expect_sound();
}

}  // namespace
}  // namespace pawl::app::test
