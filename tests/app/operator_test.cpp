// SPDX-License-Identifier: Apache-2.0
//
// The operator's verbs and routes against a real server: what is shown, what is kept back, what can
// be done.
#include <gtest/gtest.h>

#include "app/client_options.h"
#include "app/losing_proxy.h"
#include "app/program_fixture.h"
#include "app/sandbox_client.h"

namespace pawl::app::test {

class OperatorTest : public ServedTest {
 protected:
  Ended pawl(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--url", pair_->url()});
    return run_pawl(arguments);
  }
  json::Value entity(const std::string& order_id) {
    return HttpCall(pair_->url()).get("/entities/order/" + order_id)->body;
  }
};

TEST_F(OperatorTest, InspectShowsTheRowTheTimelineAndTheEffects) {
  const auto order = trade();
  ASSERT_TRUE(order) << order.error().text();
  const auto shown = pawl({"inspect", *order});
  ASSERT_EQ(shown.exit_code, 0) << shown.err;
  std::size_t at = 0;
  for (const auto* step : {"(new) -> opening", "opening -> open", "open -> matched",
                           "matched -> settling", "payout_pending -> completed"}) {
    const auto next = shown.out.find(step, at);
    ASSERT_NE(next, std::string::npos) << step << " in\n" << shown.out;
    at = next;
  }
  for (const auto* kind : {"otc_lock", "otc_release", "otc_payout"}) {
    EXPECT_NE(shown.out.find(kind), std::string::npos) << kind;
  }
  const auto as_json = pawl({"inspect", "order/" + *order, "--json"});
  ASSERT_EQ(as_json.exit_code, 0);
  const auto body = json::parse(as_json.out);
  ASSERT_TRUE(body);
  EXPECT_EQ(member_text(*body->find("row"), "state"), "completed");
  EXPECT_EQ(member_array(*body, "effects").size(), 3U);
  EXPECT_EQ(pawl({"inspect", "otc_00000000000000000000000000000000"}).exit_code, 1);
  EXPECT_EQ(pawl({"inspect", "boat/x"}).exit_code, 1);
}

TEST_F(OperatorTest, SecretAndAuthorisationsAreKeptBack) {
  SandboxClient sandbox(pair_->sandbox_url());
  ASSERT_TRUE(sandbox.add_fault(R"({"call":"payout","mode":"refuse","next":1})"));
  const auto stopped = trade();
  ASSERT_FALSE(stopped);
  const std::string order = trade_->last_order_id();
  ASSERT_FALSE(order.empty());
  // Confirmed, so the secret is stored; stopped before completion, so it is nobody's business yet.
  const auto before = entity(order);
  EXPECT_EQ(member_text(*before.find("row"), "state"), "settlement_recovery");
  EXPECT_EQ(before.find("row")->find("secret"), nullptr);
  for (const auto* text : {"wallet_auth", "signature", "authorization", "terms_", "payload"}) {
    EXPECT_EQ(before.text().find(text), std::string::npos) << text;
  }
  EXPECT_EQ(HttpCall(pair_->url()).get("/effects?ended=1")->body.text().find("signature"),
            std::string::npos);
  DeskClient desk(pair_->url(), 5'000);
  ASSERT_TRUE(desk.redrive(order, "payout", "ann", "the custodian pays again")->ok());
  ASSERT_TRUE(eventually([&] { return desk.show(order)->text("status") == "completed"; }));
  EXPECT_EQ(member_text(*entity(order).find("row"), "secret").size(), 64U);
}

TEST_F(OperatorTest, AlertsAreListedAndAcknowledged) {
  EXPECT_EQ(pawl({"alerts", "list"}).out, "no open alerts\n");
  SandboxClient sandbox(pair_->sandbox_url());
  ASSERT_TRUE(sandbox.add_fault(R"({"call":"payout","mode":"refuse","next":1})"));
  ASSERT_FALSE(trade());
  const auto listed = pawl({"alerts", "list"});
  ASSERT_EQ(listed.exit_code, 0);
  EXPECT_NE(listed.out.find("otc_payout_refused"), std::string::npos) << listed.out;
  EXPECT_NE(listed.out.find(trade_->last_order_id()), std::string::npos) << listed.out;
  const auto body = HttpCall(pair_->url()).get("/alerts")->body;
  ASSERT_EQ(member_array(body, "alerts").size(), 1U);
  const auto id = std::to_string(member_number(member_array(body, "alerts")[0], "id"));
  EXPECT_EQ(pawl({"alerts", "ack", "12345", "--as", "ann"}).exit_code, 1);
  EXPECT_EQ(pawl({"alerts", "ack", id, "--as", "ann"}).exit_code, 0);
  EXPECT_EQ(pawl({"alerts", "list"}).out, "no open alerts\n");
  const auto acked = pawl({"alerts", "list", "--acked"}).out;
  EXPECT_NE(acked.find("otc_payout_refused"), std::string::npos);
  EXPECT_NE(acked.find("operator:ann"), std::string::npos) << acked;
}

TEST_F(OperatorTest, VerbWhoseAnswerIsLostIsAskedAgainUnderItsId) {
  SandboxClient sandbox(pair_->sandbox_url());
  ASSERT_TRUE(sandbox.add_fault(R"({"call":"payout","mode":"refuse","next":1})"));
  ASSERT_FALSE(trade());
  HttpCall call(pair_->url());
  const auto alerts = [&](const std::string& query) {
    return member_array(call.get("/alerts" + query)->body, "alerts");
  };
  ASSERT_EQ(alerts("").size(), 1U);
  const auto id = std::to_string(member_number(alerts("")[0], "id"));
  const auto port =
      static_cast<std::uint16_t>(std::stoi(pair_->url().substr(pair_->url().rfind(':') + 1)));
  {
    LosingProxy proxy(port, 2);
    const auto ended = run_pawl({"alerts", "ack", id, "--as", "ann", "--url", proxy.url()});
    EXPECT_EQ(ended.exit_code, 0) << ended.err;
    EXPECT_EQ(proxy.connections(), 3);
  }
  LosingProxy proxy(port, 1'000);
  const auto lost = run_pawl({"alerts", "ack", id, "--as", "bob", "--url", proxy.url()});
  EXPECT_EQ(lost.exit_code, 6) << lost.err;
  EXPECT_EQ(proxy.connections(), max_verb_attempts);
  EXPECT_EQ(member_text(alerts("?acked=1")[0], "acked_by"), "operator:bob") << "it was done, once";
  // The id that was printed makes a repeat of it the same verb: another's word in between stays.
  const auto at = lost.err.find("--id ");
  ASSERT_NE(at, std::string::npos) << lost.err;
  const std::string printed = lost.err.substr(at + 5, lost.err.find(' ', at + 5) - at - 5);
  EXPECT_EQ(pawl({"alerts", "ack", id, "--as", "eve"}).exit_code, 0);
  EXPECT_EQ(pawl({"alerts", "ack", id, "--as", "bob", "--id", printed}).exit_code, 0);
  EXPECT_EQ(member_text(alerts("?acked=1")[0], "acked_by"), "operator:eve");
  const auto too_long = call.post("/alerts/" + id + "/ack", R"({"as":"ann"})",
                                  {{"Idempotency-Key", std::string(129, 'k')}});
  EXPECT_EQ(too_long->status, 400U);
  EXPECT_EQ(pawl({"alerts", "ack", id, "--id", ""}).exit_code, 2);
}

TEST_F(OperatorTest, EffectsAreListedShownAndNotTouchedOnceEnded) {
  ASSERT_TRUE(trade());
  EXPECT_EQ(pawl({"effects", "list"}).out, "no effects\n");
  const auto listed = pawl({"effects", "list", "--ended", "--json"});
  ASSERT_EQ(listed.exit_code, 0);
  const auto body = json::parse(listed.out);
  ASSERT_TRUE(body);
  ASSERT_EQ(member_array(*body, "effects").size(), 3U);
  const auto id = std::to_string(member_number(member_array(*body, "effects")[0], "id"));
  const auto shown = pawl({"effects", "show", id});
  EXPECT_EQ(shown.exit_code, 0);
  EXPECT_NE(shown.out.find("otc_lock"), std::string::npos);
  for (const auto* verb : {"retry", "confirm", "refuse"}) {
    const auto refused = pawl({"effects", verb, id, "--reason", "test", "--as", "ann"});
    EXPECT_EQ(refused.exit_code, 1) << verb << refused.err;
    EXPECT_NE(refused.err.find("effect_ended"), std::string::npos) << refused.err;
  }
  EXPECT_EQ(pawl({"effects", "show", "999"}).exit_code, 1);
}

TEST_F(OperatorTest, OperatorMayEndAnEffectThatIsUnknown) {
  // The custodian does the lock and loses the answer, and every inquiry after it.
  SandboxClient sandbox(pair_->sandbox_url());
  ASSERT_TRUE(sandbox.add_fault(R"({"call":"lock","mode":"commit_then_reset","next":1})"));
  ASSERT_TRUE(sandbox.add_fault(R"({"call":"inquiry","mode":"reset","next":1000})"));
  DeskClient desk(pair_->url(), 0);
  const auto maker = otc::SigningKey::generate();
  ASSERT_TRUE(sandbox.faucet(maker.wallet(), 10'000'000));
  NewOrder order;
  order.amount_micro = 1'000'000;
  order.price_nano = 1'000'000;
  order.nonce = random_nonce();
  order.htlc_hash = otc::htlc_hash_of(random_secret());
  const auto order_id = otc::make_order_id(maker.wallet(), order.nonce);
  ASSERT_EQ(desk.create(maker, order)->status, 202U);
  HttpCall call(pair_->url());
  std::int64_t id = 0;
  const auto is_unknown = [&] {
    const auto body = call.get("/effects")->body;
    if (member_array(body, "effects").size() != 1) return false;
    const auto& effect = member_array(body, "effects")[0];
    id = member_number(effect, "id");
    return member_text(effect, "state") == "unknown" && member_number(effect, "inquiry") > 0;
  };
  ASSERT_TRUE(eventually(is_unknown));
  const std::string path = "/effects/" + std::to_string(id) + "/confirm";
  EXPECT_EQ(call.post(path, R"({"as":"ann"})")->status, 400U);  // no reason
  EXPECT_EQ(call.post(path, R"({"reason":"x"})")->status, 400U);
  EXPECT_EQ(call.post(path, R"([])")->status, 400U);
  for (const auto* bad : {R"({"as":"ann","reason":"x\u0000"})", R"({"as":"ann\n","reason":"x"})",
                          R"({"as":"ann","reason":"\u009b2J"})"}) {
    const auto refused = call.post(path, bad);
    EXPECT_EQ(refused->status, 400U) << bad;
    EXPECT_EQ(member_text(refused->body, "code"), "operator_request_invalid") << bad;
  }
  EXPECT_EQ(call.post(path, R"({"as":"ann","reason":"x","token":1000000})")->status, 409U);
  // Between two inquiries; while one is under way the verb loses and is tried again.
  ASSERT_TRUE(eventually([&] {
    return run_pawl({"effects", "confirm", std::to_string(id), "--as", "ann", "--reason",
                     "seen in the custodian's books", "--url", pair_->url()})
               .exit_code == 0;
  }));
  EXPECT_EQ(desk.show(order_id)->text("status"), "open");
  const auto shown = pawl({"inspect", order_id});
  EXPECT_NE(shown.out.find("operator:ann"), std::string::npos) << shown.out;
  EXPECT_NE(shown.out.find("seen in the custodian's books"), std::string::npos) << shown.out;
}

TEST_F(OperatorTest, ListingsAreBoundedAndPaged) {
  ASSERT_TRUE(trade());
  HttpCall call(pair_->url());
  const auto first = call.get("/effects?ended=1&limit=2")->body;
  ASSERT_EQ(member_array(first, "effects").size(), 2U);
  const auto after = std::to_string(member_number(first, "next_after"));
  const auto second = call.get("/effects?ended=1&limit=2&after=" + after)->body;
  ASSERT_EQ(member_array(second, "effects").size(), 1U);
  EXPECT_TRUE(second.find("next_after")->is_null());
  for (const auto* bad :
       {"/effects?limit=0", "/effects?limit=1001", "/effects?limit=x", "/effects?after=-1",
        "/effects?ended=2", "/alerts?limit=1e3", "/parked?limit=", "/effects/0", "/effects/x"}) {
    EXPECT_EQ(call.get(bad)->status, 400U) << bad;
  }
  EXPECT_EQ(call.get("/parked")->status, 200U);
  EXPECT_EQ(pawl({"parked", "list"}).out, "nothing is parked\n");
  for (const auto* verb : {"retry", "drop"}) {
    const auto refused = pawl({"parked", verb, "1", "--reason", "test", "--as", "ann"});
    EXPECT_EQ(refused.exit_code, 1) << refused.err;
    EXPECT_NE(refused.err.find("parked_not_found"), std::string::npos) << refused.err;
  }
  const auto statistics = call.get("/statistics");
  EXPECT_GT(member_number(statistics->body, "commits"), 0);
}

}  // namespace pawl::app::test
