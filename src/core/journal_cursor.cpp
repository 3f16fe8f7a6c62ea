// SPDX-License-Identifier: Apache-2.0
#include <pawl/journal.h>

#include <algorithm>
#include <utility>

namespace pawl {

namespace {

std::pair<std::int64_t, std::int32_t> order_of(const JournalPlace& place) {
  return {place.sequence, place.entries};
}

}  // namespace

const JournalPlace* JournalCursor::in_lane(std::int32_t lane) const {
  const auto found = std::ranges::lower_bound(places, lane, {}, &JournalPlace::lane);
  return found != places.end() && found->lane == lane ? &*found : nullptr;
}

bool JournalCursor::covers(const JournalPlace& place) const {
  const JournalPlace* own = in_lane(place.lane);
  return place.sequence == 0 || (own != nullptr && order_of(*own) >= order_of(place));
}

bool JournalCursor::covers(const JournalCursor& other) const {
  return std::ranges::all_of(other.places, [&](const JournalPlace& p) { return covers(p); });
}

void JournalCursor::reach(const JournalPlace& place) {
  if (covers(place)) return;
  const auto at = std::ranges::lower_bound(places, place.lane, {}, &JournalPlace::lane);
  if (at != places.end() && at->lane == place.lane) {
    *at = place;
  } else {
    places.insert(at, place);
  }
}

void JournalCursor::reach(const JournalCursor& other) {
  for (const JournalPlace& place : other.places) reach(place);
}

}  // namespace pawl
