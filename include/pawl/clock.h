// SPDX-License-Identifier: Apache-2.0
//
// Where time comes from. Production uses the system's clocks; tests and the checker bring their
// own. Only stores and drivers hold a Clock: a decision is handed the time in its Context.
#pragma once

#include <pawl/time.h>

#include <cstdint>

namespace pawl {

class Clock {
 public:
  virtual ~Clock() = default;
  // Wall-clock time, UTC. May jump. Thread-safe.
  virtual Time now() = 0;
  // Microseconds since an arbitrary start, never running backwards; for waits. Thread-safe.
  virtual std::int64_t monotonic_us() = 0;
};

// The machine's clocks. Lives as long as the program.
Clock& system_clock();

}  // namespace pawl
