// SPDX-License-Identifier: Apache-2.0
//
// A receipt: what a command was answered, stored in the commit that decided it. The same command
// again (same entity, principal, kind and id, same content) is answered with it and runs nothing.
#pragma once

#include <pawl/error.h>
#include <pawl/locked.h>
#include <pawl/time.h>

#include <optional>
#include <string>

namespace pawl {

inline constexpr std::size_t max_trace_id_bytes = 64;

// Who asks, and under which id. The id makes the command idempotent: choose it before the first try
// and keep it for every repeat.
struct Origin {
  std::string principal;  // 1 to 200 bytes, e.g. "operator:ann"; UTF-8 without NUL
  std::string id;         // 1 to 128 bytes, whatever they are
  std::string why;        // an operator's reason; may be empty; UTF-8 without NUL
  // 32 hex digits that join what follows in logs, journal and effects (W3C trace context), or
  // empty.
  std::string trace_id;
  // When the request was made, where its content proves it (a signed time); else what the id says.
  std::optional<Time> made_at{};
};

struct Receipt {
  bool done = false;  // true: it was carried out; false: it was refused
  std::string code;   // the refusal's code; empty if done
  std::string detail;
  ErrorClass error_class = ErrorClass::conflict;  // of a refusal
  std::string guard;                              // the guard that refused; not stored
  std::string reply_json;                         // the decision's reply; may be empty
  std::int64_t version = 0;                       // of the command's first entity, after it
  bool repeated = false;                          // answered from the stored receipt
};

inline constexpr ErrorCode idempotency_mismatch{
    "idempotency_key_reused", ErrorClass::conflict,
    "this id was used before for a command with other content"};
inline constexpr ErrorCode engine_overloaded{"overloaded", ErrorClass::unavailable,
                                             "too much is waiting; try again shortly"};
inline constexpr ErrorCode engine_stopping{"stopping", ErrorClass::unavailable,
                                           "the server is shutting down"};
inline constexpr ErrorCode command_invalid{"command_invalid", ErrorClass::invalid,
                                           "the command names no, too many or malformed entities"};
inline constexpr ErrorCode text_invalid{
    "text_invalid", ErrorClass::invalid,
    "a text holds NUL or is no UTF-8, and the database takes neither"};
inline constexpr ErrorCode machine_defect{"machine_defect", ErrorClass::defect,
                                          "the machine's code broke its contract"};
inline constexpr ErrorCode outcome_in_doubt{
    "in_doubt", ErrorClass::in_doubt,
    "it is not known whether this was committed; repeat it with the same id"};

}  // namespace pawl
