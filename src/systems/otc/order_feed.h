// SPDX-License-Identifier: Apache-2.0
//
// Brings the journal's order events to the event streams that follow them. One thread reads the
// journal once for all who are up to date, from memory, and once more for each who is behind; a
// commit only wakes it. A stream whose client reads slowly is left alone until it has room, and
// goes on where it was. HTTP and filters' texts are left to routes_events.cpp.
#pragma once

#include <pawl/engine.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "net/event_stream.h"
#include "systems/otc/order_event.h"

namespace pawl::otc {

class OrderFeed {
 public:
  static constexpr std::size_t usual_recent_events = 8'192;  // kept in memory for all
  static constexpr std::size_t max_known_terms = 10'000;     // of orders
  static constexpr int commits_per_read = 128;
  // A stream that no event was for is told its place after so many of other streams.
  static constexpr std::int64_t commits_per_place = 500;
  static constexpr int look_interval_ms = 1'000;  // while anybody follows, woken or not

  // The engine must outlive the feed.
  explicit OrderFeed(Engine& engine, std::size_t max_recent_events = usual_recent_events);
  ~OrderFeed();
  OrderFeed(const OrderFeed&) = delete;
  OrderFeed& operator=(const OrderFeed&) = delete;

  // Sends `stream` what lies behind `place`, and all that comes, until it is closed. `lost`: the
  // client asked for an older place that is gone, and is told so first.
  void follow(std::shared_ptr<net::EventStream> stream, EventFilter filter, JournalCursor place,
              bool lost);

 private:
  // Outlives the feed in the hands of streams.
  struct Wake {
    std::mutex mutex;
    std::condition_variable changed;
    bool woken = false;
    bool stopping = false;
    void operator()() {
      const std::lock_guard lock(mutex);
      woken = true;
      changed.notify_one();
    }
  };
  struct Follower {
    std::shared_ptr<net::EventStream> stream;
    EventFilter filter;
    JournalCursor place;
    JournalCursor told;  // the place that the client knows
    bool greeted = false;
    bool lost = false;
    bool in_step = false;  // has what we read in the order in which we read it
    // False from a `full` until the stream has room again.
    std::shared_ptr<std::atomic<bool>> writable = std::make_shared<std::atomic<bool>>(true);
  };
  struct Page {
    std::vector<OrderEvent> events;
    JournalCursor end;
    bool more = false;
  };

  void run();
  bool wait();  // false: stop
  bool serve_all();
  Result<void> read_news();
  // True: there is more for it at once.
  bool serve(Follower& follower);
  bool serve_recent(Follower& follower);
  bool serve_older(Follower& follower);
  bool greet(Follower& follower);
  bool send(Follower& follower, const net::Event& event);
  bool send_order(Follower& follower, const OrderEvent& event);
  void tell_place(Follower& follower);
  void lose_place(Follower& follower);
  Result<Page> read_page(const JournalCursor& place);
  Result<std::shared_ptr<const OrderTerms>> terms_of(const std::string& order_id);

  Engine& engine_;
  const std::string store_epoch_;
  const std::size_t max_recent_events_;
  std::shared_ptr<Wake> wake_ = std::make_shared<Wake>();
  std::list<Follower> arrivals_;  // with the wake's lock
  std::atomic<bool> followed_ = false;

  // The thread's.
  std::list<Follower> followers_;
  bool warm_ = false;  // `recent_` is kept up to date
  std::deque<OrderEvent> recent_;
  JournalCursor recent_begin_;
  JournalCursor recent_end_;
  std::unordered_map<std::string, std::shared_ptr<const OrderTerms>> terms_;

  CommitWatch watch_;
  std::thread thread_;
};

}  // namespace pawl::otc
