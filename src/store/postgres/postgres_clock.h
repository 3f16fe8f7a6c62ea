// SPDX-License-Identifier: Apache-2.0
//
// The database's time, which all processes on a store go by: read with every batch after its locks,
// and carried on in between by the machine's monotonic clock. A reading that runs apart from what
// was expected by more than max_drift_ms is a jump (of the server's clock, or to another server's)
// and is not followed.
#pragma once

#include <pawl/clock.h>

#include <mutex>

namespace pawl::postgres {

class PostgresClock final : public GuardedClock {
 public:
  static constexpr std::int64_t max_drift_ms = 1'000;

  PostgresClock(Time database_time, Clock& monotonic);

  Time now() override;
  std::int64_t monotonic_us() override { return monotonic_.monotonic_us(); }
  std::int64_t drift_ms() override;

  // What the database's clock said just now; gives the time to go by.
  Time sampled(Time database_time);

 private:
  Time expected_locked();

  Clock& monotonic_;
  std::mutex mutex_;
  Time base_;
  std::int64_t base_monotonic_us_;
  std::int64_t drift_us_ = 0;
};

}  // namespace pawl::postgres
