// SPDX-License-Identifier: Apache-2.0
//
// The configuration file: what is refused, with the line that is wrong.
#include "app/settings.h"

#include <gtest/gtest.h>

#include "app/listen_address.h"
#include "app/program_fixture.h"

namespace pawl::app::test {

class SettingsTest : public ProgramTest {
 protected:
  std::string complaint(const std::string& content) {
    Settings settings;
    const auto done = read_settings_file(write("pawl.toml", content), settings);
    if (done) return "";
    EXPECT_EQ(done.error().code, configuration_invalid);
    return done.error().detail.substr(folder_.size() + 1);
  }
};

TEST_F(SettingsTest, FileSetsWhatItNames) {
  Settings settings;
  const auto file = write("pawl.toml",
                          "listen = \"127.0.0.1:9\"\n[otc]\nmargin_seconds = 7\n"
                          "held_per_taker = 3\n[http]\nthreads = 4\nmax_target_bytes = 512\n");
  ASSERT_TRUE(read_settings_file(file, settings));
  EXPECT_EQ(settings.listen, "127.0.0.1:9");
  EXPECT_EQ(settings.otc.margin_seconds, 7);
  EXPECT_EQ(settings.otc.held_per_taker, 3);
  EXPECT_EQ(settings.http.threads, 4U);
  EXPECT_EQ(settings.http.max_target_bytes, 512U);
  EXPECT_EQ(settings.otc.open_per_maker, Settings().otc.open_per_maker);
}

TEST_F(SettingsTest, EachTimeOutOfTheStoreIsTheOneThatItNames) {
  Settings settings;
  const auto file = write("pawl.toml",
                          "[store]\nlane_lease_ms = 1001\nstatement_timeout_ms = 1002\n"
                          "lock_timeout_ms = 1003\nidle_in_transaction_timeout_ms = 1004\n"
                          "connect_timeout_ms = 1005\ntcp_timeout_ms = 1006\n"
                          "in_doubt_wait_ms = 1007\n");
  ASSERT_TRUE(read_settings_file(file, settings));
  const PostgresOptions& postgres = settings.postgres;
  EXPECT_EQ(postgres.lane_lease_ms, 1'001);
  EXPECT_EQ(postgres.statement_timeout_ms, 1'002);
  EXPECT_EQ(postgres.lock_timeout_ms, 1'003);
  EXPECT_EQ(postgres.idle_in_transaction_timeout_ms, 1'004);
  EXPECT_EQ(postgres.connect_timeout_ms, 1'005);
  EXPECT_EQ(postgres.tcp_timeout_ms, 1'006);
  EXPECT_EQ(postgres.in_doubt_wait_ms, 1'007);
}

TEST_F(SettingsTest, UnknownKeysAreNamedWithTheirLine) {
  EXPECT_EQ(complaint("log_level = \"info\"\n\nlissen = \"x\"\n").substr(0, 13), "pawl.toml:3: ");
  EXPECT_NE(complaint("lissen = \"x\"\n").find("no setting lissen"), std::string::npos);
  EXPECT_NE(complaint("[otc]\nmargin = 1\n").find("pawl.toml:2: there is no setting otc.margin"),
            std::string::npos);
  EXPECT_NE(complaint("\n[desk]\na = 1\n").find("pawl.toml:2: there is no section [desk]"),
            std::string::npos);
}

TEST_F(SettingsTest, WrongTypesAndValuesAreNamedWithTheirLine) {
  EXPECT_NE(complaint("listen = 7333\n").find("pawl.toml:1: listen is text"), std::string::npos);
  EXPECT_NE(complaint("[otc]\n\nmargin_seconds = \"7\"\n").find("pawl.toml:3: "),
            std::string::npos);
  EXPECT_NE(complaint("[otc]\nmargin_seconds = 1.5\n").find("must be an integer"),
            std::string::npos);
  EXPECT_NE(complaint("[otc]\nmargin_seconds = true\n").find("must be an integer"),
            std::string::npos);
  EXPECT_NE(complaint("log_level = \"loud\"\n").find("one of trace debug"), std::string::npos);
  EXPECT_NE(complaint("a = \n").find("pawl.toml:1: "), std::string::npos);
  EXPECT_NE(complaint("otc = 1\n").find("no setting otc"), std::string::npos);
}

TEST_F(SettingsTest, EveryNumberIsBounded) {
  Settings settings;
  for (const auto& setting : settings_table(settings)) {
    if (!setting.is_number()) continue;
    ASSERT_LT(setting.min, setting.max) << setting.full_name();
    const std::int64_t before = setting.value_number();
    EXPECT_GE(before, setting.min) << setting.full_name();
    EXPECT_LE(before, setting.max) << setting.full_name();
    EXPECT_FALSE(set_number(setting, setting.min - 1)) << setting.full_name();
    EXPECT_FALSE(set_number(setting, setting.max + 1)) << setting.full_name();
    EXPECT_EQ(setting.value_number(), before) << setting.full_name();
    EXPECT_TRUE(set_number(setting, setting.max)) << setting.full_name();
    EXPECT_EQ(setting.value_number(), setting.max) << setting.full_name();
  }
}

TEST_F(SettingsTest, ListsAreOfTextsAndEachItemIsChecked) {
  Settings settings;
  const auto file = write("pawl.toml",
                          "trusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n"
                          "cors_origins = [\"https://desk.example\"]\n[limits]\n"
                          "peer_writes_per_minute = 0\nloopback = \"limited\"\n");
  ASSERT_TRUE(read_settings_file(file, settings));
  EXPECT_EQ(settings.trusted_proxies, (std::vector<std::string>{"10.0.0.0/8", "::1"}));
  EXPECT_TRUE(check_settings(settings));
  EXPECT_NE(complaint("\ntrusted_proxies = \"10.0.0.0/8\"\n").find("pawl.toml:2: "),
            std::string::npos);
  EXPECT_NE(complaint("cors_origins = [1]\n").find("list of texts"), std::string::npos);
  EXPECT_NE(complaint("listen = [\"a\"]\n").find("text in quotes"), std::string::npos);
  for (const auto* bad : {"10.0.0.1/8", "proxy.example", "*", ""}) {
    settings = {};
    settings.trusted_proxies = {bad};
    EXPECT_FALSE(check_settings(settings)) << bad;
  }
  for (const auto* bad : {"*", "null", "https://", "desk.example", "https://desk.example/",
                          "https://*.example", "HTTPS://desk.example", ""}) {
    settings = {};
    settings.cors_origins = {bad};
    EXPECT_FALSE(check_settings(settings)) << bad;
  }
}

TEST_F(SettingsTest, ContradictionsAreRefused) {
  Settings settings;
  EXPECT_TRUE(check_settings(settings));
  settings.otc.wait_ms_default = settings.otc.wait_ms_max + 1;
  EXPECT_FALSE(check_settings(settings));
  settings = {};
  settings.http.answer_timeout_ms = static_cast<unsigned>(settings.otc.wait_ms_max);
  EXPECT_FALSE(check_settings(settings));
  settings = {};
  settings.otc.redrive_base_seconds = settings.otc.redrive_cap_seconds + 1;
  EXPECT_FALSE(check_settings(settings));
}

TEST_F(SettingsTest, EverySettingIsDocumented) {
  const std::string page = read_file(PAWL_SOURCE_DIR "/docs/configuration.md");
  Settings settings;
  for (const auto& setting : settings_table(settings)) {
    EXPECT_NE(page.find("| `" + setting.full_name() + "` | `" + setting.value_text() + "`"),
              std::string::npos)
        << setting.full_name() << " with its default is not in docs/configuration.md";
  }
}

TEST(ListenAddress, IsHostAndPort) {
  EXPECT_EQ(parse_listen_address("127.0.0.1:7333")->port, 7333);
  EXPECT_EQ(parse_listen_address("127.8.9.1:0")->host, "127.8.9.1");
  EXPECT_EQ(parse_listen_address("[::1]:80")->url(), "http://[::1]:80");
  EXPECT_EQ(parse_listen_address("localhost:80")->url(), "http://127.0.0.1:80");
  EXPECT_EQ(parse_listen_address("8080")->host, "127.0.0.1");
  EXPECT_EQ(parse_listen_address("[::1]:80")->url(true), "https://[::1]:80");
  for (const auto* bad : {"", ":80", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "::1:80",
                          "127.0.0.1:-1", "127.0.0.1:80 "}) {
    const auto refused = parse_listen_address(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code, listen_address_invalid) << bad;
    EXPECT_NE(refused.error().detail.find("\"" + std::string(bad) + "\""), std::string::npos);
  }
  for (const auto* portless : {"localhost", "127.0.0.1", "pawl.example"}) {
    const auto refused = parse_listen_address(portless);
    ASSERT_FALSE(refused) << portless;
    EXPECT_EQ(refused.error().code, listen_address_invalid);
    EXPECT_NE(refused.error().detail.find("has no port"), std::string::npos) << portless;
  }
}

TEST(ListenAddress, BeyondThisMachineLacksWhatItLacks) {
  const auto lacking = [](const char* listen, bool tls, bool tokens = false) {
    Settings settings;
    settings.listen = listen;
    if (tokens) settings.tokens = "required";
    if (tls) settings.http.tls_certificate_file = settings.http.tls_key_file = "/some.pem";
    const auto checked = check_settings(settings);
    return checked ? "nothing" : checked.error().text();
  };
  for (const auto* open :
       {"0.0.0.0:80", "10.0.0.1:80", "[::]:80", "pawl.example:80", "128.0.0.1:1"}) {
    EXPECT_NE(lacking(open, false).find("lacks TLS (http.tls_certificate_file and "),
              std::string::npos);
    EXPECT_NE(lacking(open, false).find(" and tokens"), std::string::npos) << open;
    EXPECT_NE(lacking(open, true).find("lacks tokens"), std::string::npos) << open;
    EXPECT_EQ(lacking(open, true).substr(0, 21), "listen_address_public") << open;
    EXPECT_NE(lacking(open, false, true).find("lacks TLS"), std::string::npos) << open;
    EXPECT_EQ(lacking(open, false, true).find("lacks TLS and"), std::string::npos) << open;
    EXPECT_EQ(lacking(open, true, true), "nothing") << open;
  }
  for (const auto* own : {"127.0.0.1:80", "127.8.9.1:80", "[::1]:80", "localhost:80", "80"}) {
    EXPECT_EQ(lacking(own, false), "nothing") << own;
  }
}

TEST(ListenAddress, TakesACertificateAndItsKeyTogetherOnly) {
  Settings settings;
  settings.http.tls_certificate_file = "/some.pem";
  EXPECT_EQ(check_settings(settings).error().code, configuration_invalid);
  settings.http.tls_key_file = "/some.key";
  EXPECT_TRUE(check_settings(settings));
}

}  // namespace pawl::app::test
