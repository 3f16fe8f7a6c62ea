// SPDX-License-Identifier: Apache-2.0
#include "protocol/retention.h"

#include <algorithm>
#include <limits>

#include "protocol/guards.h"

namespace pawl::protocol {

namespace {

constexpr std::int64_t second_us = 1'000'000;
constexpr std::int64_t day_us = 24 * 3600 * second_us;
constexpr std::int64_t never_us = std::numeric_limits<std::int64_t>::max();
// A walk that finds nothing to remove is in no hurry, least of all where others wait.
constexpr std::int64_t idle_rest_us = 20'000;
constexpr std::int64_t busy_rest_us = 100'000;
constexpr std::int64_t rest_after_failure_us = 60 * second_us;
// The rest after a pass, in times of what it took.
constexpr std::int64_t rest_of_idle_lane = 1;
constexpr std::int64_t rest_of_busy_lane = 9;

// A row is looked at this often while it is kept, but not more than once a second.
std::int64_t cycle_us(std::int64_t keep_us) {
  return std::clamp(keep_us / 30, second_us, day_us);
}

}  // namespace

std::int64_t id_clock_slack_us(std::int64_t window_us) {
  return std::min(window_us, day_us);
}

bool is_too_old(const Origin& origin, Time now, std::int64_t window_us) {
  if (window_us <= 0) return false;
  const auto made_at = origin.made_at ? origin.made_at : id_made_at(origin.id);
  if (!made_at || made_at->us > now.us + id_clock_slack_us(window_us)) return false;
  return made_at->us < now.us - window_us;
}

RetentionPlan::RetentionPlan(const RetentionOptions& options, const Registry& registry) {
  const int rows = std::clamp(options.batch_rows, 1, 10'000);
  const std::int64_t window_us = options.receipts_seconds * second_us;
  const bool no_slack = guard_holds(guard::receipt_outlives_slack, false);
  const std::int64_t slack_us = no_slack ? 0 : id_clock_slack_us(window_us);
  add(RetentionSubject::receipts, {}, (window_us + slack_us) / second_us, rows);
  add(RetentionSubject::ended_effects, {}, options.ended_effects_seconds, rows);
  add(RetentionSubject::alerts, {}, options.acknowledged_alerts_seconds, rows);
  std::int64_t journal_seconds = options.journal_seconds;
  for (const auto& machine : registry.machines()) {
    for (const auto& record : machine->records) {
      add(RetentionSubject::records, record.table, record.keep_seconds, rows);
      // Records have no time of their own: it is that of their commit, in the journal.
      if (journal_seconds > 0) journal_seconds = std::max(journal_seconds, record.keep_seconds);
    }
  }
  // A journal row may hold a thousand entries.
  add(RetentionSubject::journal, {}, journal_seconds, std::max(1, rows / 10));
}

void RetentionPlan::add(RetentionSubject subject, std::string_view table, std::int64_t seconds,
                        int rows) {
  if (seconds <= 0) return;
  walks_.push_back({subject, table, seconds * second_us, rows});
}

std::int64_t RetentionPlan::next_us() const {
  std::int64_t soonest = never_us;
  for (const Walk& walk : walks_) soonest = std::min(soonest, walk.next_us);
  return soonest == never_us ? never_us : std::max(soonest, rest_until_us_);
}

std::optional<RetentionPass> RetentionPlan::next(Time now, std::int64_t monotonic_us) const {
  if (monotonic_us < rest_until_us_) return {};
  const Walk* chosen = nullptr;
  for (const Walk& walk : walks_) {
    if (walk.next_us > monotonic_us) continue;
    if (chosen == nullptr || walk.next_us < chosen->next_us) chosen = &walk;
  }
  if (chosen == nullptr) return {};
  return RetentionPass{chosen->subject, chosen->table, Time{now.us - chosen->keep_us},
                       chosen->rows};
}

void RetentionPlan::passed(const RetentionPass& pass, const RetentionPassed& result,
                           std::int64_t monotonic_us, std::int64_t took_us, bool busy) {
  const std::int64_t rest = took_us * (busy ? rest_of_busy_lane : rest_of_idle_lane);
  const std::int64_t unhurried = result.removed > 0 ? 0 : (busy ? busy_rest_us : idle_rest_us);
  rest_until_us_ = monotonic_us + std::max(rest, unhurried);
  for (Walk& walk : walks_) {
    if (walk.subject != pass.subject || walk.table != pass.table) continue;
    if (!walk.under_way) walk.began_us = monotonic_us - took_us;
    walk.under_way = !result.finished;
    // Behind the others that are due: they take turns.
    walk.next_us = result.finished ? std::max(walk.began_us + cycle_us(walk.keep_us), monotonic_us)
                                   : monotonic_us;
  }
}

void RetentionPlan::failed(std::int64_t monotonic_us) {
  rest_until_us_ = monotonic_us + rest_after_failure_us;
}

}  // namespace pawl::protocol
