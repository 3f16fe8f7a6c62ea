// SPDX-License-Identifier: Apache-2.0
//
// Guards: the named conditions under which a command may change anything. A refusal cannot be made
// without naming the guard that failed, so every reason to say no can be listed, counted, and
// switched off by the checker (in its own build only) to show the failure that it prevents.
//
//   PAWL_REQUIRE(guard::open, order->state == OrderState::open, error::order_not_open);
//
// The macro returns from decide() with a typed refusal when the condition does not hold: no
// exception is thrown on a path that the losers of a race take.
#pragma once

#include <pawl/error.h>

#include <string>
#include <string_view>
#include <utility>

namespace pawl {

// A constant with a name that is unique within its system, e.g. {"otc.order_is_open"}.
struct Guard {
  std::string_view name;
};

// Why a decision said no. Made by PAWL_REQUIRE alone.
class Refusal {
 public:
  const Guard& guard() const { return guard_; }
  const Error& error() const { return error_; }

 private:
  friend Refusal refuse(const Guard&, ErrorCode, std::string);
  Refusal(const Guard& guard, Error error) : guard_(guard), error_(std::move(error)) {}

  Guard guard_;
  Error error_;
};

// For PAWL_REQUIRE; lint refuses other callers.
inline Refusal refuse(const Guard& guard, ErrorCode code, std::string detail = {}) {
  return Refusal(guard, Error(code, std::move(detail)));
}

#ifdef PAWL_CHECKER
// In the checker's build a guard can be switched off by name; it then always holds.
bool guard_holds(const Guard& guard, bool condition);
#else
inline bool guard_holds(const Guard&, bool condition) {
  return condition;
}
#endif

}  // namespace pawl

#define PAWL_REQUIRE(guard, condition, ...)                            \
  do {                                                                 \
    if (!::pawl::guard_holds((guard), static_cast<bool>(condition))) { \
      return ::pawl::refuse((guard), __VA_ARGS__);                     \
    }                                                                  \
  } while (false)
