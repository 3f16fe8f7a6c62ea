// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/order_feed.h"

#include <pawl/log.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "systems/otc/errors.h"

namespace pawl::otc {

namespace {

std::int64_t commits_between(const JournalCursor& told, const JournalCursor& place) {
  std::int64_t commits = 0;
  for (const JournalPlace& at : place.places) {
    const JournalPlace* known = told.in_lane(at.lane);
    commits += at.sequence - (known == nullptr ? 0 : known->sequence);
  }
  return commits;
}

}  // namespace

OrderFeed::OrderFeed(Engine& engine, std::size_t max_recent_events)
    : engine_(engine),
      store_epoch_(engine.store_identity().epoch),
      max_recent_events_(max_recent_events) {
  watch_ = engine_.watch_commits([this, wake = wake_] {
    if (followed_) (*wake)();
  });
  thread_ = std::thread([this] { run(); });
}

OrderFeed::~OrderFeed() {
  watch_ = CommitWatch();
  {
    const std::lock_guard lock(wake_->mutex);
    wake_->stopping = true;
    wake_->changed.notify_one();
  }
  thread_.join();
}

void OrderFeed::follow(std::shared_ptr<net::EventStream> stream, EventFilter filter,
                       JournalCursor place, bool lost) {
  Follower follower;
  follower.stream = std::move(stream);
  follower.filter = std::move(filter);
  follower.place = std::move(place);
  follower.lost = lost;
  follower.stream->on_drained([wake = wake_, writable = follower.writable](net::EventStream&) {
    *writable = true;
    (*wake)();
  });
  follower.stream->on_closed([wake = wake_] { (*wake)(); });
  const std::lock_guard lock(wake_->mutex);
  followed_ = true;
  arrivals_.push_back(std::move(follower));
  wake_->woken = true;
  wake_->changed.notify_one();
}

void OrderFeed::run() {
  while (wait()) {
    while (serve_all()) {
      const std::lock_guard lock(wake_->mutex);
      if (wake_->stopping) return;
      followers_.splice(followers_.end(), arrivals_);
    }
  }
}

bool OrderFeed::wait() {
  std::unique_lock lock(wake_->mutex);
  const auto roused = [&] { return wake_->woken || wake_->stopping; };
  if (followers_.empty()) {
    wake_->changed.wait(lock, roused);
  } else {
    // A commit in doubt wakes nobody, and neither does one of another process.
    wake_->changed.wait_for(lock, std::chrono::milliseconds(look_interval_ms), roused);
  }
  wake_->woken = false;
  followers_.splice(followers_.end(), arrivals_);
  followed_ = !followers_.empty();
  return !wake_->stopping;
}

// One turn for each follower; true if somebody has more to come.
bool OrderFeed::serve_all() {
  std::erase_if(followers_, [](const Follower& f) { return !f.stream->open(); });
  if (followers_.empty()) {
    warm_ = false;
    recent_.clear();
    return false;
  }
  if (auto read = read_news(); !read) {
    // Silence would look like peace: they come again with their last id, and are told then.
    log::error("event_feed_failed", {{"error", read.error().text()}});
    for (Follower& follower : followers_) follower.stream->end();
    followers_.clear();
    warm_ = false;
    return false;
  }
  bool more = false;
  for (Follower& follower : followers_) more = serve(follower) || more;
  return more;
}

Result<void> OrderFeed::read_news() {
  if (!warm_) {
    const auto end = engine_.journal_end();
    if (!end) return std::unexpected(end.error());
    recent_.clear();
    recent_begin_ = recent_end_ = *end;
    warm_ = true;
  }
  for (bool more = true; more;) {
    auto page = read_page(recent_end_);
    if (!page && page.error().code == journal_place_gone) {
      // Behind what is kept: the followers find out each for itself.
      warm_ = false;
      return read_news();
    }
    if (!page) return std::unexpected(page.error());
    for (OrderEvent& event : page->events) recent_.push_back(std::move(event));
    recent_end_ = page->end;
    more = page->more;
    while (recent_.size() > max_recent_events_) {
      recent_begin_.reach(recent_.front().place);
      recent_.pop_front();
    }
  }
  return {};
}

bool OrderFeed::serve(Follower& follower) {
  if (!*follower.writable || !greet(follower)) return false;
  return follower.place.covers(recent_begin_) ? serve_recent(follower) : serve_older(follower);
}

// The first event tells the client where it is, so that it can come again before any other.
bool OrderFeed::greet(Follower& follower) {
  if (follower.greeted && !follower.lost) return true;
  const bool lost = follower.lost;
  net::Event event;
  event.id = event_id_of(store_epoch_, follower.place);
  event.type = lost ? "reset" : "place";
  event.data = lost ? R"({"code":"journal_place_gone"})" : "{}";
  if (!send(follower, event)) return false;
  follower.told = follower.place;
  follower.greeted = true;
  follower.lost = false;
  return true;
}

bool OrderFeed::serve_recent(Follower& follower) {
  // Mostly it knows all but the newest. Who came from elsewhere may know some of one lane's that
  // lie behind some of another's that it does not know.
  auto next = recent_.begin();
  if (follower.in_step) {
    next = std::partition_point(recent_.begin(), recent_.end(), [&](const OrderEvent& event) {
      return follower.place.covers(event.place);
    });
  }
  for (; next != recent_.end(); ++next) {
    if (!follower.place.covers(next->place) && !send_order(follower, *next)) return false;
  }
  follower.place.reach(recent_end_);
  follower.in_step = follower.place == recent_end_;
  tell_place(follower);
  return false;
}

bool OrderFeed::serve_older(Follower& follower) {
  follower.in_step = false;
  const auto page = read_page(follower.place);
  if (!page && page.error().code == journal_place_gone) {
    lose_place(follower);
    return true;
  }
  if (!page) {
    log::error("event_feed_failed", {{"error", page.error().text()}});
    follower.stream->end();
    return false;
  }
  for (const OrderEvent& event : page->events) {
    if (!send_order(follower, event)) return false;
  }
  follower.place.reach(page->end);
  tell_place(follower);
  return true;
}

// What it missed is removed: it goes on from what is newest, and is told.
void OrderFeed::lose_place(Follower& follower) {
  follower.place = recent_end_;
  follower.lost = true;
}

bool OrderFeed::send_order(Follower& follower, const OrderEvent& event) {
  if (follower.filter.passes(event)) {
    net::Event out;
    JournalCursor after = follower.place;
    after.reach(event.place);
    out.id = event_id_of(store_epoch_, after);
    out.type = "order";
    out.data = event.data;
    if (!send(follower, out)) return false;
    follower.told = std::move(after);
  }
  follower.place.reach(event.place);
  return true;
}

void OrderFeed::tell_place(Follower& follower) {
  if (commits_between(follower.told, follower.place) < commits_per_place) return;
  net::Event event;
  event.id = event_id_of(store_epoch_, follower.place);
  event.type = "place";
  event.data = "{}";
  if (send(follower, event)) follower.told = follower.place;
}

bool OrderFeed::send(Follower& follower, const net::Event& event) {
  // Before the call: room may be reported before it returns.
  *follower.writable = false;
  if (follower.stream->try_send(event) != net::EventStream::Sent::queued) return false;
  *follower.writable = true;
  return true;
}

Result<OrderFeed::Page> OrderFeed::read_page(const JournalCursor& place) {
  const auto read = engine_.journal_after(place, commits_per_read);
  if (!read) return std::unexpected(read.error());
  Page page;
  page.end = read->end;
  page.more = read->more;
  for (const JournalEntry& entry : read->entries) {
    if (!is_order_event(entry)) continue;
    auto terms = terms_of(entry.key);
    if (!terms) return std::unexpected(terms.error());
    page.events.push_back(make_order_event(entry, std::move(*terms)));
  }
  return page;
}

Result<std::shared_ptr<const OrderTerms>> OrderFeed::terms_of(const std::string& order_id) {
  if (const auto known = terms_.find(order_id); known != terms_.end()) return known->second;
  const auto order = engine_.read(Key<Order>{order_id});
  const bool unreadable = !order && (order.error().code.error_class == ErrorClass::corrupt ||
                                     order.error().code.error_class == ErrorClass::defect);
  if (!order && !unreadable) return std::unexpected(order.error());
  std::shared_ptr<const OrderTerms> terms;
  if (!unreadable && *order) {
    const Order& row = (*order)->row;
    terms = std::make_shared<const OrderTerms>(
        OrderTerms{row.side, row.pair, row.maker, row.amount_micro, row.price_nano});
  }
  if (terms_.size() >= max_known_terms) terms_.clear();
  terms_.emplace(order_id, terms);
  return terms;
}

}  // namespace pawl::otc
