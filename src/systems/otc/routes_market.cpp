// SPDX-License-Identifier: Apache-2.0
//
// The order book of a pair and the desk's figures: open orders that are not overdue, and trades.
// Sums are exact integers; prices are those of trades, never a reference from elsewhere.
#include <array>

#include "systems/otc/declarations.h"
#include "systems/otc/routes_internal.h"

namespace pawl::otc {

namespace {

constexpr std::size_t book_levels = 20;
constexpr std::int64_t day_seconds = 86'400;

struct Level {
  NanoQuote price = 0;
  std::int64_t amount = 0;
  std::int64_t orders = 0;
};

std::vector<Condition> open_orders(Pair pair, Side side, Time now) {
  return {{"state", Comparison::equal, std::string(name_of(OrderState::open))},
          {"pair", Comparison::equal, std::string(name_of(pair))},
          {"side", Comparison::equal, std::string(name_of(side))},
          {"expires_us", Comparison::greater, now.us}};
}

Query orders_where(std::vector<Condition> where) {
  Query query;
  query.table = Order::table;
  query.columns = {"price_nano", "amount_micro"};
  query.where = std::move(where);
  return query;
}

Query trades_where(Pair pair, std::optional<Time> since) {
  Query query;
  query.table = TradeRecord::table;
  query.columns = {"price_nano"};
  query.where = {{"pair", Comparison::equal, std::string(name_of(pair))}};
  if (since) query.where.push_back({"completed_us", Comparison::greater_or_equal, since->us});
  query.limit = 1;
  return query;
}

// The best levels, best first: one look for each level's price, one sum for the level.
Result<std::vector<Level>> levels(Engine& engine, Pair pair, Side side, Time now) {
  const bool rising = side == Side::sell;
  std::vector<Level> out;
  while (out.size() < book_levels) {
    auto query = orders_where(open_orders(pair, side, now));
    if (!out.empty()) {
      query.where.push_back({"price_nano", rising ? Comparison::greater : Comparison::less,
                             std::int64_t{out.back().price}});
    }
    query.order = {{"price_nano", rising}};
    query.limit = 1;
    const auto best = engine.query(query);
    if (!best) return std::unexpected(best.error());
    if (best->empty()) break;
    Level level;
    level.price = std::get<std::int64_t>(best->front()[0]);
    auto same = orders_where(open_orders(pair, side, now));
    same.where.push_back({"price_nano", Comparison::equal, std::int64_t{level.price}});
    const auto sum = engine.aggregate(same, "amount_micro");
    if (!sum) return std::unexpected(sum.error());
    level.amount = sum->sum;
    level.orders = sum->count;
    // Two reads: the level may have emptied in between, and is then passed over.
    out.push_back(level);
  }
  return out;
}

void write_levels(json::Writer& out, std::string_view name, const std::vector<Level>& levels) {
  out.key(name).begin_array();
  for (const Level& level : levels) {
    if (level.orders == 0) continue;
    out.begin_object().field("price", format_nano(level.price));
    out.field("total_rtc", format_amount(level.amount)).field("order_count", level.orders);
    out.end_object();
  }
  out.end_array();
}

// The price of the first trade in that order; nothing if there is none.
Result<std::optional<NanoQuote>> one_price(Engine& engine, Pair pair, std::optional<Time> since,
                                           std::vector<OrderBy> order) {
  auto query = trades_where(pair, since);
  query.order = std::move(order);
  const auto rows = engine.query(query);
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return std::optional<NanoQuote>(std::get<std::int64_t>(rows->front()[0]));
}

void write_price(json::Writer& out, std::string_view name, const std::optional<NanoQuote>& price) {
  if (price) {
    out.field(name, format_nano(*price));
  } else {
    out.field(name, nullptr);
  }
}

// What a pair traded: all time, the last day, the last week.
struct Traded {
  Aggregate all;
  Aggregate day;
  Aggregate week;
  std::optional<NanoQuote> last;
  std::optional<NanoQuote> high;
  std::optional<NanoQuote> low;
};

Result<Traded> traded(Engine& engine, Pair pair, Time now) {
  const Time day = now.plus_seconds(-day_seconds);
  Traded out;
  const std::array<std::pair<Aggregate*, std::optional<Time>>, 3> sums{
      {{&out.all, std::nullopt}, {&out.day, day}, {&out.week, now.plus_seconds(-7 * day_seconds)}}};
  for (const auto& [place, since] : sums) {
    const auto sum = engine.aggregate(trades_where(pair, since), "amount_micro");
    if (!sum) return std::unexpected(sum.error());
    *place = *sum;
  }
  const auto last =
      one_price(engine, pair, std::nullopt, {{"completed_us", false}, {"trade_id", false}});
  if (!last) return std::unexpected(last.error());
  const auto high = one_price(engine, pair, day, {{"price_nano", false}});
  if (!high) return std::unexpected(high.error());
  const auto low = one_price(engine, pair, day, {{"price_nano", true}});
  if (!low) return std::unexpected(low.error());
  out.last = *last;
  out.high = *high;
  out.low = *low;
  return out;
}

Result<net::Response> book(Engine& engine, const net::Request& request) {
  if (auto known = check_query(request, {"pair"}); !known) return std::unexpected(known.error());
  const auto pair = parse_pair(request.query("pair").value_or("RTC/USDC"));
  if (!pair) return std::unexpected(pair.error());
  const Time now = engine.clock().now();
  const auto asks = levels(engine, *pair, Side::sell, now);
  if (!asks) return std::unexpected(asks.error());
  const auto bids = levels(engine, *pair, Side::buy, now);
  if (!bids) return std::unexpected(bids.error());
  const auto trades = traded(engine, *pair, now);
  if (!trades) return std::unexpected(trades.error());
  json::Writer out;
  out.begin_object().field("pair", name_of(*pair));
  write_levels(out, "asks", *asks);
  write_levels(out, "bids", *bids);
  write_price(out, "last_price", trades->last);
  out.field("volume_24h_rtc", format_amount(trades->day.sum));
  out.field("trades_24h", trades->day.count);
  const bool both = !asks->empty() && !bids->empty();
  write_price(
      out, "spread",
      both ? std::optional<NanoQuote>(asks->front().price - bids->front().price) : std::nullopt);
  out.end_object();
  return json_answer(std::move(out).take());
}

Result<void> write_side(Engine& engine, json::Writer& out, Pair pair, Side side, Time now) {
  const auto sum = engine.aggregate(orders_where(open_orders(pair, side, now)), "amount_micro");
  if (!sum) return std::unexpected(sum.error());
  out.key(side == Side::sell ? "open_sells" : "open_buys").begin_object();
  out.field("count", sum->count).field("total_rtc", format_amount(sum->sum)).end_object();
  return {};
}

Result<void> write_pair(Engine& engine, json::Writer& out, Pair pair, Time now) {
  const auto trades = traded(engine, pair, now);
  if (!trades) return std::unexpected(trades.error());
  out.begin_object().field("pair", name_of(pair));
  out.field("total_trades", trades->all.count);
  out.field("total_volume_rtc", format_amount(trades->all.sum));
  out.field("trades_24h", trades->day.count);
  out.field("volume_24h_rtc", format_amount(trades->day.sum));
  out.field("volume_7d_rtc", format_amount(trades->week.sum));
  for (const Side side : {Side::sell, Side::buy}) {
    if (auto written = write_side(engine, out, pair, side, now); !written) return written;
  }
  write_price(out, "last_price", trades->last);
  write_price(out, "high_24h", trades->high);
  write_price(out, "low_24h", trades->low);
  out.end_object();
  return {};
}

Result<net::Response> stats(Engine& engine, const net::Request& request) {
  if (auto known = check_query(request, {}); !known) return std::unexpected(known.error());
  const Time now = engine.clock().now();
  json::Writer out;
  out.begin_object().key("pairs").begin_array();
  for (const Pair pair : {Pair::rtc_eth, Pair::rtc_usdc, Pair::rtc_erg}) {
    if (auto written = write_pair(engine, out, pair, now); !written) {
      return std::unexpected(written.error());
    }
  }
  out.end_array().end_object();
  return json_answer(std::move(out).take());
}

}  // namespace

void add_market_routes(net::Router& router, Engine& engine) {
  router.add("GET", "/otc/book",
             answering([&engine](const net::Request& request) { return book(engine, request); }),
             book_declaration());
  router.add("GET", "/otc/stats",
             answering([&engine](const net::Request& request) { return stats(engine, request); }),
             stats_declaration());
}

}  // namespace pawl::otc
