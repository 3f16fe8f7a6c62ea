// SPDX-License-Identifier: Apache-2.0
//
// Payments outside, with an outside that does everything an outside can do. Every test counts the
// sends: what may have happened is asked, and is sent again only where the rule allows it.
#include <optional>
#include <set>
#include <stdexcept>

#include "engine/engine_fixture.h"

namespace pawl::test {
namespace {

using Purpose = EffectCall::Purpose;
using Done = EffectHandler::Done;
using Verb = Engine::EffectVerb;

class Effects : public EngineFixture {
 protected:
  void begin(ScriptedHandler::Script script, EngineOptions options = no_grace()) {
    handler_ = std::make_shared<ScriptedHandler>(std::move(script));
    start(options);
    done(bank::Open{"a", 100, {}});
  }
  void pay(const std::string& key = "k1") { done(bank::Pay{"a", 10, key}); }
  bool ended() { return effect_reaches("ended"); }
  void expect(std::int64_t balance, std::int64_t paying, std::int64_t paid) {
    const auto row = account("a");
    EXPECT_EQ(row.balance, balance);
    EXPECT_EQ(row.paying, paying);
    EXPECT_EQ(row.paid, paid);
  }
  std::vector<std::string> alert_codes() {
    std::vector<std::string> codes;
    const auto alerts = engine_->alerts(true, 100);
    if (alerts) {
      for (const auto& alert : *alerts) codes.push_back(alert.code);
    }
    return codes;
  }
};

// The send gives one answer, every inquiry or poll another.
ScriptedHandler::Script first_then(Outcome send, Outcome later) {
  return [send, later](const EffectCall& call, const Done& done) {
    done(EffectAnswer(call.purpose == Purpose::perform ? send : later));
  };
}

TEST_F(Effects, Confirmed) {
  begin(answering(Outcome::confirmed));
  pay();
  ASSERT_TRUE(ended());
  expect(90, 0, 10);
  EXPECT_EQ(handler_->sends(), 1);
  const auto call = handler_->calls().at(0);
  EXPECT_EQ(call.idempotency_key, "k1");
  EXPECT_EQ(call.attempt, 1);
  EXPECT_EQ(call.kind, "bank.payment");
  EXPECT_TRUE(from_payload<bank::Payment>(call.payload));
}

TEST_F(Effects, Refused) {
  begin(answering(Outcome::refused));
  pay();
  ASSERT_TRUE(ended());
  expect(100, 0, 0);
  EXPECT_EQ(handler_->sends(), 1);
}

TEST_F(Effects, AcceptedIsPolledUntilItEnds) {
  std::atomic<int> polls{0};
  begin([&](const EffectCall& call, const Done& done) {
    const bool over = call.purpose == Purpose::poll && ++polls == 3;
    done(EffectAnswer(over ? Outcome::confirmed : Outcome::accepted));
  });
  pay();
  ASSERT_TRUE(ended());
  expect(90, 0, 10);
  EXPECT_EQ(account("a").accepted, 1) << "reported once";
  EXPECT_EQ(handler_->sends(), 1);
  EXPECT_EQ(handler_->count(Purpose::poll), 3);
  engine_.reset();
}

TEST_F(Effects, NeverSentIsTriedAgainUpToItsAttempts) {
  begin(answering(Outcome::never_sent));
  pay();
  ASSERT_TRUE(ended());
  expect(100, 0, 0);
  EXPECT_EQ(handler_->sends(), 3);
  EXPECT_EQ(handler_->inquiries(), 0);
  EXPECT_EQ(only_effect().outcome, "never_sent");
}

TEST_F(Effects, UnknownIsInquiredAndNotSentAgain) {
  begin(first_then(Outcome::unknown, Outcome::confirmed));
  pay();
  ASSERT_TRUE(ended());
  expect(90, 0, 10);
  EXPECT_EQ(handler_->sends(), 1);
  EXPECT_EQ(handler_->inquiries(), 1);
}

TEST_F(Effects, UnknownForLongIsAskedOnAndAlerted) {
  policy_.alert_after_inquiries = 2;
  begin(answering(Outcome::unknown));
  pay();
  ASSERT_TRUE(eventually([&] { return handler_->inquiries() >= 5; }));
  EXPECT_EQ(handler_->sends(), 1);
  ASSERT_TRUE(eventually([&] { return !alert_codes().empty(); }));
  EXPECT_EQ(alert_codes(), std::vector<std::string>{"effect_outcome_unknown"}) << "merged to one";
  expect(90, 10, 0);
}

class EffectsByRule : public Effects, public ::testing::WithParamInterface<ResendRule> {};

TEST_P(EffectsByRule, AbsentAfterUnknownIsSentAgainOnlyWhereTheRuleAllows) {
  policy_ = bank::quick_policy(GetParam());
  std::atomic<int> inquiries{0};
  begin([&](const EffectCall& call, const Done& done) {
    if (call.purpose == Purpose::perform) {
      done(EffectAnswer(call.attempt == 1 ? Outcome::unknown : Outcome::confirmed));
      return;
    }
    EffectAnswer absent(Outcome::absent);
    // The first inquiry is answered before the send's not_after, the second after it.
    absent.far_time = ++inquiries == 1 ? call.not_after : call.not_after.plus_us(1);
    done(absent);
  });
  pay();
  if (GetParam() == ResendRule::neither) {
    ASSERT_TRUE(effect_reaches("waiting"));
    EXPECT_EQ(handler_->sends(), 1);
    EXPECT_EQ(alert_codes(), std::vector<std::string>{"effect_needs_operator"});
    expect(90, 10, 0);
    return;
  }
  ASSERT_TRUE(ended());
  EXPECT_EQ(handler_->sends(), 2);
  EXPECT_EQ(handler_->inquiries(), GetParam() == ResendRule::not_after ? 2 : 1);
  expect(90, 0, 10);
  engine_.reset();
}
INSTANTIATE_TEST_SUITE_P(Rules, EffectsByRule,
                         ::testing::Values(ResendRule::dedup, ResendRule::not_after,
                                           ResendRule::inquiry_voids, ResendRule::neither));

TEST_F(Effects, AHandlerThatThrowsIsUnknown) {
  begin([](const EffectCall& call, const Done& done) {
    if (call.purpose == Purpose::perform) throw std::runtime_error("on purpose");
    done(EffectAnswer(Outcome::confirmed));
  });
  pay();
  ASSERT_TRUE(ended());
  EXPECT_EQ(handler_->sends(), 1);
  EXPECT_EQ(handler_->inquiries(), 1);
}

TEST_F(Effects, AHandlerThatThrowsNoExceptionIsUnknownToo) {
  begin([](const EffectCall& call, const Done& done) {
    if (call.purpose == Purpose::perform) throw 7;
    done(EffectAnswer(Outcome::confirmed));
  });
  pay();
  ASSERT_TRUE(ended());
  EXPECT_EQ(handler_->sends(), 1);
}

TEST_F(Effects, OnlyTheFirstOfTwoAnswersCounts) {
  begin([](const EffectCall&, const Done& done) {
    done(EffectAnswer(Outcome::refused));
    done(EffectAnswer(Outcome::confirmed));
  });
  pay();
  ASSERT_TRUE(ended());
  EXPECT_EQ(only_effect().outcome, "refused");
  done(bank::Deposit{"a", 0});  // a commit behind the second answer
  expect(100, 0, 0);
}

TEST_F(Effects, AnAnswerThatComesTooLateIsDropped) {
  policy_.send_timeout_ms = 10;
  std::mutex mutex;
  std::optional<Done> late;
  begin([&](const EffectCall& call, const Done& done) {
    const std::lock_guard lock(mutex);
    if (call.purpose == Purpose::perform) {
      late = done;
    } else {
      // The inquiry is what ends it; the answer to the send comes in between.
      (*late)(EffectAnswer(Outcome::refused));
      done(EffectAnswer(Outcome::confirmed));
    }
  });
  pay();
  ASSERT_TRUE(ended());
  EXPECT_EQ(only_effect().outcome, "confirmed");
  EXPECT_NE(only_effect().history.find("handler_timeout"), std::string::npos);
  EXPECT_EQ(handler_->sends(), 1);
  expect(90, 0, 10);
  engine_.reset();
}

TEST_F(Effects, NeverMoreUnderWayThanItsConcurrency) {
  policy_.concurrency = 3;
  std::mutex mutex;
  std::vector<Done> open;
  begin([&](const EffectCall&, const Done& done) {
    const std::lock_guard lock(mutex);
    open.push_back(done);
  });
  for (int i = 0; i < 10; ++i) done(bank::Pay{"a", 1, "k" + std::to_string(i)});
  std::size_t most = 0;
  for (std::size_t answered = 0; answered < 10;) {
    ASSERT_TRUE(eventually([&] {
      const std::lock_guard lock(mutex);
      return open.size() >= std::min<std::size_t>(3, 10 - answered);
    }));
    done(bank::Deposit{"a", 0});  // the engine has had its turn
    std::vector<Done> batch;
    {
      const std::lock_guard lock(mutex);
      batch.swap(open);
    }
    most = std::max(most, batch.size());
    for (const auto& answer : batch) answer(EffectAnswer(Outcome::confirmed));
    answered += batch.size();
  }
  EXPECT_EQ(most, 3U);
  EXPECT_TRUE(reaches("a", [](const auto& row) { return row.paid == 10; }));
  EXPECT_EQ(handler_->sends(), 10);
  engine_.reset();
}

TEST_F(Effects, WithoutAHandlerNothingIsClaimed) {
  start(no_grace());
  done(bank::Open{"a", 100, {}});
  pay();
  done(bank::Deposit{"a", 0});
  EXPECT_EQ(only_effect().state, "ready");
  EXPECT_EQ(only_effect().attempt, 0);
  handler_ = std::make_shared<ScriptedHandler>(answering(Outcome::confirmed));
  restart(no_grace());
  ASSERT_TRUE(ended());
  EXPECT_EQ(handler_->sends(), 1);
}

TEST_F(Effects, WhatWasBeingSentAtTheEndIsInquiredFirst) {
  begin(hang);
  pay();
  ASSERT_TRUE(handler_->wait_for_calls(1));
  engine_.reset();
  handler_ = std::make_shared<ScriptedHandler>(first_then(Outcome::refused, Outcome::confirmed));
  start(no_grace());
  ASSERT_TRUE(ended());
  EXPECT_EQ(handler_->sends(), 0);
  EXPECT_EQ(handler_->inquiries(), 1);
  expect(90, 0, 10);
}

TEST_F(Effects, WhatWasBeingInquiredAtTheEndIsInquiredAgain) {
  begin([](const EffectCall& call, const Done& done) {
    if (call.purpose == Purpose::perform) done(EffectAnswer(Outcome::unknown));
  });
  pay();
  ASSERT_TRUE(handler_->wait_for_calls(2));
  engine_.reset();
  handler_ = std::make_shared<ScriptedHandler>(first_then(Outcome::refused, Outcome::confirmed));
  start(no_grace());
  ASSERT_TRUE(ended());
  EXPECT_EQ(handler_->sends(), 0);
  expect(90, 0, 10);
}

TEST_F(Effects, WhatWasBeingPolledAtTheEndIsPolledAgain) {
  begin([](const EffectCall& call, const Done& done) {
    if (call.purpose == Purpose::perform) done(EffectAnswer(Outcome::accepted));
  });
  pay();
  ASSERT_TRUE(handler_->wait_for_calls(2));
  engine_.reset();
  handler_ = std::make_shared<ScriptedHandler>(first_then(Outcome::refused, Outcome::confirmed));
  start(no_grace());
  ASSERT_TRUE(ended());
  EXPECT_EQ(handler_->sends(), 0);
  EXPECT_EQ(handler_->inquiries(), 0);
  EXPECT_EQ(account("a").accepted, 1);
  expect(90, 0, 10);
}

TEST_F(Effects, WhatWaitsForAnOperatorGoesOnWaiting) {
  policy_ = bank::quick_policy(ResendRule::neither);
  begin(first_then(Outcome::unknown, Outcome::absent));
  pay();
  ASSERT_TRUE(effect_reaches("waiting"));
  restart(no_grace());
  done(bank::Deposit{"a", 0});
  EXPECT_EQ(only_effect().state, "waiting");
  EXPECT_EQ(handler_->sends(), 1);

  const auto effect = only_effect();
  const auto wrong = operate(effect.id, Verb::confirm, effect.token + 1);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code.code, "effect_changed");
  handler_->set(answering(Outcome::confirmed));
  ASSERT_TRUE(operate(effect.id, Verb::retry, effect.token));
  ASSERT_TRUE(ended());
  EXPECT_EQ(handler_->sends(), 2) << "a person has looked";
  const auto late = operate(effect.id, Verb::refuse);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code.code, "effect_ended");
  expect(90, 0, 10);
  EXPECT_NE(only_effect().history.find("operator:retry operator:ann: why"), std::string::npos);
}

TEST_F(Effects, OperatorsConfirmAndRefuseEndIt) {
  for (const Verb verb : {Verb::confirm, Verb::refuse}) {
    policy_ = bank::quick_policy(ResendRule::neither);
    if (!engine_) begin(first_then(Outcome::unknown, Outcome::absent));
    done(bank::Pay{"a", 10, verb == Verb::confirm ? "k1" : "k2"});
    std::int64_t id = 0;
    ASSERT_TRUE(eventually([&] {
      const auto open = engine_->effects(false, 0, 10);
      if (!open || open->size() != 1 || open->front().state != "waiting") return false;
      id = open->front().id;
      return true;
    }));
    ASSERT_TRUE(operate(id, verb));
    const auto effect = engine_->effect(id);
    ASSERT_TRUE(effect && *effect);
    EXPECT_EQ((*effect)->state, "ended");
  }
  expect(90, 0, 10);
  EXPECT_EQ(handler_->sends(), 2);
}

TEST_F(Effects, OperatorsVerbLosesToAnExchangeUnderWay) {
  begin(hang);
  pay();
  ASSERT_TRUE(handler_->wait_for_calls(1));
  const auto verb = operate(only_effect().id, Verb::confirm);
  ASSERT_FALSE(verb);
  EXPECT_EQ(verb.error().code.code, "effect_under_way");
  EXPECT_EQ(only_effect().state, "sending");
  const auto none = operate(12'345, Verb::confirm);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code.code, "effect_not_found");
}

TEST_F(Effects, AnOutcomeThatItsOwnerRefusesIsParkedAndCanBeRetried) {
  std::mutex mutex;
  std::optional<Done> open;
  begin([&](const EffectCall&, const Done& done) {
    const std::lock_guard lock(mutex);
    open = done;
  });
  pay();
  ASSERT_TRUE(handler_->wait_for_calls(1));
  done(bank::Go{"a", bank::State::frozen});
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return open.has_value();
  }));
  (*open)(EffectAnswer(Outcome::confirmed));
  ASSERT_TRUE(ended());
  ASSERT_EQ(parked().size(), 1U);
  EXPECT_EQ(parked()[0].source, "outcome");
  EXPECT_EQ(parked()[0].code, "not_open");
  expect(90, 10, 0);

  restart(no_grace());
  const auto still = operate_parked(parked()[0].id, true);
  ASSERT_TRUE(still);
  EXPECT_FALSE(still->done);
  ASSERT_EQ(parked().size(), 1U);
  done(bank::Go{"a", bank::State::open});
  const auto again = operate_parked(parked()[0].id, true);
  ASSERT_TRUE(again && again->done);
  EXPECT_TRUE(parked().empty());
  expect(90, 0, 10);
  EXPECT_EQ(handler_->sends(), 1);
  const auto gone = operate_parked(1, true);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code.code, "parked_not_found");
  engine_.reset();
}

TEST_F(Effects, AParkedAcceptanceIsNotRetriedAsTheEnd) {
  std::mutex mutex;
  std::optional<Done> open;
  begin([&](const EffectCall&, const Done& done) {
    const std::lock_guard lock(mutex);
    open = done;
  });
  const auto answer = [&](Outcome outcome, std::size_t calls) {
    ASSERT_TRUE(handler_->wait_for_calls(calls));
    std::optional<Done> taken;
    ASSERT_TRUE(eventually([&] {
      const std::lock_guard lock(mutex);
      taken.swap(open);
      return taken.has_value();
    }));
    (*taken)(EffectAnswer(outcome));
  };
  pay();
  ASSERT_TRUE(handler_->wait_for_calls(1));
  done(bank::Go{"a", bank::State::frozen});
  answer(Outcome::accepted, 1);
  ASSERT_TRUE(eventually([&] { return parked().size() == 1; }));
  done(bank::Go{"a", bank::State::open});
  answer(Outcome::confirmed, 2);
  ASSERT_TRUE(ended());
  expect(90, 0, 10);
  const auto retried = operate_parked(parked().at(0).id, true);
  ASSERT_TRUE(retried && retried->done);
  expect(90, 0, 10);
  EXPECT_EQ(account("a").accepted, 1);
  engine_.reset();
}

TEST_F(Effects, CarryTheTraceOfTheRequestThatAskedForThem) {
  handler_ = std::make_shared<ScriptedHandler>(answering(Outcome::unknown));
  start();
  done(bank::Open{"a", 10, {}});
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  ASSERT_TRUE(engine_->call(bank::Pay{"a", 1, "k"}, {"ann", "pay", "", trace}));
  ASSERT_TRUE(handler_->wait_for_calls(2));
  EXPECT_EQ(handler_->calls()[0].trace_id, trace);
  EXPECT_EQ(handler_->calls()[1].trace_id, trace) << "the inquiry, too";
  EXPECT_EQ(only_effect().trace_id, trace);
  handler_->set(answering(Outcome::confirmed));
  ASSERT_TRUE(effect_reaches("ended"));
  EXPECT_EQ(only_effect().trace_id, trace);
  const auto timeline = engine_->timeline({"account", "a"}, 10);
  ASSERT_TRUE(timeline && timeline->size() >= 2);
  EXPECT_EQ((*timeline)[0].trace_id, trace) << "the outcome's entry";
  EXPECT_EQ((*timeline)[1].trace_id, trace) << "the request's entry";
}

}  // namespace
}  // namespace pawl::test
