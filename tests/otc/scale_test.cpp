// SPDX-License-Identifier: Apache-2.0
//
// Acceptance case 95: reads stay quick beside ten thousand open orders, and a thousand orders in
// recovery are driven on in bounded turns, across a restart, each of them once.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <iostream>
#include <set>

#include "eventually.h"
#include "otc/running_desk.h"

namespace pawl::otc::test {
namespace {

constexpr unsigned open_orders = 10'000;
constexpr unsigned recovering_orders = 1'000;
// Of one read, for a machine that does other things, too: ten times what is usual here.
constexpr std::int64_t read_limit_ms = 1'000;

class Scale : public RunningDesk {
 protected:
  Scale() {
    settings.open_per_maker = 1'000'000;
    settings.held_per_taker = 1'000'000;
    settings.custodian_max_attempts = 1;
    start();
  }
  // Sends what `next` gives for 0 .. count-1, 60 at a time.
  template <class Next>
  void send_all(unsigned count, unsigned status, Next next) {
    std::deque<std::future<Answer>> under_way;
    const auto take = [&] {
      const auto answer = under_way.front().get();
      ASSERT_EQ(answer.status, status) << answer.raw.body;
      under_way.pop_front();
    };
    for (unsigned i = 0; i < count; ++i) {
      if (under_way.size() >= 60) {
        ASSERT_NO_FATAL_FAILURE(take());
      }
      under_way.push_back(next(i));
    }
    while (!under_way.empty()) {
      ASSERT_NO_FATAL_FAILURE(take());
    }
  }
  Terms numbered(unsigned number, Side side) const {
    Terms terms;
    terms.side = side;
    terms.nonce = nonce(number);
    terms.price = "0." + std::to_string(100 + number % 800);
    return terms;
  }
  Answer timed(const std::string& path) {
    const auto begin = std::chrono::steady_clock::now();
    Answer answer = get(path);
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - begin);
    EXPECT_EQ(answer.status, 200U) << answer.raw.body;
    EXPECT_LT(took.count(), read_limit_ms) << path;
    slowest_ms_ = std::max(slowest_ms_, std::int64_t{took.count()});
    return answer;
  }
  std::int64_t in_state(OrderState state) {
    Query query;
    query.table = Order::table;
    query.columns = {"order_id"};
    query.where = {{"state", Comparison::equal, std::string(name_of(state))}};
    return engine->aggregate(query).value().count;
  }

  std::int64_t slowest_ms_ = 0;
};

TEST_F(Scale, Case95ReadsAreQuickAndAThousandRecoveriesAreDrivenOnInBoundedTurns) {
  send_all(open_orders, 201, [&](unsigned i) {
    return begin("POST", "/otc/orders", create_body(numbered(i + 1, Side::buy)));
  });
  const auto sale = [&](unsigned i) { return numbered(100'000 + i, Side::sell); };
  custodian->give(wallet(1), 10'000'000LL * recovering_orders);
  send_all(recovering_orders, 201,
           [&](unsigned i) { return begin("POST", "/otc/orders", create_body(sale(i))); });
  send_all(recovering_orders, 200, [&](unsigned i) {
    const auto id = id_of(sale(i));
    return begin("POST", order_path(id) + "/match", match_body(key(2), id));
  });
  // None of the payouts reaches the custodian: they are asked for again by themselves, later.
  custodian->fail_next(Call::payout, Fault::Kind::never_sent, "", recovering_orders);
  send_all(recovering_orders, 502, [&](unsigned i) {
    return begin("POST", order_path(id_of(sale(i))) + "/confirm", confirm_body(7));
  });
  ASSERT_EQ(in_state(OrderState::settlement_recovery), recovering_orders);
  ASSERT_EQ(in_state(OrderState::open), open_orders);

  const auto read_all = [&] {
    EXPECT_EQ(timed("/otc/book").body.find("bids")->as_array()->size(), 20U);
    EXPECT_EQ(timed("/otc/orders?limit=200&side=buy").body.find("orders")->as_array()->size(),
              200U);
    timed("/otc/orders?state=settlement_recovery&limit=200");
    timed("/otc/orders?limit=200&maker=" + wallet(1).text());
    timed("/otc/stats");
  };
  read_all();
  // The last pages are as quick as the first: each order once.
  std::set<std::string> seen;
  std::string cursor;
  do {
    const auto page =
        timed("/otc/orders?side=buy&limit=200" + (cursor.empty() ? "" : "&cursor=" + cursor));
    for (const auto& order : *page.body.find("orders")->as_array()) {
      EXPECT_TRUE(seen.emplace(*order.find("order_id")->as_string()).second);
    }
    cursor = page.text("next_cursor");
  } while (!cursor.empty());
  EXPECT_EQ(seen.size(), open_orders);

  // All of them are due at once. No commit takes more than its bound, reads go on beside it, and
  // who is stopped in the middle goes on where it was.
  custodian->hold();
  forward_seconds(3'600);
  ASSERT_TRUE(pawl::test::eventually(
      [&] { return in_state(OrderState::settlement_recovery) < recovering_orders; }));
  read_all();
  stop();
  start();
  read_all();
  custodian->let_go();
  ASSERT_TRUE(pawl::test::eventually(
      [&] {
        custodian->confirm_payouts();
        return in_state(OrderState::completed) == recovering_orders;
      },
      60'000))
      << in_state(OrderState::completed);
  EXPECT_EQ(custodian->done(Call::payout), static_cast<int>(recovering_orders));
  EXPECT_LE(engine->statistics().largest_batch, std::int64_t{EngineOptions{}.max_batch});
  EXPECT_TRUE(custodian->balanced());
  read_all();
  std::cout << "the slowest read took " << slowest_ms_ << " ms\n";
}

}  // namespace
}  // namespace pawl::otc::test
