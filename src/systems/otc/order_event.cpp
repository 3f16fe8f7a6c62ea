// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/order_event.h"

#include <algorithm>
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

namespace {

constexpr std::string_view beginning = "0-0";
constexpr std::size_t max_store_epoch_chars = 32;

bool is_store_epoch(std::string_view text) {
  return !text.empty() && text.size() <= max_store_epoch_chars &&
         std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '-';
         });
}

// "EPOCH-SEQUENCE" or "EPOCH-SEQUENCE-ENTRIES".
Result<JournalCursor> parse_place(std::string_view text) {
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
  if (count < 2 || numbers[1] > max_journal_sequence || numbers[2] > JournalCursor::whole_commit) {
    return fail(error::event_id_invalid);
  }
  return JournalCursor{0, numbers[0], numbers[1], static_cast<std::int32_t>(numbers[2])};
}

}  // namespace

std::string event_id_of(std::string_view store_epoch, const JournalCursor& place) {
  std::string id(store_epoch);
  id += "." + std::to_string(place.epoch) + "-" + std::to_string(place.sequence);
  if (place.entries != JournalCursor::whole_commit) id += "-" + std::to_string(place.entries);
  return id;
}

Result<EventPlace> parse_event_id(std::string_view text) {
  if (text == beginning) return EventPlace{};
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos || !is_store_epoch(text.substr(0, dot))) {
    return fail(error::event_id_invalid);
  }
  const auto place = parse_place(text.substr(dot + 1));
  if (!place) return std::unexpected(place.error());
  EventPlace out{std::string(text.substr(0, dot)), *place};
  // One place has one spelling.
  if (event_id_of(out.store_epoch, out.place) != text) return fail(error::event_id_invalid);
  return out;
}

}  // namespace pawl::otc
