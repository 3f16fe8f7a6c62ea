// SPDX-License-Identifier: Apache-2.0
//
// What the event stream says of an order's change of state, and the ids by which a client goes on
// where it stopped. An event is made of the journal's entry and of what never changes in an order,
// so that it is the same whenever it is read; it holds no text that anybody made up.
#pragma once

#include <pawl/journal.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "systems/otc/order.h"

namespace pawl::otc {

// What stays as it was when the order was made.
struct OrderTerms {
  Side side = Side::sell;
  Pair pair = Pair::rtc_usdc;
  Wallet maker;
  MicroUnits amount_micro = 0;
  NanoQuote price_nano = 0;
};

struct OrderEvent {
  JournalPlace place;  // behind it
  std::string order_id;
  std::shared_ptr<const OrderTerms> terms;  // null: the row cannot be read
  std::string data;                         // JSON, one line
};

// Only what is set must agree. Without an order's terms only its id can.
struct EventFilter {
  std::optional<std::string> order_id;
  std::optional<Pair> pair;
  std::optional<Side> side;
  std::optional<Wallet> maker;

  bool passes(const OrderEvent& event) const;
};

inline constexpr std::size_t max_event_id_lanes = 64;

// Whether the entry is a change of an order's state; the others are no events.
bool is_order_event(const JournalEntry& entry);
OrderEvent make_order_event(const JournalEntry& entry, std::shared_ptr<const OrderTerms> terms);

// What an event's id says: a place in the journal of one copy of the store. Two copies of one
// backup number their commits alike, so only the store's own epoch (StoreIdentity) tells them
// apart.
struct EventPlace {
  std::string store_epoch;  // empty: whichever copy this is, from the beginning of its journal
  JournalCursor place;
};

// "STORE." and then "EPOCH-SEQUENCE" in the first lane, or "EPOCH-SEQUENCE-ENTRIES" for a place
// inside a commit; in another lane with "LANE." before it. Of several lanes one each, with "_"
// between; before all commits "0-0".
std::string event_id_of(std::string_view store_epoch, const JournalCursor& cursor);
// That, or "0-0" alone for the beginning. Errors: event_id_invalid.
Result<EventPlace> parse_event_id(std::string_view text);

}  // namespace pawl::otc
