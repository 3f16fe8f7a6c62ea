// SPDX-License-Identifier: Apache-2.0
//
// One effect's life as a step machine without input or output: each function takes the row as it is
// under its lock and says what it becomes. Who holds the token of a claim may report its answer; a
// later claim raises the token, and reports of the earlier one find another token and are dropped.
//
//   ready --claim--> sending --answer--> ended | accepted | unknown | ready (never sent)
//   accepted --claim--> polling --answer--> ended | accepted | unknown...
//   unknown --claim--> inquiring --answer--> ended | accepted | unknown | ready (absent, by the
//   rule) unknown --> waiting (absent and no rule allows a send, or an inquiry that cannot be made)
//   waiting --operator--> ready | ended
#pragma once

#include <pawl/effect.h>
#include <pawl/key.h>
#include <pawl/time.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pawl::protocol {

enum class EffectState { ready, sending, accepted, polling, unknown, inquiring, waiting, ended };
constexpr auto pawl_names(EffectState) {
  return std::array<std::string_view, 8>{"ready",   "sending",   "accepted", "polling",
                                         "unknown", "inquiring", "waiting",  "ended"};
}

struct EffectRow {
  std::int64_t id = 0;
  std::string kind;
  EntityRef owner;
  std::string payload;
  std::string idempotency_key;
  EffectState state = EffectState::ready;
  int attempt = 0;         // sends begun
  int inquiry = 0;         // inquiries begun since the last send
  std::int64_t token = 0;  // raised by whatever changes the row
  Time lease_until;        // of a claim under way
  Time next_at;            // when it is to be claimed (ready, accepted, unknown)
  Time poll_until;         // accepted: alert after this
  bool accepted_reported = false;
  bool maybe_sent = false;  // a send's outcome was unknown once: bytes of it may still arrive
  Time not_after;           // rule not_after: of the newest send
  Outcome outcome = Outcome::unknown;  // once ended
  std::string code;                    // the newest answer's code
  std::string reference;
  std::string trace_id;  // of the command that asked for it
  Time created;
  Time ended_at;
  std::string history;  // newest last, one line per step, bounded by max_history_bytes
};

inline constexpr std::size_t max_history_bytes = 4'000;
inline constexpr std::size_t max_code_bytes = 200;

// A claim under way has an answer outstanding.
bool is_claimed(EffectState state);

// Begins an exchange: sending, polling or inquiring, with a new token and a lease. Returns what the
// handler shall do. The row must be ready, accepted or unknown.
EffectCall::Purpose claim(EffectRow& row, const EffectPolicy& policy, Time now);

// Attempts are bounded by the policy only as long as nothing was ever sent: then the effect ends
// `never_sent`. Once a send was in doubt that would be a lie, so it goes on at the back-off's cap
// with an alert, by the kind's rule, until the outside or an operator ends it.
//
// What an answer (or a lost lease, or an operator) made of the row.
struct EffectStep {
  bool stale = false;                  // another token: nothing changed
  std::optional<EffectReport> report;  // hand this to the owner in the same commit
  std::string alert_code;              // raise this alert in the same commit; empty: none
};

// `jitter` in [0, 1): chosen by the driver, so that this stays a function.
EffectStep answered(EffectRow& row, std::int64_t token, const EffectAnswer& answer,
                    const EffectPolicy& policy, Time now, double jitter);

// What that makes of a row as its claim left it, told without changing it: the owner's command is
// planned on it.
std::optional<EffectReport> report_after(const EffectRow& claimed, const EffectAnswer& answer,
                                         const EffectPolicy& policy, double jitter);

// The claim's holder is gone: what was sent, if anything, is not known.
EffectStep lease_lost(EffectRow& row, std::int64_t token, Time now);

// The row is of a backup: it may have been sent since, also if it was only ready. `policy` is null
// where this program does not know the kind.
void restored(EffectRow& row, const EffectPolicy* policy, Time now);

enum class EffectVerb { retry, confirm, refuse };
constexpr auto pawl_names(EffectVerb) {
  return std::array<std::string_view, 3>{"retry", "confirm", "refuse"};
}

inline constexpr ErrorCode effect_under_way{
    "effect_under_way", ErrorClass::conflict,
    "an exchange for this effect is under way; try again when it has ended"};
inline constexpr ErrorCode effect_ended{"effect_ended", ErrorClass::conflict,
                                        "the effect has ended already"};
inline constexpr ErrorCode effect_not_found{"effect_not_found", ErrorClass::not_found,
                                            "no such effect"};
inline constexpr ErrorCode effect_changed{
    "effect_changed", ErrorClass::conflict,
    "the effect has changed since it was looked at: its token is another"};

// An operator decides. Loses to an exchange under way. `token` 0: whatever it is now.
Result<EffectStep> operate(EffectRow& row, EffectVerb verb, std::int64_t token,
                           const std::string& who, const std::string& why, Time now);

}  // namespace pawl::protocol
