// SPDX-License-Identifier: Apache-2.0
#include "app/sample_trade.h"

#include <cstdio>
#include <utility>

#include "app/edge/admin_token.h"
#include "app/service_key.h"

namespace pawl::app {

namespace {

constexpr std::int64_t funds_micro = 1'000'000'000;  // 1000 RTC
constexpr otc::MicroUnits trade_micro = 12'500'000;
constexpr otc::NanoQuote trade_price_nano = 105'000'000;
constexpr int wait_ms = 5'000;
constexpr int poll_ms = 100;
constexpr int max_polls = 300;  // half a minute

void say(const std::string& what) {
  std::printf("  %s\n", what.c_str());
  std::fflush(stdout);
}

}  // namespace

SampleTrade::SampleTrade(const otc::SigningKey& maker, const otc::SigningKey& taker,
                         std::string desk_url, std::string sandbox_url, Interrupted interrupted)
    : maker_(maker),
      taker_(taker),
      maker_wallet_(maker_.wallet()),
      desk_(std::make_unique<DeskClient>(std::move(desk_url), wait_ms)),
      sandbox_(std::make_unique<SandboxClient>(std::move(sandbox_url))),
      interrupted_(std::move(interrupted)) {}

Result<SampleTrade> SampleTrade::open(const std::string& data_dir, std::string desk_url,
                                      std::string sandbox_url, Interrupted interrupted) {
  auto maker = load_or_make_key(data_dir + "/maker.key");
  if (!maker) return std::unexpected(maker.error());
  auto taker = load_or_make_key(data_dir + "/taker.key");
  if (!taker) return std::unexpected(taker.error());
  SampleTrade trade(*maker, *taker, std::move(desk_url), std::move(sandbox_url),
                    std::move(interrupted));
  // Of a server that wants tokens, whose folder this is.
  if (auto token = read_secret_file(admin_token_path(data_dir))) {
    trade.desk_->set_token(std::move(*token));
  }
  return trade;
}

Result<void> SampleTrade::fund() {
  const auto balance = sandbox_->balance_micro(maker_wallet_);
  if (!balance) return std::unexpected(balance.error());
  if (*balance >= trade_micro) {
    say("maker " + maker_wallet_.text() + " has " + otc::format_amount(*balance) + " RTC");
    return {};
  }
  const auto funded = sandbox_->faucet(maker_wallet_, funds_micro);
  if (!funded) return std::unexpected(funded.error());
  say("the faucet gave maker " + maker_wallet_.text() + " " + otc::format_amount(funds_micro) +
      " RTC");
  return {};
}

Result<void> SampleTrade::expect(const char* what, const Result<HttpAnswer>& answer) {
  if (!answer) return std::unexpected(answer.error());
  if (!answer->ok()) {
    return fail(trade_not_completed, std::string(what) + " was answered " + answer->problem());
  }
  say(std::string(what) + ": " + std::to_string(answer->status) + ", the order is " +
      answer->text("status"));
  return {};
}

Result<void> SampleTrade::wait_for(std::string_view status) {
  std::string seen;
  for (int poll = 0; poll < max_polls; ++poll) {
    const auto answer = desk_->show(order_id_);
    if (!answer) return std::unexpected(answer.error());
    seen = answer->text("status");
    if (seen == status) return {};
    if (interrupted_(poll_ms)) return fail(trade_interrupted);
  }
  return fail(trade_not_completed, "the order is still " + seen);
}

Result<std::string> SampleTrade::put_through() {
  order_id_.clear();
  if (auto funded = fund(); !funded) return std::unexpected(funded.error());
  const otc::Secret secret = random_secret();
  NewOrder order;
  order.amount_micro = trade_micro;
  order.price_nano = trade_price_nano;
  order.address = "0x00000000000000000000000000000000000000aa";
  order.nonce = random_nonce();
  order.htlc_hash = otc::htlc_hash_of(secret);
  const std::string order_id = otc::make_order_id(maker_wallet_, order.nonce);
  if (auto done = expect("create, signed by the maker", desk_->create(maker_, order)); !done) {
    return std::unexpected(done.error());
  }
  order_id_ = order_id;
  if (auto done = wait_for("open"); !done) return std::unexpected(done.error());
  const std::string taker_address = "0x00000000000000000000000000000000000000bb";
  if (auto done =
          expect("match, signed by the taker", desk_->match(taker_, order_id_, taker_address, ""));
      !done) {
    return std::unexpected(done.error());
  }
  if (auto done = expect("confirm with the maker's secret",
                         desk_->confirm(order_id_, secret, "0xsample-quote-transaction"));
      !done) {
    return std::unexpected(done.error());
  }
  if (auto done = wait_for("completed"); !done) return std::unexpected(done.error());
  const auto received = sandbox_->balance_micro(taker_.wallet());
  if (!received) return std::unexpected(received.error());
  say("completed: taker " + taker_.wallet().text() + " has " + otc::format_amount(*received) +
      " RTC");
  return order_id_;
}

}  // namespace pawl::app
