// SPDX-License-Identifier: Apache-2.0
#include "engine/watchers.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace pawl::engine {

void Watchers::add(const EntityRef& ref, Engine::RowTest ended, std::int64_t until_monotonic_us,
                   EntitySlot newest, Engine::RowDone done) {
  watches_[ref].push_back(
      {std::move(ended), until_monotonic_us, std::move(newest), std::move(done)});
  expiries_.emplace(until_monotonic_us, ref);
  ++count_;
}

bool Watchers::has_ended(const EntitySlot& slot, const Engine::RowTest& ended) {
  // A row that this program cannot read is not shown to a test that expects its columns.
  if (slot.present && slot.row.empty()) return false;
  return ended(slot);
}

void Watchers::forget_expiry(std::int64_t until_us, const EntityRef& ref) {
  const auto [first, last] = expiries_.equal_range(until_us);
  const auto place = std::find_if(first, last, [&](const auto& e) { return e.second == ref; });
  if (place != last) expiries_.erase(place);
}

void Watchers::changed(const EntitySlot& slot) {
  const auto found = watches_.find(slot.ref);
  if (found == watches_.end()) return;
  std::vector<Watch> staying;
  for (Watch& watch : found->second) {
    if (has_ended(slot, watch.ended)) {
      --count_;
      forget_expiry(watch.until_us, slot.ref);
      watch.done(slot, true);
    } else {
      watch.newest = slot;
      staying.push_back(std::move(watch));
    }
  }
  if (staying.empty()) {
    watches_.erase(found);
  } else {
    found->second = std::move(staying);
  }
}

void Watchers::expire(std::int64_t monotonic_us) {
  while (!expiries_.empty() && expiries_.begin()->first <= monotonic_us) {
    const EntityRef ref = expiries_.begin()->second;
    expiries_.erase(expiries_.begin());
    const auto found = watches_.find(ref);
    if (found == watches_.end()) continue;
    std::vector<Watch> staying;
    std::vector<Watch> over;
    for (Watch& watch : found->second) {
      (watch.until_us <= monotonic_us ? over : staying).push_back(std::move(watch));
    }
    if (staying.empty()) {
      watches_.erase(found);
    } else {
      found->second = std::move(staying);
    }
    for (Watch& watch : over) {
      --count_;
      watch.done(std::move(watch.newest), false);
    }
  }
}

std::int64_t Watchers::next_expiry() const {
  return expiries_.empty() ? INT64_MAX : expiries_.begin()->first;
}

void Watchers::end_all() {
  expire(INT64_MAX);
}

}  // namespace pawl::engine
