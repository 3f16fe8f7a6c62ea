// SPDX-License-Identifier: Apache-2.0
//
// The store that the settings name, wherever it is: SQLite in the data folder or a schema on a
// PostgreSQL.
#pragma once

#include <pawl/engine.h>

#include <string>
#include <vector>

#include "app/settings.h"

namespace pawl::app {

inline constexpr ErrorCode store_missing{"store_missing", ErrorClass::not_found,
                                         "There is no store in the data folder"};

enum class WhenOlder { refuse, migrate };

// Errors: those of open_sqlite and open_postgres.
Result<StoreHandle> open_store(const Settings& settings, const Registry& registry,
                               WhenOlder when_older = WhenOlder::refuse);
// As pending_migrations; store_missing if there is no file.
Result<std::vector<std::string>> pending_in_store(const Settings& settings,
                                                  const Registry& registry);

// For people: the file, or the URL without its password.
std::string shown_store(const Settings& settings);

}  // namespace pawl::app
