// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/postgres_clock.h"

#include <cstdlib>

namespace pawl::postgres {

PostgresClock::PostgresClock(Time database_time, Clock& monotonic)
    : monotonic_(monotonic), base_(database_time), base_monotonic_us_(monotonic.monotonic_us()) {}

Time PostgresClock::expected_locked() {
  return base_.plus_us(monotonic_.monotonic_us() - base_monotonic_us_);
}

Time PostgresClock::now() {
  const std::lock_guard lock(mutex_);
  return expected_locked();
}

std::int64_t PostgresClock::drift_ms() {
  const std::lock_guard lock(mutex_);
  return drift_us_ / 1'000;
}

Time PostgresClock::sampled(Time database_time) {
  const std::lock_guard lock(mutex_);
  const Time expected = expected_locked();
  drift_us_ = database_time.us - expected.us;
  if (std::abs(drift_us_) > max_drift_ms * 1'000) return expected;
  // Followed, so that the two clocks' rates do not add up; what is left is the way of the answer.
  drift_us_ = 0;
  base_ = database_time;
  base_monotonic_us_ = monotonic_.monotonic_us();
  return database_time;
}

}  // namespace pawl::postgres
