// SPDX-License-Identifier: Apache-2.0
//
// What the edge adds to every request of a real server: rate limits by address, traces, log lines,
// CORS, conditions on versions, metrics.
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <map>
#include <thread>

#include "app/desk_client.h"
#include "app/edge_fixture.h"
#include "app/sandbox_client.h"
#include "app/text_table.h"
#include "net/raw_connection.h"

namespace pawl::app::test {

class LimitsTest : public EdgeFixture {
 protected:
  std::string settings() const override {
    return "trusted_proxies = [\"127.0.0.1\"]\n[limits]\npeer_reads_per_minute = 20\n"
           "loopback = \"limited\"\n";
  }
  unsigned write_from(const std::string& address) {
    return ask("POST", "/otc/orders", "{}", {{"X-Forwarded-For", address}}).status;
  }
};

TEST_F(LimitsTest, OfFiftyWritesAtOnceTenPassAndOthersAreUntouched) {
  constexpr int callers = 50;
  std::barrier ready(callers);
  std::atomic<int> passed = 0;
  std::atomic<int> limited = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < callers; ++i) {
    threads.emplace_back([&] {
      ready.arrive_and_wait();
      const auto status = write_from("198.51.100.7");
      ++(status == 429 ? limited : passed);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(passed, 10);
  EXPECT_EQ(limited, 40);
  const auto refused = ask("POST", "/otc/orders", "{}", {{"X-Forwarded-For", "198.51.100.7"}});
  EXPECT_EQ(refused.status, 429U);
  EXPECT_EQ(code_of(refused), "rate_limited");
  const int retry_after = std::stoi("0" + header_of(refused, "Retry-After"));
  EXPECT_GE(retry_after, 1);
  EXPECT_LE(retry_after, 60);
  EXPECT_EQ(write_from("198.51.100.8"), 400U);
  // Reads have a bucket of their own; unknown paths and methods count, too.
  EXPECT_EQ(ask("GET", "/otc/book", "", {{"X-Forwarded-For", "198.51.100.7"}}).status, 200U);
  EXPECT_EQ(ask("GET", "/healthz", "", {{"X-Forwarded-For", "198.51.100.7"}}).status, 200U);
  EXPECT_EQ(ask("POST", "/nothing", "{}", {{"X-Forwarded-For", "198.51.100.7"}}).status, 429U);
}

TEST_F(LimitsTest, AnIpv6SubscriberIsOneClient) {
  int passed = 0;
  for (int i = 0; i < 12; ++i) {
    passed += write_from("2001:db8:1:2::" + std::to_string(i)) == 400 ? 1 : 0;
  }
  EXPECT_EQ(passed, 10);
  EXPECT_EQ(write_from("2001:db8:1:3::1"), 400U);
}

TEST_F(LimitsTest, WhatAClientWritesItselfIsNotBelieved) {
  int passed = 0;
  for (int i = 0; i < 12; ++i) {
    // The proxy appended the address that it saw; what stands before it came from the client.
    passed += write_from("203.0.113." + std::to_string(i) + ", 198.51.100.9") == 400 ? 1 : 0;
  }
  EXPECT_EQ(passed, 10);
}

class ForgedTest : public EdgeFixture {
 protected:
  std::string settings() const override { return "[limits]\nloopback = \"limited\"\n"; }
};

TEST_F(ForgedTest, ForwardingHeadersOfAnUntrustedPeerChangeNothing) {
  int passed = 0;
  for (int i = 0; i < 12; ++i) {
    const std::string address = "198.51.100." + std::to_string(i);
    passed +=
        ask("POST", "/otc/orders", "{}",
            {{"X-Forwarded-For", address}, {"X-Real-IP", address}, {"Forwarded", "for=" + address}})
                    .status == 400
            ? 1
            : 0;
  }
  EXPECT_EQ(passed, 10);
  EXPECT_EQ(log().find("198.51.100."), std::string::npos);
}

class TokenLimitsTest : public EdgeFixture {
 protected:
  std::string settings() const override {
    return "tokens = \"required\"\n[limits]\nloopback = \"limited\"\n"
           "token_writes_per_minute = 5\npeer_reads_per_minute = 3\n";
  }
};

TEST_F(TokenLimitsTest, ATokenSpendsItsOwnBucketAndGuessersSpendTheirAddress) {
  const auto post = [&](const std::string& token) {
    return ask("POST", "/otc/orders", "{}", {bearer(token)}).status;
  };
  const std::string one = member_text(make_token("\"otc:write\""), "token");
  const std::string two = member_text(make_token("\"otc:write\""), "token");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(post(one), 400U);
  EXPECT_EQ(post(one), 429U);
  EXPECT_EQ(post(two), 400U);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask("GET", "/alerts").status, 401U);
  EXPECT_EQ(ask("GET", "/alerts").status, 429U);
  EXPECT_EQ(as_admin("GET", "/alerts").status, 200U);
}

class EdgeTest : public EdgeFixture {
 protected:
  std::string settings() const override {
    return "tokens = \"required\"\ncors_origins = [\"https://desk.example\"]\n"
           "[otc]\npayout_poll_interval_ms = 50\n";
  }
};

TEST_F(EdgeTest, TraceIsTakenUpOrMadeAndLogged) {
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const std::string given = "00-" + trace + "-00f067aa0ba902b7-01";
  const auto answer = ask("GET", "/healthz", "", {{"traceparent", given}});
  const std::string back = header_of(answer, "traceparent");
  EXPECT_EQ(back.substr(0, 36), "00-" + trace + "-");
  EXPECT_NE(back, given);
  EXPECT_TRUE(back.ends_with("-01"));
  ASSERT_TRUE(eventually([&] { return log().find(trace) != std::string::npos; }));
  const auto made = ask("GET", "/healthz", "", {{"traceparent", "00-no"}});
  EXPECT_EQ(header_of(made, "traceparent").size(), 55U);
  const std::string id = header_of(made, "traceparent").substr(3, 32);
  ASSERT_TRUE(eventually([&] { return log().find(id) != std::string::npos; }));
}

TEST_F(EdgeTest, LogLevelChangesWhileTheServerRuns) {
  const auto lines_of = [&](const std::string& event) {
    const std::string all = log();
    std::size_t count = 0;
    for (auto at = all.find(event); at != std::string::npos; at = all.find(event, at + 1)) ++count;
    return count;
  };
  EXPECT_EQ(as_admin("GET", "/admin/log-level").body, R"({"level":"info"})");
  const std::string file = admin_token_path(folder_);
  const auto quiet = run_pawl(
      {"log", "level", "warn", "--as", "ann", "--url", pair_->url(), "--token-file", file});
  EXPECT_EQ(quiet.exit_code, 0) << quiet.err;
  EXPECT_EQ(lines_of("\"log_level_changed\""), 1U);
  const auto before = lines_of("\"event\":\"request\"");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask("GET", "/healthz").status, 200U);
  EXPECT_EQ(lines_of("\"event\":\"request\""), before);
  EXPECT_EQ(as_admin("PUT", "/admin/log-level", R"({"as":"ann","level":"info"})").status, 200U);
  EXPECT_EQ(ask("GET", "/healthz").status, 200U);
  EXPECT_GT(lines_of("\"event\":\"request\""), before);
  for (const auto* bad :
       {R"({"as":"ann","level":"loud"})", R"({"as":"ann"})", R"({"level":"info"})"}) {
    EXPECT_EQ(as_admin("PUT", "/admin/log-level", bad).status, 400U) << bad;
  }
}

// With alerts that are told to an address whose path is the secret, as that of many services, and
// that nobody listens on.
class SecretsTest : public EdgeTest {
 protected:
  std::string settings() const override {
    const std::string key = write("webhook.key", hook_secret + "\n");
    std::filesystem::permissions(key, std::filesystem::perms::owner_read);
    return EdgeTest::settings() + "[alerts]\nwebhook_url = \"http://127.0.0.1:1/hooks/" +
           hook_path + "\"\nwebhook_secret_file = \"" + key + "\"\n";
  }
  const std::string hook_path = std::string(56, 'b') + "decafbad";
  const std::string hook_secret = std::string(56, 'c') + "deadbeef";
};

TEST_F(SecretsTest, WholeTradesLeaveNoSecretInTheLogs) {
  ASSERT_EQ(as_admin("PUT", "/admin/log-level", R"({"as":"ann","level":"trace"})").status, 200U);
  std::vector<std::string> secrets;
  for (int i = 0; i < 2; ++i) {
    const auto order = trade();
    ASSERT_TRUE(order) << order.error().text();
    const auto shown = json::parse(as_admin("GET", "/otc/orders/" + *order).body);
    ASSERT_TRUE(shown);
    ASSERT_EQ(member_text(*shown, "htlc_secret").size(), 64U);
    secrets.push_back(member_text(*shown, "htlc_secret"));
  }
  // Wrong secrets are nobody's business either, nor what stands in a query or a bad body.
  const std::string wrong = std::string(60, 'a') + "beef";
  as_admin("POST", "/otc/orders/" + trade_->last_order_id() + "/confirm",
           R"({"secret":")" + wrong + R"(","quote_tx":"0x1"})");
  as_admin("GET", "/otc/orders?secret=" + wrong);
  as_admin("GET", "/otc/nothing/" + wrong);
  as_admin("POST", "/otc/orders", "{\"secret\":\"" + wrong);
  secrets.push_back(wrong);
  const auto token = make_token("\"metrics\"");
  ask("GET", "/metrics", "", {bearer(member_text(token, "token"))});
  secrets.push_back(member_text(token, "token").substr(22));
  secrets.push_back(admin_token().substr(22));
  for (const auto* key : {"service.key", "maker.key", "taker.key"}) {
    secrets.push_back(read_file(path(key)).substr(0, 64));
  }
  const std::string basic = std::string(60, 'd') + "cafe";
  ask("GET", "/alerts", "", {{"Authorization", "Basic " + basic}});
  ask("GET", "/healthz", "", {{"Cookie", basic}, {"X-Request-Id", "of-this-test"}});
  secrets.push_back(basic);
  SandboxClient sandbox(pair_->sandbox_url());
  ASSERT_TRUE(sandbox.add_fault(R"({"call":"payout","mode":"refuse","next":1})"));
  EXPECT_FALSE(trade());
  EXPECT_TRUE(eventually([&] {
    return log().find("webhook_delivery_failed") != std::string::npos;
  })) << log();
  secrets.push_back(hook_path);
  secrets.push_back(hook_secret);
  ASSERT_TRUE(pair_->stop());
  const std::string logs = read_file(pair_->server_log()) + read_file(pair_->sandbox_log());
  ASSERT_NE(logs.find("/otc/orders/{id}/confirm"), std::string::npos);
  for (const auto& secret : secrets) {
    ASSERT_EQ(secret.size(), 64U);
    EXPECT_EQ(logs.find(secret), std::string::npos) << secret;
  }
  EXPECT_EQ(logs.find("Bearer"), std::string::npos);
  EXPECT_EQ(logs.find("Basic"), std::string::npos);
  EXPECT_EQ(logs.find("signature"), std::string::npos);
}

// Names, ids, methods, paths and bodies that want to be more than text: one JSON object a line, and
// nothing in it that a terminal obeys.
TEST_F(EdgeTest, HostileTextOfRequestsStaysTextInTheLog) {
  const std::string forged = "\"}\n{\"event\":\"forged\"}";
  const std::string turned = "ann \u202e\u2066 \u200b";
  const std::vector<std::string> names = {turned,
                                          "\u009b2J",
                                          "\x1b[2J",
                                          "a\nb",
                                          "\x80\xff",
                                          forged,
                                          std::string(std::size_t{1} << 20, 'x')};
  for (const auto& name : names) {
    json::Writer body;
    body.begin_object().field("as", name).field("level", "info").field("reason", name).end_object();
    as_admin("PUT", "/admin/log-level", std::move(body).take());
    as_admin("POST", "/otc/orders", name);
  }
  // What no client would send: bytes as they are, in every place that one can be written.
  for (const auto& name : names) {
    const std::string text = name.substr(0, 1'000);
    for (const auto& bytes :
         {"GET /" + text + " HTTP/1.1\r\nHost: x\r\n\r\n", text + " / HTTP/1.1\r\nHost: x\r\n\r\n",
          "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: " + text + "\r\n\r\n",
          "GET /healthz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + text + "\r\n\r\n",
          "GET /healthz HTTP/1.1\r\nHost: x\r\ntraceparent: " + text + "\r\n\r\n",
          "GET /healthz HTTP/1.1\r\nHost: " + text + "\r\n\r\n"}) {
      pawl::test::RawConnection c(port());
      EXPECT_TRUE(c.send(bytes));
      c.finish_sending();
      c.rest();
    }
  }
  ASSERT_TRUE(pair_->stop());
  const std::string logs = log();
  std::size_t lines = 0;
  for (std::size_t begin = 0; begin < logs.size(); ++lines) {
    const std::size_t end = std::min(logs.find('\n', begin), logs.size());
    const std::string_view line = std::string_view(logs).substr(begin, end - begin);
    const auto parsed = json::parse(line);
    ASSERT_TRUE(parsed) << line;
    EXPECT_NE(member_text(*parsed, "event"), "forged");
    EXPECT_NE(member_text(*parsed, "event"), "");
    EXPECT_EQ(printable(line), line);
    EXPECT_LT(line.size(), 60'000U);
    begin = end + 1;
  }
  EXPECT_GT(lines, 30U);
  EXPECT_NE(logs.find("ann \\u202e\\u2066"), std::string::npos) << "it was to be logged";
}

TEST_F(EdgeTest, OnlyListedOriginsMayRead) {
  const std::string ours = "https://desk.example";
  const auto answer = ask("GET", "/healthz", "", {{"Origin", ours}});
  EXPECT_EQ(header_of(answer, "Access-Control-Allow-Origin"), ours);
  EXPECT_EQ(header_of(answer, "Vary"), "Origin");
  for (const auto* other : {"https://evil.example", "https://desk.example.evil.example", "null",
                            "http://desk.example", "https://desk.example:8443"}) {
    const auto kept = ask("GET", "/healthz", "", {{"Origin", other}});
    EXPECT_EQ(header_of(kept, "Access-Control-Allow-Origin"), "") << other;
    EXPECT_EQ(header_of(kept, "Vary"), "Origin");
  }
  // Refusals can be read, too, and a preflight needs no token.
  const auto refused = ask("GET", "/alerts", "", {{"Origin", ours}});
  EXPECT_EQ(refused.status, 401U);
  EXPECT_EQ(header_of(refused, "Access-Control-Allow-Origin"), ours);
  const std::vector<net::Header> asks{{"Origin", ours}, {"Access-Control-Request-Method", "POST"}};
  const auto preflight = ask("OPTIONS", "/otc/orders", "", asks);
  EXPECT_EQ(preflight.status, 204U);
  EXPECT_NE(header_of(preflight, "Access-Control-Allow-Methods").find("POST"), std::string::npos);
  EXPECT_NE(header_of(preflight, "Access-Control-Allow-Headers").find("Authorization"),
            std::string::npos);
  EXPECT_EQ(header_of(preflight, "Access-Control-Allow-Credentials"), "");
  const auto denied =
      ask("OPTIONS", "/otc/orders", "",
          {{"Origin", "https://evil.example"}, {"Access-Control-Request-Method", "POST"}});
  EXPECT_EQ(header_of(denied, "Access-Control-Allow-Methods"), "");
  EXPECT_EQ(ask("OPTIONS", "/otc/orders").status, 405U);
}

TEST_F(EdgeTest, ReadsAreConditionalOnTheVersionAndWritesInsistOnIt) {
  DeskClient desk(pair_->url(), 5'000);
  desk.set_token(admin_token());
  SandboxClient sandbox(pair_->sandbox_url());
  const auto maker = otc::SigningKey::generate();
  ASSERT_TRUE(sandbox.faucet(maker.wallet(), 10'000'000));
  NewOrder order;
  order.amount_micro = 1'000'000;
  order.price_nano = 1'000'000;
  order.nonce = random_nonce();
  order.htlc_hash = otc::htlc_hash_of(random_secret());
  ASSERT_EQ(desk.create(maker, order)->status, 201U);
  const std::string path = "/otc/orders/" + otc::make_order_id(maker.wallet(), order.nonce);
  const std::string tag = header_of(as_admin("GET", path), "ETag");
  ASSERT_GE(tag.size(), 3U);
  for (const std::string& condition : {tag, "W/" + tag, "\"0\", " + tag, std::string("*")}) {
    const auto same = as_admin("GET", path, "", {{"If-None-Match", condition}});
    EXPECT_EQ(same.status, 304U) << condition;
    EXPECT_EQ(same.body, "");
    EXPECT_EQ(header_of(same, "ETag"), tag);
  }
  EXPECT_EQ(as_admin("GET", path, "", {{"If-None-Match", "\"12345\""}}).status, 200U);
  const auto auth =
      maker.sign_action(otc::CancelOrder{otc::make_order_id(maker.wallet(), order.nonce)},
                        system_clock().now().seconds());
  const std::string cancel = R"({"wallet":")" + maker.wallet().text() +
                             R"(","wallet_auth":{"public_key":")" + auth.public_key +
                             R"(","signature":")" + auth.signature + R"(","timestamp":)" +
                             std::to_string(auth.timestamp_seconds) + "}}";
  const auto stale = as_admin("POST", path + "/cancel", cancel, {{"If-Match", "\"12345\""}});
  EXPECT_EQ(stale.status, 412U) << stale.body;
  EXPECT_EQ(code_of(stale), "precondition_failed");
  for (const auto* bad : {"12345", "\"x\"", "W/\"1\"", "\"1\", \"2\"", "\"0\"", ""}) {
    EXPECT_EQ(as_admin("POST", path + "/cancel", cancel, {{"If-Match", bad}}).status, 400U) << bad;
  }
  EXPECT_EQ(member_text(*json::parse(as_admin("GET", path).body), "status"), "open");
  const auto done = as_admin("POST", path + "/cancel", cancel, {{"If-Match", tag}});
  EXPECT_EQ(done.status, 200U) << done.body;
  // The repeat is the same request: answered as before, not refused for the version it made.
  EXPECT_EQ(as_admin("POST", path + "/cancel", cancel, {{"If-Match", tag}}).status, 200U);
}

TEST_F(EdgeTest, MetricsTellProgressAndAges) {
  ASSERT_TRUE(trade());
  SandboxClient sandbox(pair_->sandbox_url());
  ASSERT_TRUE(sandbox.add_fault(R"({"call":"payout","mode":"refuse","next":1})"));
  ASSERT_FALSE(trade());
  // The custodian does a lock and loses the answer, and every inquiry after it.
  ASSERT_TRUE(sandbox.add_fault(R"({"call":"lock","mode":"commit_then_reset","next":1})"));
  ASSERT_TRUE(sandbox.add_fault(R"({"call":"inquiry","mode":"reset","next":1000})"));
  DeskClient desk(pair_->url(), 0);
  desk.set_token(admin_token());
  const auto maker = otc::SigningKey::generate();
  ASSERT_TRUE(sandbox.faucet(maker.wallet(), 10'000'000));
  NewOrder order;
  order.amount_micro = 1'000'000;
  order.price_nano = 1'000'000;
  order.nonce = random_nonce();
  order.htlc_hash = otc::htlc_hash_of(random_secret());
  ASSERT_EQ(desk.create(maker, order)->status, 202U);
  EXPECT_TRUE(eventually([&] {
    return value(R"(pawl_effects_open{kind="otc_lock",state="unknown"})") == 1;
  })) << as_admin("GET", "/metrics").body;
  EXPECT_GT(value(R"(pawl_effects_oldest_age_seconds{kind="otc_lock",state="unknown"})"), 0);
  EXPECT_GE(value("pawl_alerts_open"), 1);
  EXPECT_EQ(value("pawl_parked"), 0);
  EXPECT_EQ(value("pawl_deadlines_overdue_seconds"), 0);
  EXPECT_EQ(value("pawl_engine_stalled_seconds"), 0);
  EXPECT_EQ(value("pawl_engine_store_failing"), 0);
  EXPECT_GT(value("pawl_engine_commits_total"), 5);
  EXPECT_EQ(value(R"(pawl_engine_batch_works_bucket{le="+Inf"})"),
            value("pawl_engine_batch_works_count"));
  EXPECT_GT(value("pawl_engine_commit_seconds_sum"), 0);
  EXPECT_GT(value("pawl_store_bytes") + value("pawl_store_wal_bytes"), 0);
  EXPECT_GE(value("pawl_http_connections"), 1);
  EXPECT_EQ(value(R"(pawl_http_requests_total{method="POST",route="/otc/orders",status="201"})"),
            2);
  EXPECT_EQ(ask("GET", "/alerts").status, 401U);
  EXPECT_EQ(value(R"(pawl_http_unauthorized_total{code="token_required"})"), 1);
  EXPECT_GE(value(R"(pawl_http_request_duration_seconds_count{method="GET",route="/metrics"})"), 1);
  const auto scraped = as_admin("GET", "/metrics");
  EXPECT_TRUE(header_of(scraped, "Content-Type").starts_with("text/plain; version=0.0.4"));
  // No series is named by what a client wrote.
  ask("GET", "/otc/orders/otc_00000000000000000000000000000000");
  ask("BREW", "/otc/orders");
  const std::string text = as_admin("GET", "/metrics").body;
  EXPECT_EQ(text.find("0000000000000000"), std::string::npos);
  EXPECT_EQ(text.find("BREW"), std::string::npos);
}

class UnansweredTest : public EdgeFixture {
 protected:
  std::string settings() const override {
    return "[http]\nheader_timeout_ms = 500\nbody_timeout_ms = 200\nmax_target_bytes = 1024\n"
           "max_header_bytes = 1024\nmax_streams = 1\nmax_connections_per_peer = 8\n";
  }
  // The status that these bytes are answered with.
  int sent(const std::string& bytes) const {
    pawl::test::RawConnection c(port());
    EXPECT_TRUE(c.send(bytes));
    return c.read().status;
  }
};

// Whatever ends before a handler could answer is counted with what its client got, as all else.
TEST_F(UnansweredTest, RequestsThatNoHandlerAnswersAreInTheMetrics) {
  const std::string long_text(2'000, 'a');
  const std::pair<int, std::string> ended[] = {
      {400, "GET / HT0\r\n\r\n"},
      {408, "GET /healthz HTTP/1.1\r\nHost: x\r\nX:"},
      {408, "POST /otc/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"},
      {413, "POST /otc/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\n"},
      {414, "GET /" + long_text + " HTTP/1.1\r\nHost: x\r\n\r\n"},
      {417, "POST /otc/orders HTTP/1.1\r\nHost: x\r\nExpect: cake\r\n\r\n"},
      {431, "GET /healthz HTTP/1.1\r\nHost: x\r\nA: " + long_text + "\r\n\r\n"},
      {501, "POST /otc/orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"}};
  std::map<int, int> counts;
  for (const auto& [status, bytes] : ended) {
    EXPECT_EQ(sent(bytes), status) << bytes.substr(0, 40);
    ++counts[status];
  }
  const std::string events = "GET /otc/events HTTP/1.1\r\nHost: x\r\n\r\n";
  pawl::test::RawConnection reader(port());
  EXPECT_TRUE(reader.send(events));
  EXPECT_EQ(reader.read().status, 200);
  EXPECT_EQ(sent(events), 503) << "max_streams";

  EXPECT_TRUE(eventually([&] { return value("pawl_http_connections") <= 2; }));
  {
    std::vector<pawl::test::RawConnection> kept;
    for (int i = 0; i < 8; ++i) kept.emplace_back(port());
    EXPECT_TRUE(eventually([&] { return kept.back().read().status == 503; }));
  }
  EXPECT_TRUE(eventually([&] { return value("pawl_http_connections_refused_total") >= 1; }));
  for (const auto& [status, count] : counts) {
    EXPECT_EQ(value("pawl_http_requests_total{method=\"\",route=\"\",status=\"" +
                    std::to_string(status) + "\"}"),
              count)
        << status;
  }
  for (const auto* status : {"200", "503"}) {
    EXPECT_EQ(value("pawl_http_requests_total{method=\"GET\",route=\"/otc/events\",status=\"" +
                    std::string(status) + "\"}"),
              1)
        << status;
  }
  EXPECT_NE(log().find(R"("route":"/otc/events","status":503)"), std::string::npos);
}

}  // namespace pawl::app::test
