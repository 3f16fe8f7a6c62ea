// SPDX-License-Identifier: Apache-2.0
//
// A verb of this same program as a child process: it dies with us (PR_SET_PDEATHSIG), says over a
// pipe when it is ready and on which port, and is always reaped. Start it on a thread that lives as
// long as the child shall: the kernel takes the end of that thread for the end of the parent.
#pragma once

#include <pawl/error.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace pawl::app {

inline constexpr ErrorCode child_not_started{"child_not_started", ErrorClass::unavailable,
                                             "A process of this program could not be started"};

// This program's own file.
std::string own_program();

class ChildProcess {
 public:
  ChildProcess() = default;
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();  // kill -9 and reap, if it still runs

  struct Options {
    std::string program = own_program();
    std::vector<std::string> arguments;  // the verb first; --ready-fd N is added
    std::string log_file;                // its stderr, appended to; empty: ours
    std::int64_t ready_deadline_ms = 20'000;
    // Its own process group: a Ctrl-C at the terminal reaches us alone, and we stop it in order.
    bool own_group = true;
  };

  // Waits until the child is ready. child_not_started, with its exit code in exit_code().
  Result<void> start(const Options& options);

  std::uint16_t port() const { return port_; }
  pid_t pid() const { return pid_; }
  int exit_code() const { return exit_code_; }  // of the last one that ended by itself; else -1
  bool running();
  void kill_now();  // SIGKILL, and reaped
  // SIGTERM, and SIGKILL once the deadline has passed. True if it ended by itself.
  bool stop(std::int64_t deadline_ms);

 private:
  bool reap(bool wait);

  pid_t pid_ = -1;
  int exit_code_ = -1;
  std::uint16_t port_ = 0;
};

// In the child: tells the parent. Does nothing if `ready_fd` is negative.
void announce_ready(int ready_fd, std::uint16_t port);

}  // namespace pawl::app
