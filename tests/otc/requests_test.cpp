// SPDX-License-Identifier: Apache-2.0
//
// What the HTTP API says to requests that are wrong: a typed 4xx, never a 500, and nothing changed.
#include <gtest/gtest.h>

#include "otc/running_desk.h"

namespace pawl::otc::test {
namespace {

class Requests : public RunningDesk {
 protected:
  Requests() { start(); }

  // A create whose body has one member replaced by raw JSON (or left out, if empty).
  std::string with(const std::string& name, const std::string& raw) {
    auto body = json::parse(create_body(Terms{}));
    json::Writer out;
    out.begin_object();
    for (const auto& member : *body->as_object()) {
      if (member.key == name) continue;
      out.field(member.key, member.value);
    }
    if (!raw.empty()) out.key(name).raw(raw);
    out.end_object();
    return std::move(out).take();
  }
  void expect_nothing_happened() {
    EXPECT_EQ(count_rows<Order>(), 0U);
    EXPECT_EQ(count_rows<WalletLedger>(), 0U);
    EXPECT_EQ(custodian->asked(), 0);
  }
  void expect_refused(const Answer& answer, const std::string& what) {
    EXPECT_GE(answer.status, 400U) << what;
    EXPECT_LT(answer.status, 500U) << what << " " << answer.raw.body;
    EXPECT_EQ(answer.raw.content_type, "application/problem+json") << what;
    EXPECT_NE(answer.text("code"), "") << what;
  }
};

TEST_F(Requests, Case54EachFieldOfEachWrongType) {
  const std::string long_text = "\"" + std::string(20'000, 'x') + "\"";
  for (const std::string name :
       {"side", "pair", "wallet", "amount_rtc", "price_per_rtc", "eth_address", "ttl_seconds",
        "nonce", "htlc_hash", "wallet_auth"}) {
    std::vector<std::string> values{"true",  "[]",      "null",        "{}",          "1.5",
                                    "1e400", long_text, R"("\u0000")", R"("\ud800")", "\"\xff\""};
    if (name != "eth_address") values.insert(values.end(), {R"("")", R"("  ")", "12"});
    if (name != "eth_address" && name != "ttl_seconds") values.push_back("");
    if (name == "eth_address") values.push_back("5");
    for (const auto& value : values) {
      expect_refused(post("/otc/orders", with(name, value)), name + "=" + value.substr(0, 40));
    }
  }
  expect_refused(post("/otc/orders", with("surprise", "1")), "unknown field");
  EXPECT_EQ(post("/otc/orders", with("surprise", "1")).text("code"), "unknown_field");
  expect_nothing_happened();
}

TEST_F(Requests, Case55BodiesThatAreNone) {
  const std::string deep = std::string(10'000, '[') + std::string(10'000, ']');
  for (const std::string& body : std::vector<std::string>{
           std::string(), std::string("null"), std::string("[]"), std::string("\"\""),
           std::string("0"), std::string("{}"), std::string("{\"side\":"),
           std::string("{\"a\":1,\"a\":2}"), deep, std::string(10'000'000, ' ')}) {
    for (const std::string path : {"/otc/orders",
                                   "/otc/orders/otc_00000000000000000000000000000000"
                                   "/match"}) {
      const auto answer = post(path, body);
      if (body.size() < 1'000'000) {
        expect_refused(answer, body.substr(0, 20));
      } else {
        // Too large: answered 413, or the connection ends while the body is still being sent.
        EXPECT_TRUE(answer.status == 413 || answer.status == 0) << answer.status;
      }
    }
  }
  expect_nothing_happened();
}

TEST_F(Requests, Case56And57AmountsAndPrices) {
  struct Case {
    std::string field;
    std::string text;
    std::string code;
  };
  for (const Case& one :
       std::vector<Case>{{"amount_rtc", "0.099999", "amount_out_of_range"},
                         {"amount_rtc", "100000.000001", "amount_out_of_range"},
                         {"amount_rtc", "1.0000001", "amount_too_precise"},
                         {"amount_rtc", "-1", "amount_out_of_range"},
                         {"amount_rtc", "0", "amount_out_of_range"},
                         {"amount_rtc", "1e400", "amount_malformed"},
                         {"amount_rtc", "1e999999", "amount_malformed"},
                         {"amount_rtc", "1e-400", "amount_malformed"},
                         {"amount_rtc", "-Infinity", "amount_malformed"},
                         {"amount_rtc", "+1", "amount_malformed"},
                         {"amount_rtc", " 5 ", "amount_malformed"},
                         {"amount_rtc", "0.0999995", "amount_too_precise"},
                         {"amount_rtc", "NaN", "amount_malformed"},
                         {"amount_rtc", "Infinity", "amount_malformed"},
                         {"amount_rtc", "0x10", "amount_malformed"},
                         {"amount_rtc", "1_000", "amount_malformed"},
                         {"amount_rtc", "１０", "amount_malformed"},
                         {"price_per_rtc", "0", "price_out_of_range"},
                         {"price_per_rtc", "1000.000000001", "price_out_of_range"},
                         {"price_per_rtc", "0.0000000001", "price_too_precise"}}) {
    const auto answer = post("/otc/orders", with(one.field, "\"" + one.text + "\""));
    EXPECT_EQ(answer.status, 400U) << one.text;
    EXPECT_EQ(answer.text("code"), one.code) << one.text;
  }
  // A JSON number has been through somebody's floating point.
  EXPECT_EQ(post("/otc/orders", with("amount_rtc", "10")).text("code"), "field_invalid");
  expect_nothing_happened();
  Terms least;
  least.side = Side::buy;
  least.amount = "0.1";
  least.price = "0.000000001";
  EXPECT_EQ(create(least).status, 201U);
  Terms most = least;
  most.nonce[0] = '1';
  most.amount = "100000";
  most.price = "1000";
  const auto created = create(most);
  EXPECT_EQ(created.status, 201U);
  EXPECT_EQ(created.text("total_quote_nano"), "100000000000000000");
}

TEST_F(Requests, Case60TimeToLive) {
  for (const std::string value : {"0", "1", "3599", "2592001", "-5", "1.5", "\"abc\"", "true",
                                  "1e30", "99999999999999999999"}) {
    const auto answer = post("/otc/orders", with("ttl_seconds", value));
    EXPECT_EQ(answer.status, 400U) << value;
  }
  expect_nothing_happened();
  for (const std::int64_t ttl : {3'600, 2'592'000}) {
    Terms terms;
    terms.side = Side::buy;
    terms.ttl_seconds = ttl;
    terms.nonce[0] = ttl == 3'600 ? '1' : '2';
    EXPECT_EQ(create(terms).status, 201U) << ttl;
  }
}

TEST_F(Requests, Case61And62FiltersAndPages) {
  for (const std::string query :
       {"pair=RTC/BTC", "side=up", "state=rejected", "state=none", "maker=me", "limit=0",
        "limit=-1", "limit=abc", "limit=1.5", "limit=", "limit=201", "limit=9223372036854775808",
        "limit=100000000000000000000", "cursor=", "cursor=zz", "cursor=00", "offset=1",
        "side=buy&side=sell"}) {
    const auto answer = get("/otc/orders?" + query);
    EXPECT_EQ(answer.status, 400U) << query << " " << answer.raw.body;
  }
  EXPECT_EQ(get("/otc/orders?pair=rtc/usdc&side=SELL&limit=200").status, 200U);
  EXPECT_EQ(get("/otc/trades?pair=RTC/BTC").status, 400U);
  EXPECT_EQ(get("/otc/book?pair=x").status, 400U);
  EXPECT_EQ(get("/otc/stats?pair=x").status, 400U);
}

TEST_F(Requests, Case64UnknownPathsMethodsAndIds) {
  EXPECT_EQ(get("/otc/nothing").status, 404U);
  EXPECT_EQ(begin("DELETE", "/otc/orders").get().status, 405U);
  for (const std::string id : {"otc_00000000000000000000000000000000", "otc_x", "..", "a%2fb",
                               "%00", "OTC_00000000000000000000000000000000"}) {
    const auto answer = get("/otc/orders/" + id);
    EXPECT_EQ(answer.status, 404U) << id;
    EXPECT_NE(answer.text("code"), "") << id;
  }
  EXPECT_EQ(match(2, "otc_00000000000000000000000000000000").status, 404U);
  EXPECT_EQ(confirm("otc_00000000000000000000000000000000", 7).status, 404U);
}

TEST_F(Requests, WaitAndIdempotencyKeyAreBounded) {
  const auto body = create_body(Terms{});
  EXPECT_EQ(post("/otc/orders?wait_ms=30001", body).status, 400U);
  EXPECT_EQ(post("/otc/orders?wait_ms=-1", body).status, 400U);
  EXPECT_EQ(post("/otc/orders", with("wait_ms", "\"5\"")).status, 400U);
  EXPECT_EQ(post("/otc/orders", with("wait_ms", "30001")).status, 400U);
  for (const std::string& key :
       std::vector<std::string>{std::string(129, 'a'), std::string("a b"), std::string("a/b")}) {
    const auto answer = post("/otc/orders", body, {{"Idempotency-Key", key}});
    EXPECT_EQ(answer.text("code"), "idempotency_key_invalid") << key;
  }
  expect_nothing_happened();
}

TEST_F(Requests, Case69And71SignaturesAreCheckedBeforeAnythingIsLookedUp) {
  // No signature, an unknown order: 401, not 404.
  const std::string unknown = order_path("otc_00000000000000000000000000000000");
  const std::string anonymous = "{\"wallet\":\"" + wallet(2).text() + "\"}";
  EXPECT_EQ(post(unknown + "/match", anonymous).status, 401U);
  EXPECT_EQ(post(unknown + "/cancel", anonymous).status, 401U);
  const auto answer = post("/otc/orders", with("wallet_auth", ""));
  EXPECT_EQ(answer.status, 401U);
  EXPECT_EQ(answer.text("code"), "wallet_auth_required");
  // What was signed for one price is worth nothing at another.
  EXPECT_EQ(post("/otc/orders", with("price_per_rtc", "\"0.2\"")).text("code"),
            "wallet_auth_invalid_signature");
  // A signature for another order, and for another action.
  const auto id = id_of(Terms{});
  EXPECT_EQ(post(unknown + "/match", match_body(key(2), id)).status, 401U);
  EXPECT_EQ(post(order_path(id) + "/cancel", match_body(key(2), id)).status, 400U);
  const auto cancel_as_match = post(order_path(id) + "/match", cancel_body(1, id));
  EXPECT_EQ(cancel_as_match.status, 401U);
  forward_seconds(1'000);
  const auto old = create_body(Terms{});
  forward_seconds(301);
  EXPECT_EQ(post("/otc/orders", old).text("code"), "wallet_auth_timestamp_expired");
  expect_nothing_happened();
}

TEST_F(Requests, Case70And72NonceIsUsedOnce) {
  Terms terms;
  terms.side = Side::buy;
  EXPECT_EQ(create(terms).status, 201U);
  const auto again = create(terms);
  EXPECT_EQ(again.status, 201U);
  EXPECT_EQ(again.text("order_id"), id_of(terms));
  terms.price = "0.2";
  const auto other = create(terms);
  EXPECT_EQ(other.status, 409U);
  EXPECT_EQ(other.text("code"), "idempotency_key_reused");
  EXPECT_EQ(count_rows<Order>(), 1U);
  EXPECT_EQ(engine->read(Key<WalletLedger>{wallet(1).text()}).value()->row.open_orders, 1);
  stop();
  start();
  terms.price = "0.1";
  EXPECT_EQ(create(terms).status, 201U);
  EXPECT_EQ(count_rows<Order>(), 1U);
}

TEST_F(Requests, Case74And80SecretsAndStrangers) {
  const auto id = matched_sell();
  const std::string path = order_path(id) + "/confirm";
  const auto body = [](const std::string& secret) {
    return "{\"quote_tx\":\"0x1\",\"secret\":\"" + secret + "\"}";
  };
  for (const std::string& bad :
       std::vector<std::string>{std::string(62, '0'), std::string(66, '0'), std::string(63, '0'),
                                std::string(64, 'g')}) {
    const auto answer = post(path, body(bad));
    EXPECT_EQ(answer.status, 400U) << bad;
    EXPECT_EQ(answer.text("code"), "secret_malformed") << bad;
  }
  const auto wrong = post(path, body(std::string(64, '0')));
  EXPECT_EQ(wrong.status, 403U);
  EXPECT_EQ(wrong.text("code"), "secret_wrong");
  EXPECT_EQ(post(path, "{\"quote_tx\":\"0x1\"}").text("code"), "field_required");
  EXPECT_EQ(post(path, "{\"secret\":\"" + std::string(64, '0') + "\"}").status, 400U);
  EXPECT_EQ(post(path, "{\"secret\":\"" + std::string(64, '0') + "\",\"quote_tx\":\"" +
                           std::string(201, 'q') + "\"}")
                .status,
            400U);
  // A signature is not needed; one that is given must be right.
  EXPECT_EQ(post(path, "{\"secret\":\"" + format_secret(secret(7)) +
                           "\",\"quote_tx\":\"0x1\",\"wallet\":\"" + wallet(1).text() + "\"}")
                .status,
            401U);
  EXPECT_EQ(row(id).state, OrderState::matched);
  // Who has no secret costs no commit, and uses up nobody's key.
  const auto commits = engine->statistics().commits;
  const std::vector<net::Header> headers{{"Idempotency-Key", "1"}};
  EXPECT_EQ(post(path, body(std::string(64, '1')), headers).status, 403U);
  EXPECT_EQ(engine->statistics().commits, commits);
  EXPECT_EQ(post(path + "?wait_ms=0", body(format_secret(secret(7))), headers).status / 100, 2U);
  // Whoever has the secret may confirm: it pays the buyer and nobody else.
  EXPECT_EQ(confirm(id, 7).status, 200U);
  EXPECT_EQ(custodian->done(Call::payout), 1);
}

TEST_F(Requests, Case75CancelIsTheMakersAndOnlyWhileOpen) {
  Terms terms;
  custodian->give(wallet(1), 10'000'000);
  create(terms);
  const auto id = id_of(terms);
  EXPECT_EQ(cancel(2, id).status, 403U);
  EXPECT_EQ(match(2, id).status, 200U);
  const auto late = cancel(1, id);
  EXPECT_EQ(late.status, 409U);
  EXPECT_EQ(late.status_text(), "matched");
  EXPECT_EQ(custodian->done(Call::refund), 0);
  EXPECT_EQ(match(1, id).status, 409U);
}

TEST_F(Requests, Case50OperatorsPathNeedsAnOperator) {
  const auto id = matched_sell();
  const std::string body = "{\"action\":\"payout\",\"reason\":\"x\"}";
  EXPECT_EQ(post(order_path(id) + "/redrive", body).status, 401U);
  EXPECT_EQ(post(order_path(id) + "/redrive", body, {{"Authorization", "Bearer no"}}).status, 401U);
  EXPECT_EQ(redrive(id, "payout").status, 409U);
  EXPECT_EQ(redrive(id, "everything").status, 400U);
}

TEST_F(Requests, Case84SqlIsStoredAsItStands) {
  Terms terms;
  terms.side = Side::buy;
  terms.address = "'; DROP TABLE otc_orders; -- \" % _ \\ \xc3\xa9";
  EXPECT_EQ(create(terms).status, 201U);
  EXPECT_EQ(get(order_path(id_of(terms))).text("maker_eth_address"), terms.address);
  terms.address = std::string(201, 'a');
  terms.nonce[0] = '1';
  EXPECT_EQ(create(terms).status, 400U);
}

TEST_F(Requests, Case84HostileTextStaysTextAndControlCharactersAreRefused) {
  unsigned number = 10;
  for (const std::string& text : std::vector<std::string>{
           "<script>alert('1')</script>&amp;", "\xe2\x80\xae\xe2\x81\xa6 turned",
           "\xf0\x9f\x98\x80 \xef\xbf\xbf", "${jndi:ldap://x} {{7*7}} %s%n",
           "data: x event: order id: 1-1", "\"},{\"order_id\":\"", "\\u0000 \\", "' OR ''='"}) {
    for (const Side side : {Side::sell, Side::buy}) {
      Terms terms;
      terms.side = side;
      terms.nonce = nonce(number++);
      terms.address = text;
      custodian->give(wallet(1), 10'000'000);
      EXPECT_EQ(create(terms).status, 201U) << text;
      EXPECT_EQ(get(order_path(id_of(terms))).text("maker_eth_address"), text);
      const auto list = get("/otc/orders?limit=1");
      EXPECT_EQ(list.body.find("orders")->as_array()->at(0).find("maker_eth_address")->as_string(),
                text);
      if (side == Side::buy) continue;
      EXPECT_EQ(match(2, id_of(terms)).status, 200U);
      json::Writer confirming;
      confirming.begin_object().field("secret", format_secret(secret(7))).field("quote_tx", text);
      confirming.end_object();
      EXPECT_EQ(post(order_path(id_of(terms)) + "/confirm", confirming.text()).status, 200U);
      custodian->confirm_payouts();
      await(id_of(terms), OrderState::completed);
      EXPECT_EQ(
          get("/otc/trades").body.find("trades")->as_array()->at(0).find("quote_tx")->as_string(),
          text);
    }
  }
  const auto orders = count_rows<Order>();
  for (const std::string& text : std::vector<std::string>{
           "\n", "a\r\ndata: x", std::string("a\0b", 3), "\x1b[2J", "\x7f", "\t", "\xc2\x9b"}) {
    json::Writer quoted;
    quoted.string(text);
    const auto answer = post("/otc/orders", with("eth_address", quoted.text()));
    EXPECT_EQ(answer.text("code"), "field_invalid") << quoted.text();
    EXPECT_EQ(answer.raw.body.find(text), std::string::npos) << "not even repeated in the answer";
  }
  EXPECT_EQ(count_rows<Order>(), orders);
}

TEST_F(Requests, Case80TheRightSecretInCapitalsIsTheRightSecret) {
  const auto id = matched_sell();
  std::string capitals = format_secret(secret(0xab));
  EXPECT_EQ(capitals.substr(0, 4), "abab");
  Terms terms;
  terms.nonce = nonce(2);
  terms.secret = 0xab;
  custodian->give(wallet(1), 10'000'000);
  EXPECT_EQ(create(terms).status, 201U);
  EXPECT_EQ(match(2, id_of(terms)).status, 200U);
  for (char& c : capitals) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  const std::string body = "{\"quote_tx\":\"0x1\",\"secret\":\"" + capitals + "\"}";
  EXPECT_EQ(post(order_path(id) + "/confirm", body).text("code"), "secret_wrong");
  EXPECT_EQ(post(order_path(id_of(terms)) + "/confirm", body).status, 200U);
}

TEST_F(Requests, Case89UpstreamTextIsNotShown) {
  const Terms terms;
  custodian->give(wallet(1), 10'000'000);
  custodian->fail_next(Call::lock, Fault::Kind::refuse, "SELECT * FROM /etc/passwd");
  const auto refused = create(terms);
  EXPECT_EQ(refused.status, 409U);
  EXPECT_EQ(refused.raw.body.find("passwd"), std::string::npos);
  EXPECT_EQ(get(order_path(id_of(terms))).raw.body.find("passwd"), std::string::npos);
}

TEST_F(Requests, Case82PublicReadsShowNoHandle) {
  const auto id = matched_sell();
  const std::string shown = get(order_path(id)).raw.body;
  for (const std::string hidden :
       {"escrow_1", "htlc_secret", "signature", "lock_attempt", "otc_lock", "terms_text"}) {
    EXPECT_EQ(shown.find(hidden), std::string::npos) << hidden;
  }
  EXPECT_TRUE(get(order_path(id)).raw.header("ETag"));
}

TEST_F(Requests, IdempotencyKeyRepeatsTheAnswerAndRefusesOtherContent) {
  Terms terms;
  custodian->give(wallet(1), 10'000'000);
  create(terms);
  const auto id = id_of(terms);
  const std::vector<net::Header> headers{{"Idempotency-Key", "cancel-1"}};
  const std::string path = order_path(id) + "/cancel";
  EXPECT_EQ(post(path, cancel_body(1, id), headers).status, 200U);
  const auto again = post(path, cancel_body(1, id), headers);
  EXPECT_EQ(again.status, 200U);
  EXPECT_EQ(again.status_text(), "cancelled");
  EXPECT_EQ(cancel(1, id).status, 409U);  // another command: there is nothing left to cancel
  EXPECT_EQ(custodian->done(Call::refund), 1);
}

TEST_F(Requests, IdempotencyKeyIsOfOneContent) {
  Terms terms;
  custodian->give(wallet(1), 10'000'000);
  create(terms);
  const auto id = id_of(terms);
  const std::vector<net::Header> headers{{"Idempotency-Key", "match-1"}};
  const std::string path = order_path(id) + "/match";
  const auto action = [&](const std::string& address) {
    json::Writer out;
    out.begin_object().field("wallet", wallet(2).text()).field("eth_address", address);
    write_auth(out, key(2).sign_action(MatchOrder{id, address, ""}, now_seconds()));
    out.end_object();
    return std::move(out).take();
  };
  EXPECT_EQ(post(path, action("0xa"), headers).status, 200U);
  EXPECT_EQ(post(path, action("0xb"), headers).text("code"), "idempotency_key_reused");
  // Signed anew it is the same request.
  forward_seconds(10);
  EXPECT_EQ(post(path, action("0xa"), headers).status, 200U);
}

}  // namespace
}  // namespace pawl::otc::test
