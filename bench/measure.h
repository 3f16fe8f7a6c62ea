// SPDX-License-Identifier: Apache-2.0
//
// What every bench needs: its options, latencies, CPU time and the table or JSON it prints.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pawl::bench {

enum class Keys { all, hot };  // of which entities the commands are

struct Options {
  std::string store = "sqlite";
  std::string url;  // of the database, if the store is PostgreSQL
  std::vector<int> in_flight;
  int entities = 100'000;
  int rounds = 3;
  double seconds = 3;
  double sync_ms = 0;
  int lanes = 0;      // 0: the engine's default, as the next
  int max_batch = 0;  // works in one commit
  int processes = 1;
  bool jobs_again = false;  // horizon: the same jobs, instead of a new one for each command
  int clients = 0;          // of what is written by hand; 0: the best of several, found first
  bool json = false;
  bool alone = false;  // without the baseline
  bool entities_given = false;
  bool rounds_given = false;
  bool seconds_given = false;
  std::string directory;  // of the databases; empty: a temporary one
};

// Parses the options that usage() lists. Prints what is wrong and exits with 2. With --store
// postgres and no DATABASE_URL the program runs itself again beside a server of its own; with
// --sync-ms on SQLite, again under the shim (of a server, only its own syncs are slow).
Options parse_options(int argc, char** argv, std::vector<int> default_in_flight,
                      const char* slow_sync_library);

struct Sample {
  double per_second = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  double cpu_us = 0;         // user and system time of this process, per transition
  double server_cpu_us = 0;  // of the database's processes
  double batch = 0;          // mean works per commit
};

Sample summarise(std::vector<std::int64_t>& latencies_us, double seconds, double cpu_seconds,
                 double commits);
double cpu_seconds_now();
double load_average_now();
// The middle one; of an even number, the higher of the two.
double median(std::vector<double> values);
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
