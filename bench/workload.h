// SPDX-License-Identifier: Apache-2.0
//
// The work of one transition, through Pawl: lock one account out of many, read it, decide, change
// its row, append a journal entry, one effect row and a receipt; answered when durable. The effects
// have no handler here: they are written, not performed, on both sides.
#pragma once

#include <pawl/engine.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "measure.h"

namespace pawl::bench {

std::string account_name(int index);

class PawlSide {
 public:
  PawlSide(const std::string& path, int entities);
  ~PawlSide();
  // Keeps `in_flight` commands waiting for `seconds`.
  Sample run(int in_flight, double seconds);
  // One transition; `done` is called once it is durable.
  void transition(const std::string& account, const std::string& id, std::function<void()> done);
  std::int64_t commits() const { return engine_->statistics().commits; }

 private:
  Sample run_one_by_one(double seconds);

  Registry registry_;
  std::unique_ptr<Engine> engine_;
  int entities_;
  std::uint64_t next_ = 1;
};

// The same work by hand on one connection, one commit each: prepared statements, WAL, synchronous
// FULL, the same cache and checkpoint bounds.
class HandWrittenSide {
 public:
  HandWrittenSide(const std::string& path, int entities);
  ~HandWrittenSide();
  Sample run(double seconds);
  // One transition, durable when it returns. One thread at a time.
  void transition(const std::string& account, const std::string& id);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// The program that runs both in turn and prints the comparison.
int compare(int argc, char** argv, const std::string& name, std::vector<int> in_flight,
            const char* slow_sync_library);

}  // namespace pawl::bench
