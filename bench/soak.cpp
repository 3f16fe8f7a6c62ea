// SPDX-License-Identifier: Apache-2.0
//
// A soak: the real server and its sandbox under steady load with short retention, its memory and
// its files measured once a minute. What must level off: the resident set, the WAL, and all of the
// data file but the desk's own rows (orders, trades, wallets), which are kept for ever.
//
//   pawl_bench_soak [--minutes 30] [--orders-per-second 20] [--cache-mib 8] [--data DIR]
//
// A cache of 8 MiB is full within the first minutes; what grows then is something else. 0: the
// server's own default.
#include <pawl/clock.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "app/desk_client.h"
#include "app/process_pair.h"
#include "app/sandbox_client.h"

namespace {

using namespace pawl;

constexpr int threads = 4;
constexpr int refused_per_order = 4;
constexpr int trade_every = 4;
constexpr double level_within = 0.10;

struct Options {
  int minutes = 30;
  int orders_per_second = 20;
  int cache_mib = 8;
  std::string data_dir;
};

struct Sample {
  int minute = 0;
  std::int64_t rss_kib = 0;
  std::int64_t file_kib = 0;
  std::int64_t desk_kib = 0;  // of it: rows that are kept for ever
  std::int64_t wal_kib = 0;
  std::int64_t receipts = 0;
  std::int64_t requests = 0;
  std::int64_t removed = 0;
  std::int64_t slowest_ms = 0;

  std::int64_t engine_kib() const { return file_kib - desk_kib; }
};

class Load {
 public:
  Load(const std::string& url, const std::string& sandbox_url, int orders_per_second)
      : url_(url),
        sandbox_url_(sandbox_url),
        interval_us_(1'000'000LL * threads / orders_per_second) {}

  void start() {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
  }
  void stop() {
    stopping_ = true;
    for (auto& thread : threads_) thread.join();
  }
  std::int64_t requests() const { return requests_; }
  std::int64_t failures() const { return failures_; }
  // Since the last call.
  std::int64_t slowest_ms() { return slowest_ms_.exchange(0); }

 private:
  template <class Call>
  void send(Call call, bool refusal_is_fine = false) {
    const auto before = std::chrono::steady_clock::now();
    const auto answer = call();
    const std::int64_t took = std::chrono::duration_cast<std::chrono::milliseconds>(
                                  std::chrono::steady_clock::now() - before)
                                  .count();
    ++requests_;
    std::int64_t slowest = slowest_ms_;
    while (took > slowest && !slowest_ms_.compare_exchange_weak(slowest, took)) {
    }
    if (!answer || (!answer->ok() && !refusal_is_fine)) ++failures_;
  }

  void run() {
    const auto maker = otc::SigningKey::generate();
    const auto taker = otc::SigningKey::generate();
    if (!SandboxClient(sandbox_url_).faucet(maker.wallet(), 1'000'000'000'000)) return;
    app::DeskClient desk(url_, 10'000);
    auto next = std::chrono::steady_clock::now();
    for (std::int64_t i = 0; !stopping_; ++i) {
      one_order(desk, maker, taker, i % trade_every == 0);
      next += std::chrono::microseconds(interval_us_);
      // lint: allow(sleep): the load is steady by the clock
      std::this_thread::sleep_until(next);
    }
  }

  void one_order(app::DeskClient& desk, const otc::SigningKey& maker, const otc::SigningKey& taker,
                 bool trade) {
    app::NewOrder order;
    const otc::Secret secret = app::random_secret();
    order.amount_micro = 1'000'000;
    order.price_nano = 100'000'000;
    order.nonce = app::random_nonce();
    order.htlc_hash = otc::htlc_hash_of(secret);
    const std::string id = otc::make_order_id(maker.wallet(), order.nonce);
    send([&] { return desk.create(maker, order); });
    if (trade) {
      send([&] { return desk.match(taker, id, "", ""); });
      send([&] { return desk.confirm(id, secret, "0xquote"); });
    } else {
      send([&] { return desk.cancel(maker, id); });
    }
    // Refused under receipts of their own: an operator's redrive of what needs none.
    for (int i = 0; i < refused_per_order; ++i) {
      send(
          [&] {
            return desk.redrive(id, i % 2 == 0 ? "payout" : "refund", "soak",
                                "soak " + std::to_string(requests_));
          },
          true);
    }
    send([&] { return desk.show(id); });
  }

  using SandboxClient = app::SandboxClient;
  std::string url_;
  std::string sandbox_url_;
  std::int64_t interval_us_;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::int64_t> requests_ = 0;
  std::atomic<std::int64_t> failures_ = 0;
  std::atomic<std::int64_t> slowest_ms_ = 0;
  std::vector<std::thread> threads_;
};

std::int64_t size_kib(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : static_cast<std::int64_t>(size / 1024);
}

std::int64_t rss_kib(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("VmRSS:")) return std::atoll(line.c_str() + 6);
  }
  return 0;
}

std::int64_t number_of(const std::string& path, const char* sql) {
  sqlite3* raw = nullptr;
  std::int64_t out = -1;
  if (sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK) {
    sqlite3_busy_timeout(raw, 5'000);
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(raw, sql, -1, &statement, nullptr) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
      out = sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
  }
  sqlite3_close(raw);
  return out;
}

Sample measure(int minute, const app::ProcessPair& pair, const std::string& data_dir, Load& load) {
  const std::string file = data_dir + "/pawl.db";
  Sample sample;
  sample.minute = minute;
  sample.rss_kib = rss_kib(pair.server_pid());
  sample.wal_kib = size_kib(file + "-wal");
  sample.file_kib = size_kib(file);
  sample.desk_kib =
      number_of(file,
                "SELECT coalesce(sum(pgsize), 0) / 1024 FROM dbstat WHERE aggregate = "
                "TRUE AND name NOT GLOB 'pawl_*' AND name NOT GLOB "
                "'sqlite_autoindex_pawl_*'");
  sample.receipts = number_of(file, "SELECT count(*) FROM pawl_receipts");
  sample.removed = number_of(file, "SELECT coalesce(sum(removed), 0) FROM pawl_retention");
  sample.requests = load.requests();
  sample.slowest_ms = load.slowest_ms();
  return sample;
}

void print(const Sample& s) {
  std::printf("%6d %10lld %10lld %10lld %10lld %10lld %10lld %10lld %8lld\n", s.minute,
              static_cast<long long>(s.requests), static_cast<long long>(s.rss_kib),
              static_cast<long long>(s.file_kib), static_cast<long long>(s.engine_kib()),
              static_cast<long long>(s.wal_kib), static_cast<long long>(s.receipts),
              static_cast<long long>(s.removed), static_cast<long long>(s.slowest_ms));
  std::fflush(stdout);
}

// The last third's mean against the middle third's: growth beyond the bound is none that levels.
bool levelled(const char* name, const std::vector<Sample>& samples,
              std::int64_t (*value)(const Sample&)) {
  const std::size_t third = samples.size() / 3;
  double middle = 0;
  double last = 0;
  for (std::size_t i = 0; i < third; ++i) {
    middle += static_cast<double>(value(samples[samples.size() - 2 * third + i]));
    last += static_cast<double>(value(samples[samples.size() - third + i]));
  }
  const double change = middle > 0 ? last / middle - 1 : 0;
  const bool level = third > 0 && change <= level_within;
  std::printf("%-12s last third against middle third: %+.1f %%%s\n", name, 100 * change,
              level ? "" : "  NOT LEVEL");
  return level;
}

bool write_settings(const std::string& path, int cache_mib) {
  std::ofstream out(path);
  out << "log_level = \"warn\"\n";
  if (cache_mib > 0) out << "[store]\ncache_mib = " << cache_mib << "\n";
  out << "[retention]\nreceipts_seconds = 30\nended_effects_seconds = 60\n"
         "acknowledged_alerts_seconds = 60\njournal_seconds = 60\n"
         "[otc]\nopen_per_maker = 1000000\nheld_per_taker = 1000000\n"
         "payout_poll_interval_ms = 100\n";
  out.close();
  return static_cast<bool>(out);
}

int soak(const Options& options) {
  const std::string config = options.data_dir + "/soak.toml";
  if (!write_settings(config, options.cache_mib)) return 1;
  app::ProcessPairOptions pair_options;
  pair_options.program = PAWL_PROGRAM;
  pair_options.data_dir = options.data_dir;
  pair_options.payout_delay_ms = 300;
  pair_options.config_file = config;
  app::ProcessPair pair(pair_options);
  if (auto started = pair.start(); !started) {
    std::fprintf(stderr, "%s\n", started.error().text().c_str());
    return 3;
  }
  std::printf(
      "%d orders per second for %d minutes; sizes in KiB\n%6s %10s %10s %10s %10s %10s %10s "
      "%10s %8s\n",
      options.orders_per_second, options.minutes, "minute", "requests", "rss", "file", "engine's",
      "wal", "receipts", "removed", "max ms");
  Load load(pair.url(), pair.sandbox_url(), options.orders_per_second);
  load.start();
  std::vector<Sample> samples;
  auto next = std::chrono::steady_clock::now();
  for (int minute = 1; minute <= options.minutes && pair.running(); ++minute) {
    next += std::chrono::minutes(1);
    // lint: allow(sleep): one measurement a minute
    std::this_thread::sleep_until(next);
    samples.push_back(measure(minute, pair, options.data_dir, load));
    print(samples.back());
  }
  load.stop();
  const bool stopped = pair.stop();
  std::printf("requests that failed: %lld; stopped in order: %s\n",
              static_cast<long long>(load.failures()), stopped ? "yes" : "no");
  bool level = levelled("rss", samples, [](const Sample& s) { return s.rss_kib; });
  level = levelled("engine's", samples, [](const Sample& s) { return s.engine_kib(); }) && level;
  level = levelled("wal", samples, [](const Sample& s) { return s.wal_kib; }) && level;
  level = levelled("receipts", samples, [](const Sample& s) { return s.receipts; }) && level;
  return level && stopped && load.failures() == 0 ? 0 : 1;
}

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--minutes") {
      options.minutes = std::atoi(argv[i + 1]);
    } else if (name == "--orders-per-second") {
      options.orders_per_second = std::atoi(argv[i + 1]);
    } else if (name == "--cache-mib") {
      options.cache_mib = std::atoi(argv[i + 1]);
    } else if (name == "--data") {
      options.data_dir = argv[i + 1];
    } else {
      return false;
    }
  }
  return argc % 2 == 1 && options.minutes > 0 && options.orders_per_second > 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::fputs(
        "usage: pawl_bench_soak [--minutes N] [--orders-per-second N] [--cache-mib N] [--data "
        "DIR]\n",
        stderr);
    return 2;
  }
  const bool own = options.data_dir.empty();
  if (own) {
    std::string name = (std::filesystem::temp_directory_path() / "pawl-soak-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) return 3;
    options.data_dir = name;
  }
  const int code = soak(options);
  std::error_code ignored;
  if (own) std::filesystem::remove_all(options.data_dir, ignored);
  return code;
}
