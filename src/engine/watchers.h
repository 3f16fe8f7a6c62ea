// SPDX-License-Identifier: Apache-2.0
//
// Who waits for an entity to reach a state. Owned by who has the lane's turn: what a commit changed
// is shown to the watchers before the next commit, so none can miss it.
#pragma once

#include <pawl/engine.h>

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace pawl::engine {

class Watchers {
 public:
  static constexpr std::size_t max_watches = 20'000;

  bool full() const { return count_ >= max_watches; }
  bool empty() const { return count_ == 0; }
  void add(const EntityRef& ref, Engine::RowTest ended, std::int64_t until_monotonic_us,
           EntitySlot newest, Engine::RowDone done);
  // A commit changed this entity.
  void changed(const EntitySlot& slot);
  // Ends the watches whose time is up, with the newest row they saw.
  void expire(std::int64_t monotonic_us);
  std::int64_t next_expiry() const;  // INT64_MAX: none
  static bool has_ended(const EntitySlot& slot, const Engine::RowTest& ended);
  // The engine stops: all are answered with what they saw last.
  void end_all();

 private:
  void forget_expiry(std::int64_t until_us, const EntityRef& ref);
  struct Watch {
    Engine::RowTest ended;
    std::int64_t until_us = 0;
    EntitySlot newest;
    Engine::RowDone done;
  };
  std::unordered_map<EntityRef, std::vector<Watch>, EntityRefHash> watches_;
  std::multimap<std::int64_t, EntityRef> expiries_;
  std::size_t count_ = 0;
};

}  // namespace pawl::engine
