// SPDX-License-Identifier: Apache-2.0
#include "app/stop_signal.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <ctime>
#include <thread>

#include "app/exit_code.h"

namespace pawl::app {

namespace {

sigset_t stop_signals(bool with_hangup = false) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  if (with_hangup) sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

StopSignal::StopSignal(Hangup hangup) : with_hangup_(hangup == Hangup::is_waited_for) {
  const sigset_t set = stop_signals(with_hangup_);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A shell starts background jobs with SIGINT ignored; what is ignored is never waited for.
  signal(SIGINT, SIG_DFL);
  if (with_hangup_) signal(SIGHUP, SIG_DFL);  // nohup ignores it, too
  signal(SIGPIPE, SIG_IGN);
  // A file that may not grow is an error of the write, which is answered; not an end.
  signal(SIGXFSZ, SIG_IGN);
}

int StopSignal::wait_ms(std::int64_t timeout_ms) {
  const sigset_t set = stop_signals(with_hangup_);
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  while (true) {
    int taken = 0;
    if (timeout_ms < 0) {
      taken = sigwaitinfo(&set, nullptr);
    } else {
      const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(
          until - std::chrono::steady_clock::now());
      if (left.count() < 0) return 0;
      timespec wait{};
      wait.tv_sec = left.count() / 1'000'000'000;
      wait.tv_nsec = left.count() % 1'000'000'000;
      taken = sigtimedwait(&set, nullptr, &wait);
      if (taken < 0 && errno == EAGAIN) return 0;
    }
    if (taken > 0) return taken;
  }
}

void StopSignal::second_one_kills(std::int64_t deadline_ms) {
  signal(SIGINT, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  std::thread([deadline_ms] {
    // lint: allow(sleep): the deadline itself, of a process that is ending
    std::this_thread::sleep_for(std::chrono::milliseconds(deadline_ms));
    _exit(static_cast<int>(Exit::deadline));
  }).detach();
}

void restore_signals_in_child() {
  const sigset_t set = stop_signals();
  signal(SIGINT, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
  signal(SIGPIPE, SIG_DFL);
  signal(SIGXFSZ, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace pawl::app
