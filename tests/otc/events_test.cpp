// SPDX-License-Identifier: Apache-2.0
//
// The stream of order events: each change of state once, in its order, from wherever a client
// stopped, for slow readers and for many.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "eventually.h"
#include "net/event_call.h"
#include "otc/running_desk.h"
#include "systems/otc/order_feed.h"

namespace pawl::otc::test {
namespace {

using pawl::test::eventually;
using pawl::test::FollowedEvents;
using Events = std::vector<net::Event>;

class OrderEvents : public RunningDesk {
 protected:
  OrderEvents() {
    settings.open_per_maker = 100'000;
    http.heartbeat_ms = 200;
    start();
  }
  struct Stream : FollowedEvents {
    using FollowedEvents::FollowedEvents;
    ~Stream() { cancel(); }
  };

  std::unique_ptr<Stream> follow(const std::string& query, const std::string& last_id = "") {
    net::ClientRequest request;
    request.method = "GET";
    request.url = url() + "/otc/events" + query;
    if (!last_id.empty()) request.headers.push_back({"Last-Event-ID", last_id});
    auto followed = std::make_unique<Stream>(streams_, std::move(request));
    // Its first event says that it is there.
    EXPECT_TRUE(eventually([&] { return followed->count() > 0; }));
    return followed;
  }
  // What came since the last look, of orders only.
  static Events orders_of(FollowedEvents& followed) {
    Events all = followed.take();
    std::erase_if(all, [](const net::Event& e) { return e.type != "order"; });
    return all;
  }
  static std::string ids_of(const Events& events) {
    std::string out;
    for (const auto& event : events) out += event.id + " ";
    return out;
  }
  std::string buy(unsigned number, const std::string& pair = "RTC/USDC", unsigned maker = 1) {
    Terms terms;
    terms.side = Side::buy;
    terms.nonce = nonce(number);
    terms.pair = pair;
    terms.maker = maker;
    EXPECT_EQ(create(terms).status, 201U);
    return id_of(terms);
  }
  std::string completed_sale() {
    const auto id = matched_sell();
    EXPECT_EQ(confirm(id, 7).status, 200U);
    custodian->confirm_payouts();
    await(id, OrderState::completed);
    return id;
  }
  // The journal's own account: "version state", oldest first, without steps that change no state.
  std::vector<std::string> states_in_journal(const std::string& id) {
    std::vector<std::string> out;
    const auto entries = engine->timeline({Order::machine, id}, 1'000);
    for (auto entry = entries->rbegin(); entry != entries->rend(); ++entry) {
      if (entry->from != entry->to) out.push_back(std::to_string(entry->version) + " " + entry->to);
    }
    return out;
  }
  static std::vector<std::string> states_in_events(const Events& events, const std::string& id) {
    std::vector<std::string> out;
    for (const auto& event : events) {
      const auto data = json::parse(event.data);
      if (!data || data->find("order_id")->as_string() != id) continue;
      out.push_back(std::to_string(data->find("version")->as_int64().value_or(0)) + " " +
                    std::string(*data->find("status")->as_string()));
    }
    return out;
  }
  std::string store_epoch() const { return engine->store_identity().epoch; }
  net::Client streams_{[] {
    net::ClientOptions options;
    options.max_connections_per_host = 300;
    return options;
  }()};
};

TEST_F(OrderEvents, EachChangeOfStateIsToldOnceInItsOrder) {
  const auto all = follow("");
  const auto id = completed_sale();
  const auto other = buy(2);
  EXPECT_EQ(cancel(1, other).status, 200U);
  Events events;
  ASSERT_TRUE(eventually([&] {
    for (auto& event : orders_of(*all)) events.push_back(event);
    return states_in_events(events, other).size() == 2;
  }));
  EXPECT_EQ(states_in_events(events, id), states_in_journal(id));
  EXPECT_EQ(states_in_events(events, other), states_in_journal(other));
  ASSERT_GE(states_in_events(events, id).size(), 5U);
  const auto first = json::parse(events.front().data);
  EXPECT_TRUE(first->find("previous_status")->is_null());
  EXPECT_EQ(first->find("status")->as_string(), "opening");
  EXPECT_EQ(first->find("side")->as_string(), "sell");
  EXPECT_EQ(first->find("pair")->as_string(), "RTC/USDC");
  EXPECT_EQ(first->find("maker_wallet")->as_string(), wallet(1).text());
  EXPECT_EQ(first->find("amount_rtc")->as_string(), "10");
  EXPECT_EQ(first->find("price_per_rtc")->as_string(), "0.1");
  for (const auto& event : events) {
    for (const auto& hidden : {format_secret(secret(7)), std::string("escrow_1")}) {
      EXPECT_EQ(event.data.find(hidden), std::string::npos);
    }
  }
}

TEST_F(OrderEvents, FiltersPassWhatAgreesWithAllOfThem) {
  const auto a = follow("?pair=rtc/erg");
  const auto b = follow("?maker=" + wallet(2).text());
  const auto c = follow("?side=SELL");
  const auto d = follow("?order=" + make_order_id(wallet(1), nonce(3)));
  const auto e = follow("?pair=RTC/ERG&maker=" + wallet(1).text());
  const auto last = follow("");
  const std::vector<std::string> ids{buy(1, "RTC/ERG"), buy(2, "RTC/ETH", 2), buy(3),
                                     buy(4, "RTC/ERG", 2)};
  custodian->give(wallet(1), 10'000'000);
  Terms sale;
  sale.nonce = nonce(5);
  EXPECT_EQ(create(sale).status, 201U);
  const auto got = [&](FollowedEvents& followed, std::size_t count) {
    EXPECT_TRUE(eventually([&] { return followed.count() >= count + 1; }));
    std::set<std::string> out;
    for (const auto& event : orders_of(followed)) {
      out.emplace(*json::parse(event.data)->find("order_id")->as_string());
    }
    return out;
  };
  using Ids = std::set<std::string>;
  EXPECT_EQ(got(*last, 6).size(), 5U);
  EXPECT_EQ(got(*a, 2), (Ids{ids[0], ids[3]}));
  EXPECT_EQ(got(*b, 2), (Ids{ids[1], ids[3]}));
  EXPECT_EQ(got(*c, 2), (Ids{id_of(sale)}));
  EXPECT_EQ(got(*d, 1), (Ids{ids[2]}));
  EXPECT_EQ(got(*e, 1), (Ids{ids[0]}));
}

TEST_F(OrderEvents, AClientGoesOnBehindAnyEventWithoutASkipOrADouble) {
  // Many orders at once come into commits of several entries: places inside a commit.
  const auto all = follow("?after=0-0");
  std::vector<std::future<Answer>> answers;
  for (unsigned i = 1; i <= 40; ++i) {
    Terms terms;
    terms.side = Side::buy;
    terms.nonce = nonce(i);
    answers.push_back(begin("POST", "/otc/orders", create_body(terms)));
  }
  for (auto& answer : answers) EXPECT_EQ(answer.get().status, 201U);
  ASSERT_TRUE(eventually([&] { return all->count() == 41; })) << all->count();
  const Events events = orders_of(*all);
  EXPECT_TRUE(std::any_of(events.begin(), events.end(), [](const net::Event& event) {
    return std::count(event.id.begin(), event.id.end(), '-') == 2;
  })) << "no commit had two entries";
  for (const bool warm : {true, false}) {
    for (std::size_t i = 0; i < events.size(); i += 3) {
      const auto rest = i % 2 == 0 ? follow("", events[i].id) : follow("?after=" + events[i].id);
      const Events expected(events.begin() + static_cast<std::ptrdiff_t>(i) + 1, events.end());
      ASSERT_TRUE(eventually([&] { return rest->count() == expected.size() + 1; }));
      EXPECT_EQ(ids_of(orders_of(*rest)), ids_of(expected));
    }
    // Then with nobody following: each one is the first, and reads what is behind it anew.
    if (warm) all->cancel();
  }
  // A browser calls the same address again, with the header of what it saw last.
  const auto both = follow("?after=0-0", events[37].id);
  ASSERT_TRUE(eventually([&] { return both->count() == 3; }));
  EXPECT_EQ(orders_of(*both).front().id, events[38].id);
  // What comes next comes behind it, also after a restart.
  const std::string last = events.back().id;
  stop();
  start();
  const auto after_restart = follow("", last);
  buy(99);
  ASSERT_TRUE(eventually([&] { return after_restart->count() == 2; }));
  EXPECT_EQ(orders_of(*after_restart).size(), 1U);
}

TEST_F(OrderEvents, APlaceThatIsGoneIsToldAndTheStreamGoesOn) {
  // So that the oldest commits are those of the oldest orders.
  stop();
  lanes = 1;
  start();
  for (unsigned i = 1; i <= 4; ++i) buy(i);
  const auto all = follow("?after=0-0");
  ASSERT_TRUE(eventually([&] { return all->count() == 5; }));
  const Events events = orders_of(*all);
  sql("DELETE FROM pawl_journal WHERE sequence <= 2");
  for (const std::string& gone :
       {std::string("0-0"), events[0].id, store_epoch() + ".1-68719476735", "7" + events[3].id}) {
    const auto followed = follow("", gone);
    const auto first = followed->take();
    ASSERT_EQ(first.size(), 1U);
    EXPECT_EQ(first[0].type, "reset") << gone;
    EXPECT_EQ(first[0].id, events[3].id) << "and it knows where it goes on";
    EXPECT_EQ(json::parse(first[0].data)->find("code")->as_string(), "journal_place_gone");
  }
  const auto followed = follow("", "0-0");
  buy(5);
  ASSERT_TRUE(eventually([&] { return followed->count() == 2; }));
  EXPECT_EQ(followed->take()[1].type, "order");
  const auto kept = follow("", events[2].id);
  ASSERT_TRUE(eventually([&] { return kept->count() == 3; }));
  EXPECT_EQ(kept->take()[0].type, "place");
}

TEST_F(OrderEvents, WhatIsNoPlaceOrNoFilterIsRefused) {
  for (const std::string id : {"",
                               "x",
                               "1-2",
                               "0-0-0",
                               ".1-2",
                               "x.1-2",
                               "0-A.1-2",
                               "0-a.0-a.1-2",
                               "000000000000000000000000000000000.1-2",
                               "0-a.",
                               "0-a.1",
                               "0-a.1-",
                               "0-a.-1-2",
                               "0-a.1-2-3-4",
                               "0-a.1-2-",
                               "0-a.01-2",
                               "0-a.+1-2",
                               "0-a.99999999999999999999-1",
                               "0-a.1-68719476736",
                               "0-a.1-2-2147483648",
                               "0-a.1-2-2147483647",
                               "0-a.1--2"}) {
    const auto answer = begin("GET", "/otc/events", "", {{"Last-Event-ID", id}}).get();
    EXPECT_EQ(answer.status, 400U) << id;
    EXPECT_EQ(answer.text("code"), "event_id_invalid") << id;
  }
  for (const std::string query :
       {"after=", "after=0-0&after=0-0", "order=otc_x", "pair=x", "side=x", "maker=x", "taker=x",
        "limit=1", "order=", "order=otc_00000000000000000000000000000000%00"}) {
    const auto answer = get("/otc/events?" + query);
    EXPECT_EQ(answer.status, 400U) << query;
    EXPECT_NE(answer.text("code"), "") << query;
  }
  EXPECT_EQ(begin("HEAD", "/otc/events").get().status, 200U);
}

TEST_F(OrderEvents, AQuietStreamIsToldItsPlaceNowAndThen) {
  const auto quiet = follow("?order=otc_00000000000000000000000000000000");
  const auto first = quiet->take();
  const auto before = parse_event_id(first.at(0).id);
  ASSERT_TRUE(before);
  for (unsigned i = 1; i <= OrderFeed::commits_per_place; ++i) buy(i);
  ASSERT_TRUE(eventually([&] { return quiet->count() > 0; }));
  const auto later = quiet->take();
  EXPECT_EQ(later.at(0).type, "place");
  const auto commits_before = [](const EventPlace& at) {
    std::int64_t sum = 0;  // of an empty store: before all
    for (const JournalPlace& place : at.place.places) sum += place.sequence;
    return sum;
  };
  const auto now_at = parse_event_id(later[0].id);
  ASSERT_TRUE(before && now_at);
  EXPECT_GE(commits_before(*now_at), commits_before(*before) + OrderFeed::commits_per_place);
}

TEST_F(OrderEvents, TwoHundredStreamsSeeTheSame) {
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 200; ++i) streams.push_back(follow(i % 2 == 0 ? "" : "?after=0-0"));
  for (unsigned i = 1; i <= 30; ++i) buy(i);
  std::set<std::string> seen;
  for (const auto& stream : streams) {
    ASSERT_TRUE(eventually([&] { return stream->count() == 31; })) << stream->count();
    seen.insert(ids_of(orders_of(*stream)));
  }
  EXPECT_EQ(seen.size(), 1U);
}

// A connection that takes what waits for it when the test says so.
class SlowReader {
 public:
  SlowReader(OrderFeed& feed, JournalCursor place, std::size_t buffered_bytes)
      : stream_(net::EventStream::make(buffered_bytes)) {
    feed.follow(stream_, {}, place, false);
    response_ = stream_->response();
  }
  // Appends what waits; false if nothing did.
  bool read(std::string& out) {
    std::string bytes;
    response_.events->take(bytes, [] {});
    out += bytes;
    response_.events->drained();
    return !bytes.empty();
  }
  std::size_t buffered() const { return stream_->buffered_bytes(); }

 private:
  std::shared_ptr<net::EventStream> stream_;
  net::Response response_;
};

std::size_t count_of(const std::string& text, std::string_view word) {
  std::size_t count = 0;
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

TEST_F(OrderEvents, ASlowReaderLosesNothingAndHoldsNobodyUp) {
  constexpr std::size_t buffer = 2'000;
  constexpr unsigned orders = 300;
  for (const std::size_t recent : {OrderFeed::usual_recent_events, std::size_t{8}}) {
    SCOPED_TRACE(recent);
    OrderFeed feed(*engine, recent);
    const auto end = engine->journal_end().value();
    SlowReader slow(feed, end, buffer);
    SlowReader quick(feed, end, std::size_t{1} << 20);
    const unsigned first = recent == 8 ? 10'000 : 1;
    std::vector<std::string> ids;
    // Together, so that commits have several entries: a reader without room stops inside one.
    for (unsigned i = 0; i < orders; i += 50) {
      std::vector<std::future<Answer>> answers;
      for (unsigned j = i; j < i + 50; ++j) {
        Terms terms;
        terms.side = Side::buy;
        terms.nonce = nonce(first + j);
        ids.push_back(id_of(terms));
        answers.push_back(begin("POST", "/otc/orders", create_body(terms)));
      }
      for (auto& answer : answers) EXPECT_EQ(answer.get().status, 201U);
    }
    std::string seen_quick;
    ASSERT_TRUE(eventually([&] {
      quick.read(seen_quick);
      return count_of(seen_quick, "event: order") == orders;
    }));
    EXPECT_LE(slow.buffered(), buffer) << "what waits is bounded";
    std::string seen;
    ASSERT_TRUE(eventually([&] {
      slow.read(seen);
      return count_of(seen, "event: order") >= orders;
    })) << count_of(seen, "event: order");
    EXPECT_EQ(seen, seen_quick);
    for (const auto& id : ids) EXPECT_EQ(count_of(seen, "\"order_id\":\"" + id), 1U) << id;
  }
}

TEST_F(OrderEvents, AReaderThatIsOvertakenByWhatIsKeptIsTold) {
  OrderFeed feed(*engine, 4);
  const auto end = engine->journal_end().value();
  SlowReader slow(feed, end, 600);
  SlowReader quick(feed, end, std::size_t{1} << 20);
  for (unsigned i = 1; i <= 40; ++i) buy(i);
  ASSERT_TRUE(eventually([&] { return slow.buffered() > 200; }));
  // The feed has read all of it, or it would be overtaken itself, and tell so once more.
  std::string all;
  ASSERT_TRUE(eventually([&] {
    quick.read(all);
    return count_of(all, "event: order") == 40;
  })) << all;
  sql("DELETE FROM pawl_journal AS old WHERE sequence < (SELECT max(sequence) - 10 FROM "
      "pawl_journal AS newer WHERE newer.lane = old.lane)");
  std::string seen;
  ASSERT_TRUE(eventually([&] {
    slow.read(seen);
    return count_of(seen, "event: reset") == 1;
  })) << seen;
  const auto reset = seen.find("event: reset");
  const auto shown = count_of(seen.substr(0, reset), "event: order");
  EXPECT_LT(shown, 40U);
  const auto id = buy(41);
  ASSERT_TRUE(eventually([&] {
    slow.read(seen);
    return seen.find(id, reset) != std::string::npos;
  }));
  EXPECT_EQ(count_of(seen, "event: order"), shown + 1);
}

}  // namespace
}  // namespace pawl::otc::test
