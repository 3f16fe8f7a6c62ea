// SPDX-License-Identifier: Apache-2.0
#include "engine/lanes.h"

#include <pawl/log.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace pawl::engine {

namespace {

constexpr std::chrono::milliseconds orphan_look_interval{1'000};

void add(EngineStatistics& sum, const EngineStatistics& part) {
  sum.commits += part.commits;
  sum.works += part.works;
  sum.largest_batch = std::max(sum.largest_batch, part.largest_batch);
  sum.open_effects += part.open_effects;
  sum.exchanges_under_way += part.exchanges_under_way;
  sum.waiting += part.waiting;
  sum.rows_removed += part.rows_removed;
  sum.store_failing = sum.store_failing || part.store_failing;
  for (std::size_t i = 0; i < PowerHistogram::places; ++i) {
    sum.batch_works.counts[i] += part.batch_works.counts[i];
    sum.commit_us.counts[i] += part.commit_us.counts[i];
  }
  sum.batch_works.sum += part.batch_works.sum;
  sum.commit_us.sum += part.commit_us.sum;
  sum.stalled_us = std::max(sum.stalled_us, part.stalled_us);
}

}  // namespace

Result<void> Lanes::start() {
  const int wanted = std::clamp(shared_.options.lanes, 1, shared_.store.max_lanes());
  for (int i = 0; i < wanted; ++i) {
    auto lane = std::make_unique<Lane>(shared_, Lane::Role{LaneWish::own, i == 0});
    auto started = lane->start();
    if (!started) {
      stop();
      own_.clear();
      return std::unexpected(started.error());
    }
    own_.push_back(std::move(lane));
  }
  if (shared_.store.sole_owner()) return {};
  shared_.store.listen([this](const Tidings& tidings) { told(tidings); });
  supervisor_ = std::thread([this] { supervise(); });
  return {};
}

void Lanes::stop() {
  const std::lock_guard one(stop_mutex_);
  std::vector<std::shared_ptr<Lane>> orphaned;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  const bool listening = supervisor_.joinable();
  if (listening) supervisor_.join();
  {
    const std::lock_guard lock(mutex_);
    orphaned.swap(orphaned_);
  }
  // All at once: each may wait for exchanges that are under way.
  std::vector<std::thread> stopping;
  stopping.reserve(orphaned.size() + own_.size());
  for (auto& lane : orphaned) stopping.emplace_back([&lane] { lane->stop(); });
  for (auto& lane : own_) stopping.emplace_back([&lane] { lane->stop(); });
  for (auto& thread : stopping) thread.join();
  // Only now: what they still committed is announced, too.
  if (listening) shared_.store.listen(nullptr);
  shared_.watchers.end_all();
}

Lane& Lanes::of(const EntityRef& first_key) {
  if (own_.size() == 1) return *own_.front();
  return *own_[EntityRefHash()(first_key) % own_.size()];
}

Lane& Lanes::driving(std::int32_t lane) {
  const auto place =
      std::find_if(own_.begin(), own_.end(), [&](const auto& own) { return own->id() == lane; });
  return place == own_.end() ? first() : **place;
}

EngineStatistics Lanes::statistics() const {
  EngineStatistics sum;
  for (const auto& lane : own_) add(sum, lane->statistics());
  const std::lock_guard lock(mutex_);
  for (const auto& lane : orphaned_) add(sum, lane->statistics());
  return sum;
}

void Lanes::told(const Tidings& tidings) {
  for (const auto& lane : own_) lane->look(tidings);
  if (tidings.committed) shared_.commit_watches.committed();
  const std::lock_guard lock(mutex_);
  for (const auto& lane : orphaned_) lane->look(tidings);
}

void Lanes::supervise() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    end_finished();
    take_orphans();
    lock.lock();
    changed_.wait_for(lock, orphan_look_interval, [&] { return stopping_; });
  }
}

void Lanes::end_finished() {
  std::vector<std::shared_ptr<Lane>> ended;
  {
    const std::lock_guard lock(mutex_);
    const auto first = std::partition(orphaned_.begin(), orphaned_.end(),
                                      [](const auto& lane) { return !lane->finished(); });
    std::move(first, orphaned_.end(), std::back_inserter(ended));
    orphaned_.erase(first, orphaned_.end());
  }
  for (const auto& lane : ended) lane->stop();
}

void Lanes::take_orphans() {
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ || orphaned_.size() >= max_orphaned) return;
    }
    auto lane = std::make_shared<Lane>(shared_, Lane::Role{LaneWish::orphaned, false});
    const auto started = lane->start();
    if (!started) {
      log::warn("orphaned_lane_not_taken", {{"error", started.error().text()}});
      return;
    }
    if (!*started) return;
    log::info("orphaned_lane_taken", {{"lane", lane->id()}});
    const std::lock_guard lock(mutex_);
    orphaned_.push_back(std::move(lane));
  }
}

}  // namespace pawl::engine
