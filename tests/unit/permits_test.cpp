// SPDX-License-Identifier: Apache-2.0
//
// How a destination's limit is shared among lanes.
#include "protocol/permits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "seed.h"

namespace pawl::test {

using protocol::granted_permits;
using protocol::PermitHolder;
using protocol::PermitWish;

PermitWish wish(int limit, int wanted, int in_use = 0) {
  return {"there", limit, wanted, in_use};
}

TEST(Permits, WhoIsAloneHasWhatItWantsUpToTheLimit) {
  EXPECT_EQ(granted_permits(wish(8, 3), 0, {}, Time{}), 3);
  EXPECT_EQ(granted_permits(wish(8, 30), 0, {}, Time{}), 8);
  EXPECT_EQ(granted_permits(wish(8, 0), 0, {}, Time{}), 0);
}

TEST(Permits, WhatAnotherHasIsNotGivenTwice) {
  const PermitHolder other{1, 8, 8};
  EXPECT_EQ(granted_permits(wish(8, 8), 0, {{other}}, Time{}), 0);
}

TEST(Permits, WhoHasMoreThanItsShareGivesBackWhatIsNotInUse) {
  const PermitHolder other{1, 8, 0};
  EXPECT_EQ(granted_permits(wish(8, 8, 0), 0, {{other}}, Time{}), 4);
  EXPECT_EQ(granted_permits(wish(8, 8, 7), 0, {{other}}, Time{}), 7) << "as its exchanges end";
}

TEST(Permits, WhatOneDoesNotWantIsAnothers) {
  const PermitHolder modest{1, 2, 2};
  EXPECT_EQ(granted_permits(wish(8, 30), 0, {{modest}}, Time{}), 6);
}

TEST(Permits, FewerPermitsThanLanesGoRound) {
  std::vector<int> turns(3);
  for (int turn = 0; turn < 9; ++turn) {
    const Time now{turn * protocol::permit_turn_us};
    for (int lane = 0; lane < 3; ++lane) {
      std::vector<PermitHolder> others;
      for (int other = 0; other < 3; ++other) {
        if (other != lane) others.push_back({other, 5, 0});
      }
      turns[static_cast<std::size_t>(lane)] += granted_permits(wish(1, 5), lane, others, now);
    }
  }
  EXPECT_EQ(turns, (std::vector<int>{3, 3, 3}));
}

// Lanes that ask in any order, with exchanges that begin and end: never more than the limit, and
// everybody who wants something gets something before long.
TEST(Permits, TogetherTheyNeverHaveMoreThanTheLimit) {
  const auto seed = seed_of_run();
  RecordProperty("seed", std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    const int limit = 1 + static_cast<int>(random() % 12);
    const int lanes = 1 + static_cast<int>(random() % 6);
    std::vector<PermitHolder> held(static_cast<std::size_t>(lanes));
    std::vector<int> in_use(static_cast<std::size_t>(lanes));
    std::vector<int> served(static_cast<std::size_t>(lanes));
    std::vector<std::size_t> order(static_cast<std::size_t>(lanes));
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (int step = 0; step < 100; ++step) {
      const Time now{step * protocol::permit_turn_us / 2};
      // Every lane asks again before long, in whatever order.
      std::shuffle(order.begin(), order.end(), random);
      for (const std::size_t i : order) {
        in_use[i] = static_cast<int>(random() % static_cast<std::uint64_t>(held[i].granted + 1));
        std::vector<PermitHolder> others;
        for (std::size_t j = 0; j < held.size(); ++j) {
          if (j != i) others.push_back(held[j]);
        }
        const auto lane = static_cast<std::int32_t>(i);
        held[i] = {lane, 20, granted_permits(wish(limit, 20, in_use[i]), lane, others, now)};
        served[i] += held[i].granted;
        int sum = 0;
        for (const auto& holder : held) sum += holder.granted;
        ASSERT_LE(sum, limit) << "seed " << seed;
        ASSERT_GE(held[i].granted, in_use[i]) << "seed " << seed;
      }
    }
    for (const int count : served) EXPECT_GT(count, 0) << "seed " << seed;
  }
}

}  // namespace pawl::test
