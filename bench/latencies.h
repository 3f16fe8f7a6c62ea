// SPDX-License-Identifier: Apache-2.0
//
// Latencies that several threads report at once: a place each in one array, taken by counting. What
// does not fit is counted and not kept.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <vector>

namespace pawl::bench {

class Latencies {
 public:
  explicit Latencies(std::size_t capacity) : all_(capacity) {}
  void add(double seconds) {
    const std::size_t place = count_.fetch_add(1, std::memory_order_relaxed);
    if (place < all_.size()) all_[place] = static_cast<std::int64_t>(seconds * 1e6);
  }
  std::size_t count() const { return count_.load(); }
  // Once nobody adds any more.
  std::vector<std::int64_t> take() {
    all_.resize(std::min(all_.size(), count()));
    return std::move(all_);
  }

 private:
  std::vector<std::int64_t> all_;
  std::atomic<std::size_t> count_ = 0;
};

}  // namespace pawl::bench
