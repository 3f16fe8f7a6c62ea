// SPDX-License-Identifier: Apache-2.0
#include "workload.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

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

PawlSide::PawlSide(const std::string& path, int entities) : entities_(entities) {
  registry_.machine<Account>()
      .initial(AccountState::idle)
      .move(AccountState::idle, AccountState::moving)
      .move(AccountState::moving, AccountState::idle)
      .effect<Notify, Notified>({.resend = ResendRule::dedup, .destination = "nowhere"});
  registry_.migration({"bench", 1, schema});
  auto store = open_sqlite({.path = path}, registry_);
  must(store.has_value(), store ? "" : store.error().text());
  engine_ = std::make_unique<Engine>(std::move(*store), registry_, EngineOptions{});
  must(engine_->start().has_value(), "start");
  std::atomic<int> left = entities;
  for (int i = 0; i < entities; ++i) {
    const int limit = 5'000;
    for (int now = left.load(); now - (entities - i) > limit; now = left.load()) left.wait(now);
    engine_->submit(Move{account_name(i), 1}, {.principal = "bench", .id = "open"},
                    [&left](Result<Receipt> receipt) {
                      must(receipt && receipt->done, "an account could not be opened");
                      left.fetch_sub(1);
                      left.notify_one();
                    });
  }
  for (int now = left.load(); now > 0; now = left.load()) left.wait(now);
}

PawlSide::~PawlSide() {
  engine_->stop();
}

void PawlSide::transition(const std::string& account, const std::string& id,
                          std::function<void()> done) {
  engine_->submit(Move{account, 1}, {.principal = "bench", .id = id},
                  [done = std::move(done)](const Result<Receipt>& receipt) {
                    must(receipt && receipt->done, "a transition failed");
                    done();
                  });
}

// A caller that waits for each: what call() is for.
Sample PawlSide::run_one_by_one(double seconds) {
  std::mt19937 random(static_cast<unsigned>(next_));
  std::uniform_int_distribution<int> pick(0, entities_ - 1);
  std::vector<std::int64_t> latencies;
  latencies.reserve(1'000'000);
  const EngineStatistics before = engine_->statistics();
  const double cpu_before = cpu_seconds_now();
  const double begin = seconds_now();
  double now = begin;
  while (now < begin + seconds) {
    const auto receipt =
        engine_->call(Move{account_name(pick(random)), 1},
                      {.principal = "bench", .id = "move-" + std::to_string(next_++)});
    must(receipt && receipt->done, "a transition failed");
    const double after = seconds_now();
    latencies.push_back(static_cast<std::int64_t>((after - now) * 1e6));
    now = after;
  }
  const EngineStatistics after = engine_->statistics();
  return summarise(latencies, now - begin, cpu_seconds_now() - cpu_before,
                   static_cast<double>(after.commits - before.commits));
}

Sample PawlSide::run(int in_flight, double seconds) {
  if (in_flight == 1) return run_one_by_one(seconds);
  std::mt19937 random(static_cast<unsigned>(next_));
  std::uniform_int_distribution<int> pick(0, entities_ - 1);
  std::vector<std::int64_t> latencies;  // the engine's thread alone, until all have ended
  latencies.reserve(4'000'000);
  std::atomic<int> waiting = 0;
  const EngineStatistics before = engine_->statistics();
  const double cpu_before = cpu_seconds_now();
  const double begin = seconds_now();
  const double end = begin + seconds;
  while (seconds_now() < end) {
    for (int now = waiting.load(); now >= in_flight; now = waiting.load()) waiting.wait(now);
    waiting.fetch_add(1);
    const double sent = seconds_now();
    engine_->submit(Move{account_name(pick(random)), 1},
                    {.principal = "bench", .id = "move-" + std::to_string(next_++)},
                    [&waiting, &latencies, sent](Result<Receipt> receipt) {
                      must(receipt && receipt->done, "a transition failed");
                      latencies.push_back(static_cast<std::int64_t>((seconds_now() - sent) * 1e6));
                      waiting.fetch_sub(1);
                      waiting.notify_one();
                    });
  }
  for (int now = waiting.load(); now > 0; now = waiting.load()) waiting.wait(now);
  const double took = seconds_now() - begin;
  const EngineStatistics after = engine_->statistics();
  return summarise(latencies, took, cpu_seconds_now() - cpu_before,
                   static_cast<double>(after.commits - before.commits));
}

int compare(int argc, char** argv, const std::string& name, std::vector<int> in_flight,
            const char* slow_sync_library) {
  const Options options = parse_options(argc, argv, std::move(in_flight), slow_sync_library);
  const Workspace workspace(options);
  PawlSide pawl(workspace.file("pawl.db"), options.entities);
  HandWrittenSide hand(workspace.file("hand.db"), options.entities);
  std::vector<Line> lines;
  for (const int number : options.in_flight) {
    Line line;
    line.name = name;
    line.in_flight = number;
    line.baseline = "hand-written, one connection";
    for (int round = 0; round < options.rounds; ++round) {
      line.hand_written.push_back(hand.run(options.seconds));
      line.pawl.push_back(pawl.run(number, options.seconds));
    }
    lines.push_back(std::move(line));
  }
  print_lines(options, lines);
  return 0;
}

}  // namespace pawl::bench
