// SPDX-License-Identifier: Apache-2.0
//
// pawl log: what a running server logs.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "app/client_options.h"
#include "app/verbs.h"

namespace pawl::app {

namespace {

struct LogOptions {
  ClientOptions client;
  OperatorOptions as_operator;
  std::string level;
};

Exit run(const LogOptions& options) {
  if (options.level.empty()) {
    return print_answer(options.client, "/admin/log-level", [](const json::Value& answer) {
      return member_text(answer, "level") + "\n";
    });
  }
  json::Writer body;
  body.begin_object().field("as", options.as_operator.as).field("level", options.level);
  body.end_object();
  return send_verb(options.client, "PUT", "/admin/log-level", std::move(body).take(),
                   [](const HttpAnswer& answer) {
                     std::printf("logs from %s on\n", answer.text("level").c_str());
                   });
}

}  // namespace

void add_log(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<LogOptions>();
  auto* verb = app.add_subcommand("log", "What a running server logs");
  verb->require_subcommand(1);
  auto* level = verb->add_subcommand("level", "Show or change the lowest level that is logged");
  options->client.add_to(*level);
  level->add_option("--as", options->as_operator.as, "your name, for the log (default $USER)");
  level->add_option("level", options->level, "trace, debug, info, warn or error; none: show it")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}));
  level->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
  verb->footer(
      "The change lasts until the server stops; `log_level` of its configuration stays.\n"
      "\n"
      "Examples:\n"
      "  pawl log level\n"
      "  pawl log level debug --as ann\n"
      "\n"
      "Exit codes: 0 done, 2 usage or no right, 3 no server answers.");
}

}  // namespace pawl::app
