// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/sql_error.h"

#include "protocol/storage.h"

namespace pawl::postgres {
namespace {

std::string field(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? std::string() : std::string(text);
}

}  // namespace

std::string_view to_string(SqlErrorKind kind) {
  switch (kind) {
    case SqlErrorKind::none:
      return "none";
    case SqlErrorKind::connection_lost:
      return "connection_lost";
    case SqlErrorKind::retry_whole:
      return "retry_whole";
    case SqlErrorKind::lock_timeout:
      return "lock_timeout";
    case SqlErrorKind::statement_timeout:
      return "statement_timeout";
    case SqlErrorKind::unique_violation:
      return "unique_violation";
    case SqlErrorKind::constraint:
      return "constraint";
    case SqlErrorKind::raised_by_us:
      return "raised_by_us";
    case SqlErrorKind::invalid_text:
      return "invalid_text";
    case SqlErrorKind::permission:
      return "permission";
    case SqlErrorKind::read_only:
      return "read_only";
    case SqlErrorKind::other:
      return "other";
  }
  return "other";
}

SqlErrorKind kind_of(std::string_view sqlstate, std::string_view severity) {
  if (severity == "FATAL" || severity == "PANIC") return SqlErrorKind::connection_lost;
  if (sqlstate == "40001" || sqlstate == "40P01") return SqlErrorKind::retry_whole;
  if (sqlstate == "55P03") return SqlErrorKind::lock_timeout;
  if (sqlstate == "57014") return SqlErrorKind::statement_timeout;
  if (sqlstate == "23505") return SqlErrorKind::unique_violation;
  if (sqlstate.starts_with("23")) return SqlErrorKind::constraint;
  if (sqlstate.starts_with("PW")) return SqlErrorKind::raised_by_us;
  if (sqlstate == "22021" || sqlstate == "22P05") return SqlErrorKind::invalid_text;
  if (sqlstate == "42501" || sqlstate.starts_with("28")) return SqlErrorKind::permission;
  if (sqlstate == "25006") return SqlErrorKind::read_only;
  // A result that libpq made itself has no SQLSTATE: it is about the connection.
  return sqlstate.empty() ? SqlErrorKind::connection_lost : SqlErrorKind::other;
}

Error SqlError::error() const {
  std::string text = statement.empty() ? message : statement + ": " + message;
  if (!sqlstate.empty()) text += " (SQLSTATE " + sqlstate + ")";
  if (kind == SqlErrorKind::connection_lost) return Error(connection_lost, std::move(text));
  if (kind == SqlErrorKind::unique_violation || kind == SqlErrorKind::constraint) {
    return Error(protocol::store_constraint, std::move(text));
  }
  return Error(protocol::store_failed, std::move(text));
}

SqlError error_of(const PGresult* result, std::string_view statement) {
  SqlError error;
  error.sqlstate = field(result, PG_DIAG_SQLSTATE);
  error.severity = field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  error.message = field(result, PG_DIAG_MESSAGE_PRIMARY);
  if (error.message.empty()) error.message = PQresultErrorMessage(result);
  error.detail = field(result, PG_DIAG_MESSAGE_DETAIL);
  error.constraint = field(result, PG_DIAG_CONSTRAINT_NAME);
  error.statement = statement;
  error.kind = kind_of(error.sqlstate, error.severity);
  return error;
}

SqlError lost(std::string message, std::string_view statement) {
  SqlError error;
  error.kind = SqlErrorKind::connection_lost;
  error.message = std::move(message);
  error.statement = statement;
  return error;
}

}  // namespace pawl::postgres
