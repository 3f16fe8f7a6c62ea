// SPDX-License-Identifier: Apache-2.0
//
// GET /otc/events: the orders' changes of state as server-sent events. A client that comes again
// with `Last-Event-ID` (or `after`, where it cannot set a header) goes on behind that event.
#include "systems/otc/declarations.h"
#include "systems/otc/order_feed.h"
#include "systems/otc/routes_internal.h"

namespace pawl::otc {

namespace {

constexpr std::size_t buffered_bytes_per_stream = std::size_t{64} << 10;

Result<EventFilter> event_filter(const net::Request& request) {
  if (auto known = check_query(request, {"order", "pair", "side", "maker", "after"}); !known) {
    return std::unexpected(known.error());
  }
  EventFilter filter;
  // An order need not be there yet: its id is known before it is made.
  if (const auto text = request.query("order")) {
    auto id = parse_order_id(*text);
    if (!id) return std::unexpected(id.error());
    filter.order_id = std::move(*id);
  }
  if (const auto text = request.query("pair")) {
    const auto pair = parse_pair(*text);
    if (!pair) return std::unexpected(pair.error());
    filter.pair = *pair;
  }
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

// Where the client was; nothing if it is new. The header is newer than an address that a browser
// calls again and again.
Result<std::optional<EventPlace>> asked_place(const net::Request& request) {
  std::optional<std::string> text = request.query("after");
  if (const auto header = request.header("Last-Event-ID")) text = std::string(*header);
  if (!text) return std::nullopt;
  auto place = parse_event_id(*text);
  if (!place) return std::unexpected(place.error());
  return std::optional<EventPlace>(std::move(*place));
}

// journal_place_gone: its rows were removed, or another copy of the store gave it out, and what
// stands at that place here is something else.
Result<void> is_there(Engine& engine, const EventPlace& asked) {
  if (!asked.store_epoch.empty() && asked.store_epoch != engine.store_identity().epoch) {
    return fail(journal_place_gone);
  }
  const auto page = engine.journal_after(asked.place, 1);
  if (!page) return std::unexpected(page.error());
  return {};
}

Result<net::Response> follow_orders(Engine& engine, OrderFeed& feed, const net::Request& request) {
  auto filter = event_filter(request);
  if (!filter) return std::unexpected(filter.error());
  const auto asked = asked_place(request);
  if (!asked) return std::unexpected(asked.error());
  const auto newest = engine.journal_end();
  if (!newest) return std::unexpected(newest.error());
  JournalCursor place = *newest;
  bool lost = false;
  if (*asked) {
    const auto there = is_there(engine, **asked);
    lost = !there && there.error().code == journal_place_gone;
    if (!there && !lost) return std::unexpected(there.error());
    if (!lost) place = (*asked)->place;
  }
  auto stream = net::EventStream::make(buffered_bytes_per_stream);
  feed.follow(stream, std::move(*filter), place, lost);
  return stream->response();
}

}  // namespace

void add_event_routes(net::Router& router, Engine& engine) {
  auto feed = std::make_shared<OrderFeed>(engine);
  router.add("GET", "/otc/events", answering([&engine, feed](const net::Request& request) {
               return follow_orders(engine, *feed, request);
             }),
             events_declaration());
}

}  // namespace pawl::otc
