// SPDX-License-Identifier: Apache-2.0
//
// A clock that the test alone moves: what an engine does at its time is then done by the next turn
// of a lane, neither sooner nor later.
#pragma once

#include <pawl/clock.h>

#include <atomic>
#include <cstdint>

namespace pawl::test {

class ManualClock final : public Clock {
 public:
  Time now() override { return Time{wall_us_}; }
  std::int64_t monotonic_us() override {
    ++reads_;
    return monotonic_us_;
  }
  // How often the monotonic time was asked for: by a thread that does not sleep, all the time.
  std::int64_t reads() const { return reads_; }
  void pass_ms(std::int64_t ms) {
    monotonic_us_ += ms * 1'000;
    wall_us_ += ms * 1'000;
  }
  void jump_ms(std::int64_t ms) { wall_us_ += ms * 1'000; }

 private:
  std::atomic<std::int64_t> wall_us_{1'700'000'000'000'000};
  std::atomic<std::int64_t> monotonic_us_{1'000};
  std::atomic<std::int64_t> reads_ = 0;
};

}  // namespace pawl::test
