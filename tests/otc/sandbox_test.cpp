// SPDX-License-Identifier: Apache-2.0
//
// The sandbox custodian's books: what each call does, what it refuses, that a key is executed once,
// and that no coin is made or lost, also with many at once and after a restart.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sqlite3.h>

#include <barrier>
#include <thread>

#include "app/sandbox_custodian_consent.h"
#include "app/sandbox_custodian_ledger.h"
#include "otc/custodian_fixture.h"

namespace pawl::otc {
namespace {

using app::SandboxLedger;

constexpr std::int64_t delay_ms = 60'000;

class Ledger : public ::testing::Test {
 protected:
  void SetUp() override {
    open();
    ASSERT_TRUE(ledger_->faucet(people_.maker.wallet(), 1'000'000'000, now_ms_));
    ASSERT_TRUE(ledger_->faucet(people_.taker.wallet(), 1'000'000'000, now_ms_));
  }
  void TearDown() override {
    const auto found = ledger_->audit(now_ms_);
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_TRUE(found->empty()) << found->front();
  }

  void open() {
    ledger_.reset();
    auto ledger = SandboxLedger::open(directory_.file("ledger.db"), delay_ms);
    ASSERT_TRUE(ledger) << ledger.error().text();
    ledger_ = std::move(*ledger);
  }
  // "confirmed", or "refused <code>".
  std::string run(const CustodianRequest& request) {
    const auto operation = ledger_->execute(request, now_ms_);
    if (!operation) return operation.error().text();
    return operation->state + (operation->code.empty() ? "" : " " + operation->code);
  }
  MicroUnits balance(const SigningKey& key) {
    return ledger_->balance_micro(key.wallet().text(), now_ms_).value();
  }
  LockRequest lock(int number = 1, MicroUnits amount_micro = 10'000'000) {
    return sell_lock(people_.maker, order_of(Side::sell, amount_micro, nonce_of(number)));
  }

  TemporaryDirectory directory_;
  People people_;
  std::int64_t now_ms_ = unix_now() * 1'000;
  std::unique_ptr<SandboxLedger> ledger_;
};

TEST_F(Ledger, SettlesALockedOrder) {
  const auto sell = lock();
  EXPECT_EQ(run(sell), "confirmed");
  EXPECT_EQ(balance(people_.maker), 990'000'000);
  EXPECT_EQ(run(payout_of(sell, people_.taker.wallet())), "refused escrow_not_released");
  EXPECT_EQ(run(release_of(sell)), "confirmed");
  EXPECT_EQ(run(payout_of(sell, people_.taker.wallet(), 2)), "accepted");
  EXPECT_EQ(balance(people_.taker), 1'000'000'000);
  now_ms_ += delay_ms;
  EXPECT_EQ(balance(people_.taker), 1'010'000'000);
  EXPECT_EQ(run(payout_of(sell, people_.taker.wallet(), 2)), "confirmed");
  EXPECT_EQ(run(payout_of(sell, people_.taker.wallet(), 3)), "refused payout_exceeds_balance");
}

TEST_F(Ledger, RefundsOnceAndNeverAfterARelease) {
  const auto sell = lock(1);
  EXPECT_EQ(run(refund_of(sell)), "refused escrow_unknown");
  EXPECT_EQ(run(sell), "confirmed");
  auto refund = refund_of(sell);
  refund.key += "1";
  EXPECT_EQ(run(refund), "confirmed");
  EXPECT_EQ(balance(people_.maker), 1'000'000'000);
  refund.key += "1";
  EXPECT_EQ(run(refund), "confirmed");  // done already is success
  EXPECT_EQ(balance(people_.maker), 1'000'000'000);
  EXPECT_EQ(run(release_of(sell)), "refused escrow_refunded");

  const auto other = lock(2);
  EXPECT_EQ(run(other), "confirmed");
  EXPECT_EQ(run(release_of(other)), "confirmed");
  EXPECT_EQ(run(refund_of(other)), "refused escrow_released");
  EXPECT_EQ(balance(people_.maker), 990'000'000);
}

TEST_F(Ledger, KeyIsExecutedOnceAndItsAnswerKept) {
  const auto sell = lock();
  EXPECT_EQ(run(sell), "confirmed");
  EXPECT_EQ(run(sell), "confirmed");
  EXPECT_EQ(balance(people_.maker), 990'000'000);
  auto other = sell;
  other.until_seconds += 1;
  EXPECT_EQ(run(other), "refused key_conflict");
  EXPECT_EQ(run(sell), "confirmed");

  auto poor = lock(2, 5'000'000'000);
  EXPECT_EQ(run(poor), "refused insufficient_balance");
  ASSERT_TRUE(ledger_->faucet(people_.maker.wallet(), 9'000'000'000, now_ms_));
  EXPECT_EQ(run(poor), "refused insufficient_balance");  // a refusal is final for its key
  poor.key += "2";
  EXPECT_EQ(run(poor), "confirmed");
}

TEST_F(Ledger, OneEscrowPerOrderAndOneLockPerSignature) {
  auto sell = lock();
  EXPECT_EQ(run(sell), "confirmed");
  sell.key += "2";
  EXPECT_EQ(run(sell), "refused order_has_escrow");
  EXPECT_EQ(run(refund_of(sell)), "confirmed");
  sell.key += "3";
  EXPECT_EQ(run(sell), "refused authorization_used");
}

TEST_F(Ledger, EscrowEnds) {
  auto sell = lock(1);
  sell.until_seconds = now_ms_ / 1'000;
  EXPECT_EQ(run(sell), "refused escrow_ended");
  sell = lock(2);
  EXPECT_EQ(run(sell), "confirmed");
  now_ms_ = sell.until_seconds * 1'000;
  EXPECT_EQ(run(release_of(sell)), "refused escrow_ended");
  EXPECT_EQ(run(refund_of(sell)), "confirmed");
}

TEST_F(Ledger, VoidedPayoutGoesBackToTheOrder) {
  const auto sell = lock();
  EXPECT_EQ(run(sell), "confirmed");
  EXPECT_EQ(run(release_of(sell)), "confirmed");
  const auto first = payout_of(sell, people_.taker.wallet(), 1);
  EXPECT_EQ(run(first), "accepted");
  ASSERT_TRUE(ledger_->void_payout(first.key, now_ms_));
  EXPECT_EQ(run(first), "refused payout_voided");  // the old key never pays
  EXPECT_FALSE(ledger_->void_payout(first.key, now_ms_));
  now_ms_ += delay_ms;
  EXPECT_EQ(balance(people_.taker), 1'000'000'000);
  const auto second = payout_of(sell, people_.taker.wallet(), 2);
  EXPECT_EQ(run(second), "accepted");
  now_ms_ += delay_ms;
  EXPECT_EQ(balance(people_.taker), 1'010'000'000);
  EXPECT_EQ(ledger_->void_payout(second.key, now_ms_).error().code, app::payout_not_pending);
}

TEST_F(Ledger, LocksOnlyWhatTheHolderSigned) {
  int number = 100;
  const auto code = [this, &number](auto change) {
    auto request = lock(++number);
    change(request);
    return run(request);
  };
  const auto stranger = SigningKey::generate();
  EXPECT_EQ(code([](auto&) {}), "confirmed");
  EXPECT_EQ(code([](auto& r) { r.amount_micro += 1; }), "refused authorization_other_amount");
  EXPECT_EQ(code([&](auto& r) { r.holder = people_.taker.wallet(); }),
            "refused authorization_invalid");
  EXPECT_EQ(code([&](auto& r) { r.authorization_signature = stranger.sign(r.authorization_text); }),
            "refused authorization_invalid");
  EXPECT_EQ(code([&](auto& r) {
              r.authorization_public_key = stranger.public_key_hex();
              r.authorization_signature = stranger.sign(r.authorization_text);
            }),
            "refused authorization_invalid");
  EXPECT_EQ(code([](auto& r) { r.authorization_text = "null"; }), "refused authorization_invalid");
  EXPECT_EQ(code([this](auto& r) { r.order_id = lock(99).order_id; }),
            "refused authorization_other_order");

  const auto sign_action = [this](const Action& action, std::int64_t timestamp) {
    return [this, action, timestamp](LockRequest& r) {
      r.authorization_text = canonical_text(action, people_.maker.wallet(), timestamp).value();
      r.authorization_signature = people_.maker.sign(r.authorization_text);
    };
  };
  const auto now = now_ms_ / 1'000;
  EXPECT_EQ(code(sign_action(CancelOrder{"x"}, now)), "refused authorization_invalid");
  EXPECT_EQ(code(sign_action(order_of(Side::buy, 10'000'000, nonce_of(1)), now)),
            "refused authorization_invalid");
  for (const auto timestamp : {now - 86'401, now + 301}) {
    EXPECT_EQ(code(sign_action(order_of(Side::sell, 10'000'000, nonce_of(1)), timestamp)),
              "refused authorization_expired");
  }
}

// A buy order: the taker locks, by a match that names no amount; the maker's create does.
TEST_F(Ledger, LocksATakersCoinsOnTheMakersTerms) {
  const auto buy = order_of(Side::buy, 10'000'000, nonce_of(1));
  const auto sign = [this](const SigningKey& key, const Action& action) {
    return canonical_text(action, key.wallet(), now_ms_ / 1'000).value();
  };
  LockRequest request;
  request.order_id = make_order_id(people_.maker.wallet(), buy.nonce);
  request.key = custodian_key(Call::lock, request.order_id, 1);
  request.holder = people_.taker.wallet();
  request.amount_micro = buy.amount_micro;
  request.until_seconds = now_ms_ / 1'000 + 60;
  request.authorization_public_key = people_.taker.public_key_hex();
  request.authorization_text = sign(people_.taker, MatchOrder{request.order_id, "", "ab"});
  request.authorization_signature = people_.taker.sign(request.authorization_text);
  request.terms_public_key = people_.maker.public_key_hex();
  request.terms_text = sign(people_.maker, buy);
  request.terms_signature = people_.maker.sign(request.terms_text);

  const auto consent = [this](const LockRequest& r) {
    return app::check_consent(r, now_ms_ / 1'000, 60);
  };
  EXPECT_EQ(consent(request), "");
  auto changed = request;
  changed.amount_micro += 1;
  EXPECT_EQ(consent(changed), "authorization_other_amount");
  changed = request;
  changed.terms_text = sign(people_.maker, order_of(Side::buy, 10'000'000, nonce_of(2)));
  changed.terms_signature = people_.maker.sign(changed.terms_text);
  EXPECT_EQ(consent(changed), "authorization_other_order");
  changed = request;
  changed.terms_text.clear();
  EXPECT_EQ(consent(changed), "authorization_without_terms");
  changed = request;
  changed.terms_signature = people_.taker.sign(changed.terms_text);
  EXPECT_EQ(consent(changed), "authorization_invalid");
  changed = request;
  changed.authorization_text = sign(people_.taker, MatchOrder{request.order_id + "0", "", ""});
  changed.authorization_signature = people_.taker.sign(changed.authorization_text);
  EXPECT_EQ(consent(changed), "authorization_other_order");

  EXPECT_EQ(run(request), "confirmed");
  EXPECT_EQ(balance(people_.taker), 990'000'000);
}

TEST_F(Ledger, FaucetHasItsLimits) {
  for (const std::int64_t amount : {std::int64_t{0}, std::int64_t{-1}, INT64_MAX}) {
    EXPECT_EQ(ledger_->faucet(people_.maker.wallet(), amount, now_ms_).error().code,
              app::faucet_amount_invalid);
  }
}

TEST_F(Ledger, SurvivesBeingOpenedAgain) {
  const auto sell = lock();
  EXPECT_EQ(run(sell), "confirmed");
  open();
  EXPECT_EQ(run(sell), "confirmed");
  EXPECT_EQ(balance(people_.maker), 990'000'000);
  EXPECT_FALSE(ledger_->find("otc_lock:nothing:1", now_ms_).value());
}

// Case 14: locks at once for funds that cover one.
TEST_F(Ledger, FundsThatCoverOneLockAreLockedOnce) {
  constexpr int threads = 4;
  std::vector<LockRequest> requests;
  for (int i = 0; i < threads; ++i) requests.push_back(lock(i + 1, 600'000'000));
  std::vector<std::string> answers(threads);
  std::barrier start(threads);
  std::vector<std::jthread> workers;
  for (int i = 0; i < threads; ++i) {
    workers.emplace_back([&, i] {
      start.arrive_and_wait();
      answers[static_cast<std::size_t>(i)] = run(requests[static_cast<std::size_t>(i)]);
    });
  }
  workers.clear();
  EXPECT_EQ(std::count(answers.begin(), answers.end(), "confirmed"), 1);
  EXPECT_EQ(std::count(answers.begin(), answers.end(), "refused insufficient_balance"), 3);
  EXPECT_EQ(balance(people_.maker), 400'000'000);
}

TEST_F(Ledger, RefusesAPathItCannotUse) {
  const auto ledger = SandboxLedger::open(directory_.file("no/such/place"), 0);
  ASSERT_FALSE(ledger);
  EXPECT_EQ(ledger.error().code, app::ledger_unavailable);
}

// Whatever is called, in whatever order and however often: the books balance after every call, and
// no order is both refunded and paid.
RC_GTEST_FIXTURE_PROP(Ledger, AnyCallsInAnyOrderBalance, ()) {
  auto ledger = *SandboxLedger::open(":memory:", delay_ms);
  RC_ASSERT(ledger->faucet(people_.maker.wallet(), 25'000'000, now_ms_).has_value());
  std::int64_t now = now_ms_;
  const auto steps = *rc::gen::resize(40, rc::gen::container<std::vector<std::uint32_t>>(
                                              rc::gen::inRange<std::uint32_t>(0, 1'000'000)));
  for (const auto step : steps) {
    const auto sell = lock(static_cast<int>(step % 3));
    const int attempt = static_cast<int>(step / 3 % 3);
    auto release = release_of(sell);
    release.key += std::to_string(attempt);
    auto refund = refund_of(sell);
    refund.key += std::to_string(attempt);
    const auto payout = payout_of(sell, people_.taker.wallet(), attempt);
    switch (step / 9 % 6) {
      case 0:
        RC_ASSERT(ledger->execute(sell, now).has_value());
        break;
      case 1:
        RC_ASSERT(ledger->execute(release, now).has_value());
        break;
      case 2:
        RC_ASSERT(ledger->execute(refund, now).has_value());
        break;
      case 3:
        RC_ASSERT(ledger->execute(payout, now).has_value());
        break;
      case 4:
        (void)ledger->void_payout(payout.key, now);
        break;
      default:
        now += delay_ms / 2;
    }
    const auto found = ledger->audit(now);
    RC_ASSERT(found.has_value());
    RC_ASSERT(found->empty());
  }
}

// A dishonest book is noticed: the audit can fail.
TEST(LedgerAudit, NoticesCoinsFromNowhere) {
  TemporaryDirectory directory;
  const auto path = directory.file("ledger.db");
  auto ledger = *SandboxLedger::open(path, delay_ms);
  const auto wallet = SigningKey::from_seed({1}).wallet();
  ASSERT_TRUE(ledger->faucet(wallet, 5, 0));
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "UPDATE wallets SET balance_micro = 6", nullptr, nullptr, nullptr),
            SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "INSERT INTO escrows VALUES (1, 'o', 'h', 'released', 5, 4, 0, 'a')",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(db);
  const auto found = ledger->audit(0);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->size(), 4U);
}

}  // namespace
}  // namespace pawl::otc
