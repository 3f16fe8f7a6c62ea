// SPDX-License-Identifier: Apache-2.0
//
// The work of one transition, through Pawl: lock one account out of many, read it, decide, change
// its row, append a journal entry, one effect row and a receipt; answered when durable. The effects
// have no handler here: they are written, not performed, on both sides.
#pragma once

#include <pawl/engine.h>

#include <memory>
#include <string>

#include "measure.h"

namespace pawl::bench {

std::string account_name(int index);

class PawlSide {
 public:
  PawlSide(const std::string& path, int entities);
  ~PawlSide();
  // Keeps `in_flight` commands waiting for `seconds`.
  Sample run(int in_flight, double seconds);

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

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pawl::bench
