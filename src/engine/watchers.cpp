// SPDX-License-Identifier: Apache-2.0
#include "engine/watchers.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace pawl::engine {

namespace {

bool has_ended(const EntitySlot& slot, const Engine::RowTest& ended) {
  // A row that this program cannot read is not shown to a test that expects its columns.
  if (slot.present && slot.row.empty()) return false;
  return ended(slot);
}

}  // namespace

std::uint64_t Watchers::add(const EntityRef& ref, Engine::RowTest ended,
                            std::int64_t until_monotonic_us, Engine::RowDone done) {
  const std::lock_guard lock(mutex_);
  if (count_ >= max_watches) return 0;
  Watch watch{++newest_number_, std::move(ended), until_monotonic_us, {}, std::move(done)};
  watch.newest.ref = ref;
  watches_[ref].push_back(std::move(watch));
  expiries_.emplace(until_monotonic_us, ref);
  ++count_;
  return newest_number_;
}

template <class Over>
std::vector<Watchers::Watch> Watchers::take(Watches::iterator place, Over over) {
  std::vector<Watch> staying;
  std::vector<Watch> out;
  for (Watch& watch : place->second) (over(watch) ? out : staying).push_back(std::move(watch));
  for (const Watch& watch : out) {
    --count_;
    const auto [first, last] = expiries_.equal_range(watch.until_us);
    const auto expiry =
        std::find_if(first, last, [&](const auto& e) { return e.second == place->first; });
    if (expiry != last) expiries_.erase(expiry);
  }
  if (staying.empty()) {
    watches_.erase(place);
  } else {
    place->second = std::move(staying);
  }
  return out;
}

void Watchers::failed(const EntityRef& ref, std::uint64_t watch, const Error& error) {
  std::vector<Watch> over;
  {
    const std::lock_guard lock(mutex_);
    const auto found = watches_.find(ref);
    if (found == watches_.end()) return;
    over = take(found, [&](const Watch& candidate) { return candidate.number == watch; });
  }
  for (Watch& ended : over) ended.done(std::unexpected(error), false);
}

void Watchers::changed(const EntitySlot& slot) {
  std::vector<Watch> over;
  {
    const std::lock_guard lock(mutex_);
    const auto found = watches_.find(slot.ref);
    if (found == watches_.end()) return;
    over = take(found, [&](Watch& watch) {
      if (slot.version < watch.newest.version) return false;
      watch.newest = slot;
      return has_ended(slot, watch.ended);
    });
  }
  for (Watch& watch : over) watch.done(std::move(watch.newest), true);
}

void Watchers::expire(std::int64_t monotonic_us) {
  std::vector<Watch> over;
  {
    const std::lock_guard lock(mutex_);
    while (!expiries_.empty() && expiries_.begin()->first <= monotonic_us) {
      const auto found = watches_.find(expiries_.begin()->second);
      auto taken = take(found, [&](const Watch& w) { return w.until_us <= monotonic_us; });
      std::move(taken.begin(), taken.end(), std::back_inserter(over));
    }
  }
  for (Watch& watch : over) watch.done(std::move(watch.newest), false);
}

std::int64_t Watchers::next_expiry() const {
  const std::lock_guard lock(mutex_);
  return expiries_.empty() ? INT64_MAX : expiries_.begin()->first;
}

bool Watchers::empty() const {
  const std::lock_guard lock(mutex_);
  return count_ == 0;
}

std::vector<EntityRef> Watchers::watched(const EntityRef& after, std::size_t limit) const {
  std::vector<EntityRef> out;
  const std::lock_guard lock(mutex_);
  for (auto place = watches_.upper_bound(after); place != watches_.end() && out.size() < limit;
       ++place) {
    out.push_back(place->first);
  }
  return out;
}

}  // namespace pawl::engine
