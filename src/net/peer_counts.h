// SPDX-License-Identifier: Apache-2.0
//
// How many connections each address has, held to a limit. Any thread. Private to net.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <unordered_map>

namespace pawl::net {

class PeerCounts {
 public:
  // 0: no limit, and nothing is counted.
  explicit PeerCounts(std::size_t most) : most_(most) {}

  // False when the address has as many as it may; else leave() must follow.
  bool enter(const std::string& address) {
    if (most_ == 0) return true;
    const std::lock_guard lock(mutex_);
    const auto place = counts_.try_emplace(address, 0).first;
    if (place->second >= most_) return false;
    ++place->second;
    return true;
  }
  void leave(const std::string& address) {
    if (most_ == 0) return;
    const std::lock_guard lock(mutex_);
    const auto place = counts_.find(address);
    if (place != counts_.end() && --place->second == 0) counts_.erase(place);
  }

 private:
  const std::size_t most_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::size_t> counts_;  // bounded by the server's connections
};

}  // namespace pawl::net
