// SPDX-License-Identifier: Apache-2.0
//
// Where time comes from. Production uses the system's clocks; tests and the checker bring their
// own. Only stores and drivers hold a Clock: a decision is handed the time in its Context.
#pragma once

#include <pawl/time.h>

#include <cstdint>
#include <mutex>

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

// One that follows a wall clock but not its jumps.
class GuardedClock : public Clock {
 public:
  // By how much the wall clock runs apart; 0 while it is followed. For an alert.
  virtual std::int64_t drift_ms() = 0;
};

// Follows another clock's wall time as long as it runs along with its monotonic time. When the wall
// clock jumps (by more than max_drift_ms) this one goes on by the monotonic clock, so that no
// deadline comes early or late.
class SteadyClock final : public GuardedClock {
 public:
  static constexpr std::int64_t max_drift_ms = 5'000;

  explicit SteadyClock(Clock& source);
  Time now() override;
  std::int64_t monotonic_us() override { return source_.monotonic_us(); }
  std::int64_t drift_ms() override;

 private:
  Time now_locked();

  Clock& source_;
  std::mutex mutex_;
  Time base_wall_;
  std::int64_t base_monotonic_us_;
  std::int64_t drift_us_ = 0;
};

}  // namespace pawl
