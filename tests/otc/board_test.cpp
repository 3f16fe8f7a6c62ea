// SPDX-License-Identifier: Apache-2.0
//
// Lists, pages, book and figures, and races for the same order, over HTTP.
#include <gtest/gtest.h>

#include <set>

#include "otc/running_desk.h"

namespace pawl::otc::test {
namespace {

class Board : public RunningDesk {
 protected:
  Board() {
    settings.held_per_taker = 1'000;
    settings.open_per_maker = 1'000;
    start();
  }
  std::string add(unsigned number, Side side, const std::string& price,
                  std::int64_t ttl_seconds = 86'400) {
    Terms terms;
    terms.side = side;
    terms.nonce = nonce(number);
    terms.price = price;
    terms.ttl_seconds = ttl_seconds;
    custodian->give(wallet(1), 10'000'000);
    EXPECT_EQ(create(terms).status, 201U);
    return id_of(terms);
  }
  std::vector<std::string> ids(const Answer& answer, std::string_view name = "orders") {
    std::vector<std::string> out;
    for (const auto& item : *answer.body.find(name)->as_array()) {
      out.emplace_back(*item.find("order_id")->as_string());
    }
    return out;
  }
};

TEST_F(Board, Case62PagesNeitherSkipNorRepeatUnderInserts) {
  unsigned number = 1;
  for (const std::string filter : {"", "side=sell&", "side=buy&pair=RTC/USDC&"}) {
    SCOPED_TRACE(filter);
    const Side side = filter.find("sell") != std::string::npos ? Side::sell : Side::buy;
    std::set<std::string> before;
    for (int i = 0; i < 7; ++i) {
      before.insert(add(number, side, i % 2 == 0 ? "0.1" : "0.2"));
      ++number;
    }
    std::multiset<std::string> seen;
    std::string cursor;
    int pages = 0;
    do {
      const auto page =
          get("/otc/orders?" + filter + "limit=2" + (cursor.empty() ? "" : "&cursor=" + cursor));
      ASSERT_EQ(page.status, 200U) << page.raw.body;
      for (const auto& id : ids(page)) seen.insert(id);
      cursor = page.text("next_cursor");
      add(number++, side, pages % 2 == 0 ? "0.05" : "0.3");
      ++pages;
    } while (!cursor.empty() && pages < 50);
    for (const auto& id : before) EXPECT_EQ(seen.count(id), 1U);
    for (const auto& id : seen) EXPECT_EQ(seen.count(id), 1U);
  }
  const auto page = get("/otc/orders?side=sell&limit=1");
  EXPECT_EQ(get("/otc/orders?side=buy&cursor=" + page.text("next_cursor")).text("code"),
            "cursor_invalid");
}

TEST_F(Board, ListsAreOrderedByPriceThenAge) {
  const auto a = add(1, Side::sell, "0.3");
  const auto b = add(2, Side::sell, "0.1");
  const auto c = add(3, Side::sell, "0.1");
  const auto d = add(4, Side::buy, "0.05");
  const auto e = add(5, Side::buy, "0.07");
  EXPECT_EQ(ids(get("/otc/orders?side=sell")), (std::vector{b, c, a}));
  EXPECT_EQ(ids(get("/otc/orders?side=buy")), (std::vector{e, d}));
  EXPECT_EQ(ids(get("/otc/orders")), (std::vector{e, d, c, b, a}));
  EXPECT_TRUE(ids(get("/otc/orders?pair=RTC/ETH")).empty());
  EXPECT_EQ(ids(get("/otc/orders?maker=" + wallet(1).text())).size(), 5U);
  EXPECT_TRUE(ids(get("/otc/orders?maker=" + wallet(2).text())).empty());
}

TEST_F(Board, Case65BookAndFiguresShowWhatCanBeTaken) {
  add(1, Side::sell, "0.3");
  add(2, Side::sell, "0.1");
  add(3, Side::sell, "0.1", 3'600);
  add(4, Side::buy, "0.05");
  auto book = get("/otc/book");
  const auto& asks = *book.body.find("asks")->as_array();
  ASSERT_EQ(asks.size(), 2U);
  EXPECT_EQ(asks[0].find("price")->as_string(), "0.1");
  EXPECT_EQ(asks[0].find("total_rtc")->as_string(), "20");
  EXPECT_EQ(asks[0].find("order_count")->as_int64(), 2);
  EXPECT_EQ(book.text("spread"), "0.05");
  EXPECT_TRUE(book.body.find("last_price")->is_null());

  // Overdue: out of sight at once, whether or not its deadline has been decided.
  custodian->hold();
  forward_seconds(3'601);
  book = get("/otc/book");
  EXPECT_EQ((*book.body.find("asks")->as_array())[0].find("total_rtc")->as_string(), "10");
  EXPECT_EQ(ids(get("/otc/orders?side=sell")).size(), 2U);
  custodian->let_go();

  Terms taken;
  taken.nonce = nonce(2);
  const auto id = id_of(taken);
  ASSERT_EQ(match(2, id).status, 200U);
  ASSERT_EQ(confirm(id, 7).status, 200U);
  custodian->confirm_payouts();
  await(id, OrderState::completed);
  const auto stats = get("/otc/stats");
  const auto pairs = *stats.body.find("pairs")->as_array();
  const auto& usdc = pairs[1];
  EXPECT_EQ(usdc.find("total_trades")->as_int64(), 1);
  EXPECT_EQ(usdc.find("volume_24h_rtc")->as_string(), "10");
  EXPECT_EQ(usdc.find("high_24h")->as_string(), "0.1");
  EXPECT_EQ(usdc.find("open_sells")->find("count")->as_int64(), 1);
  forward_seconds(86'401);
  const auto later = get("/otc/book");
  EXPECT_EQ(later.text("last_price"), "0.1");
  EXPECT_EQ(later.text("volume_24h_rtc"), "0");
  EXPECT_EQ(later.body.find("trades_24h")->as_int64(), 0);
}

TEST_F(Board, Case65AnOrderIsHiddenAtTheMicrosecondItsTimeIsOver) {
  for (const Side side : {Side::sell, Side::buy}) {
    SCOPED_TRACE(name_of(side));
    const auto id = add(side == Side::sell ? 1 : 2, side, "0.1", 3'600);
    const Time expires = row(id).expires;
    const std::string levels = side == Side::sell ? "asks" : "bids";
    const std::string open = side == Side::sell ? "open_sells" : "open_buys";
    for (const std::int64_t late_us : {-1, 0}) {
      clock.stop_at(expires.plus_us(late_us));
      const std::size_t shown = late_us < 0 ? 1 : 0;
      EXPECT_EQ(ids(get("/otc/orders")).size(), shown) << late_us;
      EXPECT_EQ(get("/otc/book").body.find(levels)->as_array()->size(), shown) << late_us;
      const auto stats = get("/otc/stats");
      const auto& usdc = stats.body.find("pairs")->as_array()->at(1);
      EXPECT_EQ(usdc.find(open)->find("count")->as_int64(), static_cast<std::int64_t>(shown));
    }
    // It could still be taken up to then, and not from then on.
    const auto late = side == Side::sell ? match(2, id) : match(2, id, 9);
    EXPECT_GE(late.status, 409U);
    await(id, OrderState::expired);
    clock.stop_at(Time{});
  }
}

TEST_F(Board, Case65TheDaysFiguresCountTheDayExactlyAndTheLastPriceIsTheNewestTrades) {
  std::vector<Time> times;
  for (unsigned i = 1; i <= 2; ++i) {
    const auto id = add(i, Side::sell, i == 1 ? "0.3" : "0.1");
    ASSERT_EQ(match(2, id).status, 200U);
    ASSERT_EQ(confirm(id, 7).status, 200U);
    custodian->confirm_payouts();
    await(id, OrderState::completed);
    times.push_back(*row(id).completed);
  }
  const auto figures = [&](Time now) {
    clock.stop_at(now);
    const auto book = get("/otc/book");
    const auto stats = get("/otc/stats");
    const auto& usdc = stats.body.find("pairs")->as_array()->at(1);
    const auto text = [&](std::string_view name) {
      return std::string(usdc.find(name)->as_string().value_or("-"));
    };
    EXPECT_EQ(book.text("last_price"), "0.1");
    EXPECT_EQ(text("last_price"), "0.1");
    EXPECT_EQ(book.text("volume_24h_rtc"), text("volume_24h_rtc"));
    EXPECT_EQ(text("total_volume_rtc"), "20");
    return text("volume_24h_rtc") + " " + text("high_24h") + " " + text("low_24h") + " " +
           text("volume_7d_rtc");
  };
  constexpr std::int64_t day = 86'400;
  EXPECT_EQ(figures(times[0].plus_seconds(day)), "20 0.3 0.1 20");
  EXPECT_EQ(figures(times[0].plus_seconds(day).plus_us(1)), "10 0.1 0.1 20");
  EXPECT_EQ(figures(times[1].plus_seconds(day)), "10 0.1 0.1 20");
  EXPECT_EQ(figures(times[1].plus_seconds(day).plus_us(1)), "0 - - 20");
  EXPECT_EQ(figures(times[0].plus_seconds(7 * day)), "0 - - 20");
  EXPECT_EQ(figures(times[0].plus_seconds(7 * day).plus_us(1)), "0 - - 10");
  EXPECT_EQ(figures(times[1].plus_seconds(7 * day).plus_us(1)), "0 - - 0");
  clock.stop_at(Time{});
}

TEST_F(Board, Case52ReadsWriteNothing) {
  const auto id = add(1, Side::sell, "0.1");
  const auto before = engine->statistics().commits;
  const int asked = custodian->asked();
  for (int i = 0; i < 3; ++i) {
    for (const std::string path : {"/otc/orders", "/otc/book", "/otc/stats", "/otc/trades"}) {
      EXPECT_EQ(get(path).status, 200U);
    }
    get(order_path(id));
  }
  EXPECT_EQ(engine->statistics().commits, before);
  EXPECT_EQ(custodian->asked(), asked);
}

TEST_F(Board, Case1FiftyTakersOfOneSellOrder) {
  const auto id = add(1, Side::sell, "0.1");
  std::vector<std::future<Answer>> answers;
  for (unsigned i = 0; i < 50; ++i) {
    answers.push_back(
        begin("POST", order_path(id) + "/match", match_body(key_of_number(100 + i), id)));
  }
  int won = 0;
  for (auto& answer : answers) {
    const auto got = answer.get();
    won += got.status == 200;
    if (got.status != 200) {
      EXPECT_EQ(got.status, 409U) << got.raw.body;
    }
  }
  EXPECT_EQ(won, 1);
  EXPECT_TRUE(custodian->balanced());
}

TEST_F(Board, Case2FiftyTakersOfOneBuyOrder) {
  const auto id = add(1, Side::buy, "0.1");
  std::vector<std::future<Answer>> answers;
  for (unsigned i = 0; i < 50; ++i) {
    const auto taker = key_of_number(100 + i);
    custodian->give(taker.wallet(), 10'000'000);
    answers.push_back(begin("POST", order_path(id) + "/match", match_body(taker, id, i)));
  }
  int won = 0;
  for (auto& answer : answers) won += answer.get().status == 200;
  EXPECT_EQ(won, 1);
  EXPECT_EQ(custodian->done(Call::lock), 1);  // no loser's coins were ever touched
  EXPECT_TRUE(custodian->balanced());
}

TEST_F(Board, Case4CancelAndMatchAtOnce) {
  for (unsigned round = 0; round < 500; ++round) {
    const auto id = add(1'000 + round, Side::sell, "0.1");
    const int refunds = custodian->done(Call::refund);
    auto matching = begin("POST", order_path(id) + "/match", match_body(key(2), id));
    auto cancelling = begin("POST", order_path(id) + "/cancel", cancel_body(1, id));
    const bool matched = matching.get().status == 200;
    const bool cancelled = cancelling.get().status == 200;
    EXPECT_NE(matched, cancelled);
    EXPECT_EQ(custodian->done(Call::refund) - refunds, cancelled ? 1 : 0);
    EXPECT_EQ(custodian->escrow_state(id), cancelled ? "refunded" : "locked");
  }
}

TEST_F(Board, Case5ExpiryAndMatchAtOnce) {
  for (unsigned round = 0; round < 500; ++round) {
    const auto id = add(2'000 + round, Side::sell, "0.1", 3'600);
    clock.forward_seconds(3'500);
    auto matching = begin("POST", order_path(id) + "/match", match_body(key(2), id));
    clock.forward_seconds(100);
    const bool matched = matching.get().status == 200;
    if (!matched) await(id, OrderState::expired);
    EXPECT_EQ(row(id).state, matched ? OrderState::matched : OrderState::expired);
    EXPECT_EQ(custodian->escrow_state(id), matched ? "locked" : "refunded");
  }
  EXPECT_TRUE(custodian->balanced());
}

TEST_F(Board, Case7CancelTwiceAtOnceRefundsOnce) {
  for (unsigned round = 0; round < 20; ++round) {
    const auto id = add(3'000 + round, Side::sell, "0.1");
    auto first =
        begin("POST", order_path(id) + "/cancel", cancel_body(1, id), {{"Idempotency-Key", "a"}});
    auto second =
        begin("POST", order_path(id) + "/cancel", cancel_body(1, id), {{"Idempotency-Key", "b"}});
    const auto statuses = std::multiset{first.get().status, second.get().status};
    EXPECT_EQ(statuses, (std::multiset<unsigned>{200, 409}));
  }
  EXPECT_EQ(custodian->done(Call::refund), 20);
}

TEST_F(Board, Case14FourLocksOfCoinsThatCoverOne) {
  custodian->give(wallet(3), 10'000'000);
  std::vector<std::future<Answer>> answers;
  for (unsigned i = 0; i < 4; ++i) {
    Terms terms;
    terms.maker = 3;
    terms.nonce = nonce(i);
    answers.push_back(begin("POST", "/otc/orders", create_body(terms)));
  }
  int opened = 0;
  for (auto& answer : answers) opened += answer.get().status == 201;
  EXPECT_EQ(opened, 1);
  EXPECT_EQ(custodian->balance(wallet(3)), 0);
  EXPECT_TRUE(custodian->balanced());
}

}  // namespace
}  // namespace pawl::otc::test
