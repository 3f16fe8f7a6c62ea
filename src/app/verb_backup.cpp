// SPDX-License-Identifier: Apache-2.0
//
// pawl backup and pawl restore: a copy of the store, and a store made of a copy.
#include <pawl/backup.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "app/chosen_store.h"
#include "app/desk_server.h"
#include "app/server_options.h"
#include "app/service_key.h"
#include "app/verbs.h"

namespace pawl::app {

namespace {

struct BackupOptions {
  ServerOptions server;
  std::string file;
  bool epoch = false;
};

inline constexpr ErrorCode backup_is_the_databases{
    "backup_is_the_databases", ErrorClass::invalid,
    "The store is on PostgreSQL, whose own tools back it up and restore it"};

Exit backup(const BackupOptions& options) {
  const auto settings = options.server.read();
  if (!settings) return report(settings.error());
  if (settings->on_postgres()) {
    return report(Error(backup_is_the_databases, "pg_dump or pg_basebackup; docs/postgres.md"));
  }
  const std::string store = settings->database_path();
  if (::access(store.c_str(), F_OK) != 0) return report(Error(store_missing, store));
  const auto facts = backup_sqlite(store, options.file);
  if (!facts) return report(facts.error());
  std::printf("%s: %lld bytes, sha256 %s\nstore %s, epoch %s, %lld effects had not ended\n",
              options.file.c_str(), static_cast<long long>(facts->size_bytes),
              facts->sha256.c_str(), facts->store_id.c_str(), facts->epoch.c_str(),
              static_cast<long long>(facts->open_effects));
  return Exit::done;
}

Exit begin_epoch(const Settings& settings) {
  if (!settings.on_postgres()) {
    return report(
        Error(configuration_invalid, "--epoch is for a store on PostgreSQL; else --from"));
  }
  Registry registry;
  declare_systems(registry, settings);
  const auto facts = begin_postgres_epoch(settings.postgres, registry);
  if (!facts) return report(facts.error());
  std::printf("%s is the store %s as of %s, in its new epoch %s\n", shown_store(settings).c_str(),
              facts->store_id.c_str(), to_rfc3339(facts->newest_commit).c_str(),
              facts->epoch.c_str());
  std::printf("%lld effects had not ended: they are asked for before anything is sent\n",
              static_cast<long long>(facts->effects_to_inquire));
  return Exit::done;
}

Exit restore(const BackupOptions& options) {
  const auto settings = options.server.read();
  if (!settings) return report(settings.error());
  if (options.epoch) return begin_epoch(*settings);
  if (settings->on_postgres()) {
    return report(Error(backup_is_the_databases,
                        "restore it with these, then `pawl restore --epoch`; docs/postgres.md"));
  }
  if (options.file.empty() || options.server.data_dir.empty()) {
    return report(Error(configuration_invalid, "restore needs --from and --to, or --epoch"));
  }
  if (auto made = prepare_data_dir(settings->data_dir); !made) return report(made.error());
  Registry registry;
  declare_systems(registry, *settings);
  const auto facts = restore_sqlite(options.file, settings->database_path(), registry);
  if (!facts) return report(facts.error());
  std::printf("%s is the store %s as of %s, in its new epoch %s\n",
              settings->database_path().c_str(), facts->backup.store_id.c_str(),
              to_rfc3339(facts->backup.taken_at).c_str(), facts->epoch.c_str());
  std::printf("%lld effects had not ended: they are asked for before anything is sent\n",
              static_cast<long long>(facts->effects_to_inquire));
  if (::access(service_key_path(settings->data_dir).c_str(), F_OK) != 0) {
    std::printf("%s is missing: put the server's key there before you start it\n",
                service_key_path(settings->data_dir).c_str());
  }
  return Exit::done;
}

}  // namespace

void add_backup(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<BackupOptions>();
  auto* verb = app.add_subcommand("backup", "Copy the store, also beside a running server");
  options->server.add_config_and_data(*verb);
  verb->add_option("--to", options->file, "the new file; its manifest is FILE.json")->required();
  verb->footer(
      "The copy is the store as of one commit, checked, with its checksum in the manifest. "
      "Nothing\n"
      "is written over. Keys are not in it: back service.key up apart from it.\n"
      "\n"
      "Examples:\n"
      "  pawl backup --to /backup/pawl-monday.db\n"
      "  pawl backup --data /var/lib/pawl --to /backup/pawl-monday.db\n"
      "\n"
      "Exit codes: 0 copied, 1 the file exists or there is no store, 2 usage, 3 the disk.");
  verb->callback([options, &chosen] { chosen = [options] { return backup(*options); }; });
}

void add_restore(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<BackupOptions>();
  auto* verb = app.add_subcommand("restore", "Make a store of a backup, as a new epoch");
  verb->add_option("--config", options->server.config_file, "TOML file of the server to be");
  auto* from = verb->add_option("--from", options->file, "the backup; its manifest is FILE.json");
  auto* to =
      verb->add_option("--to", options->server.data_dir, "the data folder; it has no store yet");
  from->needs(to);
  verb->add_option("--store", options->server.store_url, "URL of a PostgreSQL (or PAWL_STORE_URL)");
  verb->add_flag("--epoch", options->epoch,
                 "a PostgreSQL that its own tools restored becomes a new epoch")
      ->excludes(from);
  verb->footer(
      "Checks the backup's checksum and every page of it first. Stop the old server for good "
      "before\n"
      "you start one on what was restored: both would settle the same orders. Every effect that\n"
      "had not ended is asked for before anything is sent; docs/operations.md says what callers "
      "see.\n"
      "\n"
      "Examples:\n"
      "  pawl restore --from /backup/pawl-monday.db --to /var/lib/pawl\n"
      "  pawl restore --epoch --store postgresql://pawl@db.example/pawl\n"
      "\n"
      "Exit codes: 0 restored, 1 the backup is damaged or there is a store, 2 usage, 3 the disk\n"
      "or the database, 4 a server has the folder or holds a lane.");
  verb->callback([options, &chosen] { chosen = [options] { return restore(*options); }; });
}

}  // namespace pawl::app
