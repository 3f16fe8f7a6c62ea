// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/order_event.h"

#include <array>
#include <charconv>

#include "core/json.h"
#include "systems/otc/errors.h"

namespace pawl::otc {

bool EventFilter::passes(const OrderEvent& event) const {
  if (order_id && *order_id != event.order_id) return false;
  if (!pair && !side && !maker) return true;
  if (!event.terms) return false;
  return (!pair || *pair == event.terms->pair) && (!side || *side == event.terms->side) &&
         (!maker || *maker == event.terms->maker);
}

bool is_order_event(const JournalEntry& entry) {
  return entry.machine == Order::machine && entry.step.version > 0 &&
         entry.step.from != entry.step.to;
}

OrderEvent make_order_event(const JournalEntry& entry, std::shared_ptr<const OrderTerms> terms) {
  json::Writer out;
  out.begin_object().field("order_id", entry.key).field("version", entry.step.version);
  out.field("status", entry.step.to);
  if (entry.step.from.empty()) {
    out.field("previous_status", nullptr);
  } else {
    out.field("previous_status", entry.step.from);
  }
  out.field("at", to_rfc3339(entry.step.time));
  if (terms) {
    out.field("side", name_of(terms->side)).field("pair", name_of(terms->pair));
    out.field("maker_wallet", terms->maker.text());
    out.field("amount_rtc", format_amount(terms->amount_micro));
    out.field("price_per_rtc", format_nano(terms->price_nano));
  }
  out.end_object();
  return {entry.after, entry.key, std::move(terms), std::move(out).take()};
}

std::string event_id_of(const JournalCursor& place) {
  std::string id = std::to_string(place.epoch) + "-" + std::to_string(place.sequence);
  if (place.entries != JournalCursor::whole_commit) id += "-" + std::to_string(place.entries);
  return id;
}

Result<JournalCursor> parse_event_id(std::string_view text) {
  std::array<std::int64_t, 3> numbers{0, 0, JournalCursor::whole_commit};
  std::size_t count = 0;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (bool more = true; more; ++count) {
    if (count == numbers.size()) return fail(error::event_id_invalid);
    const auto [stopped, problem] = std::from_chars(at, end, numbers[count]);
    if (problem != std::errc() || numbers[count] < 0) return fail(error::event_id_invalid);
    more = stopped != end;
    if (more && *stopped != '-') return fail(error::event_id_invalid);
    at = stopped + (more ? 1 : 0);
  }
  JournalCursor place{0, numbers[0], numbers[1], JournalCursor::whole_commit};
  if (count < 2 || numbers[1] > max_journal_sequence || numbers[2] > JournalCursor::whole_commit) {
    return fail(error::event_id_invalid);
  }
  place.entries = static_cast<std::int32_t>(numbers[2]);
  // One place has one spelling.
  if (event_id_of(place) != text) return fail(error::event_id_invalid);
  return place;
}

}  // namespace pawl::otc
