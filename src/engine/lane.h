// SPDX-License-Identifier: Apache-2.0
//
// The driver of one lane. All protocol state (what waits, the effects' schedule, the watchers)
// belongs to whoever holds the lane's turn: its own thread, or a caller of call() that found it
// idle and runs its command itself, which saves two changes of threads. Everybody else only puts
// work into the inbox. There is no timer between commits: a batch is whatever came in while the one
// before was on its way to the disk.
//
// A lane that was taken over by another process writes nothing any more; it takes another lane and
// goes on with the requests that wait. One that was taken to drive what a dead process left behind
// (LaneWish::orphaned) takes no requests and ends when all of that is done.
#pragma once

#include <pawl/engine.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/commit_watches.h"
#include "engine/suspects.h"
#include "engine/watchers.h"
#include "protocol/committer.h"
#include "protocol/effect_schedule.h"
#include "protocol/receipt_lookups.h"
#include "protocol/retention.h"
#include "store/store.h"

namespace pawl::engine {

class Lane {
 public:
  using Handlers = std::map<std::string, std::shared_ptr<EffectHandler>, std::less<>>;
  // What the lanes of one engine have in common.
  struct Shared {
    Store& store;
    const Registry& registry;
    const EngineOptions& options;
    const Handlers& handlers;
    CommitWatches& commit_watches;
    Watchers& watchers;
  };
  // first: it does what one lane of a process does for all: watches' time, removal of old rows.
  struct Role {
    LaneWish wish = LaneWish::own;
    bool first = false;
  };

  Lane(const Shared& shared, Role role);
  ~Lane();

  // Takes its lane and loads what is to be driven. False: there was no lane to be taken
  // (LaneWish::orphaned).
  Result<bool> start();
  void stop();
  // Of a lane that was taken to drive what was left behind: that is done, or somebody else does it.
  bool finished() const { return finished_; }
  // Another process may have changed what this lane drives, or what is watched.
  void look(const Tidings& tidings);
  std::int32_t id() const { return id_; }

  // Refuses with `overloaded` or `stopping` by calling `done` at once.
  void submit(protocol::WorkItem item, Engine::ReceiptDone done);
  // The same, waiting for the receipt. Where nobody has the turn it is taken at once, on this
  // thread, and with it whatever else waits.
  Result<Receipt> call(protocol::WorkItem item);
  void watch(const EntityRef& ref, Engine::RowTest ended, int deadline_ms, Engine::RowDone done);
  EngineStatistics statistics() const;

 private:
  struct Submission {
    protocol::WorkItem item;
    Engine::ReceiptDone done;
  };
  struct WatchRequest {
    EntityRef ref;
    Engine::RowTest ended;
    std::int64_t until_us;
    Engine::RowDone done;
  };
  struct ExchangeAnswer {
    std::int64_t effect_id;
    std::int64_t token;
    EffectAnswer answer;
  };
  // What other threads bring. One lock, taken for a swap.
  struct Inbox {
    std::vector<Submission> submissions;
    std::vector<WatchRequest> watches;
    std::vector<ExchangeAnswer> answers;
    bool look_at_effects = false;
    bool walk_effects = false;
    bool look_at_watches = false;
    bool empty() const {
      return submissions.empty() && watches.empty() && answers.empty() && !look_at_effects &&
             !walk_effects && !look_at_watches;
    }
  };

  void run();
  bool accept(protocol::WorkItem item, Engine::ReceiptDone done, bool wake);
  bool wait_for_work();
  void take_turn(bool running);
  std::int64_t next_look_us() const;
  void leave_turn();
  void take_inbox();
  void resume_postponed(std::int64_t monotonic_us);
  void collect_due();
  void ask_for_permits(Time now);
  std::int64_t permits_at_us(Time now) const;
  void collect_deadlines(Time now);
  void collect_messages();
  bool read_messages();
  std::unordered_set<std::int64_t> messages_in_hand() const;
  bool waits_in_store(const protocol::MessageRow& row) const;
  void remove_old();
  void refresh_watches(std::int64_t monotonic_us);
  std::vector<protocol::Work> take_pending(std::size_t most);
  void run_batches();
  void run_skipped();
  void run_batch(std::vector<protocol::Work> works, bool wait_for_rows = false);
  Result<void> decide_and_commit(protocol::Batch& batch);
  void count_batch(std::size_t works, std::int64_t commit_us);
  void skipped(protocol::Work work);
  bool is_held(const protocol::WorkItem& item) const;
  void run_alone(protocol::Work work);
  void messages_were_tried(const std::vector<const protocol::MessageRow*>& behind,
                           const std::vector<const protocol::MessageRow*>& delivered);
  void look_at_messages_later();
  void batch_failed(std::vector<protocol::Work> works, const Error& error, bool waited);
  void work_failed(protocol::Work work, const Error& error);
  void published(protocol::Batch& batch, std::vector<protocol::Work>& works);
  void settle(protocol::Work& work, protocol::WorkResult result);
  void answer_ticket(std::uint64_t ticket, Result<Receipt> receipt);
  void start_exchange(const protocol::StartExchange& exchange);
  void give_up_overdue(Time now);
  void add_answer(const ExchangeAnswer& answer);
  void add_work(protocol::WorkItem item);
  void judge_suspects(std::vector<protocol::Work>& works);
  void queue_message(protocol::MessageRow row);
  void open_watch(WatchRequest request);
  void watch_clock(Time now);

  // Holding the lane: lane_holding.cpp.
  Result<void> take_lane();
  Result<void> begin_lane();
  Result<void> hold_lane();
  void lose_lane();
  void renew_lane(std::int64_t monotonic_us);
  void drop_inner_work();
  void end_if_done();

  // Recovery.
  Result<void> load();
  // Effects as they were found in the store.
  struct Found {
    std::int64_t open = 0;
    std::int64_t to_inquire = 0;
    std::int64_t leased = 0;
  };
  Result<void> load_effects();
  using Claims = std::set<std::pair<std::int64_t, std::int64_t>>;  // effect, token
  Claims claims_in_hand() const;
  void take_up(const std::vector<EffectSummary>& rows, const Claims& in_hand, Found& found);
  Result<void> load_messages();
  Result<void> load_deadlines();
  void collect_lapsed_leases(Time now);
  void look_at_effects();

  Store& store_;
  const Registry& registry_;
  EngineOptions options_;
  const Handlers& handlers_;
  const Role role_;
  // Null: lost, and to be taken anew.
  std::unique_ptr<StoreLane> lane_;
  std::atomic<std::int32_t> id_ = -1;
  // What a commit in doubt did is not in memory.
  bool load_needed_ = false;
  std::int64_t retake_at_us_ = 0;  // monotonic
  // Why not, until then.
  Error not_held_{protocol::lane_fenced, "no lane is held now"};
  std::int64_t renew_at_us_ = INT64_MAX;
  std::int64_t permits_asked_us_ = 0;
  std::int64_t look_for_end_at_us_ = 0;
  std::atomic<bool> finished_ = false;

  // Shared between the lane's thread and the others, and outliving the lane for late answers.
  struct Postbox {
    mutable std::mutex mutex;
    std::condition_variable wake;
    Inbox inbox;
    std::size_t waiting = 0;
    std::int64_t next_look_us = 0;      // monotonic: the thread looks around then, woken or not
    std::int64_t waiting_since_us = 0;  // monotonic: when the first of those came
    bool stopping = false;
    bool closed = false;  // no inbox any more
  };
  std::shared_ptr<Postbox> postbox_ = std::make_shared<Postbox>();

  std::mutex turn_;
  std::atomic<std::thread::id> turn_owner_;

  // For who holds the turn alone.
  std::deque<protocol::Work> pending_;
  std::deque<protocol::Work> postponed_;  // inner work, until the store takes writes again
  // Works whose rows another session held, with the time until which they are tried.
  struct Skipped {
    protocol::Work work;
    std::int64_t until_us = 0;
  };
  std::deque<Skipped> skipped_;
  std::unordered_map<std::uint64_t, std::int64_t> skipped_until_us_;  // by ticket
  protocol::ReceiptLookups receipt_lookups_;
  std::unordered_map<std::uint64_t, Engine::ReceiptDone> waiting_;
  std::uint64_t next_ticket_ = 1;
  protocol::EffectSchedule schedule_;
  protocol::RetentionPlan retention_;
  Suspects suspects_;
  Watchers& watchers_;
  CommitWatches& commit_watches_;
  EntityRef refreshed_up_to_;       // of the watches
  std::int64_t refresh_at_us_ = 0;  // monotonic
  std::deque<protocol::MessageRow> messages_;
  using Pair = std::pair<EntityRef, EntityRef>;  // sender, receiver
  std::set<Pair> held_pairs_;
  // Shared with other processes, the store is walked from its oldest message on, again and again.
  std::set<Pair> behind_pairs_;  // found behind by this walk: in the store until the next
  // Found behind by a message that this walk has not come to: it leaves out younger ones only, for
  // the oldest of the pair may be still before it.
  std::set<Pair> behind_later_;
  std::set<Pair> were_behind_;        // in the walk before
  std::int64_t last_message_id_ = 0;  // the newest read of the store; 0: a walk begins
  bool messages_left_ = false;        // more in the store than in memory
  std::int64_t messages_at_us_ = 0;   // monotonic: the store is asked for more not before
  int messages_behind_ = 0;           // batches that found some behind, and no pair that went on
  // Of an earlier holder: the end, effect and token.
  std::set<std::pair<Time, std::pair<std::int64_t, std::int64_t>>> leases_;
  // Shared with other processes, the store's open effects are walked from time to time.
  std::int64_t last_effect_id_ = 0;  // the newest read of this walk; 0: one begins
  std::int64_t effects_at_us_ = 0;   // monotonic: the next page
  std::set<std::int64_t> deadlines_in_hand_;
  Time next_deadline_ = Time::never();
  std::atomic<std::int64_t> inner_paused_until_us_ = 0;  // monotonic: the store failed
  bool clock_alerted_ = false;
  std::mt19937_64 random_;

  mutable std::mutex statistics_mutex_;
  EngineStatistics statistics_;
  std::int64_t last_commit_us_ = 0;  // monotonic
  std::mutex join_mutex_;
  std::thread thread_;
};

}  // namespace pawl::engine
