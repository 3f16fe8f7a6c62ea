// SPDX-License-Identifier: Apache-2.0
#include "app/demo_client.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "systems/otc/custodian.h"

namespace pawl::app {

namespace {

constexpr int wait_ms = 1'500;
constexpr unsigned request_timeout_ms = 5'000;
constexpr int pause_ms = 15;
constexpr int max_polls = 400;  // about 6 s
constexpr int max_confirm_rounds = 4;

constexpr int percent_buy = 40;
constexpr int percent_cancel = 12;
constexpr int percent_repeat = 15;
constexpr int percent_void = 6;

// What only says "later": the server is stopping, overloaded, or its storage is busy.
bool is_temporary(const HttpAnswer& answer) {
  return answer.status == 503 || answer.status == 429;
}

}  // namespace

DemoClient::DemoClient(std::string desk_url, std::string sandbox_url, std::uint64_t seed,
                       DemoCounts& counts)
    : desk_(std::move(desk_url), wait_ms, request_timeout_ms),
      sandbox_(std::move(sandbox_url)),
      random_(seed),
      counts_(counts),
      first_(otc::SigningKey::generate()),
      second_(otc::SigningKey::generate()) {}

Result<void> DemoClient::fund(std::int64_t amount_micro) {
  for (const auto* key : {&first_, &second_}) {
    auto funded = sandbox_.faucet(key->wallet(), amount_micro);
    if (!funded) return std::unexpected(funded.error());
  }
  return {};
}

void DemoClient::run() {
  while (!stopping_) one_order();
}

bool DemoClient::chance(int percent) {
  return std::uniform_int_distribution<int>(0, 99)(random_) < percent;
}

void DemoClient::pause() {
  // lint: allow(sleep): customers wait before asking again
  std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
}

std::optional<HttpAnswer> DemoClient::answered(const Send& send) {
  while (!stopping_) {
    auto answer = send();
    if (answer && !is_temporary(*answer)) {
      if (!chance(percent_repeat)) return std::move(*answer);
      // The same again, under the same id: it must run nothing, whatever it answers.
      ++counts_.repeated;
      (void)send();
      return std::move(*answer);
    }
    if (!answer) ++(answer.error().code == nobody_listens ? counts_.unreached : counts_.unanswered);
    pause();
  }
  return std::nullopt;
}

std::string DemoClient::settled_status(const std::string& order_id,
                                       std::vector<std::string_view> passing) {
  for (int poll = 0; poll < max_polls && !stopping_; ++poll) {
    const auto answer = desk_.show(order_id);
    if (answer && answer->ok()) {
      const std::string status = answer->text("status");
      if (std::find(passing.begin(), passing.end(), status) == passing.end()) return status;
    }
    pause();
  }
  return "";
}

void DemoClient::one_order() {
  const bool sells = !chance(percent_buy);
  const auto& maker = first_;
  const otc::Secret secret = random_secret();
  NewOrder order;
  order.side = sells ? otc::Side::sell : otc::Side::buy;
  order.amount_micro = std::uniform_int_distribution<std::int64_t>(100'000, 5'000'000)(random_);
  order.price_nano = std::uniform_int_distribution<std::int64_t>(90'000'000, 110'000'000)(random_);
  order.nonce = random_nonce();
  if (sells) order.htlc_hash = otc::htlc_hash_of(secret);
  const std::string order_id = otc::make_order_id(maker.wallet(), order.nonce);
  orders_.push_back({order_id, false});
  if (!create(order, maker)) return;
  orders_.back().acknowledged = true;
  ++counts_.created;
  if (settled_status(order_id, {"opening"}) != "open") return;
  if (chance(percent_cancel)) {
    const auto cancelled = answered([&] { return desk_.cancel(maker, order_id); });
    if (cancelled && cancelled->ok()) ++counts_.cancelled;
    return;
  }
  settle(order_id, order, secret);
}

bool DemoClient::create(const NewOrder& order, const otc::SigningKey& maker) {
  const auto answer = answered([&] { return desk_.create(maker, order); });
  return answer && answer->ok();
}

void DemoClient::settle(const std::string& order_id, const NewOrder& order,
                        const otc::Secret& secret) {
  const std::string taker_hash =
      order.side == otc::Side::buy ? otc::htlc_hash_of(secret) : std::string();
  const auto matched = answered([&] { return desk_.match(second_, order_id, "", taker_hash); });
  if (!matched) return;
  if (settled_status(order_id, {"matching"}) != "matched") return;
  ++counts_.matched;
  confirm(order_id, secret);
}

void DemoClient::confirm(const std::string& order_id, const otc::Secret& secret) {
  for (int round = 1; round <= max_confirm_rounds; ++round) {
    const auto answer =
        answered([&] { return desk_.confirm(order_id, secret, "0x" + order_id, round); });
    if (!answer) return;
    ++counts_.confirmed;
    if (chance(percent_void)) {
      const auto key = otc::custodian_key(otc::Call::payout, order_id, 1);
      const auto voided = sandbox_.void_payout(key);
      if (voided && *voided) ++counts_.voided;
    }
    // A release that the custodian refused leaves the order matched: it may be confirmed again.
    if (settled_status(order_id, {"settling"}) != "matched") return;
  }
}

}  // namespace pawl::app
