// SPDX-License-Identifier: Apache-2.0
#include "app/edge/rate_limit.h"

#include <algorithm>

namespace pawl::app {

RateVerdict RateLimiter::ask(std::string_view key, const Rate& rate, std::int64_t now_us) {
  constexpr std::int64_t second_us = 1'000'000;
  if (rate.requests <= 0) return {};
  const std::int64_t interval_us = std::max<std::int64_t>(1, rate.per_us / rate.requests);
  const std::int64_t depth_us = interval_us * rate.requests;
  const std::lock_guard lock(mutex_);
  const auto place = places_.find(key);
  if (place == places_.end()) {
    if (used_.size() >= max_buckets_ && !used_.empty()) {
      places_.erase(used_.back().key);
      used_.pop_back();
    }
    used_.push_front({std::string(key), 0});
    places_.emplace(used_.front().key, used_.begin());
  } else {
    used_.splice(used_.begin(), used_, place->second);
  }
  Bucket& bucket = used_.front();
  const std::int64_t full_at_us = std::max(bucket.full_at_us, now_us) + interval_us;
  const std::int64_t early_us = full_at_us - depth_us - now_us;
  if (early_us > 0) {
    return {false, std::max<std::int64_t>(1, (early_us + second_us - 1) / second_us)};
  }
  bucket.full_at_us = full_at_us;
  return {};
}

std::size_t RateLimiter::buckets() const {
  const std::lock_guard lock(mutex_);
  return used_.size();
}

}  // namespace pawl::app
