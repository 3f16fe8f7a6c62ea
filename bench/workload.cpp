// SPDX-License-Identifier: Apache-2.0
#include "workload.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "database.h"
#include "latencies.h"

namespace pawl::bench {

namespace {

enum class AccountState { idle, moving };
constexpr auto pawl_names(AccountState) {
  return std::array<std::string_view, 2>{"idle", "moving"};
}

struct Account {
  static constexpr std::string_view machine = "account";
  static constexpr std::string_view table = "accounts";
  std::string id;
  AccountState state = AccountState::idle;
  Time state_since;
  std::int64_t balance = 0;
  static constexpr auto fields() {
    return std::tuple{field("id", &Account::id), field("state", &Account::state),
                      field("state_since_us", &Account::state_since),
                      field("balance", &Account::balance)};
  }
};

constexpr std::string_view schema = R"sql(
CREATE TABLE accounts (
  id TEXT PRIMARY KEY,
  state TEXT NOT NULL CHECK (state IN ('idle', 'moving')),
  state_since_us INTEGER NOT NULL,
  balance INTEGER NOT NULL,
  pawl_version INTEGER NOT NULL, pawl_time_us INTEGER NOT NULL, pawl_lane INTEGER NOT NULL,
  pawl_sequence INTEGER NOT NULL, pawl_offset INTEGER NOT NULL, pawl_schema INTEGER NOT NULL
) STRICT, WITHOUT ROWID;)sql";
constexpr std::string_view postgres_schema = R"sql(
CREATE TABLE accounts (
  id text COLLATE "C" PRIMARY KEY,
  state text COLLATE "C" NOT NULL CHECK (state IN ('idle', 'moving')),
  state_since_us bigint NOT NULL,
  balance bigint NOT NULL,
  pawl_version bigint NOT NULL, pawl_time_us bigint NOT NULL, pawl_lane bigint NOT NULL,
  pawl_sequence bigint NOT NULL, pawl_offset bigint NOT NULL, pawl_schema bigint NOT NULL
) WITH (fillfactor = 70);)sql";

struct Notify {
  static constexpr std::string_view kind = "bench.notify";
  std::string account;
  std::int64_t amount = 0;
  std::string command;
  std::string idempotency_key() const { return command; }
  static constexpr auto fields() {
    return std::tuple{field("account", &Notify::account), field("amount", &Notify::amount),
                      field("command", &Notify::command)};
  }
};

struct Notified {
  static constexpr std::string_view kind = "bench.notified";
  std::string account;
  auto keys() const { return std::tuple{Key<Account>{account}}; }
  static Notified of(const Notify& effect, const EffectReport&) { return {effect.account}; }
};
Decision decide(const Notified&, Locked<Account>&, const Context&) {
  return Decision::ignore("nothing follows");
}

struct Move {
  static constexpr std::string_view kind = "bench.move";
  std::string account;
  std::int64_t amount = 0;
  auto keys() const { return std::tuple{Key<Account>{account}}; }
  static constexpr auto fields() {
    return std::tuple{field("account", &Move::account), field("amount", &Move::amount)};
  }
};
namespace guard {
constexpr Guard amount_positive{"bench.amount_positive"};
}
namespace error {
constexpr ErrorCode amount_invalid{"amount_invalid", ErrorClass::invalid, "must be positive"};
}
Decision decide(const Move& move, Locked<Account>& account, const Context& now) {
  PAWL_REQUIRE(guard::amount_positive, move.amount > 0, error::amount_invalid);
  Change change;
  if (!account.present()) {
    return change.create(account, Account{.id = move.account, .balance = move.amount}, "opened");
  }
  Account next = *account;
  next.state = next.state == AccountState::idle ? AccountState::moving : AccountState::idle;
  next.balance += move.amount;
  change.update(account, next, "moved");
  change.effect(account, Notify{move.account, move.amount, std::string(now.command_id)});
  return change;
}

void must(bool good, const std::string& what) {
  if (good) return;
  std::fprintf(stderr, "bench: %s\n", what.c_str());
  std::exit(1);
}

}  // namespace

std::string account_name(int index) {
  const std::string digits = std::to_string(index);
  return "account_" + std::string(8 - std::min<std::size_t>(8, digits.size()), '0') + digits;
}

Result<StoreHandle> open_store(const Options& options, const std::string& sqlite_path,
                               const Registry& registry) {
  if (options.store == "sqlite") return open_sqlite({.path = sqlite_path}, registry);
  return open_postgres({.url = options.url, .schema = bench_schema}, registry);
}

EngineOptions engine_options(const Options& options) {
  EngineOptions engine;
  if (options.lanes > 0) engine.lanes = options.lanes;
  if (options.max_batch > 0) engine.max_batch = static_cast<std::size_t>(options.max_batch);
  return engine;
}

PawlSide::PawlSide(const Options& options, const std::string& file, Contents contents)
    : options_(options) {
  registry_.machine<Account>()
      .initial(AccountState::idle)
      .move(AccountState::idle, AccountState::moving)
      .move(AccountState::moving, AccountState::idle)
      .effect<Notify, Notified>({.resend = ResendRule::dedup, .destination = "nowhere"});
  registry_.migration({"bench", 1, schema, postgres_schema});
  const bool fresh = contents == Contents::fresh;
  if (fresh && options.store == "postgres") {
    sql(options.url, std::string("DROP SCHEMA IF EXISTS ") + bench_schema + " CASCADE");
  }
  auto store = open_store(options, file, registry_);
  must(store.has_value(), store ? "" : store.error().text());
  engine_ = std::make_unique<Engine>(std::move(*store), registry_, engine_options(options));
  must(engine_->start().has_value(), "start");
  ids_ = "move-" + std::to_string(::getpid()) + "-";
  if (fresh) open_accounts();
}

PawlSide::~PawlSide() {
  engine_->stop();
}

// On PostgreSQL by one statement, as it is done for what is written by hand: the tables can be
// large.
void PawlSide::open_accounts() {
  const std::string many = std::to_string(options_.entities);
  if (options_.store == "postgres") {
    sql(options_.url,
        std::string("INSERT INTO ") + bench_schema +
            ".accounts SELECT 'account_' || lpad(i::text, 8, '0'), 'idle', 1, 1, 1, 1, 0, 0, 0, 1 "
            "FROM generate_series(0, " +
            many + " - 1) AS i");
    sql(options_.url, std::string("VACUUM ANALYZE ") + bench_schema + ".accounts");
    return;
  }
  std::atomic<int> left = options_.entities;
  for (int i = 0; i < options_.entities; ++i) {
    const int limit = 5'000;
    const int begun = options_.entities - i;
    for (int now = left.load(); now - begun > limit; now = left.load()) left.wait(now);
    engine_->submit(Move{account_name(i), 1}, {.principal = "bench", .id = "open"},
                    [&left](const Result<Receipt>& receipt) {
                      must(receipt && receipt->done, "an account could not be opened");
                      left.fetch_sub(1);
                      left.notify_one();
                    });
  }
  for (int now = left.load(); now > 0; now = left.load()) left.wait(now);
}

void PawlSide::begin_anew() {
  if (options_.store != "postgres") return;
  const std::string in = std::string(bench_schema) + ".";
  sql(options_.url, "TRUNCATE " + in + "pawl_journal, " + in + "pawl_effects, " + in +
                        "pawl_effects_ended, " + in + "pawl_receipts");
  sql(options_.url, "VACUUM " + in + "accounts");
  sql(options_.url, "CHECKPOINT");
}

std::string PawlSide::next_id() {
  return ids_ + std::to_string(next_++);
}

void PawlSide::transition(const std::string& account, const std::string& id,
                          std::function<void()> done) {
  engine_->submit(Move{account, 1}, {.principal = "bench", .id = id},
                  [done = std::move(done)](const Result<Receipt>& receipt) {
                    must(receipt && receipt->done,
                         receipt ? "a transition was refused"
                                 : "a transition failed: " + receipt.error().text());
                    done();
                  });
}

// A caller that waits for each: what call() is for.
Sample PawlSide::run_one_by_one(double seconds, Keys keys) {
  std::mt19937 random(static_cast<unsigned>(next_));
  std::uniform_int_distribution<int> pick(0, keys == Keys::hot ? 0 : options_.entities - 1);
  Latencies latencies(1'000'000);
  const EngineStatistics before = engine_->statistics();
  const double cpu_before = cpu_seconds_now();
  const double server_before = server_cpu_seconds_now();
  const double begin = seconds_now();
  double now = begin;
  while (now < begin + seconds) {
    const auto receipt =
        engine_->call(Move{account_name(pick(random)), 1}, {.principal = "bench", .id = next_id()});
    must(receipt && receipt->done, "a transition failed");
    const double after = seconds_now();
    latencies.add(after - now);
    now = after;
  }
  const double cpu = cpu_seconds_now() - cpu_before;
  const double server = server_cpu_seconds_now() - server_before;
  const EngineStatistics after = engine_->statistics();
  latencies_us_ = latencies.take();
  Sample sample = summarise(latencies_us_, now - begin, cpu,
                            static_cast<double>(after.commits - before.commits));
  sample.server_cpu_us = server * 1e6 / static_cast<double>(latencies_us_.size());
  return sample;
}

Sample PawlSide::run(int in_flight, double seconds, Keys keys) {
  if (in_flight == 1) return run_one_by_one(seconds, keys);
  std::mt19937 random(static_cast<unsigned>(next_));
  std::uniform_int_distribution<int> pick(0, keys == Keys::hot ? 0 : options_.entities - 1);
  Latencies latencies(static_cast<std::size_t>(seconds * 1'000'000) + 1'000);
  std::atomic<int> waiting = 0;
  // Woken once there is room for a few: waking it for each would be most of the work.
  const int resume_at = in_flight - std::max(1, in_flight / 8);
  const EngineStatistics before = engine_->statistics();
  const double cpu_before = cpu_seconds_now();
  const double server_before = server_cpu_seconds_now();
  const double begin = seconds_now();
  const double end = begin + seconds;
  while (seconds_now() < end) {
    if (waiting.load() >= in_flight) {
      for (int now = waiting.load(); now > resume_at; now = waiting.load()) waiting.wait(now);
    }
    waiting.fetch_add(1);
    const double sent = seconds_now();
    transition(account_name(pick(random)), next_id(), [&waiting, &latencies, resume_at, sent] {
      latencies.add(seconds_now() - sent);
      const int left = waiting.fetch_sub(1) - 1;
      if (left == resume_at || left == 0) waiting.notify_one();
    });
  }
  for (int now = waiting.load(); now > 0; now = waiting.load()) waiting.wait(now);
  const double took = seconds_now() - begin;
  const double cpu = cpu_seconds_now() - cpu_before;
  const double server = server_cpu_seconds_now() - server_before;
  const EngineStatistics after = engine_->statistics();
  latencies_us_ = latencies.take();
  Sample sample =
      summarise(latencies_us_, took, cpu, static_cast<double>(after.commits - before.commits));
  sample.server_cpu_us = server * 1e6 / static_cast<double>(latencies_us_.size());
  return sample;
}

}  // namespace pawl::bench
