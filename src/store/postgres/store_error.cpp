// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/store_error.h"

#include <pawl/receipt.h>

#include "protocol/storage.h"
#include "store/postgres/engine_schema.h"

namespace pawl::postgres {

namespace {

ErrorCode code_of(const SqlError& error) {
  switch (error.kind) {
    case SqlErrorKind::retry_whole:
      return protocol::transaction_aborted;
    case SqlErrorKind::lock_timeout:
      return protocol::rows_locked;
    case SqlErrorKind::unique_violation:
      return error.constraint == receipts_key ? protocol::receipt_exists
                                              : protocol::create_conflict;
    case SqlErrorKind::constraint:
      return protocol::store_constraint;
    case SqlErrorKind::invalid_text:
      return text_invalid;
    case SqlErrorKind::raised_by_us:
      if (error.sqlstate == lane_fenced_state) return protocol::lane_fenced;
      if (error.sqlstate == create_conflict_state) return protocol::create_conflict;
      return store_lost_update;
    default:
      return protocol::store_failed;
  }
}

}  // namespace

Error store_error(const SqlError& error) {
  // The server's own DETAIL may hold values of rows: it is left out.
  std::string detail = error.message;
  if (!error.constraint.empty()) detail += " [" + error.constraint + "]";
  if (!error.sqlstate.empty()) detail += " (" + error.sqlstate + ")";
  if (!error.statement.empty()) detail += " in " + error.statement;
  return Error(code_of(error), std::move(detail));
}

}  // namespace pawl::postgres
