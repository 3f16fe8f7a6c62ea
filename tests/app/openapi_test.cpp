// SPDX-License-Identifier: Apache-2.0
//
// The API's document against a real server: every path is in it, and for every path a success and
// an error that really happened are of the schemas that it names.
#include "app/edge/openapi.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstdlib>

#include "app/desk_client.h"
#include "app/edge_fixture.h"
#include "app/sandbox_client.h"
#include "systems/otc/commands.h"

namespace pawl::app::test {

net::Handler nothing() {
  return [](const net::Request&, net::Responder respond) { respond(net::Response{}); };
}

net::RouteDeclaration sound() {
  return {.id = "a", .summary = "s", .tag = "t", .answers = {{200, "fine"}}};
}

// What a route forgets to say keeps the server from starting.
TEST(OpenApi, ARouteWithoutACompleteDeclarationIsRefused) {
  const auto complaint = [](net::RouteOptions options, bool with_another = false) {
    net::Router router;
    router.add("GET", "/a", nothing(), std::move(options));
    if (with_another) router.add("GET", "/b", nothing(), net::declared(sound()));
    const auto document = openapi_document(router, "1");
    if (document) return std::string();
    EXPECT_EQ(document.error().code, declaration_incomplete);
    return document.error().detail;
  };
  EXPECT_EQ(complaint(net::declared(sound())), "");
  EXPECT_EQ(complaint({}), "GET /a: no declaration");
  EXPECT_NE(complaint(net::declared(sound()), true), "");  // one id for two
  for (const auto spoil : {+[](net::RouteDeclaration& d) { d.id.clear(); },
                           +[](net::RouteDeclaration& d) { d.summary.clear(); },
                           +[](net::RouteDeclaration& d) { d.tag.clear(); },
                           +[](net::RouteDeclaration& d) { d.answers.clear(); },
                           +[](net::RouteDeclaration& d) { d.answers[0].schema_name = "None"; },
                           +[](net::RouteDeclaration& d) { d.body_schema_name = "None"; },
                           +[](net::RouteDeclaration& d) { d.answers.push_back({200, "again"}); },
                           +[](net::RouteDeclaration& d) {
                             d.answers.push_back({404, "none"});
                             d.errors = {net::no_such_route};
                           }}) {
    auto declaration = sound();
    spoil(declaration);
    EXPECT_NE(complaint(net::declared(std::move(declaration))), "");
  }
}

class OpenApiTest : public EdgeFixture {
 protected:
  std::string settings() const override {
    return "tokens = \"required\"\n[otc]\npayout_poll_interval_ms = 50\n";
  }

  void record(const std::string& method, const std::string& pattern, unsigned status,
              const std::string& content_type, const std::string& request,
              const std::string& body) {
    auto sample = json::Value::object();
    sample.add("method", json::Value::string(method));
    sample.add("pattern", json::Value::string(pattern));
    sample.add("status", json::Value::integer(status));
    sample.add("content_type", json::Value::string(content_type));
    sample.add("request", json::Value::string(request));
    sample.add("body", json::Value::string(body));
    samples_.push(std::move(sample));
  }
  void record(const std::string& pattern, const DeskClient& desk,
              const Result<HttpAnswer>& answer) {
    ASSERT_TRUE(answer);
    record("POST", pattern, answer->status,
           answer->ok() ? "application/json" : "application/problem+json", desk.last_body(),
           answer->body.text());
  }
  net::Response sample(const std::string& method, const std::string& pattern,
                       const std::string& path, const std::string& body = "",
                       std::vector<net::Header> headers = {}) {
    auto answer = as_admin(method, path, body, std::move(headers));
    record(method, pattern, answer.status, answer.content_type, body, answer.body);
    return answer;
  }
  net::Response get(const std::string& pattern) { return sample("GET", pattern, pattern); }

  void sample_desk_reads(const std::string& order);
  void sample_desk_writes();
  void sample_effects();
  void sample_parked();
  void sample_alerts_and_redrive();
  void sample_tokens_and_server();
  void sample_an_error_of_each(const json::Value& document);
  std::string new_order(DeskClient& desk);

  otc::SigningKey maker_ = otc::SigningKey::generate();
  otc::SigningKey taker_ = otc::SigningKey::generate();
  otc::Secret secret_ = random_secret();
  json::Value samples_ = json::Value::array();
};

std::string OpenApiTest::new_order(DeskClient& desk) {
  NewOrder order;
  order.amount_micro = 1'000'000;
  order.price_nano = 1'000'000;
  order.nonce = random_nonce();
  order.htlc_hash = otc::htlc_hash_of(secret_);
  record("/otc/orders", desk, desk.create(maker_, order));
  return otc::make_order_id(maker_.wallet(), order.nonce);
}

void OpenApiTest::sample_desk_reads(const std::string& order) {
  for (const auto* pattern : {"/otc/orders", "/otc/trades", "/otc/book", "/otc/stats"}) {
    EXPECT_EQ(get(pattern).status, 200U) << pattern;
  }
  sample("GET", "/otc/orders", "/otc/orders?state=completed&side=sell&limit=1");
  sample("GET", "/otc/orders", "/otc/orders?state=boat");
  sample("GET", "/otc/orders", "/otc/orders?cursor=x");
  sample("GET", "/otc/trades", "/otc/trades?pair=a/b");
  // A stream has no end: its head, as HEAD shows it.
  const auto events = as_admin("HEAD", "/otc/events");
  EXPECT_EQ(events.status, 200U);
  record("GET", "/otc/events", events.status, events.content_type, "", "");
  sample("GET", "/otc/events", "/otc/events?after=x");
  sample("GET", "/otc/events", "/otc/events?order=x");
  const std::string path = "/otc/orders/" + order;
  const auto shown = sample("GET", "/otc/orders/{id}", path);
  EXPECT_EQ(shown.status, 200U);
  sample("GET", "/otc/orders/{id}", path, "", {{"If-None-Match", header_of(shown, "ETag")}});
  sample("GET", "/otc/orders/{id}", "/otc/orders/x");
  EXPECT_EQ(sample("GET", "/entities/{machine}/{key}", "/entities/order/" + order).status, 200U);
  sample("GET", "/entities/{machine}/{key}", "/entities/boat/x");
}

void OpenApiTest::sample_desk_writes() {
  DeskClient desk(pair_->url(), 5'000);
  desk.set_token(admin_token());
  SandboxClient sandbox(pair_->sandbox_url());
  ASSERT_TRUE(sandbox.faucet(maker_.wallet(), 100'000'000));
  const std::string order = new_order(desk);
  record("/otc/orders/{id}/match", desk, desk.match(taker_, order, "", ""));
  record("/otc/orders/{id}/match", desk, desk.match(taker_, order, "", ""));
  record("/otc/orders/{id}/match", desk, desk.match(maker_, order, "", ""));
  record("/otc/orders/{id}/confirm", desk, desk.confirm(order, random_secret(), "0x1"));
  record("/otc/orders/{id}/confirm", desk, desk.confirm(order, secret_, "0x1"));
  record("/otc/orders/{id}/cancel", desk, desk.cancel(maker_, order));
  const std::string open_order = new_order(desk);
  record("/otc/orders/{id}/cancel", desk, desk.cancel(maker_, open_order));
  sample("POST", "/otc/orders", "/otc/orders", "{}");
  sample("POST", "/otc/orders", "/otc/orders", R"({"boat":1})");
  sample("POST", "/otc/orders/{id}/cancel", "/otc/orders/" + order + "/cancel",
         R"({"wallet":")" + maker_.wallet().text() + R"("})", {{"If-Match", "x"}});
}

void OpenApiTest::sample_effects() {
  // The custodian does three locks and loses the answers, and every inquiry after them.
  SandboxClient sandbox(pair_->sandbox_url());
  ASSERT_TRUE(sandbox.add_fault(R"({"call":"lock","mode":"commit_then_reset","next":3})"));
  ASSERT_TRUE(sandbox.add_fault(R"({"call":"inquiry","mode":"reset","next":100000})"));
  DeskClient desk(pair_->url(), 0);
  desk.set_token(admin_token());
  for (int i = 0; i < 3; ++i) new_order(desk);  // 202
  std::vector<std::string> ids;
  ASSERT_TRUE(eventually([&] {
    ids.clear();
    const auto body = json::parse(as_admin("GET", "/effects").body);
    for (const auto& effect : member_array(*body, "effects")) {
      if (member_text(effect, "state") == "unknown") {
        ids.push_back(std::to_string(member_number(effect, "id")));
      }
    }
    return ids.size() == 3;
  }));
  EXPECT_EQ(get("/effects").status, 200U);
  EXPECT_EQ(sample("GET", "/effects/{id}", "/effects/" + ids[0]).status, 200U);
  sample("GET", "/effects/{id}", "/effects/999999999");
  const std::string body = R"({"as":"ann","reason":"test"})";
  std::size_t next = 0;
  for (const auto* verb : {"retry", "confirm", "refuse"}) {
    const std::string pattern = "/effects/{id}/" + std::string(verb);
    const std::string path = "/effects/" + ids[next++] + "/" + verb;
    // While an inquiry is under way the verb loses: 409, and is tried again.
    EXPECT_TRUE(eventually([&] { return sample("POST", pattern, path, body).status == 200; }));
    sample("POST", pattern, path, "{}");
  }
  ASSERT_TRUE(sandbox.clear_faults());
}

void OpenApiTest::sample_parked() {
  ASSERT_TRUE(pair_->stop_server());
  otc::Expire expire;
  expire.order_id = "otc_" + std::string(32, '0');
  sqlite3* store = nullptr;
  ASSERT_EQ(sqlite3_open(path("pawl.db").c_str(), &store), SQLITE_OK);
  for (const int id : {900'000'001, 900'000'002}) {
    const std::string sql =
        "INSERT INTO pawl_parked (id, source, from_machine, from_key, machine, entity_key, kind, "
        "payload, code, detail, effect_id, hops, parked_us) VALUES (" +
        std::to_string(id) + ", 'deadline', '', '', 'order', '" + expire.order_id +
        "', 'otc.expire', '" + to_payload(expire) + "', 'machine_defect', 'test', 0, 0, 1)";
    EXPECT_EQ(sqlite3_exec(store, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(store);
  }
  sqlite3_close(store);
  ASSERT_TRUE(pair_->start_server());
  EXPECT_EQ(get("/parked").status, 200U);
  const std::string body = R"({"as":"ann","reason":"test"})";
  EXPECT_EQ(sample("POST", "/parked/{id}/retry", "/parked/900000001/retry", body).status, 200U);
  EXPECT_EQ(sample("POST", "/parked/{id}/drop", "/parked/900000002/drop", body).status, 200U);
  sample("POST", "/parked/{id}/drop", "/parked/1/drop", body);
}

void OpenApiTest::sample_alerts_and_redrive() {
  SandboxClient sandbox(pair_->sandbox_url());
  ASSERT_TRUE(sandbox.add_fault(R"({"call":"payout","mode":"refuse","next":1})"));
  ASSERT_FALSE(trade());
  const std::string order = trade_->last_order_id();
  const auto alerts = json::parse(get("/alerts").body);
  ASSERT_TRUE(alerts);
  ASSERT_FALSE(member_array(*alerts, "alerts").empty());
  const auto id = std::to_string(member_number(member_array(*alerts, "alerts")[0], "id"));
  EXPECT_EQ(sample("POST", "/alerts/{id}/ack", "/alerts/" + id + "/ack", R"({"as":"ann"})").status,
            200U);
  const std::string pattern = "/otc/orders/{id}/redrive";
  const std::string path = "/otc/orders/" + order + "/redrive";
  const std::string refund = R"({"action":"refund","reason":"test"})";
  EXPECT_EQ(sample("POST", pattern, path, refund, {{"Pawl-Operator", "ann"}}).status, 409U);
  EXPECT_EQ(sample("POST", pattern, path, refund).status, 401U);
  EXPECT_EQ(sample("POST", pattern, path, R"({"action":"payout","reason":"test"})",
                   {{"Pawl-Operator", "ann"}})
                .status,
            200U);
}

void OpenApiTest::sample_tokens_and_server() {
  const std::string body = R"({"as":"ann","reason":"t","name":"t","scopes":["metrics"]})";
  const auto made = sample("POST", "/tokens", "/tokens", body, {{"Idempotency-Key", "one"}});
  EXPECT_EQ(made.status, 201U);
  sample("POST", "/tokens", "/tokens", body, {{"Idempotency-Key", "one"}});
  sample("POST", "/tokens", "/tokens", R"({"as":"ann","reason":"t"})");
  get("/tokens");
  sample("GET", "/tokens", "/tokens?revoked=7");
  const auto id = member_text(*json::parse(made.body), "token_id");
  const std::string revoke = R"({"as":"ann","reason":"t"})";
  sample("POST", "/tokens/{id}/revoke", "/tokens/" + id + "/revoke", revoke);
  sample("POST", "/tokens/{id}/revoke", "/tokens/x/revoke", revoke);
  sample("GET", "/tokens", "/tokens?revoked=1");
  for (const auto* pattern : {"/healthz", "/readyz", "/metrics", "/openapi.json", "/errors",
                              "/statistics", "/admin/log-level"}) {
    EXPECT_EQ(get(pattern).status, 200U) << pattern;
  }
  sample("GET", "/errors/{code}", "/errors/rate_limited");
  sample("GET", "/errors/{code}", "/errors/boat");
  sample("PUT", "/admin/log-level", "/admin/log-level", R"({"as":"ann","level":"info"})");
  sample("PUT", "/admin/log-level", "/admin/log-level", R"({"as":"ann","level":"loud"})");
}

// A query that is badly encoded, and no token: what every path refuses.
void OpenApiTest::sample_an_error_of_each(const json::Value& document) {
  for (const auto& [pattern, operations] : *document.find("paths")->as_object()) {
    std::string target = pattern;
    for (auto open = target.find('{'); open != std::string::npos; open = target.find('{')) {
      target.replace(open, target.find('}') - open + 1, "1");
    }
    for (const auto& [method, operation] : *operations.as_object()) {
      std::string upper = method;
      for (char& c : upper) c = static_cast<char>(c - 'a' + 'A');
      EXPECT_EQ(sample(upper, pattern, target + "?a=%FF").status, 400U) << upper << pattern;
      const auto stranger = ask(upper, target);
      const bool open = operation.find("security")->as_array()->empty();
      EXPECT_EQ(stranger.status == 401, !open) << upper << pattern;
      if (!open) record(upper, pattern, 401, stranger.content_type, "", stranger.body);
    }
  }
}

TEST_F(OpenApiTest, EveryPathsRealAnswersAreAsTheDocumentSays) {
  const auto order = trade();
  ASSERT_TRUE(order) << order.error().text();
  sample_desk_reads(*order);
  ASSERT_NO_FATAL_FAILURE(sample_desk_writes());
  ASSERT_NO_FATAL_FAILURE(sample_alerts_and_redrive());
  ASSERT_NO_FATAL_FAILURE(sample_effects());
  ASSERT_NO_FATAL_FAILURE(sample_parked());
  sample_tokens_and_server();
  const std::string text = as_admin("GET", "/openapi.json").body;
  json::ParseLimits limits;
  limits.max_elements = 100'000;
  const auto document = json::parse(text, limits);
  ASSERT_TRUE(document) << document.error().text();
  sample_an_error_of_each(*document);
  write("openapi.json", text);
  write("samples.json", samples_.text());
  const std::string command = "python3 '" PAWL_SOURCE_DIR "/tests/app/openapi_check.py' '" +
                              path("openapi.json") + "' '" + path("samples.json") + "' > '" +
                              path("complaints") + "' 2>&1";
  // NOLINTNEXTLINE(concurrency-mt-unsafe,cert-env33-c): a test's own script, nothing else runs
  EXPECT_EQ(std::system(command.c_str()), 0) << read_file(path("complaints"));
  // Every code that was really answered stands in /errors, too.
  const std::string errors = as_admin("GET", "/errors").body;
  for (const auto& sample : *samples_.as_array()) {
    if (member_text(sample, "content_type") != "application/problem+json") continue;
    const auto problem = json::parse(member_text(sample, "body"));
    ASSERT_TRUE(problem);
    EXPECT_NE(errors.find("\"" + member_text(*problem, "code") + "\""), std::string::npos);
  }
}

}  // namespace pawl::app::test
