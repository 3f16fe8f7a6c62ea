// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/order_event.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/json.h"
#include "systems/otc/errors.h"

namespace pawl::otc {

namespace {

constexpr std::string_view before_all = "0-0";

// What stands before all else as a number; the rest stays in `text`.
std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t number = 0;
  const auto [stopped, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || number < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(stopped - text.data()));
  return number;
}

std::optional<JournalPlace> parse_place(std::string_view text) {
  JournalPlace place;
  if (const auto dot = text.find('.'); dot != std::string_view::npos) {
    const auto lane = take_number(text);
    if (!lane || !std::in_range<std::int32_t>(*lane) || !text.starts_with('.')) return std::nullopt;
    place.lane = static_cast<std::int32_t>(*lane);
    text.remove_prefix(1);
  }
  const auto epoch = take_number(text);
  if (!epoch || !text.starts_with('-')) return std::nullopt;
  place.epoch = *epoch;
  text.remove_prefix(1);
  const auto sequence = take_number(text);
  if (!sequence || *sequence > max_journal_sequence) return std::nullopt;
  place.sequence = *sequence;
  if (text.empty()) return place;
  if (!text.starts_with('-')) return std::nullopt;
  text.remove_prefix(1);
  const auto entries = take_number(text);
  if (!entries || !std::in_range<std::int32_t>(*entries) || !text.empty()) return std::nullopt;
  place.entries = static_cast<std::int32_t>(*entries);
  return place;
}

}  // namespace

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
  return {entry.place, entry.key, std::move(terms), std::move(out).take()};
}

namespace {

constexpr std::string_view store_end = ".";
constexpr std::size_t max_store_epoch_chars = 32;

bool is_store_epoch(std::string_view text) {
  return !text.empty() && text.size() <= max_store_epoch_chars &&
         std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '-';
         });
}

std::string text_of(const JournalCursor& cursor) {
  std::string text;
  for (const JournalPlace& place : cursor.places) {
    if (!text.empty()) text += '_';
    if (place.lane != 0) text += std::to_string(place.lane) + ".";
    text += std::to_string(place.epoch) + "-" + std::to_string(place.sequence);
    if (place.entries != JournalPlace::whole_commit) text += "-" + std::to_string(place.entries);
  }
  return text.empty() ? std::string(before_all) : text;
}

Result<JournalCursor> parse_cursor(std::string_view text) {
  JournalCursor cursor;
  if (text == before_all) return cursor;
  bool more = true;
  for (std::string_view rest = text; more;) {
    if (cursor.places.size() == max_event_id_lanes) return fail(error::event_id_invalid);
    const std::size_t end = rest.find('_');
    more = end != std::string_view::npos;
    const auto place = parse_place(rest.substr(0, end));
    if (!place || cursor.covers(*place)) return fail(error::event_id_invalid);
    cursor.reach(*place);
    if (more) rest.remove_prefix(end + 1);
  }
  // One place has one spelling.
  if (text_of(cursor) != text) return fail(error::event_id_invalid);
  return cursor;
}

}  // namespace

std::string event_id_of(std::string_view store_epoch, const JournalCursor& cursor) {
  return std::string(store_epoch).append(store_end) + text_of(cursor);
}

Result<EventPlace> parse_event_id(std::string_view text) {
  if (text == before_all) return EventPlace{};
  const std::size_t end = text.find(store_end);
  if (end == std::string_view::npos || !is_store_epoch(text.substr(0, end))) {
    return fail(error::event_id_invalid);
  }
  auto cursor = parse_cursor(text.substr(end + store_end.size()));
  if (!cursor) return std::unexpected(cursor.error());
  return EventPlace{std::string(text.substr(0, end)), std::move(*cursor)};
}

}  // namespace pawl::otc
