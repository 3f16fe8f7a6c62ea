// SPDX-License-Identifier: Apache-2.0
//
// Pawl's side as several processes on one database, their keys overlapping: this program run again,
// each with an engine of its own, told over a pipe when to run.
#pragma once

#include <vector>

#include "measure.h"

namespace pawl::bench {

class Processes {
 public:
  // On contents that are there. Waits until all are ready.
  explicit Processes(const Options& options);
  ~Processes();
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;
  // `in_flight` of all of them together. CPU time is the sum of theirs.
  Sample run(int in_flight, double seconds, Keys keys);

 private:
  struct Process {
    int pid = -1;
    int to = -1;
    int from = -1;
  };
  std::vector<Process> all_;
};

// What main() calls first: true if this process is one of them, which then has ended.
bool ran_as_process(int argc, char** argv);

}  // namespace pawl::bench
