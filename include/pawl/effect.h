// SPDX-License-Identifier: Apache-2.0
//
// Effects: what must happen outside. An effect is committed with the state that asks for it, sent
// only after "about to send" was committed, and never sent again on a guess: when it is not known
// whether it happened, the outside is asked.
#pragma once

#include <pawl/error.h>
#include <pawl/time.h>
#include <pawl/value.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace pawl {

// What one exchange with the outside showed.
enum class Outcome {
  confirmed,   // the outside says it is done
  accepted,    // taken, will be done later: poll
  refused,     // a definite no
  never_sent,  // no byte of the request was written
  unknown,     // it may have happened
  absent       // an inquiry's answer only: the outside does not know our key
};
constexpr auto pawl_names(Outcome) {
  return std::array<std::string_view, 6>{"confirmed",  "accepted", "refused",
                                         "never_sent", "unknown",  "absent"};
}

// When may an effect whose outcome was unknown be sent again? Only after an inquiry that answered
// `absent`, and then by one of these rules: our fencing tokens fence our writes, not the wire, and
// a stopped sender's bytes can arrive after the inquiry.
enum class ResendRule {
  // The far side executes one key once, and its refusal of a key is as final: a copy of a refused
  // request that arrives late is refused, too. Who refuses for now and forgets it is no dedup.
  dedup,
  not_after,  // the request carried a time after which the far side refuses it; that time passed
  // The inquiry itself made the key unusable: no send of it that is still on its way is carried
  // out, whatever attempt it carries. (In a restored store attempts are counted from the backup's.)
  inquiry_voids,
  neither  // stays unknown until an operator decides
};
constexpr auto pawl_names(ResendRule) {
  return std::array<std::string_view, 4>{"dedup", "not_after", "inquiry_voids", "neither"};
}

// How one kind of effect is driven. All times in milliseconds.
struct EffectPolicy {
  ResendRule resend = ResendRule::neither;
  std::string_view destination;  // what `concurrency` and `per_second` are shared by
  int concurrency = 64;          // exchanges under way at once, per destination
  int per_second = 0;            // starts per second, per destination; 0: no limit
  int send_timeout_ms = 10'000;  // one exchange; the outcome is then unknown
  int lease_ttl_ms = 30'000;     // longer than send_timeout_ms; the handler is stopped first
  int backoff_base_ms = 200;     // never sent, or unknown: doubled each time, with jitter
  int backoff_cap_ms = 30'000;
  int max_attempts = 10;         // sends; after that the outcome `never_sent` is reported
  int poll_interval_ms = 1'000;  // accepted: asked again after this
  std::int64_t poll_deadline_ms =
      7LL * 24 * 3600 * 1000;     // accepted for longer: alert, keep asking
  int alert_after_inquiries = 5;  // unknown for so many inquiries: alert
  int not_after_ms = 60'000;      // rule not_after: how long one send stays valid
};

// One exchange that the executor asks a handler for.
struct EffectCall {
  enum class Purpose { perform, inquire, poll };
  Purpose purpose = Purpose::perform;
  std::int64_t effect_id = 0;
  std::string_view kind;
  std::string payload;
  std::string idempotency_key;
  int attempt = 0;  // 1 at the first send
  int timeout_ms = 0;
  Time not_after;  // rule not_after: the far side must refuse this send after that time
  // Of the request that led to this effect, through whatever outcomes came between; may be empty.
  std::string trace_id;
};

struct EffectAnswer {
  Outcome outcome = Outcome::unknown;
  std::string code;       // the far side's status or error, for the record; bounded when stored
  std::string reference;  // the far side's own name for it, if any
  Time far_time;          // the far side's clock when it answered; needed by rule not_after

  EffectAnswer() = default;
  EffectAnswer(Outcome o, std::string c = {}, std::string r = {})
      : outcome(o), code(std::move(c)), reference(std::move(r)) {}
};

// Talks to the outside. Lives in the thin shell: it decides nothing and stores nothing.
class EffectHandler {
 public:
  using Done = std::function<void(EffectAnswer)>;
  virtual ~EffectHandler() = default;
  // Starts the exchange and returns at once. `done` is called once, from any thread, within
  // call.timeout_ms (later answers are taken as unknown). Called like a callback of the engine (see
  // engine.h): must not block. Must not throw; if it does, the answer is unknown.
  virtual void start(const EffectCall& call, Done done) = 0;
};

// How an effect ended, handed to its owner as a command.
struct EffectReport {
  std::int64_t effect_id = 0;
  Outcome outcome = Outcome::unknown;  // confirmed, refused, never_sent, or accepted (first time)
  std::string code;
  std::string reference;
  int attempt = 0;
};

}  // namespace pawl
