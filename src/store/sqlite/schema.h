// SPDX-License-Identifier: Apache-2.0
//
// The schema of a SQLite store: the engine's own tables and the systems' migrations, applied in
// order and compared at every start.
#pragma once

#include <pawl/clock.h>
#include <pawl/machine.h>

#include "store/sqlite/connection.h"

namespace pawl::sqlite {

// Brings a new file (or, with `migrate`, an older one) to the registry's schema, then compares: a
// newer or an older schema is refused by name, as is a table that differs from its declaration.
Result<void> prepare_schema(Connection& connection, const Registry& registry, bool migrate,
                            Clock& clock);

}  // namespace pawl::sqlite
