// SPDX-License-Identifier: Apache-2.0
//
// pawl audit otc: proves that nothing was lost or paid twice.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "app/desk_audit.h"
#include "app/server_options.h"
#include "app/verbs.h"

namespace pawl::app {

namespace {

struct AuditOptions {
  ServerOptions server;
  std::string custodian_data_dir;
  bool json = false;
};

Exit audit(const AuditOptions& options) {
  const auto settings = options.server.read();
  if (!settings) return report(settings.error());
  AuditSources sources;
  sources.store = {settings->database_path(), settings->postgres};
  sources.custodian_url = settings->custodian_url;
  sources.custodian_data_dir = options.custodian_data_dir;
  const auto found = audit_desk(sources);
  if (!found) return report(found.error());
  const std::string text = options.json ? otc::audit_json(*found) + "\n" : audit_text(*found);
  std::fputs(text.c_str(), stdout);
  return found->sound() ? Exit::done : Exit::finding;
}

}  // namespace

void add_audit(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<AuditOptions>();
  auto* verb = app.add_subcommand("audit", "Prove that nothing was lost or paid twice");
  verb->require_subcommand(1);
  auto* desk = verb->add_subcommand("otc", "The desk's rows against the sandbox's ledger");
  options->server.add_config_and_data(*desk);
  auto* url = desk->add_option("--custodian-url", options->server.custodian_url,
                               "the sandbox, running (default http://127.0.0.1:7334)");
  desk->add_option("--custodian-data", options->custodian_data_dir,
                   "the data folder of a sandbox that does not run")
      ->excludes(url);
  desk->add_flag("--json", options->json, "the report as one JSON object");
  desk->footer(
      "Compares each order, trade and wallet with the custodian's escrows and payouts, and the\n"
      "sum of all coins with what was issued. It reads the store beside running servers,\n"
      "without its lock; a finding counts only if it stays while both sides are read again.\n"
      "\n"
      "Examples:\n"
      "  pawl audit otc\n"
      "  pawl audit otc --data /var/lib/pawl --custodian-data /var/lib/pawl --json\n"
      "\n"
      "Exit codes: 0 sound, 1 a finding or no store, 2 usage, 3 the custodian does not answer.");
  desk->callback([options, &chosen] { chosen = [options] { return audit(*options); }; });
}

}  // namespace pawl::app
