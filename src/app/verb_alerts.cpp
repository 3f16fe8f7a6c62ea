// SPDX-License-Identifier: Apache-2.0
//
// pawl alerts: what waits for a person.
#include <CLI/CLI.hpp>
#include <memory>

#include "app/client_options.h"
#include "app/operator_text.h"
#include "app/verbs.h"

namespace pawl::app {

namespace {

struct AlertsOptions {
  ClientOptions client;
  OperatorOptions as_operator;
  std::int64_t id = 0;
  int limit = 100;
  bool acked = false;
};

}  // namespace

void add_alerts(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<AlertsOptions>();
  auto* verb = app.add_subcommand("alerts", "What waits for a person");
  verb->require_subcommand(1);
  auto* list = verb->add_subcommand("list", "Open alerts, newest first");
  options->client.add_to(*list);
  list->add_flag("--acked", options->acked, "those that somebody has taken, too");
  list->add_option("--limit", options->limit, "at most so many")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str();
  list->callback([options, &chosen] {
    chosen = [options] {
      return print_answer(
          options->client,
          "/alerts?limit=" + std::to_string(options->limit) + (options->acked ? "&acked=1" : ""),
          alerts_text);
    };
  });
  auto* ack = verb->add_subcommand("ack", "Say that you have seen it");
  options->client.add_to(*ack);
  options->as_operator.add_to(*ack, false, false);
  ack->add_option("id", options->id, "the alert's id")->required();
  ack->callback([options, &chosen] {
    chosen = [options] {
      const std::string id = std::to_string(options->id);
      return post_verb(options->client, "/alerts/" + id + "/ack", options->as_operator,
                       "alert " + id + " is acknowledged by " + options->as_operator.as);
    };
  });
  verb->footer(
      "One alert per code and entity; the same trouble again counts up. Acknowledging takes it\n"
      "off the list and changes nothing else.\n"
      "\n"
      "Examples:\n"
      "  pawl alerts list\n"
      "  pawl alerts ack 3 --as ann\n"
      "\n"
      "Exit codes: 0 done, 2 usage, 3 no server answers.");
}

}  // namespace pawl::app
