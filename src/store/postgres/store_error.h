// SPDX-License-Identifier: Apache-2.0
//
// Which of the store's errors an answer of PostgreSQL is, by its SQLSTATE alone. What a lost
// connection means depends on what was under way, so that is the caller's to say.
#pragma once

#include <pawl/error.h>

#include "store/postgres/sql_error.h"

namespace pawl::postgres {

inline constexpr ErrorCode store_lost_update{
    "store_lost_update", ErrorClass::defect,
    "a locked row was changed by somebody else: another writer than the engine is on this store"};

// A lost connection: store_failed.
Error store_error(const SqlError& error);

}  // namespace pawl::postgres
