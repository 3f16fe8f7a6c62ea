// SPDX-License-Identifier: Apache-2.0
//
// The schema of a SQLite store: the engine's own tables and the systems' migrations, applied in
// order and compared at every start.
#pragma once

#include <pawl/clock.h>
#include <pawl/machine.h>

#include <string>
#include <vector>

#include "store/sqlite/connection.h"

namespace pawl::sqlite {

// Brings a new file (or, with `migrate`, an older one) to the registry's schema, then compares: a
// newer or an older schema is refused by name, as is a table that differs from its declaration.
Result<void> prepare_schema(Connection& connection, const Registry& registry, bool migrate,
                            Clock& clock);

// What prepare_schema would apply to an existing file, "SYSTEM NUMBER" each; changes nothing.
Result<std::vector<std::string>> pending_schema(Connection& connection, const Registry& registry);

}  // namespace pawl::sqlite
