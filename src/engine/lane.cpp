// SPDX-License-Identifier: Apache-2.0
//
// The lane's inbox, its turn and its thread's loop, start and stop. What a batch does:
// lane_batch.cpp; where inner work comes from: lane_sources.cpp; how it holds its lane:
// lane_holding.cpp.
#include "engine/lane.h"

#include <pawl/log.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <future>
#include <optional>
#include <utility>

namespace pawl::engine {

namespace {

// The loop looks around at least this often, whatever it believes to be due.
constexpr std::int64_t max_wait_us = 1'000'000;
constexpr std::size_t watches_refreshed_at_once = 512;
constexpr std::int64_t min_refresh_rest_us = 50'000;
constexpr std::int64_t max_refresh_rest_us = 1'000'000;

std::set<std::string, std::less<>> kinds_of(
    const std::map<std::string, std::shared_ptr<EffectHandler>, std::less<>>& handlers) {
  std::set<std::string, std::less<>> kinds;
  for (const auto& [kind, handler] : handlers) kinds.insert(kind);
  return kinds;
}

std::uint64_t seed_or_system(std::uint64_t seed) {
  if (seed != 0) return seed;
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

}  // namespace

Lane::Lane(const Shared& shared, Role role)
    : store_(shared.store),
      registry_(shared.registry),
      options_(shared.options),
      handlers_(shared.handlers),
      role_(role),
      schedule_(registry_, kinds_of(handlers_), !store_.sole_owner()),
      retention_(options_.retention, registry_),
      watchers_(shared.watchers),
      commit_watches_(shared.commit_watches),
      random_(seed_or_system(options_.seed)) {
  options_.max_batch = std::clamp<std::size_t>(options_.max_batch, 1, protocol::max_batch_works);
}

Lane::~Lane() {
  stop();
}

Result<bool> Lane::start() {
  if (auto taken = take_lane(); !taken) return std::unexpected(taken.error());
  if (!lane_) return false;
  postbox_->next_look_us = next_look_us();
  thread_ = std::thread([this] { run(); });
  return true;
}

void Lane::stop() {
  {
    const std::lock_guard lock(postbox_->mutex);
    postbox_->stopping = true;
  }
  postbox_->wake.notify_all();
  // Whoever asks waits until it has stopped; a thread is joined once.
  const std::lock_guard lock(join_mutex_);
  if (thread_.joinable()) thread_.join();
}

bool Lane::accept(protocol::WorkItem item, Engine::ReceiptDone done, bool wake) {
  ErrorCode refusal = engine_stopping;
  {
    const std::lock_guard lock(postbox_->mutex);
    if (!postbox_->stopping && postbox_->waiting < options_.max_waiting) {
      if (postbox_->waiting++ == 0) postbox_->waiting_since_us = store_.clock().monotonic_us();
      const bool was_empty = postbox_->inbox.empty();
      postbox_->inbox.submissions.push_back({std::move(item), std::move(done)});
      if (was_empty && wake) postbox_->wake.notify_one();
      return true;
    }
    if (!postbox_->stopping) refusal = engine_overloaded;
  }
  done(fail(refusal));
  return false;
}

void Lane::submit(protocol::WorkItem item, Engine::ReceiptDone done) {
  accept(std::move(item), std::move(done), true);
}

Result<Receipt> Lane::call(protocol::WorkItem item) {
  if (turn_owner_ == std::this_thread::get_id()) {
    return fail(machine_defect, "call() from a callback would wait for itself");
  }
  std::promise<Result<Receipt>> promise;
  auto future = promise.get_future();
  std::unique_lock turn(turn_, std::try_to_lock);
  const bool accepted = accept(
      std::move(item),
      [&promise](Result<Receipt> receipt) { promise.set_value(std::move(receipt)); },
      !turn.owns_lock());
  if (turn.owns_lock()) {
    if (accepted) {
      take_turn(true);
      leave_turn();
    }
    turn.unlock();
  }
  return future.get();
}

void Lane::watch(const EntityRef& ref, Engine::RowTest ended, int deadline_ms,
                 Engine::RowDone done) {
  WatchRequest request{ref, std::move(ended),
                       store_.clock().monotonic_us() + std::int64_t{deadline_ms} * 1'000,
                       std::move(done)};
  {
    const std::lock_guard lock(postbox_->mutex);
    if (!postbox_->closed) {
      postbox_->inbox.watches.push_back(std::move(request));
      postbox_->wake.notify_one();
      return;
    }
  }
  request.done(fail(engine_stopping), false);
}

void Lane::look(const Tidings& tidings) {
  const bool effects =
      std::find(tidings.lanes.begin(), tidings.lanes.end(), id_.load()) != tidings.lanes.end();
  const bool watches = role_.first && tidings.committed && !watchers_.empty();
  if (!effects && !watches && !tidings.all_lanes) return;
  const std::lock_guard lock(postbox_->mutex);
  // What others commit would keep it from ending.
  if (postbox_->stopping) return;
  if (effects) postbox_->inbox.look_at_effects = true;
  if (tidings.all_lanes) postbox_->inbox.walk_effects = true;
  if (watches) postbox_->inbox.look_at_watches = true;
  postbox_->wake.notify_one();
}

EngineStatistics Lane::statistics() const {
  EngineStatistics out;
  std::int64_t last_commit_us = 0;
  {
    const std::lock_guard lock(statistics_mutex_);
    out = statistics_;
    last_commit_us = last_commit_us_;
  }
  const std::int64_t now_us = store_.clock().monotonic_us();
  out.store_failing = now_us < inner_paused_until_us_.load();
  const std::lock_guard lock(postbox_->mutex);
  out.waiting = static_cast<std::int64_t>(postbox_->waiting);
  if (out.waiting > 0) {
    const std::int64_t since_us = std::max(last_commit_us, postbox_->waiting_since_us);
    out.stalled_us = std::max<std::int64_t>(0, now_us - since_us);
  }
  return out;
}

bool Lane::wait_for_work() {
  std::unique_lock lock(postbox_->mutex);
  const auto roused = [&] { return !postbox_->inbox.empty() || postbox_->stopping; };
  while (!roused()) {
    const std::int64_t look_us = postbox_->next_look_us;
    const std::int64_t wait_us = look_us - store_.clock().monotonic_us();
    if (wait_us <= 0) break;
    // A caller who took the turn meanwhile may have left something that is due sooner, or later.
    const auto changed = [&] { return roused() || postbox_->next_look_us != look_us; };
    if (!postbox_->wake.wait_for(lock, std::chrono::microseconds(wait_us), changed)) break;
  }
  return !postbox_->stopping;
}

std::int64_t Lane::next_look_us() const {
  const Time now = store_.clock().now();
  const std::int64_t monotonic_us = store_.clock().monotonic_us();
  if (!pending_.empty() || !skipped_.empty()) return monotonic_us;
  std::int64_t wait_us = max_wait_us;
  if (lane_) wait_us = std::min(wait_us, renew_at_us_ - monotonic_us);
  const bool driven = lane_ && !load_needed_;
  const bool paused = monotonic_us < inner_paused_until_us_;
  if (role_.first) {
    wait_us = std::min(wait_us, watchers_.next_expiry() - monotonic_us);
    if (driven && !store_.sole_owner() && !watchers_.empty()) {
      wait_us = std::min(wait_us, refresh_at_us_ - monotonic_us);
    }
    if (driven && !paused) {
      wait_us = std::min(wait_us, std::max(retention_.next_us(), monotonic_us) - monotonic_us);
    }
  }
  if (paused) {
    wait_us = std::min(wait_us, inner_paused_until_us_ - monotonic_us);
  } else if (!driven) {
    // Nothing of it can be done before the next try to hold the lane.
    wait_us = std::min(wait_us, retake_at_us_ - monotonic_us);
  } else {
    std::array<Time, 3> dues{schedule_.next_at(), next_deadline_, Time::never()};
    if (!leases_.empty()) dues[2] = leases_.begin()->first;
    for (const Time due : dues) {
      if (due != Time::never()) wait_us = std::min(wait_us, due.us - now.us);
    }
    if (!messages_.empty() || !postponed_.empty()) wait_us = 0;
    if (schedule_.wants_permits(now)) {
      wait_us = std::min(wait_us, permits_at_us(now) - monotonic_us);
    }
    if (messages_left_) wait_us = std::min(wait_us, messages_at_us_ - monotonic_us);
    if (!store_.sole_owner()) wait_us = std::min(wait_us, effects_at_us_ - monotonic_us);
  }
  return monotonic_us + std::max<std::int64_t>(wait_us, 0);
}

void Lane::take_turn(bool running) {
  turn_owner_ = std::this_thread::get_id();
  take_inbox();
  const Time now = store_.clock().now();
  const std::int64_t monotonic_us = store_.clock().monotonic_us();
  give_up_overdue(now);
  if (role_.first) watch_clock(now);
  renew_lane(monotonic_us);
  resume_postponed(monotonic_us);
  if (running && monotonic_us >= inner_paused_until_us_) collect_due();
  run_batches();
  if (role_.first) {
    refresh_watches(monotonic_us);
    watchers_.expire(store_.clock().monotonic_us());
  }
}

// What this turn left to be done tells when the thread has to look again, at the latest.
void Lane::leave_turn() {
  const std::int64_t look_us = next_look_us();
  turn_owner_ = std::thread::id();
  const std::lock_guard lock(postbox_->mutex);
  const bool sooner = look_us < postbox_->next_look_us;
  postbox_->next_look_us = look_us;
  if (sooner) postbox_->wake.notify_one();
}

void Lane::run() {
  std::int64_t stop_by_us = 0;
  while (true) {
    const bool running = wait_for_work();
    const std::lock_guard turn(turn_);
    take_turn(running);
    // Not on a caller's thread: it has its answer by now, and shall not wait for this.
    if (running && role_.first) remove_old();
    if (running) end_if_done();
    leave_turn();
    if (running) continue;
    const std::int64_t monotonic_us = store_.clock().monotonic_us();
    if (stop_by_us == 0) stop_by_us = monotonic_us + std::int64_t{options_.stop_grace_ms} * 1'000;
    const bool grace_over = monotonic_us >= stop_by_us;
    const bool quiet =
        pending_.empty() && skipped_.empty() && postponed_.empty() && schedule_.under_way() == 0;
    std::unique_lock lock(postbox_->mutex);
    if (postbox_->inbox.empty() && (quiet || (grace_over && waiting_.empty()))) {
      postbox_->closed = true;
      break;
    }
    // Only answers can still come: wait for them a little at a time, up to the grace.
    postbox_->wake.wait_for(lock, std::chrono::milliseconds(20),
                            [&] { return !postbox_->inbox.empty(); });
  }
  if (lane_ && schedule_.under_way() > 0) {
    lane_->leave();
  } else if (lane_) {
    lane_->release();
  }
  lane_.reset();
  finished_ = true;
}

void Lane::take_inbox() {
  Inbox inbox;
  {
    const std::lock_guard lock(postbox_->mutex);
    std::swap(inbox, postbox_->inbox);
  }
  for (auto& submission : inbox.submissions) {
    const std::uint64_t ticket = next_ticket_++;
    waiting_.emplace(ticket, std::move(submission.done));
    pending_.push_back({ticket, std::move(submission.item)});
  }
  for (const auto& answer : inbox.answers) add_answer(answer);
  if (inbox.look_at_effects) load_needed_ = true;
  if (inbox.walk_effects) last_effect_id_ = effects_at_us_ = 0;
  if (inbox.look_at_watches) refresh_at_us_ = 0;
  for (auto& watch : inbox.watches) open_watch(std::move(watch));
}

void Lane::resume_postponed(std::int64_t monotonic_us) {
  if (monotonic_us < inner_paused_until_us_) return;
  while (!postponed_.empty()) {
    pending_.push_front(std::move(postponed_.back()));
    postponed_.pop_back();
  }
}

void Lane::add_work(protocol::WorkItem item) {
  pending_.push_back({next_ticket_++, std::move(item)});
}

void Lane::open_watch(WatchRequest request) {
  const auto read = [&]() -> Result<EntitySlot> {
    if (auto held = hold_lane(); !held) return std::unexpected(held.error());
    auto slots = lane_->entities({request.ref});
    if (!slots) return std::unexpected(slots.error());
    return std::move(slots->front());
  };
  // Entered first: what is committed after this read is told to the watch.
  const std::uint64_t watch =
      watchers_.add(request.ref, request.ended, request.until_us, request.done);
  auto slot = read();
  if (watch == 0) {
    request.done(std::move(slot), false);
  } else if (!slot) {
    watchers_.failed(request.ref, watch, slot.error());
  } else {
    watchers_.changed(*slot);
  }
}

// What other processes commit reaches a watch by looking: often while they say that they commit,
// now and then in any case, and never for more than a small part of the time.
void Lane::refresh_watches(std::int64_t monotonic_us) {
  if (store_.sole_owner() || watchers_.empty() || monotonic_us < refresh_at_us_) return;
  if (!hold_lane()) return;
  const auto refs = watchers_.watched(refreshed_up_to_, watches_refreshed_at_once);
  refreshed_up_to_ = refs.size() < watches_refreshed_at_once ? EntityRef{} : refs.back();
  if (!refs.empty()) {
    const auto slots = lane_->entities(refs);
    if (slots) {
      for (const EntitySlot& slot : *slots) watchers_.changed(slot);
    }
  }
  const std::int64_t ended_us = store_.clock().monotonic_us();
  const std::int64_t rest_us = std::max(min_refresh_rest_us, 8 * (ended_us - monotonic_us));
  refresh_at_us_ = ended_us + std::min(rest_us, max_refresh_rest_us);
}

void Lane::watch_clock(Time now) {
  auto* guarded = dynamic_cast<GuardedClock*>(&store_.clock());
  if (guarded == nullptr) return;
  const std::int64_t drift_ms = guarded->drift_ms();
  if (drift_ms == 0) {
    clock_alerted_ = false;
    return;
  }
  if (clock_alerted_) return;
  clock_alerted_ = true;
  log::error("clock_jumped", {{"drift_ms", drift_ms}});
  protocol::AlertWork alert;
  alert.alert.code = "clock_jumped";
  alert.alert.detail = "the wall clock jumped by " + std::to_string(drift_ms) +
                       " ms; deadlines go by the monotonic clock until it is back";
  alert.alert.first_seen = alert.alert.last_seen = now;
  add_work(std::move(alert));
}

}  // namespace pawl::engine
