// SPDX-License-Identifier: Apache-2.0
//
// The demo's load and the demo's misfortune, as parts that tests use as well: many customers at
// once, a custodian whose every call may fail, and a server that is killed with -9 at random
// moments, also while it starts.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "app/demo_client.h"
#include "app/process_pair.h"

namespace pawl::app {

// Sets the sandbox's fault switches: every way to lose an answer after executing the call, a
// definite no, and every way not to execute it.
Result<void> set_demo_faults(SandboxClient& sandbox);

// The server's settings under which the demo ends in reasonable time. Written to `path`.
Result<void> write_demo_settings(const std::string& path);

class DemoWorkload {
 public:
  // `seed` decides what the customers do, as far as their answers let it.
  DemoWorkload(const std::string& desk_url, const std::string& sandbox_url, int clients,
               std::uint64_t seed);
  ~DemoWorkload();  // stop()

  Result<void> start();
  void stop();

  const DemoCounts& counts() const { return counts_; }
  // After stop().
  std::vector<DemoOrder> orders() const;

 private:
  DemoCounts counts_;
  std::vector<std::unique_ptr<DemoClient>> clients_;
  std::vector<std::thread> threads_;
};

// Kills the pair's server and starts it again; a few times it is killed while it starts.
class DemoKiller {
 public:
  DemoKiller(ProcessPair& pair, std::uint64_t seed, std::int64_t mean_interval_ms)
      : pair_(pair), random_(seed), mean_interval_ms_(mean_interval_ms) {}

  // How long to let it work before the next kill.
  std::int64_t next_interval_ms();
  // Gives the error of a server that does not come back.
  Result<void> strike();
  std::int64_t kills() const { return kills_; }

 private:
  ProcessPair& pair_;
  std::mt19937_64 random_;
  std::int64_t mean_interval_ms_;
  std::int64_t kills_ = 0;
};

}  // namespace pawl::app
