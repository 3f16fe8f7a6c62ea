// SPDX-License-Identifier: Apache-2.0
//
// A desk as it runs: engine on a store of its own (desk_store.h), real HTTP server on a port of the
// kernel's choice, real HTTP client, a fake custodian, and a clock that tests can set forward.
#pragma once

#include <gtest/gtest.h>
#include <pawl/engine.h>
#include <pawl/log.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "core/json.h"
#include "net/client.h"
#include "net/server.h"
#include "otc/desk_store.h"
#include "otc/fake_custodian.h"
#include "systems/otc/commands.h"
#include "systems/otc/effect_handler.h"
#include "systems/otc/machine.h"
#include "systems/otc/routes.h"
#include "systems/otc/write_answer.h"

namespace pawl::otc::test {

// Both of its clocks jump together: time that passed, not a clock that was set.
class JumpingClock final : public Clock {
 public:
  Time now() override {
    const std::int64_t stopped_us = stopped_us_;
    return stopped_us != 0 ? Time{stopped_us} : system_clock().now().plus_us(ahead_us_);
  }
  std::int64_t monotonic_us() override { return system_clock().monotonic_us() + ahead_us_; }
  void forward_seconds(std::int64_t seconds) { ahead_us_ += seconds * 1'000'000; }
  // The time of day stands still there, for what is exact to the microsecond.
  void stop_at(Time time) { stopped_us_ = time.us; }

 private:
  std::atomic<std::int64_t> ahead_us_{0};
  std::atomic<std::int64_t> stopped_us_{0};
};

struct Answer {
  unsigned status = 0;
  json::Value body;
  net::Response raw;

  std::string text(std::string_view name) const {
    const auto* member = body.find(name);
    return member ? std::string(member->as_string().value_or("")) : "";
  }
  std::string status_text() const {
    return text(body.find("order_status") ? "order_status" : "status");
  }
};

inline constexpr std::string_view operator_token = "let-me-in";

class RunningDesk : public ::testing::Test {
 protected:
  RunningDesk() {
    static std::atomic<int> number{0};
    folder_ = std::filesystem::temp_directory_path() /
              ("pawl-otc-" + std::to_string(::getpid()) + "-" + std::to_string(++number));
    std::filesystem::create_directories(folder_);
    store_ = new_desk_store(folder_.string());
    settings.payout_poll_interval_ms = 10;
    settings.custodian_max_attempts = 3;
    for (unsigned i = 0; i < 4; ++i) keys_.push_back(key_of_number(i));
  }
  ~RunningDesk() override {
    stop();
    store_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  static SigningKey key_of_number(unsigned number) {
    std::array<unsigned char, 32> seed{};
    seed[0] = static_cast<unsigned char>(number);
    seed[1] = static_cast<unsigned char>(number >> 8);
    return SigningKey::from_seed(seed);
  }

  void start() {
    registry_ = std::make_unique<Registry>();
    declare(*registry_, settings, custodian.get());
    for (const auto kind :
         {LockRequest::kind, ReleaseRequest::kind, RefundRequest::kind, PayoutRequest::kind}) {
      EffectPolicy policy = registry_->find_effect(kind)->policy;
      policy.backoff_base_ms = 2;
      policy.backoff_cap_ms = 20;
      ASSERT_TRUE(registry_->set_effect_policy(kind, policy));
    }
    ASSERT_TRUE(registry_->check());
    auto store = store_->open(*registry_, clock);
    ASSERT_TRUE(store) << store.error().text();
    EngineOptions options;
    options.lanes = lanes;
    options.config.set(settings);
    engine = std::make_unique<Engine>(std::move(*store), *registry_, std::move(options));
    add_effect_handlers(*engine, custodian);
    const auto started = engine->start();
    ASSERT_TRUE(started) << started.error().text();
    net::Router router;
    add_routes(router, *engine, settings, [](const net::Request& request) -> Result<std::string> {
      if (request.header("Authorization") != "Bearer " + std::string(operator_token)) {
        return fail(operator_required);
      }
      return "ann";
    });
    server_ = std::make_unique<net::Server>(http, std::move(router));
    const auto port = server_->start();
    ASSERT_TRUE(port) << port.error().text();
    url_ = "http://127.0.0.1:" + std::to_string(*port);
  }
  void stop() {
    custodian->let_go();
    if (server_) server_->stop();
    if (engine) engine->stop();
    server_.reset();
    engine.reset();
  }

  // ---- HTTP

  std::future<Answer> begin(std::string method, const std::string& path, std::string body = {},
                            std::vector<net::Header> headers = {}) {
    net::ClientRequest request;
    request.method = std::move(method);
    request.url = url_ + path;
    request.body = std::move(body);
    request.headers = std::move(headers);
    request.timeout_ms = 40'000;
    auto promise = std::make_shared<std::promise<Answer>>();
    client_.send(std::move(request), [promise](net::ClientResult result) {
      Answer answer;
      if (result) {
        answer.status = result->status;
        answer.raw = *result;
        if (auto parsed = json::parse(result->body)) answer.body = std::move(*parsed);
      }
      promise->set_value(std::move(answer));
    });
    return promise->get_future();
  }
  Answer get(const std::string& path) { return begin("GET", path).get(); }
  Answer post(const std::string& path, std::string body, std::vector<net::Header> headers = {}) {
    return begin("POST", path, std::move(body), std::move(headers)).get();
  }

  // ---- requests, signed

  struct Terms {
    Side side = Side::sell;
    unsigned maker = 1;
    std::string nonce = "00000000000000000000000000000001";
    std::string amount = "10";
    std::string price = "0.1";
    std::string pair = "RTC/USDC";
    std::string address = "0xabc";
    std::int64_t ttl_seconds = 86'400;
    unsigned secret = 7;
  };

  const SigningKey& key(unsigned number) const { return keys_.at(number); }
  Wallet wallet(unsigned number) const { return keys_.at(number).wallet(); }
  static Secret secret(unsigned number) {
    Secret out;
    out.bytes.fill(static_cast<unsigned char>(number));
    return out;
  }
  std::int64_t now_seconds() { return clock.now().seconds(); }

  static void write_auth(json::Writer& out, const WalletAuth& auth) {
    out.key("wallet_auth").begin_object();
    out.field("public_key", auth.public_key).field("signature", auth.signature);
    out.field("timestamp", auth.timestamp_seconds).end_object();
  }
  std::string create_body(const Terms& terms) {
    CreateOrder action;
    action.side = terms.side;
    action.pair = *parse_pair(terms.pair);
    action.amount_micro = parse_amount(terms.amount).value_or(0);
    action.price_nano = parse_price(terms.price).value_or(0);
    action.ttl_seconds = terms.ttl_seconds;
    action.eth_address = terms.address;
    action.nonce = terms.nonce;
    if (terms.side == Side::sell) action.htlc_hash = htlc_hash_of(secret(terms.secret));
    json::Writer out;
    out.begin_object().field("side", name_of(terms.side)).field("pair", terms.pair);
    out.field("wallet", wallet(terms.maker).text()).field("amount_rtc", terms.amount);
    out.field("price_per_rtc", terms.price).field("eth_address", terms.address);
    out.field("ttl_seconds", terms.ttl_seconds).field("nonce", terms.nonce);
    if (!action.htlc_hash.empty()) out.field("htlc_hash", action.htlc_hash);
    write_auth(out, key(terms.maker).sign_action(action, now_seconds()));
    out.end_object();
    return std::move(out).take();
  }
  std::string match_body(const SigningKey& taker, const std::string& id,
                         std::optional<unsigned> secret_number = std::nullopt) {
    MatchOrder action{id, "0xdef", ""};
    if (secret_number) action.htlc_hash = htlc_hash_of(secret(*secret_number));
    json::Writer out;
    out.begin_object().field("wallet", taker.wallet().text()).field("eth_address", "0xdef");
    if (secret_number) out.field("htlc_hash", action.htlc_hash);
    write_auth(out, taker.sign_action(action, now_seconds()));
    out.end_object();
    return std::move(out).take();
  }
  std::string cancel_body(unsigned maker, const std::string& id) {
    json::Writer out;
    out.begin_object().field("wallet", wallet(maker).text());
    write_auth(out, key(maker).sign_action(CancelOrder{id}, now_seconds()));
    out.end_object();
    return std::move(out).take();
  }
  static std::string confirm_body(unsigned secret_number, std::string_view quote_tx = "0xquote") {
    json::Writer out;
    out.begin_object().field("secret", format_secret(secret(secret_number)));
    out.field("quote_tx", quote_tx).end_object();
    return std::move(out).take();
  }

  std::string id_of(const Terms& terms) const {
    return make_order_id(wallet(terms.maker), terms.nonce);
  }
  Answer create(const Terms& terms) { return post("/otc/orders", create_body(terms)); }
  Answer match(unsigned taker, const std::string& id,
               std::optional<unsigned> secret_number = std::nullopt) {
    return post(order_path(id) + "/match", match_body(key(taker), id, secret_number));
  }
  Answer confirm(const std::string& id, unsigned secret_number) {
    return post(order_path(id) + "/confirm", confirm_body(secret_number));
  }
  Answer cancel(unsigned maker, const std::string& id) {
    return post(order_path(id) + "/cancel", cancel_body(maker, id));
  }
  Answer redrive(const std::string& id, std::string_view action) {
    json::Writer out;
    out.begin_object().field("action", action).field("reason", "looked at it").end_object();
    return post(order_path(id) + "/redrive", std::move(out).take(),
                {{"Authorization", "Bearer " + std::string(operator_token)}});
  }
  // A sell order of 10 RTC that wallet 2 has matched.
  std::string matched_sell() {
    const Terms terms;
    custodian->give(wallet(terms.maker), 10'000'000);
    EXPECT_EQ(create(terms).status, 201U);
    EXPECT_EQ(match(2, id_of(terms)).status, 200U);
    return id_of(terms);
  }

  Order row(const std::string& id) {
    const auto found = engine->read(Key<Order>{id});
    return found && *found ? (*found)->row : Order{};
  }
  // Waits for the order to come to that state.
  void await(const std::string& id, OrderState state) {
    std::promise<bool> promise;
    engine->wait_for(
        {Order::machine, id},
        [state](const EntitySlot& slot) {
          Order order;
          return slot.present && from_row(std::span<const Value>(slot.row), order) &&
                 order.state == state;
        },
        20'000, [&promise](Result<EntitySlot>, bool ended) { promise.set_value(ended); });
    ASSERT_TRUE(promise.get_future().get()) << name_of(row(id).state) << " " << row(id).reason;
  }
  // Time passes; a deadline that is due is looked at when something happens.
  void forward_seconds(std::int64_t seconds) { clock.forward_seconds(seconds); }
  int alerts_of(std::string_view code) {
    int count = 0;
    const auto alerts = engine->alerts(true, 1'000);
    for (const auto& alert : *alerts) count += alert.code == code;
    return count;
  }
  template <class T>
  std::size_t count_rows() {
    return engine->select<T>({}, {}, max_query_rows).value().size();
  }

  const std::string& url() const { return url_; }
  void sql(const std::string& text) { store_->sql(text); }
  static std::string nonce(unsigned number) {
    std::string text = std::to_string(number);
    return std::string(32 - text.size(), '0') + text;
  }

  Config settings;
  int lanes = 2;  // where the store has several
  net::ServerOptions http;
  JumpingClock clock;
  std::shared_ptr<FakeCustodian> custodian = std::make_shared<FakeCustodian>();
  std::unique_ptr<Engine> engine;

 private:
  std::filesystem::path folder_;
  std::unique_ptr<DeskStore> store_;
  std::vector<SigningKey> keys_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<net::Server> server_;
  std::string url_;
  net::Client client_{[] {
    net::ClientOptions options;
    options.max_connections_per_host = 64;
    return options;
  }()};
};

}  // namespace pawl::otc::test
