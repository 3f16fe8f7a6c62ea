// SPDX-License-Identifier: Apache-2.0
//
// pawl run, pawl demo and pawl audit, as a user starts them.
#include <gtest/gtest.h>
#include <signal.h>

#include <sstream>

#include "app/client_options.h"
#include "app/program_fixture.h"
#include "app/sandbox_client.h"

#include <sqlite3.h>

namespace pawl::app::test {

class RunTest : public ProgramTest {
 protected:
  // Until it serves; then `end` by signal. Gives what it printed.
  std::string run_until_served(int signal, int expected_exit, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"run", "--data",         path("d"), "--port",
                                       "0",   "--sandbox-port", "0",       "--payout-delay-ms",
                                       "50"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    std::filesystem::remove(path("out"));  // of the run before
    Background run(arguments, path("out"));
    EXPECT_TRUE(eventually([&] {
      return read_file(path("out")).find("Ctrl-C") != std::string::npos;
    })) << read_file(path("out"));
    run.signal(signal);
    EXPECT_EQ(run.wait(), expected_exit);
    return read_file(path("out"));
  }
};

TEST_F(RunTest, PutsATradeThroughAndStopsWithoutATrace) {
  const std::string out = run_until_served(SIGINT, 130);
  EXPECT_NE(out.find("payout_pending -> completed"), std::string::npos) << out;
  EXPECT_NE(out.find("curl -s http://127.0.0.1:"), std::string::npos) << out;
  // Nobody holds the store any more, and the books add up.
  EXPECT_EQ(run_pawl({"migrate", "--check", "--data", path("d")}).exit_code, 0);
  const auto audit = run_pawl({"audit", "otc", "--data", path("d"), "--custodian-data", path("d")});
  EXPECT_EQ(audit.exit_code, 0) << audit.out << audit.err;
}

TEST_F(RunTest, SecondRunContinuesAndFreshStartsOver) {
  const std::string first = run_until_served(SIGTERM, 0);
  EXPECT_NE(first.find("the faucet gave"), std::string::npos);
  EXPECT_NE(first.find("has 12.5 RTC"), std::string::npos);
  const std::string second = run_until_served(SIGTERM, 0);
  EXPECT_EQ(second.find("the faucet gave"), std::string::npos) << second;
  EXPECT_NE(second.find("has 25 RTC"), std::string::npos) << second;
  write("d/mine.txt", "not to be removed");
  const std::string fresh = run_until_served(SIGTERM, 0, {"--fresh"});
  EXPECT_NE(fresh.find("has 12.5 RTC"), std::string::npos) << fresh;
  EXPECT_EQ(read_file(path("d/mine.txt")), "not to be removed");
}

TEST_F(RunTest, TakenPortIsNamed) {
  ChildProcess other;
  ChildProcess::Options options;
  options.program = PAWL_PROGRAM;
  options.arguments = {"sandbox", "--data", path("s"), "--listen", "127.0.0.1:0"};
  options.log_file = path("log");
  ASSERT_TRUE(other.start(options));
  const std::string port = std::to_string(other.port());
  for (const auto* which : {"--port", "--sandbox-port"}) {
    const bool server = std::string(which) == "--port";
    const auto ended = run_pawl(
        {"run", "--data", path("d"), which, port, server ? "--sandbox-port" : "--port", "0"});
    EXPECT_EQ(ended.exit_code, 3) << ended.err;
    EXPECT_NE(ended.err.find("127.0.0.1:" + port), std::string::npos) << ended.err;
    // Said once: by the child, and passed on.
    EXPECT_EQ(ended.err.find("pawl: "), ended.err.rfind("pawl: ")) << ended.err;
    EXPECT_EQ(ended.err.find("127.0.0.1:" + port), ended.err.rfind("127.0.0.1:" + port));
  }
}

TEST_F(RunTest, EveryCommandThatIsNamedToTryNextWorksWhileItRuns) {
  Background run({"run", "--data", path("d"), "--port", "0", "--sandbox-port", "0"}, path("out"));
  ASSERT_TRUE(eventually([&] {
    return read_file(path("out")).find("Ctrl-C") != std::string::npos;
  })) << read_file(path("out"));
  const std::string out = read_file(path("out"));
  int tried = 0;
  for (std::size_t at = out.find("Try next"); at < out.size();) {
    const auto end = std::min(out.find('\n', at), out.size());
    std::istringstream line(out.substr(at, end - at));
    at = end + 1;
    std::vector<std::string> words;
    for (std::string word; line >> word;) words.push_back(word);
    if (words.empty() || !words[0].ends_with("/pawl")) continue;
    const auto ended = run_pawl({words.begin() + 1, words.end()});
    EXPECT_EQ(ended.exit_code, 0) << words[1] << "\n" << ended.out << ended.err;
    ++tried;
  }
  EXPECT_EQ(tried, 3) << out;
  EXPECT_NE(out.find("audit otc"), std::string::npos);
  run.signal(SIGTERM);
  EXPECT_EQ(run.wait(), 0);
}

// How much happens in a time is the machine's to say: where it was too little to show anything,
// once more for longer.
TEST_F(RunTest, DemoLosesNothing) {
  bool shown = false;
  for (const std::string seconds : {"5", "12", "25"}) {
    const auto ended = run_pawl({"demo", "--seconds", seconds, "--json", "--data",
                                 path("d" + seconds), "--kill-every-ms", "600"});
    ASSERT_EQ(ended.exit_code, 0) << ended.err;
    const auto body = json::parse(ended.out);
    ASSERT_TRUE(body) << ended.out;
    EXPECT_EQ(member_number(*body, "completed"), member_number(*body, "trades"));
    for (const auto* name : {"lost", "doubled", "wedged", "audit_findings"}) {
      ASSERT_NE(body->find(name), nullptr) << name;
      EXPECT_EQ(member_number(*body, name), 0) << name;
    }
    shown = member_number(*body, "completed") > 0 && member_number(*body, "kills") > 0 &&
            member_number(*body, "lost_answers") > 0;
    if (shown) break;
  }
  EXPECT_TRUE(shown) << "no trade, no kill or no lost answer";
}

TEST_F(RunTest, InterruptedDemoSaysSoAndLeavesNoProcess) {
  Background demo({"demo", "--seconds", "60", "--data", path("d")}, path("out"));
  ASSERT_TRUE(
      eventually([&] { return read_file(path("out")).find("trading") != std::string::npos; }));
  demo.signal(SIGINT);
  EXPECT_EQ(demo.wait(), 130) << read_file(path("out"));
  EXPECT_EQ(run_pawl({"migrate", "--check", "--data", path("d")}).exit_code, 0);
}

class AuditTest : public ServedTest {};

TEST_F(AuditTest, IsSoundBesideARunningServerAndFindsWhatWasTamperedWith) {
  const auto order = trade();
  ASSERT_TRUE(order) << order.error().text();
  const std::vector<std::string> arguments{
      "audit", "otc", "--data", folder_, "--custodian-url", pair_->sandbox_url()};
  const auto sound = run_pawl(arguments);
  EXPECT_EQ(sound.exit_code, 0) << sound.out << sound.err;
  EXPECT_NE(sound.out.find("completed 1"), std::string::npos) << sound.out;
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path("pawl.db").c_str(), &db), SQLITE_OK);
  sqlite3_busy_timeout(db, 5'000);
  EXPECT_EQ(sqlite3_exec(db, "DELETE FROM otc_trades", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  const auto tampered = run_pawl(arguments);
  EXPECT_EQ(tampered.exit_code, 1) << tampered.out << tampered.err;
  EXPECT_NE(tampered.out.find(*order), std::string::npos) << tampered.out;
  auto as_json = arguments;
  as_json.push_back("--json");
  const auto report = json::parse(run_pawl(as_json).out);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->find("sound")->as_bool(), false);
  EXPECT_EQ(run_pawl({"audit", "otc", "--data", path("nothing")}).exit_code, 1);
}

}  // namespace pawl::app::test
