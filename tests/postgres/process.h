// SPDX-License-Identifier: Apache-2.0
//
// A program that a test starts: in a session of its own, with its output in a file, as the user
// postgres where the test is root (PostgreSQL runs as nobody's root). It dies with the thread that
// started it, and is reaped. Start it on the test's main thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace pawl::test {

struct ProcessOptions {
  std::vector<std::string> arguments;  // the program's path first
  std::string log_file;                // output, appended to
  bool as_postgres = true;
  int death_signal = 9;  // what it gets when we die
  int stdin_fd = -1;     // -1: nothing to read
  int stdout_fd = -1;    // -1: the log file, which has the standard error in any case
};

class Process {
 public:
  Process() = default;
  explicit Process(const ProcessOptions& options);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();  // SIGKILL, if it still runs

  pid_t pid() const { return pid_; }
  bool running();
  int exit_code() const { return exit_code_; }  // 128 + signal if one ended it
  void signal(int number) const;
  // True: it has ended.
  bool wait(int deadline_ms);

 private:
  pid_t pid_ = -1;
  int exit_code_ = -1;
};

// Runs it to its end; throws with what it said unless it ended well.
void run_to_end(ProcessOptions options);

// Owner and group of what the user postgres shall own; ours where we are not root.
void give_to_postgres(const std::string& path);

std::string file_content(const std::string& path);

}  // namespace pawl::test
