// SPDX-License-Identifier: Apache-2.0
//
// What waits for the committer: commands from every source, and the steps of effects. Each item is
// decided once; its end is reported by the ticket it carries.
#pragma once

#include <pawl/command.h>
#include <pawl/receipt.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/effect_row.h"
#include "protocol/storage.h"

namespace pawl::protocol {

// A command from outside: answered with a receipt. What follows from the command alone is worked
// out by prepare(), which the driver calls on its caller's thread; left undone, the plan does it.
struct RequestWork {
  std::shared_ptr<const Command> command;
  Origin origin;
  bool prepared = false;
  std::vector<EntityRef> keys;
  Fingerprint fingerprint{};
};

// A message on its way; `command` is decoded from the row (a Bounced one if row.bounced).
struct MessageWork {
  MessageRow row;
  std::shared_ptr<const Command> command;
};

struct DeadlineWork {
  DeadlineRow row;
  std::shared_ptr<const Command> command;
};

// Wants to begin an exchange.
struct ClaimWork {
  std::int64_t effect_id = 0;
};

// An exchange's answer. `claimed` is the row as the claim left it: while its token stands, nobody
// has changed it.
struct AnswerWork {
  EffectRow claimed;
  EffectAnswer answer;
  double jitter = 0;
};

struct LeaseLostWork {
  std::int64_t effect_id = 0;
  std::int64_t token = 0;
};

struct OperateWork {
  EffectRow looked_at;  // its token and payload are what the operator's verb is decided on
  EffectVerb verb = EffectVerb::retry;
  std::int64_t token = 0;
  Origin origin;
};

// Sets an inner command aside, with an alert. Exactly one of the sources is set.
struct ParkWork {
  std::optional<MessageRow> message;
  std::optional<DeadlineRow> deadline;
  std::optional<AnswerWork> answer;  // the effect ends, its outcome command is parked
  std::string code;
  std::string detail;
};

inline constexpr ErrorCode parked_not_found{"parked_not_found", ErrorClass::not_found,
                                            "no such parked command"};

enum class ParkedVerb { retry, drop };

// An operator has a parked command decided again, or drops it.
struct ParkedWork {
  ParkedRow row;  // nothing but the id if it is gone: then only a repeat can be answered
  ParkedVerb verb = ParkedVerb::retry;
  std::shared_ptr<const Command> command;  // of a retry whose row is there
  Origin origin;
};

struct AlertWork {
  AlertRow alert;
  bool acknowledge = false;
  Origin origin;                     // of an acknowledgement
  std::int64_t delivered_count = 0;  // above 0: it was delivered as it was with this count
};

using WorkItem = std::variant<RequestWork, MessageWork, DeadlineWork, ClaimWork, AnswerWork,
                              LeaseLostWork, OperateWork, ParkWork, ParkedWork, AlertWork>;

struct Work {
  std::uint64_t ticket = 0;  // chosen by the driver
  WorkItem item;
};

enum class Fate {
  decided,  // see the receipt, or why there is none
  stale,    // its source is gone: somebody else has done it
  held,     // an earlier message of its pair was parked: it stays where it is
  again,    // the batch was full: run it again in a later one
  skipped   // another session holds a row of it: run it again in a batch that waits
};

// How one item of work ended.
struct WorkResult {
  std::uint64_t ticket = 0;
  Fate fate = Fate::decided;
  Result<Receipt> receipt = Receipt{};
  bool parked = false;  // set aside, in this same commit
};

// A claim that was committed: the exchange may begin.
struct StartExchange {
  EffectRow row;
  EffectCall::Purpose purpose = EffectCall::Purpose::perform;
};

}  // namespace pawl::protocol
