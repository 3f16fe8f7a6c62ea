// SPDX-License-Identifier: Apache-2.0
//
// The token buckets: exact also when many ask at once, refilled by time, bounded in number.
#include "app/edge/rate_limit.h"

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <thread>
#include <vector>

namespace pawl::app::test {

constexpr std::int64_t second_us = 1'000'000;
constexpr Rate ten_a_minute{10, 60 * second_us};

TEST(RateLimit, TheEleventhOfAMinuteIsRefusedAndToldWhen) {
  RateLimiter limiter(100);
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(limiter.ask("a", ten_a_minute, 1'000 * second_us).allowed) << i;
  }
  const auto refused = limiter.ask("a", ten_a_minute, 1'000 * second_us);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.retry_after_seconds, 6);
  // Refusals cost nothing: the wait does not grow by asking.
  EXPECT_EQ(limiter.ask("a", ten_a_minute, 1'004 * second_us).retry_after_seconds, 2);
  EXPECT_FALSE(limiter.ask("a", ten_a_minute, 1'006 * second_us - 1).allowed);
  EXPECT_TRUE(limiter.ask("a", ten_a_minute, 1'006 * second_us).allowed);
  EXPECT_FALSE(limiter.ask("a", ten_a_minute, 1'006 * second_us).allowed);
}

TEST(RateLimit, KeysDoNotShareAndAFullBucketHoldsNoMoreThanItsDepth) {
  RateLimiter limiter(100);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(limiter.ask("a", ten_a_minute, 0).allowed);
  EXPECT_FALSE(limiter.ask("a", ten_a_minute, 0).allowed);
  EXPECT_TRUE(limiter.ask("b", ten_a_minute, 0).allowed);
  const std::int64_t next_day = 86'400 * second_us;
  int passed = 0;
  for (int i = 0; i < 50; ++i) passed += limiter.ask("a", ten_a_minute, next_day).allowed ? 1 : 0;
  EXPECT_EQ(passed, 10);
}

TEST(RateLimit, NoRateIsNoLimit) {
  RateLimiter limiter(1);
  for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(limiter.ask("a", Rate{}, 0).allowed);
  EXPECT_EQ(limiter.buckets(), 0U);
}

TEST(RateLimit, ExactlyAsManyPassAsTheBucketHoldsWhenFiftyAskAtOnce) {
  constexpr int callers = 50;
  for (int round = 0; round < 20; ++round) {
    RateLimiter limiter(100);
    std::barrier ready(callers);
    std::atomic<int> passed = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < callers; ++i) {
      threads.emplace_back([&] {
        ready.arrive_and_wait();
        if (limiter.ask("a", ten_a_minute, 0).allowed) ++passed;
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(passed, 10);
  }
}

TEST(RateLimit, TheBucketNotUsedForTheLongestTimeIsForgotten) {
  RateLimiter limiter(3);
  const Rate one{1, 60 * second_us};
  for (const auto* key : {"a", "b", "c"}) EXPECT_TRUE(limiter.ask(key, one, 0).allowed);
  EXPECT_FALSE(limiter.ask("a", one, 0).allowed);  // used again: now b is the oldest
  EXPECT_TRUE(limiter.ask("d", one, 0).allowed);
  EXPECT_EQ(limiter.buckets(), 3U);
  EXPECT_FALSE(limiter.ask("a", one, 0).allowed);
  EXPECT_FALSE(limiter.ask("c", one, 0).allowed);
  EXPECT_TRUE(limiter.ask("b", one, 0).allowed);
}

}  // namespace pawl::app::test
