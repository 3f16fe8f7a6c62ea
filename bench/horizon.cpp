// SPDX-License-Identifier: Apache-2.0
//
// The same work with and without a transaction held open beside it, so that no dead row can be
// cleaned up: commands that ask for an effect, the effect claimed and performed (a no-op), its
// outcome decided. Each command makes a job, as in the SKIP LOCKED queue by hand beside it
// (rivals/horizon.py), or, with --jobs again, changes one of those that there are.
#include <libpq-fe.h>

#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "database.h"
#include "jobs.h"
#include "scripts.h"
#include "workload.h"

namespace {

using namespace pawl;
using namespace pawl::bench;

constexpr double default_seconds = 120;
constexpr int steps = 6;

// A snapshot that is taken now and kept as long as this lives.
class Held {
 public:
  Held(const std::string& url, bool held) {
    if (!held) return;
    session_ = PQconnectdb(url.c_str());
    PQclear(PQexec(session_, "BEGIN ISOLATION LEVEL REPEATABLE READ"));
    PGresult* snapshot = PQexec(session_, "SELECT txid_current()");
    if (PQresultStatus(snapshot) != PGRES_TUPLES_OK) {
      std::fprintf(stderr, "bench: %s\n", PQerrorMessage(session_));
      std::exit(1);
    }
    PQclear(snapshot);
  }
  ~Held() { PQfinish(session_); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

 private:
  PGconn* session_ = nullptr;
};

struct Rates {
  double whole = 0;
  double cpu_us = 0;  // of both sides, a circle: what other work on the machine disturbs less
  std::vector<double> by_step;
};

// Whole circles, from the command to its outcome, each second.
Rates measure(const Options& options, bool hold) {
  const auto performer = std::make_shared<Performer>(true);
  Jobs jobs(options, {}, {.concurrency = 2'000, .fresh = true, .performer = performer});
  jobs.start();
  jobs.ask_all(options.entities);
  const Held held(options.url, hold);
  Rates out;
  const double began = seconds_now();
  const std::int64_t first = performer->performed();
  const double cpu = cpu_seconds_now() + server_cpu_seconds_now();
  for (int step = 0; step < steps; ++step) {
    const double step_began = seconds_now();
    const std::int64_t before = performer->performed();
    jobs.ask_for(options.seconds / steps, options.jobs_again ? options.entities : 0,
                 options.in_flight.front());
    out.by_step.push_back(static_cast<double>(performer->performed() - before) /
                          (seconds_now() - step_began));
  }
  const auto circles = static_cast<double>(performer->performed() - first);
  out.whole = circles / (seconds_now() - began);
  out.cpu_us = (cpu_seconds_now() + server_cpu_seconds_now() - cpu) * 1e6 / circles;
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  Options options = parse_options(argc, argv, {256}, PAWL_SLOW_SYNC);
  if (options.store != "postgres") {
    std::fprintf(stderr, "horizon: PostgreSQL alone keeps dead rows: --store postgres\n");
    return 2;
  }
  if (!options.seconds_given) options.seconds = default_seconds;
  if (!options.rounds_given) options.rounds = 1;
  std::vector<double> free_rates;
  std::vector<double> held_rates;
  std::vector<double> ratios;
  Rates free;
  Rates held;
  for (int round = 0; round < options.rounds; ++round) {
    free = measure(options, false);
    held = measure(options, true);
    free_rates.push_back(free.whole);
    held_rates.push_back(held.whole);
    ratios.push_back(held.whole / free.whole);
  }
  json::Value queue;
  if (!options.alone) {
    queue = run_script("horizon.py --rounds 1 --seconds " +
                       std::to_string(static_cast<int>(options.seconds)));
  }
  const double last_ratio = held.by_step.back() / free.by_step.back();
  if (options.json) {
    std::printf(
        "{\"name\":\"horizon\",\"store\":\"postgres\",\"jobs\":\"%s\",\"in_flight\":%d,\"seconds\":"
        "%g,\"free_per_"
        "s\":"
        "%.0f,\"held_per_s\":%.0f,\"ratio\":%.3f,\"last_step_ratio\":%.3f,\"free_cpu\":%.1f,\"held_"
        "cpu\":%.1f,\"baseline\":\"SKIP "
        "LOCKED "
        "queue\",\"baseline_free_per_s\":%.0f,\"baseline_held_per_s\":%.0f,\"baseline_ratio\":%.3f,"
        "\"load\":%.1f}\n",
        options.jobs_again ? "again" : "new", options.in_flight.front(), options.seconds,
        median(free_rates), median(held_rates), median(ratios), last_ratio, free.cpu_us,
        held.cpu_us, number_of(queue, "per_s"), number_of(queue, "held_per_s"),
        number_of(queue, "ratio"), load_average_now());
    return 0;
  }
  std::printf(
      "circles/s: free %.0f, held %.0f: %.3f of it; in the last sixth %.3f; cpu us a "
      "circle free %.1f, held %.1f (load %.1f)\n",
      median(free_rates), median(held_rates), median(ratios), last_ratio, free.cpu_us, held.cpu_us,
      load_average_now());
  for (int step = 0; step < steps; ++step) {
    std::printf("  step %d: free %.0f, held %.0f\n", step,
                free.by_step[static_cast<std::size_t>(step)],
                held.by_step[static_cast<std::size_t>(step)]);
  }
  std::printf("SKIP LOCKED queue by hand: free %.0f, held %.0f: %.3f of it\n",
              number_of(queue, "per_s"), number_of(queue, "held_per_s"), number_of(queue, "ratio"));
  return 0;
}
