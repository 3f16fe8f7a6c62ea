// SPDX-License-Identifier: Apache-2.0
//
// pawl serve and pawl sandbox as processes: start, readiness, stop, and what keeps them from
// starting.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include "app/client_options.h"
#include "app/program_fixture.h"
#include "app/sandbox_client.h"

namespace pawl::app::test {

class ServeTest : public ProgramTest {
 protected:
  Result<void> start(ChildProcess& child, const std::string& data, const std::string& listen) {
    ChildProcess::Options options;
    options.program = PAWL_PROGRAM;
    options.arguments = {"serve", "--data", data, "--listen", listen};
    options.log_file = path("log");
    return child.start(options);
  }
};

TEST_F(ServeTest, AnswersHealthAndReadinessAndStopsInOrder) {
  ChildProcess server;
  ASSERT_TRUE(start(server, path("d"), "127.0.0.1:0"));
  HttpCall call("http://127.0.0.1:" + std::to_string(server.port()));
  for (int again = 0; again < 3; ++again) {
    const auto ready = call.get("/readyz");
    ASSERT_TRUE(ready) << ready.error().text();
    EXPECT_EQ(ready->status, 200U);
    EXPECT_EQ(ready->text("status"), "ready");
  }
  EXPECT_EQ(call.get("/healthz")->text("status"), "alive");
  EXPECT_EQ(call.get("/nothing")->status, 404U);
  EXPECT_TRUE(server.stop(10'000));
  EXPECT_EQ(server.exit_code(), 0) << read_file(path("log"));
  const std::string log = read_file(path("log"));
  EXPECT_NE(log.find("\"listening\""), std::string::npos) << log;
  EXPECT_NE(log.find("\"stopped\""), std::string::npos) << log;
}

TEST_F(ServeTest, InterruptEndsWith130) {
  ChildProcess server;
  ASSERT_TRUE(start(server, path("d"), "127.0.0.1:0"));
  ::kill(server.pid(), SIGINT);
  ASSERT_TRUE(eventually([&] { return !server.running(); }));
  EXPECT_EQ(server.exit_code(), 130);
}

TEST_F(ServeTest, KeyIsMadeOnceForItsOwnerOnlyAndNeverLogged) {
  ChildProcess server;
  ASSERT_TRUE(start(server, path("d"), "127.0.0.1:0"));
  struct stat status{};
  ASSERT_EQ(::stat(path("d/service.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  ASSERT_EQ(::stat(path("d/pawl.db").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  const std::string key = read_file(path("d/service.key"));
  ASSERT_EQ(key.size(), 65U);
  server.stop(10'000);
  ASSERT_TRUE(start(server, path("d"), "127.0.0.1:0"));
  EXPECT_EQ(read_file(path("d/service.key")), key);
  server.stop(10'000);
  EXPECT_EQ(read_file(path("log")).find(key.substr(0, 64)), std::string::npos);
  ASSERT_EQ(::chmod(path("d/service.key").c_str(), 0644), 0);
  EXPECT_FALSE(start(server, path("d"), "127.0.0.1:0"));
  EXPECT_EQ(server.exit_code(), 2);
  EXPECT_NE(read_file(path("log")).find("key_file_unusable"), std::string::npos);
}

TEST_F(ServeTest, TakenPortIsNamed) {
  ChildProcess first;
  ASSERT_TRUE(start(first, path("d1"), "127.0.0.1:0"));
  ChildProcess second;
  const std::string address = "127.0.0.1:" + std::to_string(first.port());
  EXPECT_FALSE(start(second, path("d2"), address));
  EXPECT_EQ(second.exit_code(), 3);
  EXPECT_NE(read_file(path("log")).find(address), std::string::npos) << read_file(path("log"));
}

TEST_F(ServeTest, LockedStoreEndsWith4) {
  ChildProcess first;
  ASSERT_TRUE(start(first, path("d"), "127.0.0.1:0"));
  ChildProcess second;
  EXPECT_FALSE(start(second, path("d"), "127.0.0.1:0"));
  EXPECT_EQ(second.exit_code(), 4);
  EXPECT_EQ(run_pawl({"migrate", "--data", path("d")}).exit_code, 4);
  first.stop(10'000);
  EXPECT_EQ(run_pawl({"migrate", "--data", path("d")}).exit_code, 0);
  EXPECT_EQ(run_pawl({"migrate", "--check", "--data", path("d")}).exit_code, 0);
  EXPECT_EQ(run_pawl({"migrate", "--data", path("nothing")}).exit_code, 1);
}

TEST_F(ServeTest, ComesBackAfterAKillOnTheSamePortAndData) {
  ChildProcess server;
  ASSERT_TRUE(start(server, path("d"), "127.0.0.1:0"));
  const std::string address = "127.0.0.1:" + std::to_string(server.port());
  HttpCall call("http://" + address);
  ASSERT_TRUE(call.get("/readyz"));
  server.kill_now();
  const auto nobody = call.get("/readyz");
  ASSERT_FALSE(nobody);
  ASSERT_TRUE(start(server, path("d"), address)) << read_file(path("log"));
  ASSERT_TRUE(eventually([&] {
    const auto ready = call.get("/readyz");
    return ready && ready->ok();
  }));
}

TEST_F(ServeTest, ConfigComplainsOfWhatAServerWouldNotStartWith) {
  const auto open_key = write("open.key", "k");
  ASSERT_EQ(::chmod(open_key.c_str(), 0644), 0);
  const std::vector<std::pair<std::string, std::string>> contents{
      {"[otc]\ncustodian_url = \"http://custodian.example\"\n", "custodian_url_untrusted"},
      {"[otc]\ncustodian_url = \"nowhere\"\n", "nowhere"},
      {"[otc]\ncustodian_url = \"https://ann:s3cret@custodian.example\"\n",
       "custodian_url_invalid"},
      {"[otc]\ncustodian = \"node\"\n", "key_file_unusable"},
      {"[otc]\ncustodian = \"node\"\nnode_admin_key_file = \"" + open_key + "\"\n", "open.key"},
      {"listen = \"0.0.0.0:1\"\n", "listen_address_public"}};
  for (const auto& [content, complaint] : contents) {
    const auto file = write("pawl.toml", content);
    const auto shown = run_pawl({"config", "--config", file});
    const auto served = run_pawl({"serve", "--config", file, "--data", path("d")});
    EXPECT_EQ(shown.exit_code, 2) << content << shown.out;
    EXPECT_EQ(served.exit_code, 2) << content;
    EXPECT_EQ(shown.err, served.err);
    EXPECT_NE(shown.err.find(complaint), std::string::npos) << shown.err;
    EXPECT_EQ((shown.out + shown.err).find("s3cret"), std::string::npos) << shown.err;
  }
}

TEST_F(ServeTest, SandboxListensWhereAServerMay) {
  ChildProcess first;
  ChildProcess::Options options;
  options.program = PAWL_PROGRAM;
  options.arguments = {"sandbox", "--data", path("s"), "--listen", "localhost:0"};
  options.log_file = path("log");
  ASSERT_TRUE(first.start(options)) << read_file(path("log"));
  const std::string address = "127.0.0.1:" + std::to_string(first.port());
  const auto taken = run_pawl({"sandbox", "--data", path("s2"), "--listen", address});
  EXPECT_EQ(taken.exit_code, 3);
  EXPECT_NE(taken.err.find(address + ": Address already in use"), std::string::npos) << taken.err;
  for (const auto* verb : {"sandbox", "serve"}) {
    const auto portless = run_pawl({verb, "--data", path("d"), "--listen", "localhost"});
    EXPECT_EQ(portless.exit_code, 2);
    EXPECT_NE(portless.err.find("\"localhost\" has no port"), std::string::npos) << portless.err;
  }
}

TEST_F(ServeTest, MisspeltFaultRulesAreRefused) {
  ChildProcess sandbox;
  ChildProcess::Options options;
  options.program = PAWL_PROGRAM;
  options.arguments = {"sandbox", "--data", path("s"), "--listen", "127.0.0.1:0"};
  options.log_file = path("log");
  ASSERT_TRUE(sandbox.start(options));
  HttpCall call("http://127.0.0.1:" + std::to_string(sandbox.port()));
  for (const auto& [rule, named] : std::vector<std::pair<std::string, std::string>>{
           {R"({"call":"lock","mode":"reset","next":1,"delay":5})", "delay"},
           {R"({"call":"lock","mode":"reset","next":1,"Next":1})", "Next"},
           {R"({"call":"lock","mode":"reset","next":1,"seen":0})", "seen"},
           {R"([])", "object"}}) {
    const auto refused = call.post("/sandbox/faults", rule);
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->status, 400U) << rule;
    EXPECT_EQ(refused->text("code"), "fault_rule_invalid");
    EXPECT_NE(refused->text("detail").find(named), std::string::npos) << refused->body.text();
  }
  EXPECT_EQ(member_array(call.get("/sandbox/faults")->body, "rules").size(), 0U);
}

TEST_F(ServeTest, ProblemsLeadToTheirPage) {
  ChildProcess server;
  ASSERT_TRUE(start(server, path("d"), "127.0.0.1:0"));
  HttpCall call("http://127.0.0.1:" + std::to_string(server.port()));
  const auto empty = call.post("/otc/orders", "{}");
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->status, 400U);
  EXPECT_EQ(empty->text("code"), "field_required");
  EXPECT_FALSE(empty->text("detail").empty()) << "it says which";
  const auto page = call.get(empty->text("type"));
  ASSERT_TRUE(page);
  EXPECT_EQ(page->status, 200U) << empty->text("type");
  EXPECT_EQ(page->text("code"), "field_required");
  EXPECT_EQ(page->text("title"), empty->text("title"));
  EXPECT_EQ(page->text("class"), "invalid");
  EXPECT_FALSE(page->text("advice").empty());
  EXPECT_GT(member_array(call.get("/errors")->body, "errors").size(), 100U);
  const auto unknown = call.get("/errors/no_such");
  EXPECT_EQ(unknown->status, 404U);
  EXPECT_EQ(unknown->text("code"), "error_code_unknown");
}

TEST_F(ServeTest, ConfigurationErrorNamesFileAndLine) {
  const auto file = write("pawl.toml", "\n[otc]\nmargin = 3\n");
  const auto ended = run_pawl({"serve", "--config", file, "--data", path("d")});
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_NE(ended.err.find(file + ":3: "), std::string::npos) << ended.err;
}

TEST_F(ServeTest, ChildDiesWithItsParent) {
  // The parent is `pawl run`, killed so that it can stop nothing in order.
  Background run({"run", "--data", path("d"), "--port", "0", "--sandbox-port", "0"}, path("out"));
  ASSERT_TRUE(eventually([&] {
    return read_file(path("out")).find("Ctrl-C") != std::string::npos;
  })) << read_file(path("out"));
  run.signal(SIGKILL);
  run.wait();
  // Free again: the server that held the lock is gone.
  EXPECT_TRUE(eventually(
      [&] { return run_pawl({"migrate", "--check", "--data", path("d")}).exit_code == 0; }));
}

// With a custodian that hangs, so that an orderly stop takes its whole grace.
class SlowStopTest : public ServedTest {
 protected:
  std::string settings() const override {
    return "stop_deadline_ms = " + std::to_string(deadline_ms) +
           "\n[engine]\nstop_grace_ms = 60000\n[otc]\ncustodian_timeout_ms = 60000\n";
  }
  // A create whose lock hangs, then the first signal.
  void begin_to_stop() {
    SandboxClient sandbox(pair_->sandbox_url());
    ASSERT_TRUE(sandbox.add_fault(R"({"call":"lock","mode":"hang","next":1,"delay_ms":60000})"));
    const auto maker = otc::SigningKey::generate();
    ASSERT_TRUE(sandbox.faucet(maker.wallet(), 10'000'000));
    NewOrder order;
    order.amount_micro = 1'000'000;
    order.price_nano = 1'000'000;
    order.nonce = random_nonce();
    order.htlc_hash = otc::htlc_hash_of(random_secret());
    ASSERT_EQ(DeskClient(pair_->url(), 0).create(maker, order)->status, 202U);
    HttpCall call(pair_->url());
    ASSERT_TRUE(eventually([&] {
      return call.get("/effects")->body.text().find("\"sending\"") != std::string::npos;
    }));
    ::kill(pair_->server_pid(), SIGTERM);
    ASSERT_TRUE(eventually([&] {
      const auto ready = call.get("/readyz");
      // Past its deadline it is gone, on a slow machine before we have looked.
      return (ready && ready->status == 503) || !pair_->running();
    }));
  }

  int deadline_ms = 60'000;
};

TEST_F(SlowStopTest, SecondSignalEndsAtOnce) {
  begin_to_stop();
  EXPECT_TRUE(pair_->running());
  ::kill(pair_->server_pid(), SIGTERM);
  EXPECT_TRUE(eventually([&] { return !pair_->running(); }));
}

class StopDeadlineTest : public SlowStopTest {
 protected:
  StopDeadlineTest() { deadline_ms = 300; }
};

TEST_F(StopDeadlineTest, EndsAStopThatTakesTooLong) {
  begin_to_stop();
  EXPECT_TRUE(eventually([&] { return !pair_->running(); }));
  EXPECT_EQ(pair_->server_exit_code(), 5);
}

}  // namespace pawl::app::test
