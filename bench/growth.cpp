// SPDX-License-Identifier: Apache-2.0
//
// Transitions per second with 10^4, 10^5 and 10^6 entities (up to --entities), each size in turn in
// every round: nothing may grow with the table but the depth of its index.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "workload.h"

int main(int argc, char** argv) {
  using namespace pawl::bench;
  Options options = parse_options(argc, argv, {256}, PAWL_SLOW_SYNC);
  constexpr int smallest = 10'000;
  constexpr int default_largest = 1'000'000;
  const int largest = options.entities_given ? options.entities : default_largest;
  std::vector<int> sizes;
  for (int size = smallest; size <= largest; size *= 10) sizes.push_back(size);
  std::vector<std::vector<Sample>> samples(sizes.size());
  for (int round = 0; round < options.rounds; ++round) {
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const Workspace workspace(options);
      Options sized = options;
      sized.entities = sizes[i];
      PawlSide pawl(sized, workspace.file("growth.db"));
      pawl.begin_anew();
      samples[i].push_back(pawl.run(options.in_flight.front(), options.seconds));
    }
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    std::vector<double> rates;
    std::vector<double> ratios;
    std::vector<double> p99;
    std::vector<double> cpu;
    for (std::size_t round = 0; round < samples[i].size(); ++round) {
      const Sample& sample = samples[i][round];
      rates.push_back(sample.per_second);
      ratios.push_back(sample.per_second / samples[0][round].per_second);
      p99.push_back(sample.p99_ms);
      cpu.push_back(sample.cpu_us + sample.server_cpu_us);
    }
    std::printf(
        options.json
            ? "{\"name\":\"growth\",\"store\":\"%s\",\"in_flight\":%d,\"entities\":%d,"
              "\"pawl_per_s\":%.0f,\"ratio\":%.2f,\"p99_ms\":%.3f,\"cpu\":%.1f,\"load\":%.1f}\n"
            : "%s, %d in flight, %d entities: %.0f/s, %.2f of the smallest, p99 %.1f ms, cpu "
              "%.1f us a transition (load %.1f)\n",
        options.store.c_str(), options.in_flight.front(), sizes[i], median(rates), median(ratios),
        median(p99), median(cpu), load_average_now());
  }
  return 0;
}
