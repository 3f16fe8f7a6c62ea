// SPDX-License-Identifier: Apache-2.0
//
// The command line: help, mistakes and their exit codes.
#include <gtest/gtest.h>

#include <cstdlib>

#include "app/program_fixture.h"

namespace pawl::app::test {

TEST(CommandLine, EveryVerbHasHelpWithExamplesAndExitCodes) {
  for (const auto* verb : {"run", "demo", "serve", "sandbox", "inspect", "effects", "parked",
                           "alerts", "config", "migrate", "check"}) {
    const auto help = run_pawl({verb, "--help"});
    EXPECT_EQ(help.exit_code, 0) << verb;
    EXPECT_NE(help.out.find("Examples:\n  pawl "), std::string::npos) << verb;
    EXPECT_NE(help.out.find("Exit codes: 0 "), std::string::npos) << verb;
  }
  EXPECT_NE(run_pawl({"audit", "otc", "--help"}).out.find("Examples:"), std::string::npos);
}

TEST(CommandLine, MistakesAreUsageErrors) {
  const std::vector<std::vector<std::string>> mistakes{
      {},
      {"dance"},
      {"serve", "--lissen", "x"},
      {"serve", "--listen", "127.0.0.1:port"},
      {"serve", "--listen", "0.0.0.0:7333"},
      {"serve", "--config", "/does/not/exist.toml"},
      {"sandbox", "--listen", "10.0.0.1:1"},
      {"sandbox", "--payout-delay-ms", "-1"},
      {"run", "--port", "65536"},
      {"inspect"},
      {"effects"},
      {"effects", "show", "seven"},
      {"effects", "retry", "7"},  // no reason
      {"effects", "list", "--limit", "0"},
      {"alerts", "ack"},
      {"parked", "drop", "1"},
      {"audit"},
      {"demo", "--seconds", "0"},
      {"demo", "--kills", "-3"}};
  for (const auto& arguments : mistakes) {
    const auto ended = run_pawl(arguments);
    std::string said = "pawl";
    for (const auto& word : arguments) said += " " + word;
    EXPECT_EQ(ended.exit_code, 2) << said << "\n" << ended.err;
    EXPECT_FALSE(ended.err.empty()) << said;
  }
}

TEST(CommandLine, UnknownVerbsAndOptionsAreNamed) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> mistakes{
      {{"dance"}, "pawl has no verb dance; its verbs are run, demo"},
      {{"effects", "dance", "7"}, "pawl effects has no verb dance; its verbs are list, show"},
      {{"alerts", "take", "7"}, "pawl alerts has no verb take"},
      {{"--lissen"}, "pawl has no option --lissen"},
      {{"serve", "dance"}, "dance"}};
  for (const auto& [arguments, complaint] : mistakes) {
    const auto ended = run_pawl(arguments);
    EXPECT_EQ(ended.exit_code, 2) << ended.err;
    EXPECT_NE(ended.err.find(complaint), std::string::npos) << ended.err;
  }
}

TEST(CommandLine, EveryHelpEndsWithWhereToGoOn) {
  const std::vector<std::vector<std::string>> verbs{
      {"effects", "list"}, {"effects", "show"}, {"effects", "retry"}, {"parked", "list"},
      {"parked", "drop"},  {"alerts", "list"},  {"alerts", "ack"},    {"effects", "refuse"}};
  for (auto verb : verbs) {
    const std::string parent = verb[0];
    verb.emplace_back("--help");
    const auto help = run_pawl(verb);
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_NE(help.out.find("`pawl " + parent + " --help`"), std::string::npos) << help.out;
  }
  EXPECT_NE(run_pawl({"audit", "--help"}).out.find("`pawl --help`"), std::string::npos);
}

TEST(CommandLine, UrlThatIsNoneIsAUsageErrorThatNamesIt) {
  for (const auto* url : {"127.0.0.1:7333", "htp://127.0.0.1:7333", "http://", "http://127.0.0.1:0",
                          "http://127.0.0.1:x", "not a url"}) {
    for (const auto& verb : std::vector<std::vector<std::string>>{
             {"alerts", "list"}, {"alerts", "ack", "1", "--as", "ann"}, {"inspect", "otc_x"}}) {
      auto arguments = verb;
      arguments.insert(arguments.end(), {"--url", url});
      const auto ended = run_pawl(arguments);
      EXPECT_EQ(ended.exit_code, 2) << ended.err;
      EXPECT_NE(ended.err.find("server_url_invalid"), std::string::npos) << ended.err;
      EXPECT_NE(ended.err.find(url), std::string::npos) << ended.err;
    }
  }
  const auto ended = run_pawl({"alerts", "list", "--url", "http://ann:s3/cret@127.0.0.1:7333"});
  EXPECT_EQ(ended.exit_code, 2) << ended.err;
  EXPECT_EQ(ended.err.find("s3"), std::string::npos) << ended.err;
  EXPECT_NE(ended.err.find("http://***@127.0.0.1:7333"), std::string::npos) << ended.err;
}

TEST(CommandLine, SeedThatIsNoNumberIsRefused) {
  ::setenv("PAWL_SEED", "7x", 1);
  const auto ended = run_pawl({"demo", "--seconds", "1"});
  ::unsetenv("PAWL_SEED");
  EXPECT_EQ(ended.exit_code, 2) << ended.err;
  EXPECT_NE(ended.err.find("PAWL_SEED is \"7x\""), std::string::npos) << ended.err;
}

TEST(CommandLine, PublicAddressIsRefusedWithTheReason) {
  const auto ended = run_pawl({"serve", "--listen", "0.0.0.0:7333"});
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_NE(ended.err.find("listen_address_public"), std::string::npos) << ended.err;
  EXPECT_NE(ended.err.find("TLS"), std::string::npos) << ended.err;
}

TEST(CommandLine, NobodyListensIsSaidWithTheAddress) {
  // Port 1 on loopback: nobody listens there.
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"inspect", "otc_x"}, {"alerts", "list"}, {"effects", "list"}, {"parked", "list"}}) {
    auto with_url = arguments;
    with_url.insert(with_url.end(), {"--url", "http://127.0.0.1:1"});
    const auto ended = run_pawl(with_url);
    EXPECT_EQ(ended.exit_code, 3) << ended.err;
    EXPECT_NE(ended.err.find("http://127.0.0.1:1"), std::string::npos) << ended.err;
    EXPECT_NE(ended.err.find("pawl serve"), std::string::npos) << ended.err;
  }
}

TEST(CommandLine, ConfigPrintsEverySettingAndNoKey) {
  const auto text = run_pawl({"config"});
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_NE(text.out.find("otc.settlement_window_seconds"), std::string::npos);
  const auto json_text = run_pawl({"config", "--json", "--data", "/tmp/elsewhere"});
  EXPECT_EQ(json_text.exit_code, 0);
  const auto parsed = json::parse(json_text.out);
  ASSERT_TRUE(parsed) << json_text.out;
  const auto* data_dir = parsed->find("data_dir");
  ASSERT_NE(data_dir, nullptr);
  EXPECT_EQ(data_dir->find("value")->as_string(), "/tmp/elsewhere");
  EXPECT_EQ(data_dir->find("default")->as_string(), "./.pawl");
}

}  // namespace pawl::app::test
