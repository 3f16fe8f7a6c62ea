// SPDX-License-Identifier: Apache-2.0
#include "app/program.h"

#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "app/verbs.h"

namespace pawl::app {

namespace {

constexpr const char* description =
    "Pawl: state that must not slip. A settlement desk for over-the-counter trades on a durable\n"
    "engine: it never acts on a stale read, never forgets an effect, never lies about an outcome.";

constexpr const char* footer =
    "Start with:\n"
    "  pawl run                  a server and its sandbox, one trade, and what to try next\n"
    "  pawl demo                 trades under kill -9 and a failing custodian, then an audit\n"
    "\n"
    "Exit codes: 0 done, 1 a finding, 2 usage or configuration, 3 the outside is unavailable,\n"
    "4 locked by another process, 5 deadline passed, 6 outcome unknown, 130 interrupted.";

Exit parse_and_run(int argc, char** argv) {
  CLI::App app{description, "pawl"};
  app.footer(footer);
  app.require_subcommand(1);
  app.set_version_flag("--version", "pawl " PAWL_VERSION);
  Chosen chosen;
  for (const auto add : {&add_run, &add_demo, &add_serve, &add_sandbox, &add_inspect, &add_effects,
                         &add_parked, &add_alerts, &add_audit, &add_config, &add_migrate}) {
    add(app, chosen);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& end) {
    // Help and version end here too, with 0.
    return app.exit(end) == 0 ? Exit::done : Exit::usage;
  }
  return chosen();
}

}  // namespace

int run_program(int argc, char** argv) {
  // What it makes (stores, keys, logs) is for its owner alone.
  ::umask(077);
  try {
    const Exit exit = parse_and_run(argc, argv);
    std::fflush(stdout);
    return static_cast<int>(exit);
  } catch (const std::exception& unexpected) {
    std::fprintf(stderr, "pawl: %s\n", unexpected.what());
    return static_cast<int>(Exit::finding);
  }
}

}  // namespace pawl::app
