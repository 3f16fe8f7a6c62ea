// SPDX-License-Identifier: Apache-2.0
//
// A cold start after kill -9 with many entities and 100,000 effects under way: how long until a
// command is answered, until every effect is classified (all of them were under way, so each is
// unknown and to be inquired), and until that stands in the store.
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "database.h"
#include "jobs.h"
#include "workload.h"

namespace {

using namespace pawl;
using namespace pawl::bench;

constexpr int effects = 100'000;
constexpr int default_entities = 1'000'000;
constexpr double give_up_s = 600;

void wait_a_little() {
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

[[noreturn]] void first_life(const Options& options, const std::string& file) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const auto performer = std::make_shared<Performer>(false);
  fill_with_done_jobs(options, file, options.entities - effects);
  Jobs jobs(options, file, {.concurrency = effects, .fresh = false, .performer = performer});
  jobs.start();
  jobs.ask_all(effects);
  const double give_up = seconds_now() + give_up_s;
  while (performer->performed() < effects && seconds_now() < give_up) wait_a_little();
  std::printf("under way\n");
  std::fflush(stdout);
  while (true) ::pause();
}

}  // namespace

int main(int argc, char** argv) {
  Options options = parse_options(argc, argv, {1}, PAWL_SLOW_SYNC);
  if (!options.entities_given) options.entities = default_entities;
  const Workspace workspace(options);
  const std::string file = workspace.file("recovery.db");
  std::array<int, 2> pipe_ends{};
  if (::pipe(pipe_ends.data()) != 0) return 1;
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(pipe_ends[1], STDOUT_FILENO);
    first_life(options, file);
  }
  char ready = 0;
  if (::read(pipe_ends[0], &ready, 1) != 1) return 1;
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);

  const auto performer = std::make_shared<Performer>(false);
  const double began = seconds_now();
  Jobs jobs(options, file, {.concurrency = effects, .fresh = false, .performer = performer});
  jobs.start();
  const double started = seconds_now();
  jobs.ask_all(1);
  const double serving = seconds_now();
  while (seconds_now() < began + give_up_s) {
    // But for the one that the first command asked for.
    if (sending_effects(options, file) <= 1) break;
    wait_a_little();
  }
  const double stored = seconds_now();
  std::printf(
      options.json
          ? "{\"name\":\"recovery\",\"store\":\"%s\",\"entities\":%d,\"effects\":%d,"
            "\"classified_s\":%.3f,\"serving_s\":%.3f,\"stored_s\":%.3f,\"load\":%.1f}\n"
          : "%s, %d entities, %d effects under way when it was killed: every effect classified "
            "after %.3f s, first command answered after %.3f s, all of it stored after %.3f s "
            "(load %.1f)\n",
      options.store.c_str(), options.entities, effects, started - began, serving - began,
      stored - began, load_average_now());
  return 0;
}
