// SPDX-License-Identifier: Apache-2.0
//
// One order by its id, the lists of orders and of trades.
#include <algorithm>

#include "net/entity_tag.h"
#include "systems/otc/cursor.h"
#include "systems/otc/declarations.h"
#include "systems/otc/routes_internal.h"

namespace pawl::otc {

namespace {

struct Page {
  int limit = 0;
  std::optional<std::vector<Value>> after;
};

Result<Page> page_of(const net::Request& request, std::string_view listing, std::size_t columns) {
  const auto limit = query_integer(request, "limit", default_page, 1, max_page);
  if (!limit) return std::unexpected(limit.error());
  Page page;
  page.limit = static_cast<int>(*limit);
  if (const auto cursor = request.query("cursor")) {
    auto after = read_cursor(*cursor, listing, columns);
    if (!after) return std::unexpected(after.error());
    page.after = std::move(*after);
  }
  return page;
}

// A page of `rows`, of which one more than asked for was read to know whether there are more.
template <class T, class Write, class Sort>
net::Response page_answer(std::string_view name, std::vector<T> rows, int limit,
                          std::string_view listing, Write write, Sort sort_values) {
  const bool more = rows.size() > static_cast<std::size_t>(limit);
  if (more) rows.resize(static_cast<std::size_t>(limit));
  json::Writer out;
  out.begin_object().key(name).begin_array();
  for (const T& row : rows) {
    out.begin_object();
    write(out, row);
    out.end_object();
  }
  out.end_array().key("next_cursor");
  if (more) {
    out.string(make_cursor(listing, sort_values(rows.back())));
  } else {
    out.null();
  }
  out.end_object();
  return json_answer(std::move(out).take());
}

Result<std::optional<Pair>> pair_filter(const net::Request& request) {
  const auto text = request.query("pair");
  if (!text) return std::nullopt;
  auto pair = parse_pair(*text);
  if (!pair) return std::unexpected(pair.error());
  return std::optional<Pair>(*pair);
}

Result<OrderState> state_filter(const net::Request& request) {
  const auto text = request.query("state");
  if (!text) return OrderState::open;
  const auto state = enum_from_name<OrderState>(*text);
  const bool listed = state && *state != OrderState::opening && *state != OrderState::matching &&
                      *state != OrderState::rejected;
  if (!listed) return fail(error::parameter_invalid, "state is none that is listed");
  return *state;
}

// ---- orders

struct OrderFilter {
  OrderState state = OrderState::open;
  std::optional<Pair> pair;
  std::optional<Side> side;
  std::optional<Wallet> maker;

  // What a cursor belongs to.
  std::string listing() const {
    return "orders:" + std::string(name_of(state)) + ":" + std::string(pair ? name_of(*pair) : "") +
           ":" + std::string(side ? name_of(*side) : "") + ":" + (maker ? maker->text() : "");
  }
  // Of one side the best price first, then the oldest; of both sides the newest first.
  std::vector<OrderBy> order() const {
    if (!side) return {{"created_us", false}, {"order_id", false}};
    return {{"price_nano", *side == Side::sell}, {"created_us", true}, {"order_id", true}};
  }
  std::vector<Value> sort_values(const Order& row) const {
    if (!side) return {row.created.us, row.order_id};
    return {row.price_nano, row.created.us, row.order_id};
  }
  std::vector<Condition> where(Time now) const {
    std::vector<Condition> out{{"state", Comparison::equal, std::string(name_of(state))}};
    if (pair) out.push_back({"pair", Comparison::equal, std::string(name_of(*pair))});
    if (side) out.push_back({"side", Comparison::equal, std::string(name_of(*side))});
    if (maker) out.push_back({"maker", Comparison::equal, maker->text()});
    // Overdue orders are gone at once, not when their deadline has been decided.
    if (state == OrderState::open) out.push_back({"expires_us", Comparison::greater, now.us});
    return out;
  }
};

Result<OrderFilter> order_filter(const net::Request& request) {
  if (auto known = check_query(request, {"pair", "side", "state", "maker", "limit", "cursor"});
      !known) {
    return std::unexpected(known.error());
  }
  OrderFilter filter;
  const auto state = state_filter(request);
  if (!state) return std::unexpected(state.error());
  filter.state = *state;
  const auto pair = pair_filter(request);
  if (!pair) return std::unexpected(pair.error());
  filter.pair = *pair;
  if (const auto text = request.query("side")) {
    const auto side = parse_side(*text);
    if (!side) return std::unexpected(side.error());
    filter.side = *side;
  }
  if (const auto text = request.query("maker")) {
    const auto maker = Wallet::parse(*text);
    if (!maker) return std::unexpected(maker.error());
    filter.maker = *maker;
  }
  return filter;
}

Result<net::Response> list_orders(Engine& engine, const net::Request& request) {
  const auto filter = order_filter(request);
  if (!filter) return std::unexpected(filter.error());
  const auto page = page_of(request, filter->listing(), filter->order().size());
  if (!page) return std::unexpected(page.error());
  auto rows = page_after<Order>(engine, filter->where(engine.clock().now()), filter->order(),
                                page->after, page->limit + 1);
  if (!rows) return std::unexpected(rows.error());
  return page_answer(
      "orders", std::move(*rows), page->limit, filter->listing(),
      [](json::Writer& out, const Order& row) { write_order(out, row); },
      [&](const Order& row) { return filter->sort_values(row); });
}

Result<net::Response> show_order(Engine& engine, const net::Request& request) {
  if (auto known = check_query(request, {}); !known) return std::unexpected(known.error());
  const auto id = parse_order_id(request.param("id"));
  if (!id) return fail(error::order_not_found);
  const auto order = engine.read(Key<Order>{*id});
  if (!order) return std::unexpected(order.error());
  if (!*order) return fail(error::order_not_found);
  return net::with_etag(request, json_answer(order_json((*order)->row)), (*order)->version);
}

// ---- trades

Result<net::Response> list_trades(Engine& engine, const net::Request& request) {
  if (auto known = check_query(request, {"pair", "limit", "cursor"}); !known) {
    return std::unexpected(known.error());
  }
  const auto pair = pair_filter(request);
  if (!pair) return std::unexpected(pair.error());
  const std::string listing = "trades:" + std::string(*pair ? name_of(**pair) : "");
  const std::vector<OrderBy> order{{"completed_us", false}, {"trade_id", false}};
  const auto page = page_of(request, listing, order.size());
  if (!page) return std::unexpected(page.error());
  std::vector<Condition> where;
  if (*pair) where.push_back({"pair", Comparison::equal, std::string(name_of(**pair))});
  auto rows = page_after<TradeRecord>(engine, where, order, page->after, page->limit + 1);
  if (!rows) return std::unexpected(rows.error());
  return page_answer(
      "trades", std::move(*rows), page->limit, listing,
      [](json::Writer& out, const TradeRecord& row) { write_trade(out, row); },
      [](const TradeRecord& row) { return std::vector<Value>{row.completed.us, row.trade_id}; });
}

}  // namespace

void add_list_routes(net::Router& router, Engine& engine) {
  router.add("GET", "/otc/orders", answering([&engine](const net::Request& request) {
               return list_orders(engine, request);
             }),
             orders_declaration());
  router.add("GET", "/otc/orders/{id}", answering([&engine](const net::Request& request) {
               return show_order(engine, request);
             }),
             order_declaration());
  router.add("GET", "/otc/trades", answering([&engine](const net::Request& request) {
               return list_trades(engine, request);
             }),
             trades_declaration());
}

}  // namespace pawl::otc
