// SPDX-License-Identifier: Apache-2.0
//
// pawl migrate: brings a store's tables up to this program's, or says what that would take.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "app/chosen_store.h"
#include "app/desk_server.h"
#include "app/server_options.h"
#include "app/verbs.h"

namespace pawl::app {

namespace {

struct MigrateOptions {
  ServerOptions server;
  bool check = false;
};

Exit migrate(const MigrateOptions& options) {
  const auto settings = options.server.read();
  if (!settings) return report(settings.error());
  Registry registry;
  declare_systems(registry, *settings);
  const auto pending = pending_in_store(*settings, registry);
  if (!pending) return report(pending.error());
  for (const auto& migration : *pending) {
    std::printf("%s %s\n", options.check ? "to be applied:" : "applying:", migration.c_str());
  }
  if (options.check && !pending->empty()) return Exit::finding;
  if (options.check) {
    std::printf("%s is up to date\n", shown_store(*settings).c_str());
    return Exit::done;
  }
  const auto store = open_store(*settings, registry, WhenOlder::migrate);
  if (!store) return report(store.error());
  std::printf("%s is up to date\n", shown_store(*settings).c_str());
  return Exit::done;
}

}  // namespace

void add_migrate(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<MigrateOptions>();
  auto* verb = app.add_subcommand("migrate", "Bring a store's tables up to this program's");
  options->server.add_config_and_data(*verb);
  verb->add_flag("--check", options->check, "change nothing, print what would be applied");
  verb->footer(
      "--check reads only, also beside a running server. Else stop it and copy the data folder\n"
      "first (`pawl backup`; on PostgreSQL its own tools). Each migration is one transaction: it "
      "is there whole or not at all.\n"
      "A store that is newer than this program is left alone.\n"
      "\n"
      "Examples:\n"
      "  pawl migrate --check --data /var/lib/pawl\n"
      "  pawl migrate --data /var/lib/pawl\n"
      "\n"
      "Exit codes: 0 up to date, 1 it is not, or differs, 2 usage, 4 a server has it open.");
  verb->callback([options, &chosen] { chosen = [options] { return migrate(*options); }; });
}

}  // namespace pawl::app
