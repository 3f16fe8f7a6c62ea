// SPDX-License-Identifier: Apache-2.0
//
// A sandbox custodian on a real socket with our adapter in front of it, keys, and an order whose
// maker sells: what the custodian and sandbox tests start from.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <string>

#include "app/sandbox_custodian.h"
#include "eventually.h"
#include "systems/otc/custodian_own.h"

namespace pawl::otc {

// A directory of its own, gone with it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "pawl-otc-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// Two fixed people and what they sign.
struct People {
  SigningKey maker = SigningKey::from_seed({1});
  SigningKey taker = SigningKey::from_seed({2});
  SigningKey service = SigningKey::from_seed({3});
};

inline std::int64_t unix_now() {
  return system_clock().now().seconds();
}

inline CreateOrder order_of(Side side, MicroUnits amount_micro, std::string nonce) {
  CreateOrder out;
  out.side = side;
  out.amount_micro = amount_micro;
  out.price_nano = 100'000'000;
  out.ttl_seconds = default_ttl_seconds;
  out.nonce = std::move(nonce);
  out.htlc_hash = std::string(64, 'a');
  return out;
}

inline std::string nonce_of(int number) {
  const auto digits = std::to_string(number);
  return std::string(32 - digits.size(), '0') + digits;
}

// The lock of a maker who sells.
inline LockRequest sell_lock(const SigningKey& maker, const CreateOrder& order, int attempt = 1) {
  const auto now = unix_now();
  LockRequest out;
  out.order_id = make_order_id(maker.wallet(), order.nonce);
  out.key = custodian_key(Call::lock, out.order_id, attempt);
  out.holder = maker.wallet();
  out.amount_micro = order.amount_micro;
  out.until_seconds = now + 86'400;
  const auto text = canonical_text(order, maker.wallet(), now).value();
  out.authorization_public_key = maker.public_key_hex();
  out.authorization_signature = maker.sign(text);
  out.authorization_text = text;
  return out;
}

inline ReleaseRequest release_of(const LockRequest& lock) {
  return {custodian_key(Call::release, lock.order_id, 1), lock.order_id, lock.holder, ""};
}
inline RefundRequest refund_of(const LockRequest& lock) {
  return {custodian_key(Call::refund, lock.order_id, 1), lock.order_id, lock.holder, ""};
}
inline PayoutRequest payout_of(const LockRequest& lock, const Wallet& recipient, int attempt = 1) {
  return {custodian_key(Call::payout, lock.order_id, attempt), lock.order_id, recipient,
          lock.amount_micro};
}

inline constexpr int answer_timeout_ms = 10'000;

// Waits for the one answer; a second one, or none, fails the test.
inline EffectAnswer perform(Custodian& custodian, const CustodianRequest& request,
                            int timeout_ms = answer_timeout_ms) {
  auto promise = std::make_shared<std::promise<EffectAnswer>>();
  auto future = promise->get_future();
  custodian.perform(request, timeout_ms, [promise](EffectAnswer a) { promise->set_value(a); });
  if (future.wait_for(std::chrono::seconds(30)) != std::future_status::ready) {
    ADD_FAILURE() << "no answer came";
    return {};
  }
  return future.get();
}

inline EffectAnswer inquire(Custodian& custodian, const CustodianRequest& request,
                            int timeout_ms = answer_timeout_ms) {
  auto promise = std::make_shared<std::promise<EffectAnswer>>();
  auto future = promise->get_future();
  custodian.inquire(request, timeout_ms, [promise](EffectAnswer a) { promise->set_value(a); });
  if (future.wait_for(std::chrono::seconds(30)) != std::future_status::ready) {
    ADD_FAILURE() << "no answer came";
    return {};
  }
  return future.get();
}

inline std::string shown(const EffectAnswer& answer) {
  return std::string(name_of(answer.outcome)) + (answer.code.empty() ? "" : " " + answer.code);
}

// A started sandbox and our adapter to it; payouts confirm when the operator's delay is over.
class SandboxFixture : public ::testing::Test {
 protected:
  static constexpr std::int64_t never_ms = 3'600'000;

  explicit SandboxFixture(std::int64_t payout_delay_ms = never_ms)
      : sandbox_(options(payout_delay_ms)) {}

  void SetUp() override {
    const auto port = sandbox_.start();
    ASSERT_TRUE(port) << port.error().text();
    auto custodian = OwnCustodian::create(sandbox_.url(), people_.service, client_, system_clock());
    ASSERT_TRUE(custodian) << custodian.error().text();
    custodian_ = std::move(*custodian);
    give(people_.maker.wallet(), 1'000'000'000);
  }
  void TearDown() override { expect_balanced(); }

  app::SandboxOptions options(std::int64_t payout_delay_ms) const {
    app::SandboxOptions out;
    out.data_file = directory_.file("ledger.db");
    out.service_public_key = people_.service.public_key_hex();
    out.payout_delay_ms = payout_delay_ms;
    return out;
  }
  void give(const Wallet& wallet, MicroUnits amount_micro) {
    ASSERT_TRUE(sandbox_.ledger().faucet(wallet, amount_micro, sandbox_.now_ms()));
  }
  MicroUnits balance(const Wallet& wallet) {
    return sandbox_.ledger().balance_micro(wallet.text(), sandbox_.now_ms()).value();
  }
  // Every coin is somewhere, and every movement belongs to one operation.
  void expect_balanced() {
    const auto found = sandbox_.ledger().audit(sandbox_.now_ms());
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_TRUE(found->empty()) << found->front();
  }
  void set_fault(app::FaultTarget target, app::FaultMode mode, std::uint32_t delay_ms = 1'000) {
    app::FaultRule rule;
    rule.target = target;
    rule.mode = mode;
    rule.next = 1;
    rule.delay_ms = delay_ms;
    ASSERT_TRUE(sandbox_.faults().add(rule));
  }

  TemporaryDirectory directory_;
  People people_;
  app::SandboxCustodian sandbox_;
  std::shared_ptr<net::Client> client_ = std::make_shared<net::Client>();
  std::unique_ptr<OwnCustodian> custodian_;
};

}  // namespace pawl::otc
