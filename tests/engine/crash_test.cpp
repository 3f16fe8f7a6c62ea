// SPDX-License-Identifier: Apache-2.0
//
// Kills the engine at each of its named points, as kill -9 would, starts it again on the same file
// and holds it to its promises. This program forks and runs itself: the child is the hidden test at
// the end, and what the outside did stands in a file that outlives it.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "engine/engine_fixture.h"

extern char** environ;

namespace pawl::test {
namespace {

constexpr int transfers = 12;
constexpr int payments = 6;
constexpr int accounts = 4;
constexpr std::int64_t total = accounts * 1'000;

// One line per request, appended in one write: what the far side saw, or the client was answered.
void append(const std::string& path, const std::string& line) {
  const int file = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT, 0600);
  const std::string text = line + "\n";
  if (file < 0 || ::write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    std::abort();
  }
  ::close(file);
}
std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> out;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) out.push_back(line);
  return out;
}

// A far side without deduplication: it performs whatever it is sent, and remembers it.
class Ledger final : public EffectHandler {
 public:
  explicit Ledger(std::string path) : path_(std::move(path)) {}
  void start(const EffectCall& call, Done done) override {
    if (call.purpose == EffectCall::Purpose::perform) {
      append(path_, call.idempotency_key);
      done(EffectAnswer(Outcome::confirmed));
      return;
    }
    const auto done_lines = lines_of(path_);
    const bool known =
        std::find(done_lines.begin(), done_lines.end(), call.idempotency_key) != done_lines.end();
    done(EffectAnswer(known ? Outcome::confirmed : Outcome::absent));
  }

 private:
  std::string path_;
};

class Crash : public EngineFixture, public ::testing::WithParamInterface<std::string> {
 protected:
  // The child's whole life: what was answered is written down before anything else is asked.
  static void live(const std::string& directory, const std::string& address) {
    Registry registry;
    EffectPolicy policy = bank::quick_policy(ResendRule::inquiry_voids);
    bank::describe(registry, policy);
    auto store = open_by_address(address, registry);
    ASSERT_TRUE(store) << store.error().text();
    Engine engine(std::move(*store), registry, {});
    engine.handle_effect(bank::Payment::kind, std::make_shared<Ledger>(directory + "/ledger"));
    ASSERT_TRUE(engine.start());
    const auto ask = [&](auto command, const std::string& id) {
      const auto receipt = engine.call(std::move(command), {"ann", id, ""});
      if (receipt) append(directory + "/answers", id + (receipt->done ? " done" : " refused"));
    };
    for (int i = 0; i < accounts; ++i) {
      ask(bank::Open{std::to_string(i), 1'000, {}}, "open" + std::to_string(i));
    }
    for (int i = 0; i < transfers; ++i) {
      const std::string from = std::to_string(i % accounts);
      const std::string to = std::to_string((i + 1) % accounts);
      ask(bank::Transfer{from, to, 7}, "transfer" + std::to_string(i));
      if (i % 2 == 0) ask(bank::Send{from, to, 3, "m"}, "send" + std::to_string(i));
      if (i < payments)
        ask(bank::Pay{from, 5, "pay" + std::to_string(i)}, "pay" + std::to_string(i));
    }
    ask(bank::SetAlarm{"0", "x", 1, 0}, "alarm");
    (void)eventually([&] {
      const auto open = engine.effects(false, 0, 1);
      const auto row = engine.read(Key<bank::Account>{"0"});
      return open && open->empty() && row && *row && (*row)->row.ticks > 0;
    });
    engine.stop();
  }

  // Runs the child to its end; the signal that ended it, or 0.
  int run_child(const std::string& crash_at) {
    std::vector<std::string> environment;
    for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
    environment.push_back("PAWL_CRASH_CHILD=" + dir_->file(""));
    environment.push_back("PAWL_CRASH_STORE=" + world_->address());
    if (!crash_at.empty()) environment.push_back("PAWL_CRASH_AT=" + crash_at);
    std::vector<char*> pointers;
    for (auto& entry : environment) pointers.push_back(entry.data());
    pointers.push_back(nullptr);
    std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
    std::string filter = "--gtest_filter=CrashChild.Lives";
    char* arguments[] = {program.data(), filter.data(), nullptr};
    const pid_t child = ::fork();
    if (child == 0) {
      const int nowhere = ::open("/dev/null", O_WRONLY);
      ::dup2(nowhere, 1);
      ::dup2(nowhere, 2);
      ::execve(program.c_str(), arguments, pointers.data());
      ::_exit(127);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) return WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), 0) << "the child failed by itself";
    return 0;
  }

  friend class CrashChildAccess;
};

class CrashChildAccess : public Crash {
 public:
  static void run(const std::string& directory, const std::string& address) {
    live(directory, address);
  }
};

TEST_P(Crash, LosesNothingAndDoesNothingTwice) {
  ASSERT_EQ(run_child(GetParam()), SIGKILL) << "the point was never passed";
  ASSERT_EQ(run_child(""), 0) << "the second life goes to its end";

  policy_ = bank::quick_policy(ResendRule::inquiry_voids);
  handler_ = std::make_shared<ScriptedHandler>(answering(Outcome::unknown));
  start(no_grace());
  std::int64_t sum = 0;
  for (int i = 0; i < accounts; ++i) {
    const auto row = account(std::to_string(i));
    sum += row.balance + row.paying + row.paid;
    EXPECT_EQ(row.paying, 0);
  }
  ASSERT_TRUE(eventually([&] {
    sum = 0;
    for (int i = 0; i < accounts; ++i) {
      const auto row = account(std::to_string(i));
      sum += row.balance + row.paid;
    }
    return sum == total;  // the last messages have arrived
  })) << sum;
  EXPECT_EQ(account("0").ticks, 1) << "the alarm rang once";
  EXPECT_TRUE(parked().empty());

  // Each payment was performed exactly once by a far side that would have taken it twice.
  const auto ledger = lines_of(dir_->file("ledger"));
  EXPECT_EQ(ledger.size(), static_cast<std::size_t>(payments));
  EXPECT_EQ(std::set<std::string>(ledger.begin(), ledger.end()).size(), ledger.size());
  EXPECT_EQ(handler_->sends(), 0);

  // What was answered was committed: the same command again is answered from its receipt.
  const auto answers = lines_of(dir_->file("answers"));
  std::map<std::string, std::string> said;
  for (const auto& line : answers) {
    const auto space = line.find(' ');
    const auto id = line.substr(0, space);
    const auto [place, fresh] = said.emplace(id, line.substr(space + 1));
    EXPECT_EQ(place->second, line.substr(space + 1)) << id << ": answered in two ways";
  }
  for (int i = 0; i < transfers; ++i) {
    const std::string id = "transfer" + std::to_string(i);
    const auto receipt = call(
        bank::Transfer{std::to_string(i % accounts), std::to_string((i + 1) % accounts), 7}, id);
    ASSERT_TRUE(receipt) << receipt.error().text();
    EXPECT_TRUE(receipt->repeated) << id;
    EXPECT_EQ(receipt->done ? "done" : "refused", said[id]);
  }
}

// All PAWL_CRASH_POINT names of the library, some at a later passage too.
INSTANTIATE_TEST_SUITE_P(
    Points, Crash,
    ::testing::Values("committer.locked", "committer.locked:9", "committer.decided",
                      "committer.decided:17", "committer.answered", "committer.answered:23",
                      "store.before_write", "store.before_write:11", "store.before_commit",
                      "store.before_commit:13", "store.after_commit", "store.after_commit:8",
                      "store.after_commit:19", "effect.before_send", "effect.before_send:3",
                      "effect.after_send", "effect.after_send:4", "effect.answered",
                      "effect.answered:2"),
    [](const auto& param) {
      std::string name = param.param;
      for (char& c : name) {
        if (c == '.' || c == ':') c = '_';
      }
      return name;
    });

TEST(CrashChild, Lives) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): read before the test has a second thread
  const char* directory = std::getenv("PAWL_CRASH_CHILD");
  // NOLINTNEXTLINE(concurrency-mt-unsafe): as above
  const char* address = std::getenv("PAWL_CRASH_STORE");
  if (directory == nullptr || address == nullptr) GTEST_SKIP() << "run by the tests above";
  CrashChildAccess::run(directory, address);
}

}  // namespace
}  // namespace pawl::test
