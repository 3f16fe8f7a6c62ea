// SPDX-License-Identifier: Apache-2.0
//
// Who waits for an entity to reach a state. Shared by all lanes of an engine and thread-safe: a
// watch is entered before its entity is read, so that no commit can fall between the two, and what
// is seen twice is told once. Callbacks run on the thread that brings the news, without the lock.
#pragma once

#include <pawl/engine.h>

#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace pawl::engine {

class Watchers {
 public:
  static constexpr std::size_t max_watches = 20'000;

  // The watch's number, to be seen() or failed() with; 0: there are too many.
  std::uint64_t add(const EntityRef& ref, Engine::RowTest ended, std::int64_t until_monotonic_us,
                    Engine::RowDone done);
  // The entity could not be read: the watch ends with that.
  void failed(const EntityRef& ref, std::uint64_t watch, const Error& error);
  // The entity as it was read or committed. Older news than a watch has seen is passed over.
  void changed(const EntitySlot& slot);
  // Ends the watches whose time is up, with the newest row they saw.
  void expire(std::int64_t monotonic_us);
  std::int64_t next_expiry() const;  // INT64_MAX: none
  bool empty() const;
  // The entities that are watched, from the one behind `after` on, at most `limit`.
  std::vector<EntityRef> watched(const EntityRef& after, std::size_t limit) const;
  // The engine stops: all are answered with what they saw last.
  void end_all() { expire(INT64_MAX); }

 private:
  struct Watch {
    std::uint64_t number = 0;
    Engine::RowTest ended;
    std::int64_t until_us = 0;
    EntitySlot newest;
    Engine::RowDone done;
  };
  using Watches = std::map<EntityRef, std::vector<Watch>>;

  // Takes those out that `over` says; the lock is held.
  template <class Over>
  std::vector<Watch> take(Watches::iterator place, Over over);

  mutable std::mutex mutex_;
  Watches watches_;
  std::multimap<std::int64_t, EntityRef> expiries_;
  std::size_t count_ = 0;
  std::uint64_t newest_number_ = 0;
};

}  // namespace pawl::engine
