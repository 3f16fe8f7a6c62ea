// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the effect's step machine share: every state, answer and rule, a row in a
// state, and when an effect may be sent again.
#pragma once

#include <string>

#include "protocol/effect_row.h"

namespace pawl::protocol {

inline constexpr Time start = Time::from_seconds(1'000'000);

inline constexpr EffectState all_states[] = {
    EffectState::ready,   EffectState::sending,   EffectState::accepted, EffectState::polling,
    EffectState::unknown, EffectState::inquiring, EffectState::waiting,  EffectState::ended};
inline constexpr Outcome all_outcomes[] = {Outcome::confirmed,  Outcome::accepted, Outcome::refused,
                                           Outcome::never_sent, Outcome::unknown,  Outcome::absent};
inline constexpr ResendRule all_rules[] = {ResendRule::dedup, ResendRule::not_after,
                                           ResendRule::inquiry_voids, ResendRule::neither};
inline constexpr EffectVerb all_verbs[] = {EffectVerb::retry, EffectVerb::confirm,
                                           EffectVerb::refuse};

inline EffectPolicy policy_of(ResendRule rule) {
  EffectPolicy policy;
  policy.resend = rule;
  policy.max_attempts = 3;
  policy.alert_after_inquiries = 2;
  policy.not_after_ms = 60'000;
  return policy;
}

inline EffectRow row_in(EffectState state, int attempt = 1) {
  EffectRow row;
  row.id = 7;
  row.kind = "k";
  row.payload = "p";
  row.idempotency_key = "key";
  row.state = state;
  row.attempt = attempt;
  row.maybe_sent = state == EffectState::unknown || state == EffectState::inquiring;
  row.token = 10;
  row.not_after = start.plus_seconds(60);
  if (state == EffectState::accepted || state == EffectState::polling) {
    row.accepted_reported = true;
    row.poll_until = start.plus_seconds(3'600);
  }
  return row;
}

inline bool same(const EffectRow& a, const EffectRow& b) {
  return a.state == b.state && a.attempt == b.attempt && a.inquiry == b.inquiry &&
         a.token == b.token && a.lease_until == b.lease_until && a.next_at == b.next_at &&
         a.outcome == b.outcome && a.code == b.code && a.history == b.history &&
         a.reference == b.reference && a.ended_at == b.ended_at && a.poll_until == b.poll_until &&
         a.accepted_reported == b.accepted_reported && a.maybe_sent == b.maybe_sent &&
         a.not_after == b.not_after;
}

// May an inquiry's `absent` make the row ready under this rule?
inline bool may_resend(ResendRule rule, const EffectRow& row, Time far_time) {
  switch (rule) {
    case ResendRule::dedup:
    case ResendRule::inquiry_voids:
      return true;
    case ResendRule::not_after:
      return far_time > row.not_after;
    case ResendRule::neither:
      return false;
  }
  return false;
}

}  // namespace pawl::protocol
