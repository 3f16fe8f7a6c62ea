// SPDX-License-Identifier: Apache-2.0
#include "app/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "app/stop_signal.h"

namespace pawl::app {

namespace {

constexpr int reap_interval_ms = 5;
constexpr int max_reap_wait_ms = 5'000;

// Everything that allocates is done before fork(): in the child of a threaded process only
// async-signal-safe calls are allowed.
// A child's store is what its arguments say, never the one that our environment names: a demo or a
// test beside a real one must not touch that.
std::vector<char*> environment_of_child() {
  std::vector<char*> out;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    if (!std::string_view(*variable).starts_with("PAWL_STORE_URL=")) out.push_back(*variable);
  }
  out.push_back(nullptr);
  return out;
}

[[noreturn]] void become(const char* program, char* const* arguments, char* const* environment,
                         int log_fd, bool own_group, pid_t parent) {
  if (own_group) setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // it died before the line above
  restore_signals_in_child();
  if (log_fd >= 0) {
    dup2(log_fd, STDERR_FILENO);
    dup2(log_fd, STDOUT_FILENO);
  }
  execve(program, arguments, environment);
  _exit(127);
}

struct Ready {
  std::optional<std::uint16_t> port;
  bool ended = false;  // the child closed its end without a word
};

// Waits for the port that the child announces, until it ends or the deadline passes.
Ready read_ready(int fd, std::int64_t deadline_ms) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(deadline_ms);
  std::string text;
  while (text.size() < 16) {
    const auto left_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                             until - std::chrono::steady_clock::now())
                             .count();
    if (left_ms <= 0) return {};
    pollfd entry{fd, POLLIN, 0};
    if (poll(&entry, 1, static_cast<int>(left_ms)) <= 0) continue;
    std::array<char, 16> piece{};
    const auto size = read(fd, piece.data(), piece.size());
    if (size <= 0) return {std::nullopt, true};
    text.append(piece.data(), static_cast<std::size_t>(size));
    if (text.ends_with('\n')) return {static_cast<std::uint16_t>(std::atoi(text.c_str()))};
  }
  return {};
}

}  // namespace

std::string own_program() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).string();
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept {
  *this = std::move(other);
}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    kill_now();
    pid_ = std::exchange(other.pid_, -1);
    exit_code_ = other.exit_code_;
    port_ = other.port_;
  }
  return *this;
}

ChildProcess::~ChildProcess() {
  kill_now();
}

Result<void> ChildProcess::start(const Options& options) {
  kill_now();
  exit_code_ = -1;
  std::array<int, 2> ready{};
  // Not CLOEXEC at the writing end: it is what the child announces through.
  if (pipe2(ready.data(), O_CLOEXEC) != 0)
    return fail(child_not_started, std::system_category().message(errno));
  fcntl(ready[1], F_SETFD, 0);
  std::vector<std::string> words{options.program};
  words.insert(words.end(), options.arguments.begin(), options.arguments.end());
  words.insert(words.end(), {"--ready-fd", std::to_string(ready[1])});
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const int log_fd =
      options.log_file.empty()
          ? -1
          : open(options.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const auto environment = environment_of_child();
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) {
    become(options.program.c_str(), arguments.data(), environment.data(), log_fd, options.own_group,
           parent);
  }
  const int why = errno;
  close(ready[1]);
  if (log_fd >= 0) close(log_fd);
  if (child < 0) {
    close(ready[0]);
    return fail(child_not_started, std::system_category().message(why));
  }
  pid_ = child;
  const Ready answer = read_ready(ready[0], options.ready_deadline_ms);
  close(ready[0]);
  if (answer.port) {
    port_ = *answer.port;
    return {};
  }
  // It closed its end because it is ending: its exit code comes in a moment.
  for (int waited_ms = 0; answer.ended && running() && waited_ms < max_reap_wait_ms;
       waited_ms += reap_interval_ms) {
    // lint: allow(sleep): polls with a deadline: waitpid has none
    std::this_thread::sleep_for(std::chrono::milliseconds(reap_interval_ms));
  }
  kill_now();
  return fail(child_not_started,
              "pawl " + (options.arguments.empty() ? "" : options.arguments.front()) +
                  (exit_code_ < 0 ? " was not ready in time"
                                  : " ended with " + std::to_string(exit_code_)));
}

bool ChildProcess::reap(bool wait) {
  if (pid_ <= 0) return true;
  int status = 0;
  pid_t ended = 0;
  do {
    ended = waitpid(pid_, &status, wait ? 0 : WNOHANG);
  } while (ended < 0 && errno == EINTR);
  if (ended == 0) return false;
  pid_ = -1;
  exit_code_ = ended > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return true;
}

bool ChildProcess::running() {
  return !reap(false);
}

void ChildProcess::kill_now() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  reap(true);
}

bool ChildProcess::stop(std::int64_t deadline_ms) {
  if (pid_ <= 0) return true;
  kill(pid_, SIGTERM);
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(deadline_ms);
  while (running()) {
    if (std::chrono::steady_clock::now() >= until) {
      kill_now();
      return false;
    }
    // lint: allow(sleep): polls with a deadline: waitpid has none
    std::this_thread::sleep_for(std::chrono::milliseconds(reap_interval_ms));
  }
  return true;
}

void announce_ready(int ready_fd, std::uint16_t port) {
  if (ready_fd < 0) return;
  const std::string text = std::to_string(port) + "\n";
  [[maybe_unused]] const auto written = write(ready_fd, text.data(), text.size());
  close(ready_fd);
}

}  // namespace pawl::app
