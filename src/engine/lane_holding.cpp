// SPDX-License-Identifier: Apache-2.0
//
// How a driver holds its lane: takes it, says that it lives, loses it to another process and takes
// another; and how what the lane has to drive is found in the store.
#include <pawl/log.h>

#include <algorithm>
#include <utility>

#include "engine/lane.h"

namespace pawl::engine {

namespace {

constexpr int scan_rows = 1'000;
constexpr std::int64_t retake_interval_us = 500'000;
constexpr std::int64_t look_for_end_interval_us = 1'000'000;
// The open effects of a store that processes share are walked again so often, and a walk's pages
// are so far apart.
constexpr std::int64_t effects_look_interval_us = 60'000'000;
constexpr std::int64_t effects_page_rest_us = 50'000;
constexpr std::int64_t effects_retry_us = 1'000'000;

}  // namespace

Result<void> Lane::take_lane() {
  auto lane = store_.take_lane(role_.wish);
  if (!lane) return std::unexpected(lane.error());
  if (!*lane) return {};
  lane_ = std::move(*lane);
  id_ = lane_->id();
  renew_at_us_ = lane_->renew_interval_ms() == 0
                     ? INT64_MAX
                     : store_.clock().monotonic_us() + lane_->renew_interval_ms() * 1'000LL;
  const auto taken = begin_lane();
  if (!taken) {
    // One that is held is driven, and each try would keep another one from those who can. What was
    // found in this one is not the next one's.
    drop_inner_work();
    lane_->release();
    lane_.reset();
  }
  return taken;
}

// What this process noted of it, and what is to be driven.
Result<void> Lane::begin_lane() {
  auto suspects = Suspects::open(store_.notes_path(lane_->id()));
  if (!suspects) return std::unexpected(suspects.error());
  suspects_ = std::move(*suspects);
  return load();
}

// The lane, and everything in it loaded; else why not. A lane that was lost is taken anew, and what
// a commit in doubt left is loaded, no more often than every retake_interval_us.
Result<void> Lane::hold_lane() {
  if (lane_ && !load_needed_) return {};
  const std::int64_t now_us = store_.clock().monotonic_us();
  if (now_us < retake_at_us_) return std::unexpected(not_held_);
  if (finished_) return fail(protocol::lane_fenced, "another process drives this lane now");
  auto held = lane_ ? load() : take_lane();
  if (held && lane_) {
    load_needed_ = false;
    return {};
  }
  retake_at_us_ = now_us + retake_interval_us;
  not_held_ = held ? Error(protocol::lane_fenced, "there is no lane to be taken") : held.error();
  if (held) return std::unexpected(not_held_);
  log::error("lane_not_held", {{"error", held.error().text()}});
  return held;
}

void Lane::lose_lane() {
  log::warn("lane_lost", {{"lane", id_.load()}});
  lane_.reset();
  drop_inner_work();
  // Whoever took an orphaned lane over drives it: there is nothing left to do here.
  if (role_.wish == LaneWish::orphaned) finished_ = true;
}

// All of it is in the store, and now another's to drive. Exchanges that are under way answer into
// the void; their effects are known as claimed, and are inquired once their leases have passed.
void Lane::drop_inner_work() {
  const auto inner = [this](const protocol::Work& work) { return !waiting_.contains(work.ticket); };
  std::erase_if(pending_, inner);
  std::erase_if(skipped_, [&](const Skipped& skipped) { return inner(skipped.work); });
  postponed_.clear();
  schedule_.clear();
  messages_.clear();
  behind_pairs_.clear();
  behind_later_.clear();
  last_message_id_ = 0;
  messages_left_ = false;
  deadlines_in_hand_.clear();
  next_deadline_ = Time::never();
  leases_.clear();
}

void Lane::renew_lane(std::int64_t monotonic_us) {
  if (!lane_ || monotonic_us < renew_at_us_) return;
  renew_at_us_ = monotonic_us + lane_->renew_interval_ms() * 1'000LL;
  const auto renewed = lane_->renew();
  if (!renewed && renewed.error().code == protocol::lane_fenced) lose_lane();
}

// Looks into the store, too: what waits there for another lane, or until an operator frees a pair,
// is not in memory.
void Lane::end_if_done() {
  if (role_.wish != LaneWish::orphaned) return;
  const std::int64_t now_us = store_.clock().monotonic_us();
  if (!finished_) {
    const bool idle = pending_.empty() && skipped_.empty() && postponed_.empty() &&
                      messages_.empty() && leases_.empty() && schedule_.open() == 0 &&
                      schedule_.under_way() == 0;
    if (!lane_ || load_needed_ || !idle || now_us < look_for_end_at_us_) return;
    look_for_end_at_us_ = now_us + look_for_end_interval_us;
    const auto work = lane_->has_work();
    if (!work || *work) return;
  }
  const std::lock_guard lock(postbox_->mutex);
  postbox_->stopping = true;
}

Result<void> Lane::load() {
  if (auto done = load_effects(); !done) return done;
  if (auto done = load_messages(); !done) return done;
  return load_deadlines();
}

Result<void> Lane::load_effects() {
  leases_.clear();
  const Claims in_hand = claims_in_hand();
  Found found;
  std::int64_t after = 0;
  while (true) {
    const auto rows = lane_->open_effects(after, scan_rows);
    if (!rows) return std::unexpected(rows.error());
    take_up(*rows, in_hand, found);
    if (static_cast<int>(rows->size()) < scan_rows) break;
    after = rows->back().id;
  }
  last_effect_id_ = 0;
  effects_at_us_ = store_.clock().monotonic_us() + effects_look_interval_us;
  if (found.open > 0) {
    log::info("effects_recovered", {{"lane", id_.load()},
                                    {"open", found.open},
                                    {"to_inquire", found.to_inquire},
                                    {"leased", found.leased},
                                    {"now_us", store_.clock().now().us}});
  }
  return {};
}

// Exchanges of ours that have ended, and whose answer is still to be decided: the store has their
// effects as claimed. It would say "nobody knows" of what is known.
Lane::Claims Lane::claims_in_hand() const {
  Claims claims;
  const auto add = [&claims](const protocol::Work& work) {
    if (const auto* answer = std::get_if<protocol::AnswerWork>(&work.item)) {
      claims.emplace(answer->claimed.id, answer->claimed.token);
    } else if (const auto* park = std::get_if<protocol::ParkWork>(&work.item);
               park != nullptr && park->answer) {
      claims.emplace(park->answer->claimed.id, park->answer->claimed.token);
    } else if (const auto* lost = std::get_if<protocol::LeaseLostWork>(&work.item)) {
      claims.emplace(lost->effect_id, lost->token);
    }
  };
  for (const auto& work : pending_) add(work);
  for (const auto& work : postponed_) add(work);
  for (const auto& skipped : skipped_) add(skipped.work);
  return claims;
}

void Lane::take_up(const std::vector<EffectSummary>& rows, const Claims& in_hand, Found& found) {
  const Time now = store_.clock().now();
  const bool dead = lane_->earlier_holder_is_dead();
  for (const EffectSummary& row : rows) {
    // Of a kind that this program does not know: left as it is for one that does.
    if (registry_.find_effect(row.kind) == nullptr) continue;
    ++found.open;
    if (!protocol::is_claimed(row.state)) {
      if (!schedule_.is_claiming(row.id)) {
        schedule_.put(row.id, row.kind, row.state, std::max(row.next_at, Time{}));
      }
      continue;
    }
    // Begun by this very process.
    if (schedule_.is_under_way(row.id, row.token) || in_hand.contains({row.id, row.token})) {
      continue;
    }
    const Time end = dead ? Time{} : row.lease_until;
    leases_.emplace(end, std::pair{row.id, row.token});
    ++(end <= now ? found.to_inquire : found.leased);
  }
}

// An operator's verb that another process committed is heard of by tidings, which can be lost. A
// page at a time: there can be very many, and most of them wait for what this lane knows.
void Lane::look_at_effects() {
  const std::int64_t monotonic_us = store_.clock().monotonic_us();
  if (store_.sole_owner() || monotonic_us < effects_at_us_) return;
  const auto rows = lane_->open_effects(last_effect_id_, scan_rows);
  if (!rows) {
    log::warn("effects_not_looked_at", {{"error", rows.error().text()}});
    effects_at_us_ = monotonic_us + effects_retry_us;
    return;
  }
  Found found;
  take_up(*rows, claims_in_hand(), found);
  const bool more = static_cast<int>(rows->size()) == scan_rows;
  last_effect_id_ = more ? rows->back().id : 0;
  effects_at_us_ = monotonic_us + (more ? effects_page_rest_us : effects_look_interval_us);
}

// What an earlier holder claimed, and may have been sending until now. A batch of them at a time:
// there can be very many after a crash, and a request that comes in meanwhile does not wait for
// all.
void Lane::collect_lapsed_leases(Time now) {
  while (!leases_.empty() && leases_.begin()->first <= now &&
         pending_.size() < options_.max_batch) {
    const auto [id, token] = leases_.begin()->second;
    add_work(protocol::LeaseLostWork{id, token});
    leases_.erase(leases_.begin());
  }
}

Result<void> Lane::load_messages() {
  messages_.clear();
  behind_pairs_.clear();
  behind_later_.clear();
  last_message_id_ = 0;
  messages_left_ = true;
  messages_at_us_ = 0;
  // With other processes about, the store says which pairs are held.
  if (!store_.sole_owner()) return {};
  auto held = lane_->parked_pairs();
  if (!held) return std::unexpected(held.error());
  held_pairs_ = {held->begin(), held->end()};
  return {};
}

Result<void> Lane::load_deadlines() {
  auto next = lane_->next_deadline();
  if (!next) return std::unexpected(next.error());
  next_deadline_ = *next;
  return {};
}

}  // namespace pawl::engine
