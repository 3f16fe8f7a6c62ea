// SPDX-License-Identifier: Apache-2.0
//
// Errors are values. An ErrorCode is a constant with a stable name (the `code` of the HTTP API, of
// refusals and of alerts), a class from a closed set, and a title; an Error adds what happened this
// time. Callers branch on the class or on the code, never on text.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace pawl {

// The closed set of classes. Each maps to one HTTP status and one exit code, see docs/errors.md.
enum class ErrorClass {
  invalid,       // the request itself is malformed; sending it again cannot help
  unauthorized,  // who asks could not be established
  forbidden,     // who asks is known and may not
  not_found,     // no such entity, route or file
  conflict,      // the entity's state does not allow it now
  gone,          // too late: expired, or older than what is kept
  too_large,     // a bound on size was exceeded
  too_many,      // a bound on rate or number was exceeded
  unavailable,   // try again later: overload, shutting down, storage or the outside away
  in_doubt,      // it may have happened; the outcome is not known yet
  upstream,      // the outside world gave a definite failure
  corrupt,       // stored data is not what this binary can read
  defect         // a mistake in this program or in a machine's code
};

// The class's name as it stands in APIs and logs, e.g. "too_many". Never empty.
std::string_view to_string(ErrorClass error_class);

// A constant: declare it `inline constexpr`, the views must outlive every Error that names it.
struct ErrorCode {
  std::string_view code;  // stable, snake_case, unique in the program
  ErrorClass error_class;
  std::string_view title;  // one short sentence without the particulars

  friend constexpr bool operator==(const ErrorCode& a, const ErrorCode& b) {
    return a.code == b.code;
  }
};

struct Error {
  ErrorCode code;
  std::string detail;  // what was expected, what was found, what to do; may be empty; no secrets

  Error(ErrorCode c, std::string d = {}) : code(c), detail(std::move(d)) {}  // NOLINT(implicit)

  // "code: title (detail)", for logs and terminals.
  std::string text() const;
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(ErrorCode code, std::string detail = {}) {
  return std::unexpected<Error>(Error(code, std::move(detail)));
}

}  // namespace pawl
