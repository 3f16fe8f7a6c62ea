// SPDX-License-Identifier: Apache-2.0
//
// What PostgreSQL, or the way to it, said instead of yes. Classified by SQLSTATE alone: texts are
// kept for people and never looked into. A severity of FATAL means that the server has hung up, so
// it counts as a lost connection whatever its SQLSTATE. Which error a caller gets to see is left to
// the store; error() is for those that need no decision.
#pragma once

#include <libpq-fe.h>
#include <pawl/error.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace pawl::postgres {

enum class SqlErrorKind : std::uint8_t {
  none,
  connection_lost,    // or no answer in time; see Outcome for what may have run
  retry_whole,        // 40001 serialization_failure, 40P01 deadlock_detected
  lock_timeout,       // 55P03: lock_timeout, or NOWAIT
  statement_timeout,  // 57014: the time-out, or somebody's cancel
  unique_violation,   // 23505
  constraint,         // the rest of class 23
  raised_by_us,       // our own SQL's RAISE: class PW
  invalid_text,       // 22021, 22P05: bytes that are no UTF-8, or NUL
  permission,         // 42501, class 28
  read_only,          // 25006: a standby, or made read-only since the connection was opened
  other
};

std::string_view to_string(SqlErrorKind kind);

// FATAL and PANIC are `connection_lost` whatever the SQLSTATE.
SqlErrorKind kind_of(std::string_view sqlstate, std::string_view severity);

struct SqlError {
  SqlErrorKind kind = SqlErrorKind::none;
  std::string sqlstate;  // five characters; empty: the server had no say
  std::string severity;  // never translated: ERROR, FATAL, PANIC
  std::string message;
  std::string detail;  // may hold values of rows
  std::string constraint;
  std::string statement;  // its name, or the beginning of its SQL

  // 23xxx -> store_constraint, connection_lost -> its own, all else -> store_failed.
  Error error() const;
};

// Of a result whose status is PGRES_FATAL_ERROR.
SqlError error_of(const PGresult* result, std::string_view statement);
// Of a connection on which nothing more will come.
SqlError lost(std::string message, std::string_view statement);

inline constexpr ErrorCode connection_lost{
    "store_connection_lost", ErrorClass::unavailable,
    "the connection to the database was lost, or no answer came in time"};
inline constexpr ErrorCode connect_failed{"store_unreachable", ErrorClass::unavailable,
                                          "the database could not be reached"};
inline constexpr ErrorCode login_refused{
    "store_login_refused", ErrorClass::unavailable,
    "the database does not let this role in: password, role or pg_hba.conf"};
inline constexpr ErrorCode database_missing{"store_database_missing", ErrorClass::unavailable,
                                            "the server has no database of that name"};
inline constexpr ErrorCode server_too_old{"store_server_too_old", ErrorClass::unavailable,
                                          "PostgreSQL 15 or newer is needed"};
inline constexpr ErrorCode not_primary{"store_not_primary", ErrorClass::unavailable,
                                       "the server is a standby and takes no writes"};
inline constexpr ErrorCode session_read_only{
    "store_read_only", ErrorClass::unavailable,
    "transactions of this role, database or server are read-only by default"};
inline constexpr ErrorCode session_unsettled{
    "store_session_unsettled", ErrorClass::unavailable,
    "what was set for the session did not stay set; a pooler that hands it to others does that"};
inline constexpr ErrorCode transaction_pooling{
    "store_transaction_pooling", ErrorClass::unavailable,
    "a pooler hands out server connections by transaction; prepared statements would be mixed up"};
inline constexpr ErrorCode readers_busy{"store_readers_busy", ErrorClass::unavailable,
                                        "every connection for reading is in use"};

}  // namespace pawl::postgres
