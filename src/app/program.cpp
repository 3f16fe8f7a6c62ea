// SPDX-License-Identifier: Apache-2.0
#include "app/program.h"

#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "app/text_table.h"
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

// The subcommand that was reached, and how it is called: "pawl effects".
struct Reached {
  const CLI::App* verb;
  std::string called;
};

Reached reached_in(const CLI::App& app) {
  Reached out{&app, app.get_name()};
  while (!out.verb->get_subcommands().empty()) {
    out.verb = out.verb->get_subcommands().front();
    out.called += " " + out.verb->get_name();
  }
  return out;
}

// CLI11 says that a subcommand is missing, also when one was given that it does not know. True if
// that was it.
bool name_unknown_verb(const CLI::App& app) {
  const auto [verb, called] = reached_in(app);
  const auto left = verb->remaining();
  if (left.empty()) return false;
  const bool option = left.front().starts_with('-');
  std::string known;
  for (const auto* sub : verb->get_subcommands([](const CLI::App*) { return true; })) {
    known += (known.empty() ? "" : ", ") + sub->get_name();
  }
  std::fprintf(stderr, "%s has no %s %s; its verbs are %s\nRun with --help for more.\n",
               called.c_str(), option ? "option" : "verb", printable(left.front()).c_str(),
               known.c_str());
  return true;
}

// Every help ends in something: a verb within a verb points to where the examples are.
void end_helps(CLI::App& verb, const std::string& called) {
  for (auto* sub : verb.get_subcommands([](CLI::App*) { return true; })) {
    if (sub->get_footer().empty()) {
      sub->footer("See `" + called + " --help` for examples and exit codes.");
    }
    end_helps(*sub, called + " " + sub->get_name());
  }
}

Exit parse_and_run(int argc, char** argv) {
  CLI::App app{description, "pawl"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "pawl " PAWL_VERSION);
  Chosen chosen;
  for (const auto add : {&add_run, &add_demo, &add_serve, &add_sandbox, &add_inspect, &add_effects,
                         &add_parked, &add_alerts, &add_audit, &add_token, &add_log, &add_config,
                         &add_migrate, &add_backup, &add_restore, &add_check}) {
    add(app, chosen);
  }
  end_helps(app, app.get_name());
  // Last: a verb inherits the footer that its parent has when it is added.
  app.footer(footer);
  try {
    app.parse(argc, argv);
  } catch (const CLI::RequiredError& missing) {
    return name_unknown_verb(app) || app.exit(missing) != 0 ? Exit::usage : Exit::done;
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
