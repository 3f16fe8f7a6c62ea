// SPDX-License-Identifier: Apache-2.0
#include "store/migrations.h"

#include <pawl/engine.h>

#include <algorithm>

namespace pawl {

Result<std::vector<Migration>> missing_migrations(const AppliedMigrations& applied,
                                                  const std::vector<Migration>& all) {
  AppliedMigrations wanted;
  for (const auto& migration : all) {
    int& number = wanted[std::string(migration.system)];
    number = std::max(number, migration.number);
  }
  for (const auto& [system, number] : applied) {
    const auto place = wanted.find(system);
    if (place != wanted.end() && number > place->second) {
      return fail(schema_newer, system + " is at " + std::to_string(number) +
                                    ", this program knows up to " + std::to_string(place->second));
    }
  }
  std::vector<Migration> out;
  for (const auto& migration : all) {
    const auto place = applied.find(migration.system);
    if (migration.number > (place == applied.end() ? 0 : place->second)) out.push_back(migration);
  }
  return out;
}

Result<void> refuse_older_schema(const AppliedMigrations& applied,
                                 const std::vector<Migration>& missing) {
  for (const auto& migration : missing) {
    const auto place = applied.find(migration.system);
    if (place == applied.end()) continue;
    return fail(schema_older, std::string(migration.system) + " is at " +
                                  std::to_string(place->second) + " and needs " +
                                  std::to_string(migration.number) + "; run `pawl migrate`");
  }
  return {};
}

std::vector<std::string> names_of(const std::vector<Migration>& migrations) {
  std::vector<std::string> out;
  out.reserve(migrations.size());
  for (const auto& migration : migrations) {
    out.push_back(std::string(migration.system) + " " + std::to_string(migration.number));
  }
  return out;
}

}  // namespace pawl
