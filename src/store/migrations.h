// SPDX-License-Identifier: Apache-2.0
//
// Which migrations a store still lacks, and whether they may be applied unasked: the same rule for
// every store. How they are applied is each store's own.
#pragma once

#include <pawl/machine.h>

#include <map>
#include <string>
#include <vector>

namespace pawl {

// The newest number applied, per system.
using AppliedMigrations = std::map<std::string, int, std::less<>>;

// Those of `all` that were not applied yet, in order; schema_newer if this program knows less.
Result<std::vector<Migration>> missing_migrations(const AppliedMigrations& applied,
                                                  const std::vector<Migration>& all);

// schema_older if one of them changes a system that is already there: that is done when asked for.
// In a new store, and for a system that was switched on later, there is nothing to be older.
Result<void> refuse_older_schema(const AppliedMigrations& applied,
                                 const std::vector<Migration>& missing);

// "SYSTEM NUMBER" each.
std::vector<std::string> names_of(const std::vector<Migration>& migrations);

}  // namespace pawl
