// SPDX-License-Identifier: Apache-2.0
#include "app/program_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

namespace pawl::app::test {

namespace {

constexpr int max_wait_ms = 60'000;
constexpr int poll_ms = 5;

pid_t spawn(const std::vector<std::string>& arguments, const std::string& out,
            const std::string& err) {
  std::vector<std::string> words{PAWL_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    const int out_fd = open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int err_fd = err == out ? out_fd : open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int in_fd = open("/dev/null", O_RDONLY);
    dup2(in_fd, STDIN_FILENO);
    dup2(out_fd, STDOUT_FILENO);
    dup2(err_fd, STDERR_FILENO);
    execv(PAWL_PROGRAM, pointers.data());
    _exit(127);
  }
  return child;
}

int wait_for(pid_t pid) {
  int status = 0;
  for (int waited_ms = 0; waited_ms < max_wait_ms; waited_ms += poll_ms) {
    if (waitpid(pid, &status, WNOHANG) == pid) return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    // lint: allow(sleep): polls with a deadline: waitpid has none
    std::this_thread::sleep_for(std::chrono::milliseconds(poll_ms));
  }
  kill(pid, SIGKILL);
  waitpid(pid, &status, 0);
  return -1;
}

std::string make_folder() {
  std::string path = (std::filesystem::temp_directory_path() / "pawl-app-XXXXXX").string();
  return mkdtemp(path.data()) == nullptr ? "" : path;
}

}  // namespace

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

bool eventually(const std::function<bool()>& holds) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until) return false;
    // lint: allow(sleep): polls with a deadline
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

Ended run_pawl(const std::vector<std::string>& arguments) {
  const std::string folder = make_folder();
  Ended ended;
  ended.exit_code = wait_for(spawn(arguments, folder + "/out", folder + "/err"));
  ended.out = read_file(folder + "/out");
  ended.err = read_file(folder + "/err");
  std::filesystem::remove_all(folder);
  return ended;
}

Background::Background(const std::vector<std::string>& arguments, const std::string& out_file)
    : pid_(spawn(arguments, out_file, out_file)) {}

Background::~Background() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void Background::signal(int number) const {
  kill(pid_, number);
}

int Background::wait() {
  const int code = wait_for(pid_);
  pid_ = -1;
  return code;
}

void ProgramTest::SetUp() {
  folder_ = make_folder();
  ASSERT_FALSE(folder_.empty());
}

void ProgramTest::TearDown() {
  std::error_code error;
  std::filesystem::remove_all(folder_, error);
}

std::string ProgramTest::write(const std::string& name, const std::string& content) const {
  std::ofstream(path(name)) << content;
  return path(name);
}

void ServedTest::SetUp() {
  ProgramTest::SetUp();
  ProcessPairOptions options;
  options.program = PAWL_PROGRAM;
  options.data_dir = folder_;
  options.payout_delay_ms = 50;
  options.config_file = write("pawl.toml", settings());
  pair_ = std::make_unique<ProcessPair>(options);
  const auto started = pair_->start();
  ASSERT_TRUE(started) << started.error().text();
  auto trade = SampleTrade::open(folder_, pair_->url(), pair_->sandbox_url(), [](std::int64_t ms) {
    // lint: allow(sleep): SampleTrade polls, and has a bound
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
    return false;
  });
  ASSERT_TRUE(trade) << trade.error().text();
  trade_ = std::make_unique<SampleTrade>(std::move(*trade));
}

void ServedTest::TearDown() {
  if (pair_) {
    EXPECT_TRUE(pair_->stop()) << read_file(pair_->server_log());
  }
  ProgramTest::TearDown();
}

Result<std::string> ServedTest::trade() {
  return trade_->put_through();
}

}  // namespace pawl::app::test
