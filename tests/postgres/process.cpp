// SPDX-License-Identifier: Apache-2.0
#include "postgres/process.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "eventually.h"

namespace pawl::test {
namespace {

constexpr int run_deadline_ms = 60'000;

struct Account {
  uid_t user = geteuid();
  gid_t group = getegid();
};

Account postgres_account() {
  Account account;
  if (geteuid() != 0) return account;
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> buffer{};
  if (getpwnam_r("postgres", &entry, buffer.data(), buffer.size(), &found) != 0 ||
      found == nullptr) {
    throw std::runtime_error("no user postgres; the package postgresql-15 makes it");
  }
  return {entry.pw_uid, entry.pw_gid};
}

// Between fork and exec: system calls alone.
[[noreturn]] void become(const ProcessOptions& options, Account account, char* const* arguments) {
  ::setsid();
  const int in = options.stdin_fd >= 0 ? options.stdin_fd : ::open("/dev/null", O_RDONLY);
  const int out = ::open(options.log_file.empty() ? "/dev/null" : options.log_file.c_str(),
                         O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::dup2(in, 0);
  ::dup2(options.stdout_fd >= 0 ? options.stdout_fd : out, 1);
  ::dup2(out, 2);
  ::close_range(3, ~0U, 0);
  // A test may have blocked signals; its child shall not.
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (account.user != ::geteuid()) {
    if (::setgroups(0, nullptr) != 0 || ::setgid(account.group) != 0 ||
        ::setuid(account.user) != 0) {
      ::_exit(126);
    }
  }
  // After the change of user, which would clear it.
  ::prctl(PR_SET_PDEATHSIG, options.death_signal);
  if (::getppid() == 1) ::_exit(125);
  if (::chdir("/") != 0) ::_exit(126);
  ::execv(arguments[0], arguments);
  ::_exit(127);
}

}  // namespace

Process::Process(const ProcessOptions& options) {
  const auto account = options.as_postgres ? postgres_account() : Account();
  std::vector<std::string> words = options.arguments;
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid_ == 0) become(options, account, arguments.data());
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), exit_code_(other.exit_code_) {}

Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(exit_code_, other.exit_code_);
  return *this;
}

Process::~Process() {
  if (!running()) return;
  signal(SIGKILL);
  wait(patience_ms);
}

bool Process::running() {
  if (pid_ < 0) return false;
  int status = 0;
  const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
  if (ended == 0) return true;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  pid_ = -1;
  return false;
}

void Process::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

bool Process::wait(int deadline_ms) {
  return eventually([this] { return !running(); }, deadline_ms);
}

void run_to_end(ProcessOptions options) {
  std::string command;
  for (const auto& word : options.arguments) command += word + " ";
  Process process(options);
  if (process.wait(run_deadline_ms) && process.exit_code() == 0) return;
  throw std::runtime_error(command + "failed (" + std::to_string(process.exit_code()) + "):\n" +
                           file_content(options.log_file));
}

void give_to_postgres(const std::string& path) {
  const auto account = postgres_account();
  if (::chown(path.c_str(), account.user, account.group) != 0) {
    throw std::system_error(errno, std::generic_category(), "chown " + path);
  }
}

std::string file_content(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path).rdbuf();
  return content.str();
}

}  // namespace pawl::test
