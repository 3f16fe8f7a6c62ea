// SPDX-License-Identifier: Apache-2.0
//
// The schema of a PostgreSQL store: the engine's own tables and the systems' migrations, applied
// together in one transaction under a lock, so that of several processes that start at once one
// applies them and the others find them done; and compared at every start.
#pragma once

#include <pawl/machine.h>

#include <string>
#include <vector>

#include "store/postgres/connection.h"

namespace pawl::postgres {

// For one migration, however large the tables that it changes.
inline constexpr int max_migration_ms = 3'600'000;

// Brings a new schema (or, with `migrate`, an older one) to the registry's, then compares: a newer
// or an older one is refused by name, as is a table that differs from its declaration. `schema` is
// the connection's search path, and the connection's time-outs are those of migrations.
Result<void> prepare_schema(Connection& connection, const std::string& schema,
                            const Registry& registry, bool migrate);

// What prepare_schema would apply, "SYSTEM NUMBER" each; changes nothing.
Result<std::vector<std::string>> pending_schema(Connection& connection, const std::string& schema,
                                                const Registry& registry);

}  // namespace pawl::postgres
