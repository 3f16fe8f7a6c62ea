// SPDX-License-Identifier: Apache-2.0
//
// Acceptance case 49, on the real server: alerts are kept while their sink is down, hangs, fails or
// answers half, are delivered once it works, and cost no request any time.
#include <chrono>

#include "app/alert_sink.h"
#include "app/alert_webhook.h"
#include "app/client_options.h"
#include "app/desk_world.h"

namespace pawl::app::test {
namespace {

class WebhookTest : public DeskWorld {
 protected:
  std::string settings() const override {
    const std::string key = write("webhook.key", "a secret of the test\n");
    std::filesystem::permissions(
        key, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    return "[otc]\npayout_poll_interval_ms = 20\n[alerts]\nwebhook_url = \"http://127.0.0.1:" +
           std::to_string(sink_.port()) + "/alerts?from=pawl\"\nwebhook_timeout_ms = 300\n" +
           "webhook_secret_file = \"" + key + "\"\n";
  }
  bool delivered(std::size_t number) {
    return eventually([&] { return sink_.seen(AlertSink::Mode::work).size() >= number; });
  }

  mutable AlertSink sink_;
};

TEST_F(WebhookTest, Case49AnAlertWaitsForItsSinkWhateverTheSinkDoes) {
  ASSERT_TRUE(start_server());
  const Sale sale = stopped();
  for (const auto mode : {AlertSink::Mode::hang, AlertSink::Mode::fail, AlertSink::Mode::half,
                          AlertSink::Mode::refuse}) {
    sink_.up(mode);
    ASSERT_TRUE(eventually([&] { return !sink_.seen(mode).empty(); })) << static_cast<int>(mode);
    EXPECT_TRUE(sink_.seen(AlertSink::Mode::work).empty());
  }
  sink_.up(AlertSink::Mode::work);
  ASSERT_TRUE(delivered(1));
  const auto told = sink_.seen(AlertSink::Mode::work).front();
  EXPECT_EQ(told.id, sink_.seen(AlertSink::Mode::hang).front().id) << "the same delivery each time";
  EXPECT_EQ(told.signature,
            webhook_signature("a secret of the test", told.id, told.timestamp, told.body));
  const auto body = json::parse(told.body);
  ASSERT_TRUE(body) << told.body;
  const auto* data = body->find("data");
  ASSERT_NE(data, nullptr);
  EXPECT_EQ(member_text(*data, "code"), "otc_payout_refused");
  EXPECT_EQ(member_text(*data, "key"), sale.id);
  EXPECT_EQ(member_number(*data, "count"), 1);
  EXPECT_FALSE(member_text(*data, "first_seen").empty());
  // The next one arrives alone: the first is not told again.
  stopped();
  ASSERT_TRUE(delivered(2));
  EXPECT_NE(sink_.seen(AlertSink::Mode::work)[1].id, told.id);
  EXPECT_EQ(sink_.seen(AlertSink::Mode::work).size(), 2U);
}

TEST_F(WebhookTest, Case49KilledBetweenItForgetsNothingAndRepeatsNothing) {
  ASSERT_TRUE(start_server());
  stopped();
  server_.kill_now();
  ASSERT_TRUE(start_server()) << read_file(path("serve.log"));
  sink_.up(AlertSink::Mode::work);
  ASSERT_TRUE(delivered(1));
  // Noted, as the store itself says, before the next kill.
  ASSERT_TRUE(eventually([&] {
    const auto commits = HttpCall(url()).get("/statistics");
    return commits && member_number(commits->body, "commits") > 0;
  }));
  stopped();
  ASSERT_TRUE(delivered(2));
  stopped();
  ASSERT_TRUE(delivered(3));  // by then the first two have been noted
  server_.kill_now();
  ASSERT_TRUE(start_server()) << read_file(path("serve.log"));
  stopped();
  ASSERT_TRUE(eventually([&] {
    const auto seen = sink_.seen(AlertSink::Mode::work);
    return seen.size() >= 4 && seen.back().id != seen[2].id;
  }));
  const auto seen = sink_.seen(AlertSink::Mode::work);
  for (std::size_t i = 3; i < seen.size(); ++i) {
    EXPECT_NE(seen[i].id, seen[0].id);
    EXPECT_NE(seen[i].id, seen[1].id);
  }
}

class SlowSink : public WebhookTest {
 protected:
  std::string settings() const override {
    return "[otc]\npayout_poll_interval_ms = 20\n[alerts]\nwebhook_url = \"http://127.0.0.1:" +
           std::to_string(sink_.port()) + "/\"\nwebhook_timeout_ms = 60000\n";
  }
};

TEST_F(SlowSink, Case49DelaysNeitherRequestsNorTheStop) {
  sink_.up(AlertSink::Mode::hang);
  ASSERT_TRUE(start_server());
  stopped();
  ASSERT_TRUE(eventually([&] { return !sink_.seen(AlertSink::Mode::hang).empty(); }));
  const auto before = std::chrono::steady_clock::now();
  EXPECT_TRUE(reaches(confirmed(), "completed"));
  EXPECT_TRUE(server_.stop(20'000));
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(40));
}

TEST(WebhookUrl, IsHttpsOrThisMachine) {
  for (const char* sound : {"https://alerts.example/in?x=1", "http://127.0.0.1:9/x",
                            "http://localhost:9", "http://[::1]:9/"}) {
    EXPECT_TRUE(check_webhook_url(sound)) << sound;
  }
  for (const char* unsound : {"http://alerts.example/", "https://user:pw@alerts.example/",
                              "ftp://x", "https://alerts.example/#a", "", "alerts.example"}) {
    EXPECT_FALSE(check_webhook_url(unsound)) << unsound;
  }
}

}  // namespace
}  // namespace pawl::app::test
