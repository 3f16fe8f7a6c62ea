// SPDX-License-Identifier: Apache-2.0
//
// How often somebody may ask: a token bucket for each key (a token's id, a client's address), kept
// as one number, the time at which the bucket will be full again (the generic cell rate algorithm).
// In memory only: after a restart every bucket is full. Who the keys are is left to the edge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace pawl::app {

// `requests` at once, and one more each per_us / requests. 0 requests: no limit.
struct Rate {
  std::int64_t requests = 0;
  std::int64_t per_us = 60'000'000;
};

struct RateVerdict {
  bool allowed = true;
  std::int64_t retry_after_seconds = 0;  // of a refusal: after that one more is allowed, at least 1
};

// Thread-safe; each call is decided alone, so that of n calls at once exactly as many pass as the
// bucket holds.
class RateLimiter {
 public:
  // Above max_buckets the bucket not used for the longest time is forgotten: its owner starts with
  // a full one.
  explicit RateLimiter(std::size_t max_buckets) : max_buckets_(max_buckets) {}

  RateVerdict ask(std::string_view key, const Rate& rate, std::int64_t now_us);
  std::size_t buckets() const;

 private:
  struct Bucket {
    std::string key;
    std::int64_t full_at_us = 0;
  };

  const std::size_t max_buckets_;
  mutable std::mutex mutex_;
  std::list<Bucket> used_;                                                    // the newest first
  std::unordered_map<std::string_view, std::list<Bucket>::iterator> places_;  // views into used_
};

}  // namespace pawl::app
