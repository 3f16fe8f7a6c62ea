// SPDX-License-Identifier: Apache-2.0
//
// The effect's step machine, exhaustively: every state, every answer, every rule. What must never
// happen is stated once, as a property of each step, and held against all of them;
// effect_row_walk_test.cpp holds the same against histories.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "unit/effect_row_fixture.h"

namespace pawl::protocol {
namespace {

// What holds for every answer, whatever it is.
void check_answer(const EffectRow& was, const EffectAnswer& answer, const EffectPolicy& policy) {
  EffectRow row = was;
  const EffectStep step = answered(row, was.token, answer, policy, start, 0.5);
  const std::string what =
      std::string(name_of(was.state)) + " " + std::string(name_of(answer.outcome)) + " " +
      std::string(name_of(policy.resend)) + " attempt " + std::to_string(was.attempt);
  if (!is_claimed(was.state)) {
    EXPECT_TRUE(step.stale) << what;
    EXPECT_TRUE(same(row, was)) << what << ": a stale answer leaves no trace";
    return;
  }
  EXPECT_FALSE(step.stale) << what;
  EXPECT_FALSE(is_claimed(row.state)) << what << ": the claim is over";
  EXPECT_EQ(row.lease_until, Time{}) << what;
  EXPECT_EQ(row.attempt, was.attempt) << what << ": only a claim begins a send";
  EXPECT_GE(row.token, was.token) << what;
  if (row.state == EffectState::ready) {
    const bool nothing_left =
        was.state == EffectState::sending && answer.outcome == Outcome::never_sent;
    const bool allowed = was.state == EffectState::inquiring && answer.outcome == Outcome::absent &&
                         !was.accepted_reported && may_resend(policy.resend, was, answer.far_time);
    EXPECT_TRUE(nothing_left || allowed) << what << ": sent again on a guess";
    if (was.attempt >= policy.max_attempts) {
      EXPECT_TRUE(was.maybe_sent) << what << ": more sends than allowed";
      EXPECT_EQ(step.alert_code, "effect_attempts_exceeded") << what;
    }
    EXPECT_GT(row.next_at, start) << what << ": a repeat waits its back-off";
  }
  if (row.state == EffectState::ended) {
    ASSERT_TRUE(step.report) << what << ": the owner is told";
    EXPECT_EQ(step.report->outcome, row.outcome) << what;
    EXPECT_EQ(step.report->effect_id, was.id);
    EXPECT_NE(row.outcome, Outcome::unknown) << what;
    EXPECT_NE(row.outcome, Outcome::absent) << what;
    EXPECT_NE(row.outcome, Outcome::accepted) << what;
    if (row.outcome == Outcome::confirmed) {
      EXPECT_EQ(answer.outcome, Outcome::confirmed) << what;
    }
    if (row.outcome == Outcome::refused) {
      EXPECT_EQ(answer.outcome, Outcome::refused) << what;
    }
    if (row.outcome == Outcome::never_sent) {
      EXPECT_GE(was.attempt, policy.max_attempts) << what;
      EXPECT_FALSE(was.maybe_sent) << what << ": a send was in doubt, this would be a lie";
    }
  } else if (step.report) {
    EXPECT_EQ(row.state, EffectState::accepted) << what;
    EXPECT_FALSE(was.accepted_reported) << what << ": accepted is reported once";
  }
  if (row.state == EffectState::waiting) {
    EXPECT_FALSE(step.alert_code.empty()) << what << ": who waits for a person says so";
  }
  if (row.state == EffectState::unknown || row.state == EffectState::accepted) {
    EXPECT_GT(row.next_at, start) << what << ": it is asked again";
  }
}

TEST(EffectRow, NeverSaysNeverSentOnceASendWasInDoubt) {
  for (const bool lost : {false, true}) {
    EffectPolicy policy = policy_of(ResendRule::dedup);
    EffectRow row = row_in(EffectState::ready, 0);
    (void)claim(row, policy, start);
    if (lost) {
      (void)lease_lost(row, row.token, start);
    } else {
      (void)answered(row, row.token, EffectAnswer(Outcome::unknown), policy, start, 0.5);
    }
    (void)claim(row, policy, start);
    (void)answered(row, row.token, EffectAnswer(Outcome::absent), policy, start, 0.5);
    EffectStep step;
    for (int sends = 0; sends < 3 * policy.max_attempts; ++sends) {
      ASSERT_EQ(row.state, EffectState::ready);
      (void)claim(row, policy, start);
      step = answered(row, row.token, EffectAnswer(Outcome::never_sent), policy, start, 0.5);
    }
    EXPECT_EQ(row.state, EffectState::ready);
    EXPECT_FALSE(step.report);
    EXPECT_EQ(step.alert_code, "effect_attempts_exceeded");
  }
}

TEST(EffectRow, EveryStateTimesEveryAnswerTimesEveryRule) {
  for (const ResendRule rule : all_rules) {
    for (const EffectState state : all_states) {
      for (const Outcome outcome : all_outcomes) {
        for (int attempt = 1; attempt <= 3; ++attempt) {
          for (const bool reported : {false, true}) {
            for (const std::int64_t far_seconds : {-1, 0, 60, 61}) {
              EffectRow row = row_in(state, attempt);
              row.accepted_reported = row.accepted_reported || reported;
              EffectAnswer answer(outcome, "c");
              answer.far_time = start.plus_seconds(far_seconds);
              check_answer(row, answer, policy_of(rule));
            }
          }
        }
      }
    }
  }
}

struct Move {
  EffectState from;
  Outcome answer;
  ResendRule rule;
  EffectState to;
};

TEST(EffectRow, TheMovesThatMatter) {
  using enum EffectState;
  const Move moves[] = {
      {sending, Outcome::confirmed, ResendRule::neither, ended},
      {sending, Outcome::refused, ResendRule::dedup, ended},
      {sending, Outcome::accepted, ResendRule::dedup, accepted},
      {sending, Outcome::never_sent, ResendRule::neither, ready},
      {sending, Outcome::unknown, ResendRule::dedup, unknown},
      {sending, Outcome::absent, ResendRule::dedup, unknown},
      {polling, Outcome::confirmed, ResendRule::dedup, ended},
      {polling, Outcome::refused, ResendRule::dedup, ended},
      {polling, Outcome::accepted, ResendRule::dedup, accepted},
      {polling, Outcome::never_sent, ResendRule::dedup, accepted},
      {polling, Outcome::unknown, ResendRule::dedup, accepted},
      {polling, Outcome::absent, ResendRule::dedup, waiting},
      {inquiring, Outcome::confirmed, ResendRule::neither, ended},
      {inquiring, Outcome::refused, ResendRule::neither, ended},
      {inquiring, Outcome::accepted, ResendRule::neither, accepted},
      {inquiring, Outcome::never_sent, ResendRule::dedup, unknown},
      {inquiring, Outcome::unknown, ResendRule::dedup, unknown},
      {inquiring, Outcome::absent, ResendRule::dedup, ready},
      {inquiring, Outcome::absent, ResendRule::inquiry_voids, ready},
      {inquiring, Outcome::absent, ResendRule::not_after, unknown},  // its clock is not past it
      {inquiring, Outcome::absent, ResendRule::neither, waiting},
  };
  for (const Move& move : moves) {
    EffectRow row = row_in(move.from);
    (void)answered(row, row.token, EffectAnswer(move.answer), policy_of(move.rule), start, 0);
    EXPECT_EQ(name_of(row.state), name_of(move.to))
        << name_of(move.from) << " " << name_of(move.answer) << " " << name_of(move.rule);
  }
}

TEST(EffectRow, NotAfterGoesByTheFarSidesClock) {
  const EffectPolicy policy = policy_of(ResendRule::not_after);
  EffectRow row;
  ASSERT_EQ(claim(row, policy, start), EffectCall::Purpose::perform);
  EXPECT_EQ(row.not_after, start.plus_seconds(60));
  (void)answered(row, row.token, EffectAnswer(Outcome::unknown), policy, start, 0);
  for (const std::int64_t far_seconds : {0, 60}) {
    (void)claim(row, policy, start.plus_seconds(9'999));  // long past it by our clock
    EffectAnswer absent(Outcome::absent);
    absent.far_time = start.plus_seconds(far_seconds);
    (void)answered(row, row.token, absent, policy, start.plus_seconds(9'999), 0);
    EXPECT_EQ(row.state, EffectState::unknown) << far_seconds;
  }
  (void)claim(row, policy, start);
  EffectAnswer without_clock(Outcome::absent);
  (void)answered(row, row.token, without_clock, policy, start, 0);
  EXPECT_EQ(row.state, EffectState::unknown) << "no clock of theirs: not sent again";
  (void)claim(row, policy, start);
  EffectAnswer past(Outcome::absent);
  past.far_time = start.plus_seconds(61);
  (void)answered(row, row.token, past, policy, start, 0);
  EXPECT_EQ(row.state, EffectState::ready);
}

TEST(EffectRow, ClaimRaisesTheTokenAndSaysWhatToDo) {
  const struct {
    EffectState from;
    EffectState to;
    EffectCall::Purpose purpose;
  } claims[] = {{EffectState::ready, EffectState::sending, EffectCall::Purpose::perform},
                {EffectState::accepted, EffectState::polling, EffectCall::Purpose::poll},
                {EffectState::unknown, EffectState::inquiring, EffectCall::Purpose::inquire}};
  for (const auto& c : claims) {
    EffectRow row = row_in(c.from);
    row.inquiry = 4;
    const EffectPolicy policy = policy_of(ResendRule::dedup);
    EXPECT_EQ(claim(row, policy, start), c.purpose);
    EXPECT_EQ(row.state, c.to);
    EXPECT_EQ(row.token, 11);
    EXPECT_EQ(row.lease_until, start.plus_ms(policy.lease_ttl_ms));
    EXPECT_EQ(row.attempt, c.from == EffectState::ready ? 2 : 1);
    EXPECT_EQ(row.inquiry, c.from == EffectState::ready     ? 0
                           : c.from == EffectState::unknown ? 5
                                                            : 4);
  }
}

TEST(EffectRow, AnAnswerOfAnEarlierClaimIsDropped) {
  for (const EffectState state : all_states) {
    for (const std::int64_t token : {0, 9, 11}) {
      EffectRow row = row_in(state);
      const EffectRow was = row;
      EXPECT_TRUE(answered(row, token, EffectAnswer(Outcome::confirmed),
                           policy_of(ResendRule::dedup), start, 0)
                      .stale);
      EXPECT_TRUE(same(row, was));
      EXPECT_TRUE(lease_lost(row, token, start).stale);
      EXPECT_TRUE(same(row, was));
    }
  }
}

TEST(EffectRow, ALostLeaseIsUnknownAndFencesTheOldHolder) {
  for (const EffectState state : all_states) {
    EffectRow row = row_in(state);
    const EffectStep step = lease_lost(row, row.token, start);
    EXPECT_EQ(step.stale, !is_claimed(state)) << name_of(state);
    if (step.stale) continue;
    EXPECT_EQ(row.token, 11);
    EXPECT_EQ(row.state,
              state == EffectState::polling ? EffectState::accepted : EffectState::unknown);
    EXPECT_TRUE(
        answered(row, 10, EffectAnswer(Outcome::confirmed), policy_of(ResendRule::dedup), start, 0)
            .stale);
  }
}

TEST(EffectRow, OperatorsVerbsLoseToAClaimAndToTheEnd) {
  for (const EffectState state : all_states) {
    for (const EffectVerb verb : all_verbs) {
      EffectRow row = row_in(state);
      const EffectRow was = row;
      const auto step = operate(row, verb, 0, "ann", "because", start);
      if (state == EffectState::ended || is_claimed(state)) {
        ASSERT_FALSE(step) << name_of(state);
        EXPECT_EQ(step.error().code, state == EffectState::ended ? effect_ended : effect_under_way);
        EXPECT_TRUE(same(row, was));
        continue;
      }
      ASSERT_TRUE(step) << name_of(state);
      EXPECT_EQ(row.token, was.token + 1);
      EXPECT_NE(row.history.find("ann: because"), std::string::npos);
      if (verb == EffectVerb::retry) {
        // Asked before it is sent: only what waits for a person, or was never sent, becomes ready.
        const auto expected = state == EffectState::waiting ? EffectState::ready : state;
        EXPECT_EQ(row.state, expected);
        EXPECT_EQ(row.next_at, start);
        EXPECT_FALSE(step->report);
      } else {
        EXPECT_EQ(row.state, EffectState::ended);
        ASSERT_TRUE(step->report);
        EXPECT_EQ(step->report->outcome,
                  verb == EffectVerb::confirm ? Outcome::confirmed : Outcome::refused);
      }
    }
  }
}

TEST(EffectRow, OperatorsTokenMustBeTheOneThatStands) {
  for (const EffectVerb verb : all_verbs) {
    EffectRow row = row_in(EffectState::waiting);
    const auto old = operate(row, verb, 9, "ann", "", start);
    ASSERT_FALSE(old);
    EXPECT_EQ(old.error().code, effect_changed);
    EXPECT_EQ(row.state, EffectState::waiting);
    EXPECT_TRUE(operate(row, verb, 10, "ann", "", start));
  }
}

TEST(EffectRow, AcceptedIsReportedOnceAndAlertedWhenItTakesTooLong) {
  EffectPolicy policy = policy_of(ResendRule::dedup);
  policy.poll_deadline_ms = 5'000;
  EffectRow row;
  (void)claim(row, policy, start);
  EXPECT_TRUE(answered(row, row.token, EffectAnswer(Outcome::accepted), policy, start, 0).report);
  (void)claim(row, policy, start);
  const auto again = answered(row, row.token, EffectAnswer(Outcome::accepted), policy, start, 0);
  EXPECT_FALSE(again.report);
  EXPECT_EQ(again.alert_code, "");
  (void)claim(row, policy, start);
  const auto late =
      answered(row, row.token, EffectAnswer(Outcome::unknown), policy, start.plus_seconds(6), 0);
  EXPECT_EQ(late.alert_code, "effect_accepted_too_long");
  EXPECT_EQ(row.state, EffectState::accepted) << "and is still asked";
}

TEST(EffectRow, UnknownIsAlertedAfterSomeInquiries) {
  const EffectPolicy policy = policy_of(ResendRule::dedup);
  EffectRow row = row_in(EffectState::unknown);
  for (int i = 1; i <= 3; ++i) {
    (void)claim(row, policy, start);
    const auto step = answered(row, row.token, EffectAnswer(Outcome::unknown), policy, start, 0);
    EXPECT_EQ(step.alert_code, i >= 2 ? "effect_outcome_unknown" : "");
  }
}

TEST(EffectRow, BackoffDoublesUpToItsCap) {
  EffectPolicy policy = policy_of(ResendRule::dedup);
  policy.backoff_base_ms = 100;
  policy.backoff_cap_ms = 1'000;
  policy.max_attempts = 100;
  EffectRow row;
  std::int64_t expected_ms = 100;
  for (int attempt = 1; attempt < 60; ++attempt) {
    (void)claim(row, policy, start);
    EffectRow low = row;
    (void)answered(low, low.token, EffectAnswer(Outcome::never_sent), policy, start, 0);
    (void)answered(row, row.token, EffectAnswer(Outcome::never_sent), policy, start, 0.999999);
    EXPECT_EQ(low.next_at, start.plus_us(expected_ms * 500)) << attempt;
    EXPECT_LE(row.next_at, start.plus_ms(expected_ms)) << attempt;
    EXPECT_GT(row.next_at, start.plus_us(expected_ms * 990)) << attempt;
    expected_ms = std::min<std::int64_t>(expected_ms * 2, 1'000);
  }
}

TEST(EffectRow, HistoryAndCodesAreBounded) {
  const EffectPolicy policy = policy_of(ResendRule::dedup);
  EffectRow row = row_in(EffectState::unknown);
  for (int i = 0; i < 500; ++i) {
    (void)claim(row, policy, start.plus_seconds(i));
    EffectAnswer answer(Outcome::unknown, "code " + std::to_string(i) + std::string(500, 'x'),
                        std::string(500, 'y'));
    (void)answered(row, row.token, answer, policy, start.plus_seconds(i), 0);
    ASSERT_LE(row.history.size(), max_history_bytes);
    ASSERT_LE(row.code.size(), max_code_bytes);
    ASSERT_LE(row.reference.size(), max_code_bytes);
  }
  EXPECT_NE(row.history.find("code 499"), std::string::npos) << "the newest is kept";
  EXPECT_EQ(row.history.back(), '\n');
  EXPECT_EQ(row.history.find("code 0x"), std::string::npos);
}

TEST(EffectRow, AnOperatorsLongReasonDoesNotWipeTheHistory) {
  EffectRow row = row_in(EffectState::waiting);
  row.history = "what happened before\n";
  ASSERT_TRUE(operate(row, EffectVerb::refuse, 0, "ann", std::string(9'000, 'z'), start));
  EXPECT_LE(row.history.size(), max_history_bytes);
  EXPECT_NE(row.history.find("what happened before"), std::string::npos);
  EXPECT_NE(row.history.find("operator:refuse ann: zzz"), std::string::npos);
}

TEST(EffectRow, CodesAreCutBetweenCharacters) {
  EffectRow row = row_in(EffectState::sending);
  std::string text(max_code_bytes - 1, 'a');
  text += "€";
  (void)answered(row, row.token, EffectAnswer(Outcome::refused, text), policy_of(ResendRule::dedup),
                 start, 0);
  EXPECT_EQ(row.code, std::string(max_code_bytes - 1, 'a'));
}

}  // namespace
}  // namespace pawl::protocol
