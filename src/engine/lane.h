// SPDX-License-Identifier: Apache-2.0
//
// The driver of one lane. All protocol state (what waits, the effects' schedule, the watchers)
// belongs to whoever holds the lane's turn: its own thread, or a caller of call() that found it
// idle and runs its command itself, which saves two changes of threads. Everybody else only puts
// work into the inbox. There is no timer between commits: a batch is whatever came in while the one
// before was on its way to the disk.
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
#include <vector>

#include "engine/commit_watches.h"
#include "engine/suspects.h"
#include "engine/watchers.h"
#include "protocol/committer.h"
#include "protocol/effect_schedule.h"
#include "protocol/retention.h"
#include "store/store.h"

namespace pawl::engine {

class Lane {
 public:
  Lane(Store& store, const Registry& registry, EngineOptions options,
       std::map<std::string, std::shared_ptr<EffectHandler>, std::less<>> handlers,
       CommitWatches& commit_watches);
  ~Lane();

  Result<void> start();
  void stop();

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
    bool empty() const { return submissions.empty() && watches.empty() && answers.empty(); }
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
  void collect_deadlines(Time now);
  void collect_messages();
  void remove_old();
  void run_batches();
  void run_batch(std::vector<protocol::Work> works);
  bool is_held(const protocol::WorkItem& item) const;
  void run_alone(protocol::Work work);
  void batch_failed(std::vector<protocol::Work> works, const Error& error);
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

  // Recovery.
  Result<void> load_effects();
  Result<void> load_messages();
  Result<void> load_deadlines();

  Store& store_;
  const Registry& registry_;
  EngineOptions options_;
  std::map<std::string, std::shared_ptr<EffectHandler>, std::less<>> handlers_;

  // Shared between the lane's thread and the others, and outliving the lane for late answers.
  struct Shared {
    mutable std::mutex mutex;
    std::condition_variable wake;
    Inbox inbox;
    std::size_t waiting = 0;
    std::int64_t next_look_us = 0;      // monotonic: the thread looks around then, woken or not
    std::int64_t waiting_since_us = 0;  // monotonic: when the first of those came
    bool stopping = false;
    bool closed = false;  // no inbox any more
  };
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();

  std::mutex turn_;
  std::atomic<std::thread::id> turn_owner_;

  // For who holds the turn alone.
  std::deque<protocol::Work> pending_;
  std::deque<protocol::Work> postponed_;  // inner work, until the store takes writes again
  std::unordered_map<std::uint64_t, Engine::ReceiptDone> waiting_;
  std::uint64_t next_ticket_ = 1;
  protocol::EffectSchedule schedule_;
  protocol::RetentionPlan retention_;
  Suspects suspects_;
  Watchers watchers_;
  CommitWatches& commit_watches_;
  std::deque<protocol::MessageRow> messages_;
  std::set<std::pair<EntityRef, EntityRef>> held_pairs_;
  std::int64_t last_message_id_ = 0;  // the newest message taken into memory
  bool messages_left_ = false;        // more in the store than in memory
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
