// SPDX-License-Identifier: Apache-2.0
#include "protocol/effect_schedule.h"

#include <algorithm>

namespace pawl::protocol {

namespace {

constexpr int plenty_of_permits = 16;
constexpr int permits_at_hand = 2;

}  // namespace

EffectSchedule::Destination* EffectSchedule::destination_of(std::string_view kind) {
  const EffectSpec* spec = registry_.find_effect(kind);
  if (spec == nullptr) return nullptr;
  auto found = destinations_.find(spec->policy.destination);
  if (found == destinations_.end()) {
    found = destinations_.emplace(std::string(spec->policy.destination), Destination{}).first;
    Destination& made = found->second;
    made.concurrency = spec->policy.concurrency;
    made.limit_per_second = spec->policy.per_second;
    made.permits = shared_ ? 0 : made.concurrency;
    made.per_second = shared_ ? 0 : made.limit_per_second;
    made.allowance = made.per_second;
  }
  return &found->second;
}

void EffectSchedule::put(std::int64_t id, std::string_view kind, EffectState state, Time next_at) {
  release(id);
  Destination* destination = handled_.contains(kind) ? destination_of(kind) : nullptr;
  const bool waits = state == EffectState::ready || state == EffectState::accepted ||
                     state == EffectState::unknown;
  if (destination == nullptr || !waits) {
    newest_.erase(id);
    return;
  }
  const auto [known, fresh] = newest_.try_emplace(id, next_at);
  if (!fresh && known->second == next_at) return;  // its entry is there
  known->second = next_at;
  destination->waiting.push({next_at, id});
}

bool EffectSchedule::may_start(Destination& destination, Time now) const {
  if (destination.under_way >= destination.permits) return false;
  if (destination.limit_per_second == 0) return true;
  const double refill =
      static_cast<double>((now.us - destination.refilled.us)) * destination.per_second / 1e6;
  // A share of less than one a second still has one after a while.
  destination.allowance =
      std::min(std::max(destination.per_second, 1.0), destination.allowance + refill);
  destination.refilled = now;
  if (destination.allowance < 1) return false;
  destination.allowance -= 1;
  return true;
}

std::vector<std::int64_t> EffectSchedule::take_due(Time now, std::size_t limit) {
  std::vector<std::int64_t> out;
  for (auto& [name, destination] : destinations_) {
    while (out.size() < limit && !destination.waiting.empty() &&
           destination.waiting.top().next_at <= now && may_start(destination, now)) {
      const auto [at, id] = destination.waiting.top();
      destination.waiting.pop();
      // An entry of an earlier put: what counts is when it was put last.
      const auto counts = newest_.find(id);
      if (counts == newest_.end() || counts->second != at) continue;
      newest_.erase(counts);
      // Put while its exchange was under way: the row decides, once that has ended.
      if (claiming_.contains(id) || under_way_.contains(id)) continue;
      claiming_.emplace(id, name);
      ++destination.under_way;
      out.push_back(id);
    }
  }
  return out;
}

void EffectSchedule::release(std::int64_t id) {
  const auto claimed = claiming_.find(id);
  if (claimed == claiming_.end()) return;
  --destinations_.find(claimed->second)->second.under_way;
  claiming_.erase(claimed);
}

void EffectSchedule::begun(const EffectRow& row, Time gives_up_at) {
  // Stays counted against its destination, unless a put in between has released it.
  if (claiming_.erase(row.id) == 0) {
    if (Destination* destination = destination_of(row.kind)) ++destination->under_way;
  }
  const auto [place, fresh] = under_way_.try_emplace(row.id);
  if (!fresh) gives_up_.erase({place->second.gives_up_at, row.id});
  place->second = Exchange{row, gives_up_at};
  gives_up_.emplace(gives_up_at, row.id);
}

std::optional<EffectRow> EffectSchedule::finished(std::int64_t id, std::int64_t token) {
  const auto found = under_way_.find(id);
  if (found == under_way_.end() || found->second.row.token != token) return std::nullopt;
  EffectRow row = std::move(found->second.row);
  gives_up_.erase({found->second.gives_up_at, id});
  under_way_.erase(found);
  if (Destination* destination = destination_of(row.kind)) --destination->under_way;
  return row;
}

int EffectSchedule::wanted(const Destination& destination, Time now) {
  const bool due = !destination.waiting.empty() && destination.waiting.top().next_at <= now;
  if (!due) return destination.under_way;
  // How many of those that wait are due is not known without looking at all of them.
  const auto waiting = static_cast<int>(
      std::min<std::size_t>(destination.waiting.size(), std::size_t(destination.concurrency)));
  return std::min(destination.concurrency, destination.under_way + waiting);
}

std::vector<PermitWish> EffectSchedule::wishes(Time now) const {
  std::vector<PermitWish> out;
  if (!shared_) return out;
  for (const auto& [name, destination] : destinations_) {
    // Where there are plenty, a few stay at hand for what comes next.
    const int kept = destination.concurrency < plenty_of_permits
                         ? 0
                         : std::min(destination.permits, permits_at_hand);
    out.push_back({name, destination.concurrency, std::max(kept, wanted(destination, now)),
                   destination.under_way});
  }
  return out;
}

void EffectSchedule::set_permits(std::string_view destination, int permits) {
  const auto found = destinations_.find(destination);
  if (found == destinations_.end()) return;
  Destination& place = found->second;
  place.permits = permits;
  place.per_second = static_cast<double>(place.limit_per_second) * permits / place.concurrency;
}

bool EffectSchedule::wants_permits(Time now) const {
  if (!shared_) return false;
  return std::any_of(destinations_.begin(), destinations_.end(), [now](const auto& named) {
    return wanted(named.second, now) > named.second.permits;
  });
}

bool EffectSchedule::is_under_way(std::int64_t id, std::int64_t token) const {
  const auto found = under_way_.find(id);
  return found != under_way_.end() && found->second.row.token == token;
}

void EffectSchedule::clear() {
  destinations_.clear();
  claiming_.clear();
  under_way_.clear();
  gives_up_.clear();
  newest_.clear();
}

// Asked each turn, however many are under way: looks at those that are overdue alone.
std::vector<EffectRow> EffectSchedule::overdue(Time now) const {
  std::vector<EffectRow> out;
  for (auto next = gives_up_.begin(); next != gives_up_.end() && next->first <= now; ++next) {
    out.push_back(under_way_.find(next->second)->second.row);
  }
  return out;
}

Time EffectSchedule::next_at() const {
  Time next = Time::never();
  for (const auto& [name, destination] : destinations_) {
    if (destination.waiting.empty() || destination.under_way >= destination.permits) continue;
    Time due = destination.waiting.top().next_at;
    if (destination.per_second > 0 && destination.allowance < 1) {
      const auto wait_us = static_cast<std::int64_t>(1e6 / destination.per_second);
      due = std::max(due, destination.refilled.plus_us(wait_us));
    }
    next = std::min(next, due);
  }
  if (!gives_up_.empty()) next = std::min(next, gives_up_.begin()->first);
  return next;
}

}  // namespace pawl::protocol
