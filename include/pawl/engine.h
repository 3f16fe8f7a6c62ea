// SPDX-License-Identifier: Apache-2.0
//
// The engine: takes commands, decides them on locked rows, commits many together, and drives what
// they asked for (effects, deadlines, messages) until it has ended. One engine per store.
//
//   pawl::Registry registry;             // describe the machines
//   auto store = pawl::open_sqlite({.path = "turnstiles.db"}, registry);
//   pawl::Engine engine(std::move(*store), registry, {});
//   engine.start();
//   auto receipt = engine.call(Push{"north"}, {.principal = "ann", .id = "push-1"});
//
// All members are thread-safe unless they say otherwise. Callbacks run on a thread of the engine's,
// or on that of a caller of call() who found its lane idle: those of one entity's commands one at a
// time, those of different lanes (EngineOptions::lanes) also at once. They must be short, must not
// block and must not throw.
#pragma once

#include <pawl/clock.h>
#include <pawl/command.h>
#include <pawl/context.h>
#include <pawl/effect.h>
#include <pawl/journal.h>
#include <pawl/machine.h>
#include <pawl/progress.h>
#include <pawl/query.h>
#include <pawl/receipt.h>
#include <pawl/retention.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace pawl {

class Store;  // opened by open_sqlite, handed to an Engine
struct CloseStore {
  void operator()(Store* store) const;
};
using StoreHandle = std::unique_ptr<Store, CloseStore>;

struct SqliteOptions {
  std::string path;      // created if absent; a lock file stands beside it
  bool create = true;    // false: the file must exist
  bool migrate = false;  // true: an older schema is brought up to date at open
  int cache_mib = 64;
  int wal_checkpoint_pages = 8'192;  // the WAL is checkpointed past this many pages
  int readers = 2;                   // connections for reads
  Clock* clock = nullptr;            // null: the system's, guarded against jumps (SteadyClock)
};

struct PostgresOptions {
  std::string url;  // libpq's, either form; PG* variables, service and password files work, too
  std::string schema = "pawl";  // of the store's tables; made if absent and allowed
  bool migrate = false;         // true: an older schema is brought up to date at open
  int readers = 4;              // connections for reads
  // A lane whose holder has not been heard of for so long is taken over by another process.
  int lane_lease_ms = 10'000;
  int statement_timeout_ms = 30'000;
  int lock_timeout_ms = 100;  // for rows that others hold, where they are waited for
  // The server ends a transaction whose process says nothing for so long.
  int idle_in_transaction_timeout_ms = 5'000;
  int connect_timeout_ms = 5'000;
  int tcp_timeout_ms = 10'000;  // how long sent bytes may stay unacknowledged
  // How long a commit whose answer was lost is inquired about before it is said to be in doubt.
  int in_doubt_wait_ms = 5'000;
  std::string notes_directory;  // for what was being decided when the process died; empty: none
  Clock* clock = nullptr;       // null: the database's
};

inline constexpr ErrorCode store_locked{"store_locked", ErrorClass::unavailable,
                                        "another process has this store open"};
inline constexpr ErrorCode schema_older{"schema_older", ErrorClass::corrupt,
                                        "the store's schema is older than this program's"};
inline constexpr ErrorCode schema_newer{"schema_newer", ErrorClass::corrupt,
                                        "the store's schema is newer than this program's"};
inline constexpr ErrorCode schema_differs{"schema_differs", ErrorClass::corrupt,
                                          "a table is not as the machine declares it"};

inline constexpr ErrorCode parked_not_found{"parked_not_found", ErrorClass::not_found,
                                            "no such parked command"};

// Which store this is. The id is the same in every copy; the epoch is another in every store that
// was restored from a backup.
struct StoreIdentity {
  std::string id;
  std::string epoch;
  std::int64_t restores = 0;
  Time restored_at;  // Time{}: never
};

// Opens the store, creates what is missing in a new one, and compares the schema with the
// registry's. The registry must outlive the store.
Result<StoreHandle> open_sqlite(const SqliteOptions& options, const Registry& registry);
// What opening with `migrate` would do to an existing store, one line each; empty: nothing. Reads
// only, also beside an engine. Errors: as open_sqlite, but for schema_older.
Result<std::vector<std::string>> pending_migrations(const SqliteOptions& options,
                                                    const Registry& registry);

// The same on PostgreSQL, which several processes share: each has lanes of its own.
Result<StoreHandle> open_postgres(const PostgresOptions& options, const Registry& registry);
Result<std::vector<std::string>> pending_migrations(const PostgresOptions& options,
                                                    const Registry& registry);

struct EngineOptions {
  // Sessions that write at once, each with a thread of its own; a store that has only one uses one.
  int lanes = 2;
  std::size_t max_waiting = 10'000;  // requests; one more is refused with `overloaded`
  std::size_t max_batch = 1'024;     // works in one commit; the next fills while it is under way
  ConfigSnapshot config;
  RetentionOptions retention;
  std::uint64_t seed = 0;     // of the back-off's jitter; 0: from the system
  int stop_grace_ms = 5'000;  // how long stop() waits for exchanges under way
};

struct EffectInfo {
  std::int64_t id = 0;
  std::string kind;
  EntityRef owner;
  std::string idempotency_key;
  std::string state;
  std::string outcome;  // once ended
  int attempt = 0;
  int inquiry = 0;
  std::int64_t token = 0;
  std::string code;
  std::string reference;
  Time created;
  Time next_at;
  Time ended_at;
  std::string history;
  std::string trace_id;  // of the request that led to it, if it brought one
};

struct AlertInfo {
  std::int64_t id = 0;
  std::string code;
  std::string machine;
  std::string key;
  std::int64_t effect_id = 0;
  int attempt = 0;  // of the effect
  std::string detail;
  Time first_seen;
  Time last_seen;
  std::int64_t count = 0;
  std::string acked_by;
};

struct ParkedInfo {
  std::int64_t id = 0;
  std::string source;
  std::string machine;
  std::string key;
  std::string kind;
  std::string code;
  std::string detail;
};

// A row as it was committed.
template <class T>
struct Snapshot {
  T row;
  std::int64_t version = 0;
};

class Engine {
 public:
  using ReceiptDone = std::function<void(Result<Receipt>)>;

  Engine(StoreHandle store, const Registry& registry, EngineOptions options);
  ~Engine();  // stops
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Before start(). The handler is called like a callback and must outlive stop(). Effects
  // of a kind without a handler are stored and left for a process that has one.
  void handle_effect(std::string_view kind, std::shared_ptr<EffectHandler> handler);

  // Picks up where the last process stopped: classifies every effect that had not ended (ready, or
  // unknown and to be inquired), re-arms deadlines, delivers messages. Not thread-safe.
  Result<void> start();
  // Takes no more commands, finishes what was taken, waits for exchanges under way up to the grace
  // (what has not ended by then is inquired after the next start). Idempotent.
  void stop();

  // Decides a command and answers with its receipt once the commit is durable. An error means that
  // nothing was decided (see ErrorClass), or, for `in_doubt`, that it is not known.
  void submit(std::shared_ptr<const Command> command, Origin origin, ReceiptDone done);
  template <class C>
  void submit(C command, Origin origin, ReceiptDone done) {
    static_assert(HasFields<C>, "a request's content is fingerprinted: it needs fields()");
    submit(make_command(std::move(command)), std::move(origin), std::move(done));
  }
  // The same, waiting; an idle engine decides it on this thread. From a callback it is refused (a
  // defect): it would wait for itself.
  template <class C>
  Result<Receipt> call(C command, Origin origin) {
    static_assert(HasFields<C>, "a request's content is fingerprinted: it needs fields()");
    return call_command(make_command(std::move(command)), std::move(origin));
  }
  Result<Receipt> call_command(std::shared_ptr<const Command> command, Origin origin);

  // The entity as last committed; nothing if absent.
  template <class T>
  Result<std::optional<Snapshot<T>>> read(const Key<T>& key);
  Result<EntitySlot> read_slot(const EntityRef& ref);

  // Calls `done` once with the entity as soon as `ended(row)` holds for it, at once if it does
  // already, or with the newest row when `deadline_ms` has passed. `done` runs like a callback.
  using RowTest = std::function<bool(const EntitySlot&)>;
  using RowDone = std::function<void(Result<EntitySlot>, bool ended)>;
  void wait_for(const EntityRef& ref, RowTest ended, int deadline_ms, RowDone done);

  // Reads; see query.h.
  Result<std::vector<Row>> query(const Query& query);
  Result<Aggregate> aggregate(const Query& query, std::string_view sum_column = {});
  template <HasFields T>
  Result<std::vector<T>> select(std::vector<Condition> where, std::vector<OrderBy> order,
                                int limit);

  // Newest first.
  Result<std::vector<TimelineEntry>> timeline(const EntityRef& ref, int limit);
  // Where timelines begin, if older entries of the journal were removed.
  Result<std::optional<Time>> history_starts_at();
  // What was committed after that place, of at most `limit` commits (up to max_journal_commits).
  // Errors: journal_place_gone.
  Result<JournalPage> journal_after(const JournalCursor& place, int limit);
  // The place behind the newest commit of each lane.
  Result<JournalCursor> journal_end();
  // Has `committed` called after each commit of this engine, like a callback. It says no more than
  // "look again": what another process commits, or what ended in doubt, is seen by looking.
  [[nodiscard]] CommitWatch watch_commits(std::function<void()> committed);
  Result<std::vector<EffectInfo>> effects(bool with_ended, std::int64_t after_id, int limit);
  Result<std::optional<EffectInfo>> effect(std::int64_t id);
  Result<std::vector<AlertInfo>> alerts(bool with_acked, int limit);
  Result<std::vector<ParkedInfo>> parked(int limit);

  // Operator's verbs: decided like commands, journaled with name and reason; a repeat with the same
  // origin runs nothing and is answered the same. `token` 0: whatever the effect's token is now.
  // retry: asks or sends again; confirm, refuse: the operator knows.
  enum class EffectVerb { retry, confirm, refuse };
  void operate_effect(std::int64_t id, EffectVerb verb, std::int64_t token, Origin origin,
                      ReceiptDone done);
  // Has a parked command decided again, or drops it.
  void operate_parked(std::int64_t id, bool retry, Origin origin, ReceiptDone done);
  void acknowledge_alert(std::int64_t id, Origin origin, ReceiptDone done);

  // Alerts that changed since somebody outside was told of them, oldest first; and that somebody
  // was told of one as it was with this count.
  Result<std::vector<AlertInfo>> undelivered_alerts(int limit);
  void alert_delivered(std::int64_t id, std::int64_t count, ReceiptDone done);
  // What one of the processes on the store does for all of them, by a name of its own. True: it is
  // this one's for lease_ms, and longer if it asks again before; whose lease has passed, or who is
  // known to be dead, is succeeded by who asks. One that was frozen meanwhile may still be at it: a
  // duty must bear being done twice. Blocks like the reads.
  Result<bool> take_duty(std::string_view duty, int lease_ms);
  void leave_duty(std::string_view duty);

  EngineStatistics statistics() const;
  // What waits in the store; a few bounded reads, so ask every few seconds and not at every
  // request.
  Result<StoreProgress> progress();
  StoreIdentity store_identity() const;
  // Other processes may commit to this store beside this one.
  bool is_shared() const;
  const Registry& registry() const;
  Clock& clock() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

template <class T>
Result<std::optional<Snapshot<T>>> Engine::read(const Key<T>& key) {
  auto slot = read_slot(entity_ref(key));
  if (!slot) return std::unexpected(slot.error());
  if (!slot->present) return std::optional<Snapshot<T>>();
  Snapshot<T> snapshot;
  if (!from_row(std::span<const Value>(slot->row), snapshot.row)) return fail(entity_unreadable);
  snapshot.version = slot->version;
  return std::optional<Snapshot<T>>(std::move(snapshot));
}

template <HasFields T>
Result<std::vector<T>> Engine::select(std::vector<Condition> where, std::vector<OrderBy> order,
                                      int limit) {
  auto rows = query(query_for<T>(std::move(where), std::move(order), limit));
  if (!rows) return std::unexpected(rows.error());
  std::vector<T> out;
  for (const Row& row : *rows) {
    T object{};
    if (!from_row(std::span<const Value>(row), object)) return fail(entity_unreadable);
    out.push_back(std::move(object));
  }
  return out;
}

}  // namespace pawl
