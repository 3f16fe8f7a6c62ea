// SPDX-License-Identifier: Apache-2.0
//
// One batch through the committer's steps, and what follows from its end: answers and exchanges
// only after the commit has returned; after a failure every work is run again or told why not.
#include <pawl/log.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "core/crash_point.h"
#include "engine/lane.h"
#include "protocol/decider.h"
#include "protocol/overloaded.h"

namespace pawl::engine {

namespace {

constexpr std::int64_t pause_after_failure_us = 500'000;
// A transaction that the database gave up is run again so often, at once.
constexpr int max_transaction_tries = 4;
// Absence is not locked: a create can lose to another session's, and is then decided on the row
// that is there now. Once for each of a command's keys; a unique value that another has conflicts
// each time.
constexpr int max_create_tries = 3;
// A batch that waits for rows is small, so that few wait with it.
constexpr std::size_t max_skipped_at_once = 32;
// A work whose row another session holds is tried for so long; then a request is answered, and
// inner work waits like after a failure.
constexpr std::int64_t skipped_patience_us = 2'000'000;

bool is_request(const protocol::WorkItem& item) {
  return std::holds_alternative<protocol::RequestWork>(item) ||
         std::holds_alternative<protocol::OperateWork>(item) ||
         std::holds_alternative<protocol::ParkedWork>(item);
}

// A failure that one work of the batch brought, not the store's state.
bool is_fault_of_a_work(const Error& error) {
  return error.code == protocol::create_conflict || error.code.error_class == ErrorClass::defect ||
         error.code.error_class == ErrorClass::invalid;
}

}  // namespace

std::vector<protocol::Work> Lane::take_pending(std::size_t most) {
  std::vector<protocol::Work> works;
  const std::size_t size = std::min(pending_.size(), most);
  works.reserve(size);
  for (std::size_t i = 0; i < size; ++i) {
    works.push_back(std::move(pending_.front()));
    pending_.pop_front();
  }
  return works;
}

void Lane::run_batches() {
  // Bounded: what these batches bring about waits for the next turn of the loop.
  for (std::size_t turns = pending_.size() / options_.max_batch + 1; turns > 0 && !pending_.empty();
       --turns) {
    run_batch(take_pending(options_.max_batch));
    if (store_.clock().monotonic_us() < inner_paused_until_us_) return;
  }
  run_skipped();
}

// One small batch that waits for the rows that others held.
void Lane::run_skipped() {
  if (skipped_.empty()) return;
  std::vector<protocol::Work> works;
  while (!skipped_.empty() && works.size() < max_skipped_at_once) {
    protocol::Work& work = skipped_.front().work;
    skipped_until_us_[work.ticket] = skipped_.front().until_us;
    if (!is_held(work.item)) works.push_back(std::move(work));
    skipped_.pop_front();
  }
  if (!works.empty()) run_batch(std::move(works), true);
  skipped_until_us_.clear();
}

void Lane::skipped(protocol::Work work) {
  const auto known = skipped_until_us_.find(work.ticket);
  const std::int64_t now_us = store_.clock().monotonic_us();
  const std::int64_t until_us =
      known == skipped_until_us_.end() ? now_us + skipped_patience_us : known->second;
  if (now_us < until_us) {
    skipped_.push_back({std::move(work), until_us});
  } else if (waiting_.contains(work.ticket)) {
    answer_ticket(work.ticket, fail(protocol::rows_locked));
  } else {
    // Its source is in the store and stays there; it is tried anew.
    skipped_.push_back({std::move(work), now_us + skipped_patience_us});
  }
}

Result<void> Lane::decide_and_commit(protocol::Batch& batch) {
  auto locked = lane_->lock(batch.lock_request());
  if (!locked) return std::unexpected(locked.error());
  PAWL_CRASH_POINT("committer.locked");
  batch.decide(std::move(*locked));
  if (batch.needs_receipts()) {
    lane_->abandon();
    return fail(protocol::receipt_exists, "perhaps");
  }
  PAWL_CRASH_POINT("committer.decided");
  std::int64_t commit_us = -1;
  if (batch.write_batch().empty()) {
    lane_->abandon();
  } else {
    const std::int64_t began_us = store_.clock().monotonic_us();
    if (auto committed = lane_->commit(batch.write_batch()); !committed) return committed;
    commit_us = store_.clock().monotonic_us() - began_us;
    // Only a commit renews the lease in passing: a batch that writes nothing does not.
    if (lane_->renew_interval_ms() > 0) {
      renew_at_us_ = began_us + commit_us + lane_->renew_interval_ms() * 1'000LL;
    }
    commit_watches_.committed();
  }
  count_batch(batch.results().size(), commit_us);
  return {};
}

void Lane::count_batch(std::size_t works, std::int64_t commit_us) {
  const auto size = static_cast<std::int64_t>(works);
  const std::lock_guard lock(statistics_mutex_);
  last_commit_us_ = store_.clock().monotonic_us();
  statistics_.batch_works.add(size, EngineStatistics::batch_unit_bits);
  if (commit_us >= 0) {
    statistics_.commit_us.add(commit_us, EngineStatistics::commit_unit_bits);
  }
  ++statistics_.commits;
  statistics_.works += size;
  statistics_.largest_batch = std::max(statistics_.largest_batch, size);
}

namespace {

// One that was skipped waits in memory while those before it are read from the store anew: they
// meet in a batch in any order. A lane's messages of one pair are in the order of their ids; what
// other lanes have of the pair is found by the store.
void put_messages_in_order(std::vector<protocol::Work>& works) {
  std::vector<std::size_t> places;
  places.reserve(works.size());
  for (std::size_t i = 0; i < works.size(); ++i) {
    if (std::holds_alternative<protocol::MessageWork>(works[i].item)) places.push_back(i);
  }
  const auto earlier = [&](std::size_t a, std::size_t b) {
    return std::pair(std::get<protocol::MessageWork>(works[a].item).row.id, a) <
           std::pair(std::get<protocol::MessageWork>(works[b].item).row.id, b);
  };
  if (std::is_sorted(places.begin(), places.end(), earlier)) return;
  std::vector<std::size_t> order = places;
  std::sort(order.begin(), order.end(), earlier);
  std::vector<protocol::Work> messages;
  messages.reserve(order.size());
  for (const std::size_t place : order) messages.push_back(std::move(works[place]));
  for (std::size_t i = 0; i < places.size(); ++i) works[places[i]] = std::move(messages[i]);
}

bool has_repeat(const std::vector<protocol::WorkResult>& results) {
  return std::any_of(results.begin(), results.end(), [](const protocol::WorkResult& result) {
    return result.receipt && result.receipt->repeated;
  });
}

}  // namespace

void Lane::run_batch(std::vector<protocol::Work> works, bool wait_for_rows) {
  put_messages_in_order(works);
  if (auto held = hold_lane(); !held) {
    return batch_failed(std::move(works), held.error(), wait_for_rows);
  }
  if (!suspects_.none()) judge_suspects(works);
  bool look_up = receipt_lookups_.wanted();
  for (int tries = 1;; ++tries) {
    protocol::Batch batch(registry_, options_.config, std::move(works), suspects_.note(),
                          {.receipts_window_us = options_.retention.receipts_seconds * 1'000'000,
                           .wait_for_rows = wait_for_rows,
                           .look_up_receipts = look_up});
    if (auto done = decide_and_commit(batch); !done) {
      works = batch.take_works();
      const ErrorCode& code = done.error().code;
      // What fails without its receipts may be a repeat that did not fail.
      if (!look_up && (code == protocol::receipt_exists || is_fault_of_a_work(done.error()))) {
        look_up = true;
        receipt_lookups_.batch_done(true);
        --tries;
        continue;
      }
      look_up = true;  // if it is run again: it may wait for what a repeat need not write
      const bool again = code == protocol::transaction_aborted || code == protocol::receipt_exists;
      if (again && tries < max_transaction_tries) continue;
      if (code == protocol::create_conflict && works.size() == 1 && tries < max_create_tries) {
        continue;
      }
      return batch_failed(std::move(works), done.error(), wait_for_rows);
    }
    receipt_lookups_.batch_done(has_repeat(batch.results()));
    auto done = batch.take_works();
    return published(batch, done);
  }
}

namespace {

// How an inner command is known across restarts; empty for the others.
std::string note_of_work(const protocol::WorkItem& item) {
  if (const auto* message = std::get_if<protocol::MessageWork>(&item)) {
    return protocol::note_of(message->row);
  }
  if (const auto* deadline = std::get_if<protocol::DeadlineWork>(&item)) {
    return protocol::note_of(deadline->row);
  }
  if (const auto* answer = std::get_if<protocol::AnswerWork>(&item)) {
    return protocol::note_of(answer->claimed);
  }
  if (const auto* park = std::get_if<protocol::ParkWork>(&item)) {
    if (park->message) return protocol::note_of(*park->message);
    if (park->deadline) return protocol::note_of(*park->deadline);
    if (park->answer) return protocol::note_of(park->answer->claimed);
  }
  return {};
}

}  // namespace

// A command that took the process down before is parked when it did so twice; else it has its turn.
void Lane::judge_suspects(std::vector<protocol::Work>& works) {
  for (auto& work : works) {
    const std::string note = note_of_work(work.item);
    const bool parking = std::holds_alternative<protocol::ParkWork>(work.item);
    if (note.empty() || parking || !suspects_.condemned(note)) continue;
    protocol::ParkWork park;
    park.code = "took_process_down";
    park.detail =
        "the process died " + std::to_string(deaths_until_parked) + " times while this was decided";
    if (auto* message = std::get_if<protocol::MessageWork>(&work.item)) {
      park.message = std::move(message->row);
    } else if (auto* deadline = std::get_if<protocol::DeadlineWork>(&work.item)) {
      deadlines_in_hand_.erase(deadline->row.arming);
      park.deadline = std::move(deadline->row);
    } else if (auto* answer = std::get_if<protocol::AnswerWork>(&work.item)) {
      park.answer = std::move(*answer);
    }
    work.item = std::move(park);
  }
}

void Lane::published(protocol::Batch& batch, std::vector<protocol::Work>& works) {
  const protocol::WriteBatch& writes = batch.write_batch();
  for (const auto& row : writes.effects_inserted) {
    schedule_.put(row.id, row.kind, row.state, row.next_at);
  }
  for (const auto& row : writes.effects_updated) {
    // Another lane's effect, which an operator's verb changed here, is that lane's to drive.
    if (!protocol::is_claimed(row.state) && protocol::lane_of(row.id) == id_) {
      schedule_.put(row.id, row.kind, row.state, row.next_at);
    }
  }
  for (const auto& row : writes.messages_inserted) queue_message(row);
  for (const auto& row : writes.deadlines_armed) next_deadline_ = std::min(next_deadline_, row.due);
  for (const auto& row : writes.parked_inserted) {
    // With other processes about, the store says which pairs are held.
    if (store_.sole_owner() && (row.source == "message" || row.source == "bounce")) {
      held_pairs_.emplace(row.from, row.entity);
    }
    log::error("command_parked", {{"trace_id", row.trace_id},
                                  {"source", row.source},
                                  {"kind", row.kind},
                                  {"key", row.entity.key},
                                  {"code", row.code},
                                  {"detail", row.detail}});
  }
  for (const auto& row : writes.alerts) {
    log::warn("alert", {{"trace_id", row.trace_id},
                        {"code", row.code},
                        {"machine", row.entity.machine},
                        {"key", row.entity.key},
                        {"effect", row.effect_id},
                        {"detail", row.detail}});
  }
  if (!watchers_.empty()) {
    for (const auto& write : writes.entity_writes) {
      watchers_.changed(writes.entities[write.entity]);
    }
  }
  std::vector<const protocol::MessageRow*> behind;
  std::vector<const protocol::MessageRow*> delivered;
  auto results = batch.take_results();
  // In their order, at the back of what waits for rows.
  for (std::size_t i = 0; i < works.size(); ++i) {
    if (results[i].fate == protocol::Fate::skipped) skipped(std::move(works[i]));
  }
  // From the back, so that what runs again keeps its order at the front.
  for (std::size_t i = works.size(); i-- > 0;) {
    if (results[i].fate == protocol::Fate::skipped) continue;
    if (results[i].fate == protocol::Fate::again) {
      // A message whose pair was parked in this same batch stays in the store instead.
      if (!is_held(works[i].item)) pending_.push_front(std::move(works[i]));
    } else {
      if (const auto* message = std::get_if<protocol::MessageWork>(&works[i].item)) {
        const bool held = results[i].fate == protocol::Fate::held;
        (held ? behind : delivered).push_back(&message->row);
      }
      settle(works[i], std::move(results[i]));
    }
  }
  if (!behind.empty() || !delivered.empty()) messages_were_tried(behind, delivered);
  PAWL_CRASH_POINT("committer.answered");
  for (const auto& exchange : batch.exchanges()) start_exchange(exchange);
  const std::lock_guard lock(statistics_mutex_);
  statistics_.open_effects = static_cast<std::int64_t>(schedule_.open());
  statistics_.exchanges_under_way = static_cast<std::int64_t>(schedule_.under_way());
}

void Lane::settle(protocol::Work& work, protocol::WorkResult result) {
  using protocol::Fate;
  if (!suspects_.none()) suspects_.acquit(note_of_work(work.item));
  std::visit(protocol::Overloaded{
                 [&](const protocol::ClaimWork& w) {
                   if (result.fate == Fate::stale || !result.receipt)
                     schedule_.release(w.effect_id);
                 },
                 [&](const protocol::DeadlineWork& w) {
                   deadlines_in_hand_.erase(w.row.arming);
                   // Look again for what is next.
                   next_deadline_ = Time{};
                 },
                 [&](const protocol::ParkedWork& w) {
                   // A repeat frees nothing: another of the pair may be parked by now.
                   const bool gone =
                       result.receipt && result.receipt->done && !result.receipt->repeated;
                   if (!gone || w.row.from.machine.empty()) return;
                   // The pair goes on with what waited behind.
                   held_pairs_.erase({w.row.from, w.row.entity});
                   behind_pairs_.erase({w.row.from, w.row.entity});
                   behind_later_.erase({w.row.from, w.row.entity});
                   messages_.clear();
                   last_message_id_ = 0;
                   messages_left_ = true;
                 },
                 [&](const protocol::ParkWork& w) {
                   if (!w.deadline) return;
                   deadlines_in_hand_.erase(w.deadline->arming);
                   next_deadline_ = Time{};
                 },
                 [](const auto&) {},
             },
             work.item);
  if (result.fate == Fate::stale && is_request(work.item)) {
    answer_ticket(work.ticket, fail(protocol::effect_changed));
    return;
  }
  answer_ticket(work.ticket, std::move(result.receipt));
}

void Lane::answer_ticket(std::uint64_t ticket, Result<Receipt> receipt) {
  const auto found = waiting_.find(ticket);
  if (found == waiting_.end()) return;
  auto done = std::move(found->second);
  waiting_.erase(found);
  {
    const std::lock_guard lock(postbox_->mutex);
    --postbox_->waiting;
  }
  if (!receipt && receipt.error().code.error_class == ErrorClass::defect) {
    log::error("machine_defect", {{"error", receipt.error().text()}});
  }
  if (done) done(std::move(receipt));
}

void Lane::batch_failed(std::vector<protocol::Work> works, const Error& error, bool waited) {
  if (error.code == protocol::lane_fenced && lane_) {
    lose_lane();
    // Nothing of it was decided: the requests go on in another lane. What was inner work is driven
    // by whoever has this one now.
    for (auto& work : works) {
      if (waiting_.contains(work.ticket)) pending_.push_back(std::move(work));
    }
    if (hold_lane()) return;
    works = take_pending(pending_.size());
  }
  if (error.code == protocol::rows_locked && waited && works.size() > 1) {
    // Waited long enough with all of them: whose rows are free goes on, the rest is tried again.
    return run_batch(std::move(works), false);
  }
  if (is_fault_of_a_work(error) && works.size() > 1) {
    // One of them is at fault: each on its own, so that only that one pays for it.
    for (auto& work : works) {
      // A message behind one that was just parked stays in the store.
      if (is_held(work.item)) continue;
      // The store failed meanwhile: inner work behind the one that it failed must not overtake it.
      if (!postponed_.empty() && !waiting_.contains(work.ticket)) {
        postponed_.push_back(std::move(work));
        continue;
      }
      run_alone(std::move(work));
    }
    return;
  }
  if (error.code == protocol::rows_locked) {
    for (auto& work : works) skipped(std::move(work));
    return;
  }
  if (!is_fault_of_a_work(error)) {
    log::error("commit_failed", {{"error", error.text()}});
    inner_paused_until_us_ = store_.clock().monotonic_us() + pause_after_failure_us;
    load_needed_ = load_needed_ || error.code == outcome_in_doubt;
  }
  for (auto& work : works) work_failed(std::move(work), error);
}

bool Lane::is_held(const protocol::WorkItem& item) const {
  const auto* message = std::get_if<protocol::MessageWork>(&item);
  return message != nullptr && held_pairs_.contains({message->row.from, message->row.to});
}

void Lane::run_alone(protocol::Work work) {
  std::vector<protocol::Work> alone;
  alone.push_back(std::move(work));
  run_batch(std::move(alone));
}

void Lane::work_failed(protocol::Work work, const Error& error) {
  if (waiting_.contains(work.ticket)) {
    answer_ticket(work.ticket, std::unexpected(error));
    return;
  }
  if (!is_fault_of_a_work(error)) {
    // The store's state, not the work's: it is run again after the pause.
    postponed_.push_back(std::move(work));
    return;
  }
  protocol::ParkWork park;
  park.code = error.code.code;
  park.detail = error.detail;
  if (auto* message = std::get_if<protocol::MessageWork>(&work.item)) {
    park.message = std::move(message->row);
  } else if (auto* deadline = std::get_if<protocol::DeadlineWork>(&work.item)) {
    deadlines_in_hand_.erase(deadline->row.arming);
    park.deadline = std::move(deadline->row);
  } else if (auto* answer = std::get_if<protocol::AnswerWork>(&work.item)) {
    park.answer = std::move(*answer);
  } else {
    if (auto* claim = std::get_if<protocol::ClaimWork>(&work.item)) {
      schedule_.release(claim->effect_id);
    }
    if (const auto* parking = std::get_if<protocol::ParkWork>(&work.item)) {
      // Its deadline is still in the store: it is found again.
      if (parking->deadline) next_deadline_ = store_.clock().now().plus_seconds(1);
    }
    // A claim is found again at the next start; a parking that cannot be written leaves its source.
    log::error("work_dropped", {{"error", error.text()}});
    return;
  }
  // At once: what waits behind it must find its pair held.
  run_alone({next_ticket_++, std::move(park)});
}

}  // namespace pawl::engine
