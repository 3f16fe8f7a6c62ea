// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <string>

#include "scripts.h"
#include "workload.h"

namespace pawl::bench {

namespace {

// What the best count of clients is looked for among.
constexpr const char* client_counts = "8,16,32,64";

const char* name_of(HandWrittenPostgres::Spread spread) {
  using Spread = HandWrittenPostgres::Spread;
  if (spread == Spread::hot) return "hot";
  return spread == Spread::own ? "spread" : "overlap";
}

}  // namespace

Sample HandWrittenPostgres::run(double seconds) {
  const std::string counts = clients_ > 0 ? std::to_string(clients_) : client_counts;
  const int whole_seconds = std::max(1, static_cast<int>(std::lround(seconds)));
  const json::Value said =
      run_script("hand_written.py --keys " + std::string(name_of(spread_)) + " --clients " +
                 counts + " --entities " + std::to_string(options_.entities) + " --seconds " +
                 std::to_string(whole_seconds));
  clients_ = static_cast<int>(number_of(said, "clients"));
  Sample sample;
  sample.per_second = number_of(said, "per_s");
  sample.p50_ms = number_of(said, "p50_ms");
  sample.p99_ms = number_of(said, "p99_ms");
  sample.cpu_us = number_of(said, "client_cpu_us");
  sample.server_cpu_us = number_of(said, "server_cpu_us");
  sample.batch = 1;
  return sample;
}

}  // namespace pawl::bench
