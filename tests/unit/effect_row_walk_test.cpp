// SPDX-License-Identifier: Apache-2.0
//
// The effect's step machine by walks of random steps, held against the promises that span several
// of them; effect_row_test.cpp holds each single step against its own.
#include <gtest/gtest.h>

#include <iostream>
#include <random>

#include "seed.h"
#include "unit/effect_row_fixture.h"

namespace pawl::protocol {
namespace {

// Walks of random steps against the promises that span several of them.
class Walk {
 public:
  Walk(std::uint64_t seed, ResendRule rule) : random_(seed), policy_(policy_of(rule)) {}

  void run() {
    for (int i = 0; i < 60 && !::testing::Test::HasFailure(); ++i) {
      const EffectRow was = row_;
      step();
      check(was);
    }
  }

 private:
  int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }

  void step() {
    now_ = now_.plus_seconds(below(90));
    answer_ = Outcome::unknown;
    inquiry_answered_absent_ = operator_retried_ = false;
    const bool claimable = row_.state == EffectState::ready ||
                           row_.state == EffectState::accepted ||
                           row_.state == EffectState::unknown;
    if (claimable && below(4) != 0) {
      (void)claim(row_, policy_, now_);
    } else if (is_claimed(row_.state) && below(6) != 0) {
      EffectAnswer answer(all_outcomes[below(6)]);
      if (below(3) != 0 &&
          (answer.outcome == Outcome::confirmed || answer.outcome == Outcome::refused)) {
        answer.outcome = Outcome::unknown;  // long walks
      }
      answer.far_time = now_;
      answer.code = "code " + std::to_string(below(3));
      if (below(2) == 0) answer.reference = "reference";
      answer_ = answer.outcome;
      inquiry_answered_absent_ =
          row_.state == EffectState::inquiring && answer.outcome == Outcome::absent;
      const auto planned = report_after(row_, answer, policy_, 0.1);
      const bool late = below(5) == 0;
      const auto step = answered(row_, row_.token - (late ? 1 : 0), answer, policy_, now_, 0.1);
      if (!late) check_report(planned, step.report);
    } else if (is_claimed(row_.state)) {
      (void)lease_lost(row_, row_.token, now_);
    } else {
      const EffectVerb verb = below(5) == 0 ? EffectVerb::confirm : EffectVerb::retry;
      operator_retried_ = operate(row_, verb, 0, "ann", "", now_) && verb == EffectVerb::retry &&
                          row_.state == EffectState::ready;
    }
  }

  // The outcome's command was planned on the one, and is decided under the other.
  static void check_report(const std::optional<EffectReport>& planned,
                           const std::optional<EffectReport>& made) {
    ASSERT_EQ(planned.has_value(), made.has_value());
    if (!made) return;
    EXPECT_EQ(planned->effect_id, made->effect_id);
    EXPECT_EQ(planned->outcome, made->outcome);
    EXPECT_EQ(planned->code, made->code);
    EXPECT_EQ(planned->reference, made->reference);
    EXPECT_EQ(planned->attempt, made->attempt);
  }

  void check(const EffectRow& was) {
    ASSERT_GE(row_.token, was.token);
    if (row_.token == was.token) {
      // Stores leave a row unread while its token stands (LockRequest::claimed).
      ASSERT_TRUE(same(row_, was)) << "changed without a new token";
    }
    if (is_claimed(row_.state) && row_.state != was.state) {
      ASSERT_GT(row_.token, was.token);
    }
    if (was.state == EffectState::ended) {
      ASSERT_TRUE(same(row_, was)) << "ended is final";
    }
    if (was.state != EffectState::ready && row_.state == EffectState::ready) {
      const bool never = was.state == EffectState::sending && answer_ == Outcome::never_sent;
      const bool asked = inquiry_answered_absent_ && may_resend(policy_.resend, was, now_) &&
                         !was.accepted_reported;
      ASSERT_TRUE(never || asked || (operator_retried_ && was.state == EffectState::waiting))
          << "sent again on a guess from " << name_of(was.state);
    }
    if (row_.state == EffectState::sending && was.state != EffectState::sending) {
      ASSERT_EQ(was.state, EffectState::ready);
    }
    ASSERT_TRUE(row_.maybe_sent || row_.attempt <= policy_.max_attempts);
    ASSERT_LE(row_.history.size(), max_history_bytes);
  }

  std::mt19937_64 random_;
  EffectPolicy policy_;
  EffectRow row_;
  Time now_ = start;
  Outcome answer_ = Outcome::unknown;
  bool inquiry_answered_absent_ = false;
  bool operator_retried_ = false;
};

TEST(EffectRow, RandomWalksKeepThePromises) {
  const std::uint64_t seed = test::seed_of_run();
  std::cout << "PAWL_SEED=" << seed << "\n";
  for (std::uint64_t i = 0; i < 4'000 && !HasFailure(); ++i) {
    Walk(seed + i, all_rules[i % 4]).run();
  }
}

}  // namespace
}  // namespace pawl::protocol
