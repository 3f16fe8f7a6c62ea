// SPDX-License-Identifier: Apache-2.0
//
// The desk's rows for the audit, read from the store in one read transaction: one moment, also
// while servers write. Takes no lock and writes nothing.
#pragma once

#include <string>

#include "app/chosen_store.h"
#include "systems/otc/audit.h"

namespace pawl::app {

// Where they are: a file, or, if that has an address, a PostgreSQL.
struct DeskRowsSource {
  std::string database_path;
  PostgresOptions postgres;
};

// All of the input but the custodian's books. Errors: store_missing, store_open_failed, those of a
// connection to PostgreSQL, entity_unreadable.
Result<otc::AuditInput> read_desk_rows(const DeskRowsSource& source);

}  // namespace pawl::app
