// SPDX-License-Identifier: Apache-2.0
//
// What every bench needs: its options, latencies, CPU time and the table or JSON it prints.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pawl::bench {

struct Options {
  std::string store = "sqlite";
  std::vector<int> in_flight;
  int entities = 100'000;
  int rounds = 3;
  double seconds = 3;
  double sync_ms = 0;
  bool json = false;
  std::string directory;  // of the databases; empty: a temporary one
};

// Parses --store, --in-flight A,B, --entities, --rounds, --seconds, --sync-ms, --dir, --json.
// Prints what is wrong and exits with 2. With --sync-ms the program runs itself again under the
// shim.
Options parse_options(int argc, char** argv, std::vector<int> default_in_flight,
                      const char* slow_sync_library);

struct Sample {
  double per_second = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  double cpu_us = 0;  // user and system time of this process, per transition
  double batch = 0;   // mean works per commit
};

Sample summarise(std::vector<std::int64_t>& latencies_us, double seconds, double cpu_seconds,
                 double commits);
double cpu_seconds_now();
double seconds_now();

struct Line {
  std::string name;
  int in_flight = 0;
  std::vector<Sample> pawl;
  std::string baseline;
  std::vector<Sample> hand_written;
};

void print_lines(const Options& options, const std::vector<Line>& lines);

// A directory of this bench's own, removed at the end unless it was given.
class Workspace {
 public:
  explicit Workspace(const Options& options);
  ~Workspace();
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
  bool own_ = false;
};

}  // namespace pawl::bench
