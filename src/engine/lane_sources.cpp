// SPDX-License-Identifier: Apache-2.0
//
// Where a lane's inner work comes from: effects that are due, exchanges that answered or did not,
// deadlines, messages; and how all of it is found again after a restart.
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

// The stores complete at once or later; recovery and the rare scans wait for them.
template <class T>
Result<T> completed(std::optional<Result<T>>& place) {
  return place ? std::move(*place) : Result<T>(fail(protocol::store_failed, "no completion"));
}

}  // namespace

Result<void> Lane::load_effects() {
  std::int64_t after = 0;
  const Time now = store_.clock().now();
  std::int64_t unknown = 0;
  std::int64_t total = 0;
  while (true) {
    std::optional<Result<std::vector<EffectSummary>>> place;
    store_.open_effects(after, scan_rows, [&](auto rows) { place = std::move(rows); });
    auto rows = completed(place);
    if (!rows) return std::unexpected(rows.error());
    for (const EffectSummary& row : *rows) {
      after = row.id;
      // Of a kind that this program does not know: left as it is for one that does.
      if (registry_.find_effect(row.kind) == nullptr) continue;
      ++total;
      if (protocol::is_claimed(row.state)) {
        // Its sender is gone: by the lock beside the file, or once the lease has passed.
        ++unknown;
        add_work(protocol::LeaseLostWork{row.id, row.token});
      } else {
        schedule_.put(row.id, row.kind, row.state, std::max(row.next_at, Time{}));
      }
    }
    if (static_cast<int>(rows->size()) < scan_rows) break;
  }
  if (total > 0) {
    log::info("effects_recovered", {{"open", total}, {"to_inquire", unknown}, {"now_us", now.us}});
  }
  return {};
}

Result<void> Lane::load_messages() {
  std::optional<Result<std::vector<std::pair<EntityRef, EntityRef>>>> pairs;
  store_.parked_pairs([&](auto rows) { pairs = std::move(rows); });
  auto held = completed(pairs);
  if (!held) return std::unexpected(held.error());
  held_pairs_ = {held->begin(), held->end()};
  messages_left_ = true;
  return {};
}

Result<void> Lane::load_deadlines() {
  std::optional<Result<Time>> place;
  store_.next_deadline([&](auto time) { place = std::move(time); });
  auto next = completed(place);
  if (!next) return std::unexpected(next.error());
  next_deadline_ = *next;
  return {};
}

void Lane::collect_due() {
  const Time now = store_.clock().now();
  for (const std::int64_t id : schedule_.take_due(now, options_.max_batch)) {
    add_work(protocol::ClaimWork{id});
  }
  if (next_deadline_ <= now) collect_deadlines(now);
  collect_messages();
}

void Lane::collect_deadlines(Time now) {
  std::optional<Result<std::vector<protocol::DeadlineRow>>> place;
  store_.due_deadlines(now, scan_rows, [&](auto rows) { place = std::move(rows); });
  auto rows = completed(place);
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
  if (messages_.empty() && messages_left_) {
    std::optional<Result<std::vector<protocol::MessageRow>>> place;
    store_.waiting_messages(last_message_id_, scan_rows,
                            [&](auto rows) { place = std::move(rows); });
    auto rows = completed(place);
    if (!rows) {
      log::error("message_scan_failed", {{"error", rows.error().text()}});
      inner_paused_until_us_ = store_.clock().monotonic_us() + 1'000'000;
      return;
    }
    messages_left_ = static_cast<int>(rows->size()) == scan_rows;
    for (auto& row : *rows) {
      last_message_id_ = row.id;
      messages_.push_back(std::move(row));
    }
  }
  while (!messages_.empty() && pending_.size() < options_.max_batch) {
    protocol::MessageWork work;
    work.row = std::move(messages_.front());
    messages_.pop_front();
    // A parked message holds its pair; the row stays in the store until an operator decides.
    if (held_pairs_.contains({work.row.from, work.row.to})) continue;
    if (const auto* spec = registry_.find_command(work.row.kind); spec && spec->decode_bounced) {
      auto command = work.row.bounced ? spec->decode_bounced(work.row.payload, work.row.to.key,
                                                             work.row.code, work.row.detail)
                                      : spec->decode(work.row.payload);
      if (command) work.command = std::move(*command);
    }
    add_work(std::move(work));
  }
}

void Lane::remove_old() {
  const std::int64_t began_us = store_.clock().monotonic_us();
  if (began_us < inner_paused_until_us_) return;
  const auto pass = retention_.next(store_.clock().now(), began_us);
  if (!pass) return;
  std::optional<Result<protocol::RetentionPassed>> place;
  store_.remove_old(*pass, [&](auto result) { place = std::move(result); });
  const auto result = completed(place);
  const std::int64_t ended_us = store_.clock().monotonic_us();
  if (!result) {
    log::error("retention_failed", {{"error", result.error().text()}});
    retention_.failed(ended_us);
    return;
  }
  bool busy = !pending_.empty();
  {
    const std::lock_guard lock(shared_->mutex);
    busy = busy || !shared_->inbox.empty();
  }
  retention_.passed(*pass, *result, ended_us, ended_us - began_us, busy);
  const std::lock_guard lock(statistics_mutex_);
  statistics_.rows_removed += result->removed;
}

void Lane::queue_message(protocol::MessageRow row) {
  // Once some are only in the store, the rest follows from there: first in, first out.
  if (messages_left_ || messages_.size() >= max_messages_in_memory) {
    messages_left_ = true;
    return;
  }
  last_message_id_ = std::max(last_message_id_, row.id);
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
  auto done = [shared = shared_, id = exchange.row.id,
               token = exchange.row.token](EffectAnswer answer) {
    PAWL_CRASH_POINT("effect.answered");
    const std::lock_guard lock(shared->mutex);
    if (shared->closed) return;  // found again at the next start, and inquired
    shared->inbox.answers.push_back({id, token, std::move(answer)});
    shared->wake.notify_one();
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
