// SPDX-License-Identifier: Apache-2.0
#include <pawl/clock.h>
#include <time.h>

#include <chrono>
#include <cstdlib>

namespace pawl {

namespace {

class SystemClock final : public Clock {
 public:
  Time now() override {
    using namespace std::chrono;
    return Time{duration_cast<microseconds>(system_clock::now().time_since_epoch()).count()};
  }
  std::int64_t monotonic_us() override {
    // Goes on while the machine sleeps: waking up is no jump of the wall clock.
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
  }
};

}  // namespace

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

SteadyClock::SteadyClock(Clock& source)
    : source_(source), base_wall_(source.now()), base_monotonic_us_(source.monotonic_us()) {}

Time SteadyClock::now_locked() {
  const Time wall = source_.now();
  const std::int64_t monotonic_us = source_.monotonic_us();
  const Time expected = base_wall_.plus_us(monotonic_us - base_monotonic_us_);
  drift_us_ = wall.us - expected.us;
  if (std::abs(drift_us_) > max_drift_ms * 1'000) return expected;
  // Small corrections (a disciplined clock) are followed, so that they do not add up.
  base_wall_ = wall;
  base_monotonic_us_ = monotonic_us;
  drift_us_ = 0;
  return wall;
}

Time SteadyClock::now() {
  const std::lock_guard lock(mutex_);
  return now_locked();
}

std::int64_t SteadyClock::drift_ms() {
  const std::lock_guard lock(mutex_);
  now_locked();
  return drift_us_ / 1'000;
}

}  // namespace pawl
