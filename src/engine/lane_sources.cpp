// SPDX-License-Identifier: Apache-2.0
//
// Where a lane's inner work comes from: effects that are due, exchanges that answered or did not,
// deadlines, messages. How all of it is found again after a restart: lane_holding.cpp.
#include <pawl/log.h>

#include <algorithm>
#include <string>
#include <utility>

#include "core/crash_point.h"
#include "engine/lane.h"

namespace pawl::engine {

namespace {

constexpr int scan_rows = 1'000;
constexpr std::size_t max_messages_in_memory = 20'000;
// Beyond the handler's own time-out, so that its answer is preferred to ours.
constexpr std::int64_t handler_slack_ms = 1'000;

// Messages that wait for another lane's are looked at again after this, doubled up to the most.
constexpr std::int64_t behind_wait_us = 2'000;
constexpr int max_behind_doublings = 8;
// Between two pages of a walk that finds such. With the size of a page it bounds what a backlog
// that cannot be delivered costs, however long it is.
constexpr std::int64_t behind_page_rest_us = 50'000;
// More of them are tried once a page instead of once a walk.
constexpr std::size_t max_behind_pairs = 10'000;
constexpr std::int64_t idle_message_look_us = 1'000'000;
// How often permits are asked for: while they are lacking, and else.
constexpr std::int64_t permit_hunger_us = 20'000;
constexpr std::int64_t permit_interval_us = 250'000;

}  // namespace

void Lane::collect_due() {
  if (!hold_lane()) return;
  const Time now = store_.clock().now();
  look_at_effects();
  collect_lapsed_leases(now);
  ask_for_permits(now);
  for (const std::int64_t id : schedule_.take_due(now, options_.max_batch)) {
    add_work(protocol::ClaimWork{id});
  }
  if (next_deadline_ <= now) collect_deadlines(now);
  collect_messages();
}

std::int64_t Lane::permits_at_us(Time now) const {
  return permits_asked_us_ + (schedule_.wants_permits(now) ? permit_hunger_us : permit_interval_us);
}

// Asks while it lacks permits, and while it has any, so that what others lack is given back.
void Lane::ask_for_permits(Time now) {
  if (store_.sole_owner()) return;
  const std::int64_t monotonic_us = store_.clock().monotonic_us();
  if (monotonic_us < permits_at_us(now)) return;
  const auto wishes = schedule_.wishes(now);
  if (wishes.empty()) return;
  permits_asked_us_ = monotonic_us;
  const auto permits = lane_->share_permits(wishes);
  if (!permits) log::warn("permits_not_shared", {{"error", permits.error().text()}});
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    // What was given back in an answer that was lost is not used: another may have it.
    schedule_.set_permits(wishes[i].destination, permits ? permits->at(i) : wishes[i].in_use);
  }
}

void Lane::collect_deadlines(Time now) {
  auto rows = lane_->due_deadlines(now, scan_rows);
  if (!rows) {
    log::error("deadline_scan_failed", {{"error", rows.error().text()}});
    inner_paused_until_us_ = store_.clock().monotonic_us() + 1'000'000;
    return;
  }
  for (auto& row : *rows) {
    if (!deadlines_in_hand_.insert(row.arming).second) continue;
    protocol::DeadlineWork work;
    if (const auto* spec = registry_.find_command(row.kind)) {
      if (auto command = spec->decode(row.payload)) work.command = std::move(*command);
    }
    work.row = std::move(row);
    add_work(std::move(work));
  }
  // More may be due; otherwise the next is learnt once these are decided.
  if (rows->empty()) {
    if (auto next = load_deadlines(); !next) next_deadline_ = now.plus_seconds(1);
  } else {
    next_deadline_ = Time::never();
  }
}

void Lane::collect_messages() {
  if (messages_.empty() && messages_left_ && store_.clock().monotonic_us() >= messages_at_us_ &&
      !read_messages()) {
    return;
  }
  while (!messages_.empty() && pending_.size() < options_.max_batch) {
    protocol::MessageWork work;
    work.row = std::move(messages_.front());
    messages_.pop_front();
    if (waits_in_store(work.row)) continue;
    if (const auto* spec = registry_.find_command(work.row.kind); spec && spec->decode_bounced) {
      auto command = work.row.bounced ? spec->decode_bounced(work.row.payload, work.row.to.key,
                                                             work.row.code, work.row.detail)
                                      : spec->decode(work.row.payload);
      if (command) work.command = std::move(*command);
    }
    add_work(std::move(work));
  }
}

// The next page of what waits in the store.
bool Lane::read_messages() {
  if (last_message_id_ == 0) {
    were_behind_ = std::exchange(behind_pairs_, {});
    were_behind_.merge(behind_later_);
    behind_later_.clear();
    if (were_behind_.empty()) messages_behind_ = 0;
  }
  auto rows = lane_->waiting_messages(last_message_id_, scan_rows);
  if (!rows) {
    log::error("message_scan_failed", {{"error", rows.error().text()}});
    inner_paused_until_us_ = store_.clock().monotonic_us() + 1'000'000;
    return false;
  }
  messages_left_ = static_cast<int>(rows->size()) == scan_rows;
  const auto in_hand = messages_in_hand();
  bool some_wait = false;
  for (auto& row : *rows) {
    last_message_id_ = row.id;
    const bool waits = waits_in_store(row);
    some_wait = some_wait || waits;
    if (!waits && !in_hand.contains(row.id)) messages_.push_back(std::move(row));
  }
  if (store_.sole_owner()) return true;
  if (!messages_left_) {
    look_at_messages_later();
  } else if (some_wait) {
    messages_at_us_ = store_.clock().monotonic_us() + behind_page_rest_us;
  }
  return true;
}

// A walk finds what is being tried, or waits for its receiver's row, in the store once more.
std::unordered_set<std::int64_t> Lane::messages_in_hand() const {
  std::unordered_set<std::int64_t> ids;
  const auto add = [&ids](const protocol::Work& work) {
    if (const auto* message = std::get_if<protocol::MessageWork>(&work.item)) {
      ids.insert(message->row.id);
    }
  };
  for (const auto& work : pending_) add(work);
  for (const auto& work : postponed_) add(work);
  for (const auto& skipped : skipped_) add(skipped.work);
  return ids;
}

// A parked message holds its pair until an operator decides; one that is behind is found again by
// the next walk.
bool Lane::waits_in_store(const protocol::MessageRow& row) const {
  const Pair pair{row.from, row.to};
  if (held_pairs_.contains(pair) || behind_pairs_.contains(pair)) return true;
  return row.id > last_message_id_ && behind_later_.contains(pair);
}

void Lane::remove_old() {
  const std::int64_t began_us = store_.clock().monotonic_us();
  if (began_us < inner_paused_until_us_) return;
  const auto pass = retention_.next(store_.clock().now(), began_us);
  if (!pass) return;
  if (!hold_lane()) return;
  const auto result = lane_->remove_old(*pass);
  const std::int64_t ended_us = store_.clock().monotonic_us();
  if (!result) {
    log::error("retention_failed", {{"error", result.error().text()}});
    retention_.failed(ended_us);
    return;
  }
  bool busy = !pending_.empty();
  {
    const std::lock_guard lock(postbox_->mutex);
    busy = busy || !postbox_->inbox.empty();
  }
  retention_.passed(*pass, *result, ended_us, ended_us - began_us, busy);
  const std::lock_guard lock(statistics_mutex_);
  statistics_.rows_removed += result->removed;
}

// Some wait for what another lane has to deliver first, or until an operator frees their pair: they
// stay in the store, and their pairs are tried again by the next walk. What is behind them, of
// other pairs, is not held up: this walk goes on.
void Lane::messages_were_tried(const std::vector<const protocol::MessageRow*>& behind,
                               const std::vector<const protocol::MessageRow*>& delivered) {
  if (store_.sole_owner()) return;  // held_pairs_ says what waits
  bool of_this_walk = false;
  for (const auto* row : behind) {
    const bool walked = row->id <= last_message_id_;
    of_this_walk = of_this_walk || walked;
    auto& pairs = walked ? behind_pairs_ : behind_later_;
    if (pairs.size() < max_behind_pairs) pairs.emplace(row->from, row->to);
  }
  // Where a pair goes on, step by step in this lane and another, the next step is soon.
  for (const auto* row : delivered) {
    const Pair pair{row->from, row->to};
    const bool was_behind =
        were_behind_.erase(pair) + behind_pairs_.count(pair) + behind_later_.count(pair) > 0;
    if (was_behind) messages_behind_ = 0;
  }
  if (behind.empty()) return;
  messages_behind_ = std::min(messages_behind_ + 1, max_behind_doublings);
  if (last_message_id_ == 0) return look_at_messages_later();
  if (!of_this_walk) return;
  const std::int64_t longer_us = delivered.empty() ? behind_wait_us << messages_behind_ : 0;
  messages_at_us_ = store_.clock().monotonic_us() + std::max(longer_us, behind_page_rest_us);
}

void Lane::look_at_messages_later() {
  // A look that stands already is not put off by what is found behind meanwhile.
  const bool stands = messages_left_ && last_message_id_ == 0;
  const std::int64_t wait_us =
      messages_behind_ > 0 ? behind_wait_us << messages_behind_ : idle_message_look_us;
  const std::int64_t at_us = store_.clock().monotonic_us() + wait_us;
  messages_at_us_ = stands ? std::min(messages_at_us_, at_us) : at_us;
  last_message_id_ = 0;
  messages_left_ = true;
}

void Lane::queue_message(protocol::MessageRow row) {
  // Once some are only in the store, the rest follows from there: first in, first out. Shared with
  // others, the store itself says which are behind, and a backlog of those holds up no other pair.
  const bool behind_others = store_.sole_owner() ? messages_left_ : waits_in_store(row);
  if (behind_others || messages_.size() >= max_messages_in_memory) {
    messages_left_ = true;
    return;
  }
  if (store_.sole_owner()) last_message_id_ = std::max(last_message_id_, row.id);
  messages_.push_back(std::move(row));
}

void Lane::start_exchange(const protocol::StartExchange& exchange) {
  const EffectSpec* spec = registry_.find_effect(exchange.row.kind);
  const auto handler = handlers_.find(exchange.row.kind);  // only handled kinds are claimed
  const Time now = store_.clock().now();
  schedule_.begun(exchange.row, now.plus_ms(spec->policy.send_timeout_ms + handler_slack_ms));
  EffectCall call;
  call.purpose = exchange.purpose;
  call.effect_id = exchange.row.id;
  call.kind = spec->kind;
  call.payload = exchange.row.payload;
  call.idempotency_key = exchange.row.idempotency_key;
  call.attempt = exchange.row.attempt;
  call.timeout_ms = spec->policy.send_timeout_ms;
  call.not_after = exchange.row.not_after;
  call.trace_id = exchange.row.trace_id;
  auto done = [postbox = postbox_, id = exchange.row.id,
               token = exchange.row.token](EffectAnswer answer) {
    PAWL_CRASH_POINT("effect.answered");
    const std::lock_guard lock(postbox->mutex);
    if (postbox->closed) return;  // found again at the next start, and inquired
    postbox->inbox.answers.push_back({id, token, std::move(answer)});
    postbox->wake.notify_one();
  };
  PAWL_CRASH_POINT("effect.before_send");
  try {
    handler->second->start(call, std::move(done));
  } catch (const std::exception& thrown) {
    add_answer({exchange.row.id, exchange.row.token,
                EffectAnswer(Outcome::unknown, std::string("handler threw: ") + thrown.what())});
  } catch (...) {
    add_answer({exchange.row.id, exchange.row.token,
                EffectAnswer(Outcome::unknown, "handler threw something that is no exception")});
  }
  PAWL_CRASH_POINT("effect.after_send");
}

void Lane::add_answer(const ExchangeAnswer& answer) {
  auto row = schedule_.finished(answer.effect_id, answer.token);
  if (!row) return;  // late: this exchange was given up
  log::info("effect_answered", {{"trace_id", row->trace_id},
                                {"effect", row->id},
                                {"kind", row->kind},
                                {"key", row->owner.key},
                                {"attempt", row->attempt},
                                {"outcome", name_of(answer.answer.outcome)},
                                {"code", answer.answer.code}});
  protocol::AnswerWork work;
  work.claimed = std::move(*row);
  work.answer = answer.answer;
  work.jitter = std::uniform_real_distribution<double>(0, 1)(random_);
  add_work(std::move(work));
}

void Lane::give_up_overdue(Time now) {
  for (const protocol::EffectRow& row : schedule_.overdue(now)) {
    add_answer({row.id, row.token, EffectAnswer(Outcome::unknown, "handler_timeout")});
  }
}

}  // namespace pawl::engine
