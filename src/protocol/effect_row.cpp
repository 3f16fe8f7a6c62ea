// SPDX-License-Identifier: Apache-2.0
#include "protocol/effect_row.h"

#include <algorithm>
#include <cmath>

#include "protocol/guards.h"

namespace pawl::protocol {

namespace {

// A prefix of at most `size` bytes that does not cut a UTF-8 sequence in two.
std::string bounded(std::string text, std::size_t size) {
  if (text.size() <= size) return text;
  std::size_t end = size;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  text.resize(end);
  return text;
}

void note(EffectRow& row, Time now, std::string_view step, std::string_view detail) {
  std::string line = to_rfc3339(now);
  line.append(" ").append(step);
  if (!detail.empty()) line.append(" ").append(detail);
  // One long line (an operator's reason) must not push out everything else.
  line = bounded(std::move(line), max_history_bytes / 4);
  std::replace(line.begin(), line.end(), '\n', ' ');
  row.history.append(line).append("\n");
  while (row.history.size() > max_history_bytes) {
    const auto first_end = row.history.find('\n');
    row.history.erase(0, first_end == std::string::npos ? row.history.size() : first_end + 1);
  }
}

Time backoff(const EffectPolicy& policy, int times, Time now, double jitter) {
  const double factor = std::pow(2.0, std::min(times - 1, 30));
  const double ms = std::min(policy.backoff_base_ms * factor, double(policy.backoff_cap_ms));
  return now.plus_us(static_cast<std::int64_t>(ms * 1'000 * (0.5 + 0.5 * jitter)));
}

EffectReport report_of(const EffectRow& row, Outcome outcome) {
  EffectReport report;
  report.effect_id = row.id;
  report.outcome = outcome;
  report.code = row.code;
  report.reference = row.reference;
  report.attempt = row.attempt;
  return report;
}

EffectStep end(EffectRow& row, Outcome outcome, Time now) {
  row.state = EffectState::ended;
  row.outcome = outcome;
  row.ended_at = now;
  row.lease_until = {};
  row.next_at = {};
  EffectStep step;
  step.report = report_of(row, outcome);
  return step;
}

void become_unknown(EffectRow& row, Time next_at) {
  row.state = EffectState::unknown;
  row.lease_until = {};
  row.next_at = next_at;
}

EffectStep wait_for_operator(EffectRow& row, std::string alert_code) {
  row.state = EffectState::waiting;
  row.lease_until = {};
  row.next_at = {};
  EffectStep step;
  step.alert_code = std::move(alert_code);
  return step;
}

EffectStep accepted(EffectRow& row, const EffectPolicy& policy, Time now) {
  EffectStep step;
  row.state = EffectState::accepted;
  row.lease_until = {};
  row.next_at = now.plus_ms(policy.poll_interval_ms);
  if (!row.accepted_reported) {
    row.accepted_reported = true;
    row.poll_until = now.plus_ms(policy.poll_deadline_ms);
    step.report = report_of(row, Outcome::accepted);
  } else if (now >= row.poll_until) {
    step.alert_code = "effect_accepted_too_long";
  }
  return step;
}

EffectStep send_again(EffectRow& row, const EffectPolicy& policy, Time now, double jitter) {
  EffectStep step;
  if (row.attempt >= policy.max_attempts) {
    if (guard_holds(guard::nothing_was_sent, !row.maybe_sent)) {
      return end(row, Outcome::never_sent, now);
    }
    step.alert_code = "effect_attempts_exceeded";
  }
  row.state = EffectState::ready;
  row.inquiry = 0;
  row.lease_until = {};
  row.next_at = backoff(policy, row.attempt, now, jitter);
  return step;
}

EffectStep still_unknown(EffectRow& row, const EffectPolicy& policy, Time now, double jitter) {
  become_unknown(row, backoff(policy, std::max(row.inquiry, 1), now, jitter));
  EffectStep step;
  if (row.inquiry >= policy.alert_after_inquiries) step.alert_code = "effect_outcome_unknown";
  return step;
}

// The outside does not know our key. Whether it may be sent again is the kind's rule.
EffectStep absent(EffectRow& row, const EffectAnswer& answer, const EffectPolicy& policy, Time now,
                  double jitter) {
  if (!guard_holds(guard::rule_allows_resend, policy.resend != ResendRule::neither)) {
    return wait_for_operator(row, "effect_needs_operator");
  }
  // By the far side's clock, not ours: its clock decides whether late bytes are still taken.
  if (policy.resend == ResendRule::not_after &&
      !guard_holds(guard::not_after_has_passed, answer.far_time > row.not_after)) {
    return still_unknown(row, policy, now, jitter);
  }
  return send_again(row, policy, now, jitter);
}

}  // namespace

bool is_claimed(EffectState state) {
  return state == EffectState::sending || state == EffectState::polling ||
         state == EffectState::inquiring;
}

EffectCall::Purpose claim(EffectRow& row, const EffectPolicy& policy, Time now) {
  auto purpose = EffectCall::Purpose::perform;
  if (row.state != EffectState::accepted &&
      guard_holds(guard::inquiry_before_resend, row.state == EffectState::ready)) {
    row.state = EffectState::sending;
    ++row.attempt;
    row.inquiry = 0;
    if (policy.resend == ResendRule::not_after) row.not_after = now.plus_ms(policy.not_after_ms);
  } else if (row.state == EffectState::accepted) {
    row.state = EffectState::polling;
    purpose = EffectCall::Purpose::poll;
  } else {
    row.state = EffectState::inquiring;
    ++row.inquiry;
    purpose = EffectCall::Purpose::inquire;
  }
  ++row.token;
  row.lease_until = now.plus_ms(policy.lease_ttl_ms);
  row.next_at = {};
  if (row.state != EffectState::polling) note(row, now, name_of(row.state), "");
  return purpose;
}

EffectStep answered(EffectRow& row, std::int64_t token, const EffectAnswer& answer,
                    const EffectPolicy& policy, Time now, double jitter) {
  EffectStep step;
  if (!guard_holds(guard::token_stands, row.token == token) || !is_claimed(row.state)) {
    step.stale = true;
    return step;
  }
  // An operator who looked before this answer decided on something else.
  ++row.token;
  const EffectState was = row.state;
  row.code = bounded(answer.code, max_code_bytes);
  if (!answer.reference.empty()) row.reference = bounded(answer.reference, max_code_bytes);
  if (was != EffectState::polling || answer.outcome != Outcome::accepted) {
    note(row, now, "answer:" + std::string(name_of(answer.outcome)), row.code);
  }
  switch (answer.outcome) {
    case Outcome::confirmed:
      return end(row, Outcome::confirmed, now);
    case Outcome::refused:
      return end(row, Outcome::refused, now);
    case Outcome::accepted:
      return accepted(row, policy, now);
    case Outcome::never_sent:
      if (was == EffectState::sending) return send_again(row, policy, now, jitter);
      if (was == EffectState::polling) return accepted(row, policy, now);
      return still_unknown(row, policy, now, jitter);
    case Outcome::unknown:
      if (was == EffectState::polling) return accepted(row, policy, now);
      if (was == EffectState::sending) row.maybe_sent = true;
      return still_unknown(row, policy, now, jitter);
    case Outcome::absent:
      // A sender that is told "absent" learnt nothing about its own bytes; what was accepted and is
      // now absent is a contradiction that only a person can resolve.
      if (was == EffectState::sending) {
        row.maybe_sent = true;
        return still_unknown(row, policy, now, jitter);
      }
      if (!guard_holds(guard::was_never_accepted,
                       was != EffectState::polling && !row.accepted_reported)) {
        return wait_for_operator(row, "effect_accepted_then_absent");
      }
      return absent(row, answer, policy, now, jitter);
  }
  return step;
}

std::optional<EffectReport> report_after(const EffectRow& claimed, const EffectAnswer& answer,
                                         const EffectPolicy& policy, double jitter) {
  // Without its texts, which no step goes by: to copy them would cost as much as all the rest.
  EffectRow row;
  row.id = claimed.id;
  row.state = claimed.state;
  row.attempt = claimed.attempt;
  row.inquiry = claimed.inquiry;
  row.token = claimed.token;
  row.poll_until = claimed.poll_until;
  row.accepted_reported = claimed.accepted_reported;
  row.maybe_sent = claimed.maybe_sent;
  row.not_after = claimed.not_after;
  row.reference = claimed.reference;
  return answered(row, row.token, answer, policy, Time{}, jitter).report;
}

EffectStep lease_lost(EffectRow& row, std::int64_t token, Time now) {
  EffectStep step;
  if (!guard_holds(guard::token_stands, row.token == token) || !is_claimed(row.state)) {
    step.stale = true;
    return step;
  }
  note(row, now, "lease_lost", name_of(row.state));
  ++row.token;
  if (row.state == EffectState::polling) {
    row.state = EffectState::accepted;
    row.lease_until = {};
    row.next_at = now;
  } else {
    if (row.state == EffectState::sending) row.maybe_sent = true;
    become_unknown(row, now);
  }
  return step;
}

void restored(EffectRow& row, const EffectPolicy* policy, Time now) {
  if (guard_holds(guard::restored_is_unknown, false)) return;
  note(row, now, "restored", "from a backup");
  ++row.token;
  row.inquiry = 0;
  row.maybe_sent = true;
  become_unknown(row, now);
  // Its last sender is gone by now, but its bytes may be on their way until then.
  if (policy != nullptr && policy->resend == ResendRule::not_after) {
    row.not_after = std::max(row.not_after, now.plus_ms(policy->not_after_ms));
  }
}

Result<EffectStep> operate(EffectRow& row, EffectVerb verb, std::int64_t token,
                           const std::string& who, const std::string& why, Time now) {
  if (row.state == EffectState::ended) return fail(effect_ended);
  if (!guard_holds(guard::no_exchange_under_way, !is_claimed(row.state))) {
    return fail(effect_under_way);
  }
  if (token != 0 && token != row.token) return fail(effect_changed);
  ++row.token;
  note(row, now, "operator:" + std::string(name_of(verb)), who + ": " + why);
  if (verb == EffectVerb::retry) {
    // Before anything is sent again the outside is asked, unless nothing was ever sent or a person
    // has looked (waiting).
    if (row.state == EffectState::waiting) {
      row.state = EffectState::ready;
      row.attempt = 0;
      row.inquiry = 0;
    }
    row.next_at = now;
    return EffectStep{};
  }
  row.code = "operator:" + std::string(name_of(verb));
  return end(row, verb == EffectVerb::confirm ? Outcome::confirmed : Outcome::refused, now);
}

}  // namespace pawl::protocol
