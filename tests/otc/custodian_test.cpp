// SPDX-License-Identifier: Apache-2.0
//
// The custodian adapter against the sandbox over real sockets. The heart is one table: each call
// met by each misfortune ends in the same outcome for the same evidence, and asking afterwards
// tells the truth.
#include "systems/otc/custodian.h"

#include <gtest/gtest.h>

#include "otc/custodian_fixture.h"
#include "systems/otc/custodian_http.h"

namespace pawl::otc {
namespace {

using app::FaultMode;
using app::FaultTarget;

class OwnCustodianTest : public SandboxFixture {};

TEST_F(OwnCustodianTest, SettlesAnOrder) {
  const auto lock = sell_lock(people_.maker, order_of(Side::sell, 10'000'000, nonce_of(1)));
  EXPECT_EQ(shown(inquire(*custodian_, lock)), "absent absent");
  const auto locked = perform(*custodian_, lock);
  EXPECT_EQ(shown(locked), "confirmed");
  EXPECT_EQ(locked.reference, "escrow_1");
  EXPECT_EQ(shown(inquire(*custodian_, lock)), "confirmed");
  EXPECT_EQ(shown(perform(*custodian_, release_of(lock))), "confirmed");
  EXPECT_EQ(shown(perform(*custodian_, refund_of(lock))), "refused escrow_released");
  EXPECT_EQ(shown(inquire(*custodian_, refund_of(lock))), "refused escrow_released");
  const auto payout = payout_of(lock, people_.taker.wallet());
  EXPECT_EQ(shown(perform(*custodian_, payout)), "accepted");
  EXPECT_EQ(shown(inquire(*custodian_, payout)), "accepted");
  ASSERT_TRUE(sandbox_.ledger().void_payout(payout.key, sandbox_.now_ms()));
  EXPECT_EQ(shown(inquire(*custodian_, payout)), "refused payout_voided");
  EXPECT_EQ(shown(perform(*custodian_, payout)), "refused payout_voided");
  EXPECT_EQ(shown(perform(*custodian_, payout_of(lock, people_.taker.wallet(), 2))), "accepted");
  EXPECT_EQ(custodian_->resend_rule(Call::lock), ResendRule::dedup);
}

class PromptPayout : public SandboxFixture {
 protected:
  PromptPayout() : SandboxFixture(0) {}
};

TEST_F(PromptPayout, AcceptedFirstThenConfirmed) {
  const auto lock = sell_lock(people_.maker, order_of(Side::sell, 10'000'000, nonce_of(1)));
  EXPECT_EQ(shown(perform(*custodian_, lock)), "confirmed");
  EXPECT_EQ(shown(perform(*custodian_, release_of(lock))), "confirmed");
  const auto payout = payout_of(lock, people_.taker.wallet());
  EXPECT_EQ(shown(perform(*custodian_, payout)), "accepted");
  EXPECT_EQ(shown(inquire(*custodian_, payout)), "confirmed");
  EXPECT_EQ(balance(people_.taker.wallet()), 10'000'000);
}

// What one misfortune shows, and whether the far side had executed.
struct Misfortune {
  FaultMode mode;
  Outcome outcome;
  bool executed;
};

constexpr Misfortune misfortunes[] = {
    {FaultMode::refuse, Outcome::refused, false},
    {FaultMode::error_5xx, Outcome::unknown, false},
    {FaultMode::close_after_reading, Outcome::unknown, false},
    {FaultMode::reset, Outcome::unknown, false},
    {FaultMode::hang, Outcome::unknown, false},
    {FaultMode::half, Outcome::unknown, false},
    {FaultMode::garbage, Outcome::unknown, false},
    {FaultMode::html, Outcome::unknown, false},
    {FaultMode::slow_drip, Outcome::unknown, false},
    {FaultMode::redirect, Outcome::unknown, false},
    {FaultMode::late, Outcome::unknown, true},
    {FaultMode::commit_then_error_5xx, Outcome::unknown, true},
    {FaultMode::commit_then_close, Outcome::unknown, true},
    {FaultMode::commit_then_reset, Outcome::unknown, true},
    {FaultMode::commit_then_hang, Outcome::unknown, true},
    {FaultMode::commit_then_half, Outcome::unknown, true},
    {FaultMode::commit_then_garbage, Outcome::unknown, true},
    {FaultMode::commit_then_html, Outcome::unknown, true},
};

// The rows of the one table: every call.
class EveryCall : public SandboxFixture, public ::testing::WithParamInterface<Call> {
 public:
  static FaultTarget target_of(Call call) { return static_cast<FaultTarget>(call); }
  static Outcome success_of(Call call) {
    return call == Call::payout ? Outcome::accepted : Outcome::confirmed;
  }

 protected:
  // A request of this kind that would succeed, on an order of its own.
  CustodianRequest prepared(int number) {
    const auto lock = sell_lock(people_.maker, order_of(Side::sell, 1'000'000, nonce_of(number)));
    if (GetParam() == Call::lock) return lock;
    EXPECT_EQ(shown(perform(*custodian_, lock)), "confirmed");
    if (GetParam() == Call::refund) return refund_of(lock);
    if (GetParam() == Call::release) return release_of(lock);
    EXPECT_EQ(shown(perform(*custodian_, release_of(lock))), "confirmed");
    return payout_of(lock, people_.taker.wallet());
  }
  void check(const Misfortune& misfortune, const CustodianRequest& request);

  // Long enough for the request to arrive on a slow machine.
  static constexpr int short_timeout_ms = 500;
};

void EveryCall::check(const Misfortune& misfortune, const CustodianRequest& request) {
  const bool waits = misfortune.mode == FaultMode::hang || misfortune.mode == FaultMode::late ||
                     misfortune.mode == FaultMode::slow_drip ||
                     misfortune.mode == FaultMode::commit_then_hang;
  sandbox_.faults().clear();
  set_fault(target_of(GetParam()), misfortune.mode, 20'000);
  const auto answer = perform(*custodian_, request, waits ? short_timeout_ms : answer_timeout_ms);
  EXPECT_EQ(name_of(answer.outcome), name_of(misfortune.outcome)) << answer.code;
  EXPECT_FALSE(answer.code.empty());

  // Asking tells the truth, and sending again executes once.
  const auto success = success_of(GetParam());
  const auto asked = inquire(*custodian_, request);
  const auto again = perform(*custodian_, request);
  if (misfortune.mode == FaultMode::refuse) {
    EXPECT_EQ(shown(asked), "refused fault_refused");
    EXPECT_EQ(shown(again), "refused fault_refused");
    return;
  }
  EXPECT_EQ(name_of(asked.outcome), name_of(misfortune.executed ? success : Outcome::absent));
  EXPECT_EQ(name_of(again.outcome), name_of(success));
}

TEST_P(EveryCall, SameEvidenceSameOutcome) {
  int number = 0;
  for (const auto& misfortune : misfortunes) {
    SCOPED_TRACE(name_of(misfortune.mode));
    check(misfortune, prepared(++number));
    expect_balanced();
  }
}

// A frozen request that arrives after an inquiry said absent: the key still executes once.
TEST_P(EveryCall, LateArrivalAfterAbsentExecutesOnce) {
  const auto request = prepared(1);
  const auto before = sandbox_.executions();
  set_fault(target_of(GetParam()), FaultMode::arrive_late, 2'500);
  EXPECT_EQ(name_of(perform(*custodian_, request, short_timeout_ms).outcome), "unknown");
  EXPECT_EQ(shown(inquire(*custodian_, request)), "absent absent");
  EXPECT_EQ(perform(*custodian_, request).outcome, success_of(GetParam()));
  // It did arrive.
  ASSERT_TRUE(test::eventually([&] { return sandbox_.executions() == before + 2; }));
  EXPECT_EQ(inquire(*custodian_, request).outcome, success_of(GetParam()));
}

TEST_P(EveryCall, NeverSentIfNobodyListens) {
  const auto request = prepared(1);
  sandbox_.stop();
  const auto fresh = std::make_shared<net::Client>();
  auto custodian = *OwnCustodian::create(sandbox_.url(), people_.service, fresh, system_clock());
  const auto answer = perform(*custodian, request);
  EXPECT_EQ(shown(answer), "never_sent client_connect_failed");
  // An inquiry that was never sent learned nothing of the call.
  EXPECT_EQ(name_of(inquire(*custodian, request).outcome), "unknown");
}

TEST_P(EveryCall, ServiceWithAnotherKeyGetsNothing) {
  const auto request = prepared(1);
  auto stranger =
      *OwnCustodian::create(sandbox_.url(), SigningKey::generate(), client_, system_clock());
  // Not `refused`: that would speak of the key, which may have been executed earlier.
  EXPECT_EQ(name_of(perform(*stranger, request).outcome), "unknown");
  EXPECT_EQ(name_of(inquire(*stranger, request).outcome), "unknown");
  EXPECT_EQ(shown(inquire(*custodian_, request)), "absent absent");
}

TEST_P(EveryCall, KeyUsedForOtherContentIsAConflict) {
  const auto request = prepared(1);
  EXPECT_EQ(perform(*custodian_, request).outcome, success_of(GetParam()));
  auto other = prepared(2);
  std::visit([&](auto& r) { r.key = key_of(request); }, other);
  EXPECT_EQ(shown(perform(*custodian_, other)), "refused key_conflict");
  EXPECT_EQ(name_of(inquire(*custodian_, other).outcome), "unknown");
}

INSTANTIATE_TEST_SUITE_P(Custodian, EveryCall,
                         ::testing::Values(Call::lock, Call::release, Call::refund, Call::payout),
                         [](const auto& tested) { return std::string(name_of(tested.param)); });

TEST_F(OwnCustodianTest, InquiryThatIsLostIsUnknown) {
  const auto lock = sell_lock(people_.maker, order_of(Side::sell, 1'000'000, nonce_of(1)));
  EXPECT_EQ(shown(perform(*custodian_, lock)), "confirmed");
  for (const auto& misfortune : misfortunes) {
    SCOPED_TRACE(name_of(misfortune.mode));
    sandbox_.faults().clear();
    set_fault(FaultTarget::inquiry, misfortune.mode, 300);
    EXPECT_EQ(name_of(inquire(*custodian_, lock, 100).outcome), "unknown");
  }
  sandbox_.faults().clear();
  EXPECT_EQ(shown(inquire(*custodian_, lock)), "confirmed");
}

// Destroying the client ends what hangs, with an answer.
TEST_F(OwnCustodianTest, StoppedClientAnswersWhatItCannotKnow) {
  const auto lock = sell_lock(people_.maker, order_of(Side::sell, 1'000'000, nonce_of(1)));
  set_fault(FaultTarget::lock, FaultMode::commit_then_hang, 20'000);
  auto promise = std::make_shared<std::promise<EffectAnswer>>();
  custodian_->perform(lock, answer_timeout_ms,
                      [promise](EffectAnswer a) { promise->set_value(a); });
  ASSERT_TRUE(test::eventually([&] { return sandbox_.executions() == 1; }));
  custodian_.reset();
  client_.reset();
  EXPECT_EQ(name_of(promise->get_future().get().outcome), "unknown");
}

// The same table without a socket, for answers that the sandbox never gives.
struct OddAnswer {
  std::string name;
  bool inquiry;
  unsigned status;
  std::string body;
  std::string expected;
};

TEST(OwnAnswer, OnlyAWholeAnswerForOurKeyAndOrderCounts) {
  const PayoutRequest payout{"k", "o", {}, 1};
  const ReleaseRequest release{"k", "o", {}, ""};
  const auto body = [](std::string key, std::string order, std::string call, std::string state) {
    return R"({"key":")" + key + R"(","order_id":")" + order + R"(","call":")" + call +
           R"(","state":")" + state + R"(","code":"c","reference":"r"})";
  };
  const std::vector<OddAnswer> cases = {
      {"confirmed", false, 200, body("k", "o", "payout", "confirmed"), "confirmed"},
      {"accepted", false, 202, body("k", "o", "payout", "accepted"), "accepted"},
      {"refused", false, 409, body("k", "o", "payout", "refused"), "refused"},
      {"refused with 200", false, 200, body("k", "o", "payout", "refused"), "unknown"},
      {"confirmed with 409", false, 409, body("k", "o", "payout", "confirmed"), "unknown"},
      {"confirmed with 503", false, 503, body("k", "o", "payout", "confirmed"), "unknown"},
      {"refused with 503", false, 503, body("k", "o", "payout", "refused"), "unknown"},
      {"confirmed with 302", false, 302, body("k", "o", "payout", "confirmed"), "unknown"},
      {"absent to a call", false, 404, R"({"key":"k","state":"absent"})", "unknown"},
      {"absent", true, 404, R"({"key":"k","state":"absent"})", "absent"},
      {"absent with 200", true, 200, R"({"key":"k","state":"absent"})", "unknown"},
      {"absent of another", true, 404, R"({"key":"x","state":"absent"})", "unknown"},
      {"some 404", true, 404, "not found", "unknown"},
      {"some JSON 404", true, 404, R"({"error":"not found"})", "unknown"},
      {"asked, refused", true, 200, body("k", "o", "payout", "refused"), "refused"},
      {"asked, refused with 409", true, 409, body("k", "o", "payout", "refused"), "unknown"},
      {"another key", false, 200, body("x", "o", "payout", "confirmed"), "unknown"},
      {"another order", false, 200, body("k", "x", "payout", "confirmed"), "unknown"},
      {"another call", false, 200, body("k", "o", "lock", "confirmed"), "unknown"},
      {"another state", false, 200, body("k", "o", "payout", "done"), "unknown"},
      {"no body", false, 200, "", "unknown"},
      {"an array", false, 200, "[]", "unknown"},
      {"ok false", false, 200, R"({"ok":false})", "unknown"},
      {"trailing text", false, 200, body("k", "o", "payout", "confirmed") + "x", "unknown"},
      {"state twice", false, 200, R"({"key":"k","state":"refused","state":"confirmed"})",
       "unknown"},
  };
  for (const auto& c : cases) {
    net::Response response;
    response.status = c.status;
    response.body = c.body;
    const auto answer = read_own_answer(payout, c.inquiry, net::ClientResult(response));
    EXPECT_EQ(name_of(answer.outcome), c.expected) << c.name;
  }
  net::Response accepted;
  accepted.body = body("k", "o", "release", "accepted");
  EXPECT_EQ(read_own_answer(release, false, net::ClientResult(accepted)).outcome, Outcome::unknown);
}

TEST(OwnAnswer, TextsOfTheFarSideAreBounded) {
  net::Response response;
  response.status = 409;
  response.body = R"({"key":"k","order_id":"o","call":"release","state":"refused","code":")" +
                  std::string(1'000, 'c') + R"(","reference":"a\u0007"})";
  const auto answer = read_own_answer(ReleaseRequest{"k", "o", {}, ""}, false,
                                      net::ClientResult(std::move(response)));
  EXPECT_EQ(answer.code.size(), max_answer_text_bytes);
  EXPECT_EQ(answer.reference, "a?");
}

// Case 85, for both adapters.
TEST(CustodianUrl, TrustsHttpsAndThisMachineOnly) {
  for (const auto& good :
       {"https://custodian.example", "https://custodian.example:8443/", "http://127.0.0.1:80",
        "http://127.5.5.5", "http://[::1]:99", "http://localhost:1"}) {
    EXPECT_TRUE(trusted_base_url(good)) << good;
  }
  for (const auto& bad :
       {"http://custodian.example", "http://10.0.0.1", "http://0.0.0.0", "http://localhost.example",
        "http://[::ffff:10.0.0.1]", "http://2130706433"}) {
    ASSERT_FALSE(trusted_base_url(bad)) << bad;
    EXPECT_EQ(trusted_base_url(bad).error().code, custodian_url_untrusted) << bad;
  }
  for (const auto& bad : {"", "custodian", "ftp://127.0.0.1", "https://", "https://u:p@host",
                          "https://host/path", "https://host?q", "http://127.0.0.1@evil.example",
                          "https://host#f", "http://127.0.0.1.example"}) {
    ASSERT_FALSE(trusted_base_url(bad)) << bad;
    EXPECT_EQ(trusted_base_url(bad).error().code, custodian_url_invalid) << bad;
  }
  EXPECT_EQ(trusted_base_url("https://host:1/").value(), "https://host:1");
}

TEST(CustodianKey, FitsBothContracts) {
  EXPECT_TRUE(is_custodian_key(custodian_key(Call::payout, "otc_" + std::string(32, 'a'), 12)));
  EXPECT_FALSE(is_custodian_key(""));
  EXPECT_FALSE(is_custodian_key(".."));
  EXPECT_FALSE(is_custodian_key("a/b"));
  EXPECT_FALSE(is_custodian_key("a b"));
  EXPECT_FALSE(is_custodian_key(std::string(129, 'a')));
}

}  // namespace
}  // namespace pawl::otc
