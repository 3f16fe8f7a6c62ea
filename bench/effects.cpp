// SPDX-License-Identifier: Apache-2.0
//
// Effects per second: claim what waits, perform it (a no-op), decide its outcome as a transition of
// its owner, durably. Making them is not counted. On PostgreSQL beside pg-boss and graphile-worker,
// which update one row for each outcome, and pg-boss with the outcomes of a batch together.
#include <chrono>
#include <cstdio>
#include <cstdlib>
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

constexpr int effects = 100'000;
constexpr int in_flight = 2'000;  // as many as pg-boss has
constexpr double give_up_s = 300;

struct Rival {
  std::string name;
  std::string script;
  std::string rate;  // the member that holds it
  std::vector<double> per_s;
  std::vector<double> ratios;
};

Sample measure(const Options& options, const std::string& file) {
  {
    Jobs asking(options, file, {.concurrency = in_flight, .fresh = true, .performer = nullptr});
    asking.start();
    asking.ask_all(effects);
  }
  if (options.store == "postgres") {
    for (const char* table : {"jobs", "pawl_effects"}) {
      sql(options.url, std::string("VACUUM ANALYZE ") + bench_schema + "." + table);
    }
    sql(options.url, "CHECKPOINT");
  }
  const auto performer = std::make_shared<Performer>(true);
  Jobs jobs(options, file, {.concurrency = in_flight, .fresh = false, .performer = performer});
  const double cpu = cpu_seconds_now();
  const double server = server_cpu_seconds_now();
  const double began = seconds_now();
  jobs.start();
  while (seconds_now() < began + give_up_s) {
    const auto now = jobs.engine().statistics();
    if (performer->performed() >= effects && now.open_effects == 0 &&
        now.exchanges_under_way == 0) {
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const double took = seconds_now() - began;
  Sample sample;
  sample.per_second = effects / took;
  sample.cpu_us = (cpu_seconds_now() - cpu) * 1e6 / effects;
  sample.server_cpu_us = (server_cpu_seconds_now() - server) * 1e6 / effects;
  const auto statistics = jobs.engine().statistics();
  sample.batch = static_cast<double>(statistics.works) / static_cast<double>(statistics.commits);
  if (jobs.done() != effects || performer->performed() != effects) {
    std::fprintf(stderr, "bench: not every effect left its outcome once\n");
    std::exit(1);
  }
  return sample;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse_options(argc, argv, {in_flight}, PAWL_SLOW_SYNC);
  const Workspace workspace(options);
  std::vector<Rival> rivals;
  if (options.store == "postgres" && !options.alone) {
    rivals = {
        {"pg-boss, a row update each", "run.sh pg_boss effects", "per_s", {}, {}},
        {"pg-boss, outcomes together", "", "per_s_outcomes_together", {}, {}},
        {"graphile-worker, a row update each", "run.sh graphile_worker effects", "per_s", {}, {}}};
  }
  std::vector<double> pawl;
  Sample last;
  for (int round = 0; round < options.rounds; ++round) {
    last = measure(options, workspace.file("effects" + std::to_string(round) + ".db"));
    pawl.push_back(last.per_second);
    json::Value said;
    for (Rival& rival : rivals) {
      if (!rival.script.empty()) said = run_script(rival.script);
      rival.per_s.push_back(number_of(said, rival.rate));
      rival.ratios.push_back(last.per_second / rival.per_s.back());
    }
  }
  if (rivals.empty()) rivals.push_back({"none", "", "", {0}, {0}});
  for (const Rival& rival : rivals) {
    if (options.json) {
      std::printf(
          "{\"name\":\"effects\",\"store\":\"%s\",\"in_flight\":%d,\"pawl_per_s\":%.0f,"
          "\"baseline\":\"%s\",\"baseline_per_s\":%.0f,\"ratio\":%.2f,\"cpu\":%.1f,"
          "\"server_cpu\":%.1f,\"batch\":%.1f,\"sync_ms\":%g,\"load\":%.1f}\n",
          options.store.c_str(), in_flight, median(pawl), rival.name.c_str(), median(rival.per_s),
          median(rival.ratios), last.cpu_us, last.server_cpu_us, last.batch, options.sync_ms,
          load_average_now());
    } else {
      std::printf(
          "effects/s: pawl %.0f, %s %.0f: %.2f x (cpu us an effect %.1f + %.1f server, %.0f "
          "works a commit, load %.1f)\n",
          median(pawl), rival.name.c_str(), median(rival.per_s), median(rival.ratios), last.cpu_us,
          last.server_cpu_us, last.batch, load_average_now());
    }
  }
  return 0;
}
