// SPDX-License-Identifier: Apache-2.0
#include "app/chosen_store.h"

#include <unistd.h>

#include "store/postgres/connection_options.h"

namespace pawl::app {

namespace {

SqliteOptions sqlite_options(const Settings& settings) {
  SqliteOptions options = settings.store;
  options.path = settings.database_path();
  return options;
}

PostgresOptions postgres_options(const Settings& settings) {
  PostgresOptions options = settings.postgres;
  options.readers = settings.store.readers;
  options.notes_directory = settings.data_dir;
  return options;
}

}  // namespace

Result<StoreHandle> open_store(const Settings& settings, const Registry& registry,
                               WhenOlder when_older) {
  if (settings.on_postgres()) {
    PostgresOptions options = postgres_options(settings);
    options.migrate = when_older == WhenOlder::migrate;
    return open_postgres(options, registry);
  }
  SqliteOptions options = sqlite_options(settings);
  options.migrate = when_older == WhenOlder::migrate;
  options.create = when_older == WhenOlder::refuse;
  return open_sqlite(options, registry);
}

Result<std::vector<std::string>> pending_in_store(const Settings& settings,
                                                  const Registry& registry) {
  if (settings.on_postgres()) return pending_migrations(postgres_options(settings), registry);
  SqliteOptions options = sqlite_options(settings);
  if (::access(options.path.c_str(), F_OK) != 0) {
    return fail(store_missing, options.path + "; `pawl serve` makes one");
  }
  options.create = false;
  return pending_migrations(options, registry);
}

std::string shown_store(const Settings& settings) {
  if (!settings.on_postgres()) return settings.database_path();
  return postgres::shown_url(settings.postgres.url) + " schema=" + settings.postgres.schema;
}

}  // namespace pawl::app
