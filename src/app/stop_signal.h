// SPDX-License-Identifier: Apache-2.0
//
// SIGINT and SIGTERM, and SIGHUP where it is asked for, as something to wait for. Make one
// StopSignal first thing in a verb, before any thread: the signals are then blocked everywhere and
// taken here alone.
#pragma once

#include <cstdint>

namespace pawl::app {

class StopSignal {
 public:
  enum class Hangup { ends_the_process, is_waited_for };

  explicit StopSignal(Hangup hangup = Hangup::ends_the_process);
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // SIGINT, SIGTERM or SIGHUP, or 0 when timeout_ms passed without one. Negative: waits for ever.
  int wait_ms(std::int64_t timeout_ms);

  // For the time after the first signal: a second one ends the process at once, and so does the
  // deadline (exit code 5).
  static void second_one_kills(std::int64_t deadline_ms);

 private:
  bool with_hangup_;
};

// Gives a child of fork() the signals back that StopSignal blocked.
void restore_signals_in_child();

}  // namespace pawl::app
