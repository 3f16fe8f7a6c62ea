// SPDX-License-Identifier: Apache-2.0
//
// pawl inspect: one entity, how it came to be as it is, and what it asked of the outside.
#include <CLI/CLI.hpp>
#include <memory>

#include "app/client_options.h"
#include "app/operator_text.h"
#include "app/verbs.h"

namespace pawl::app {

namespace {

struct InspectOptions {
  ClientOptions client;
  std::string entity;
};

Exit inspect(const InspectOptions& options) {
  const auto slash = options.entity.find('/');
  const std::string machine =
      slash == std::string::npos ? "order" : options.entity.substr(0, slash);
  const std::string key =
      slash == std::string::npos ? options.entity : options.entity.substr(slash + 1);
  return print_answer(
      options.client,
      "/entities/" + percent_encoded(machine) + "/" + percent_encoded(key) + "?limit=1000",
      entity_text);
}

}  // namespace

void add_inspect(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<InspectOptions>();
  auto* verb = app.add_subcommand("inspect", "Show an entity, its timeline and its effects");
  options->client.add_to(*verb);
  verb->add_option("entity", options->entity, "an order's id, or MACHINE/KEY")->required();
  verb->footer(
      "Prints the row as last committed, every step of its life (oldest first: when, by which\n"
      "command, by whom, from -> to, why) and the effects that it asked for, with their history.\n"
      "\n"
      "Examples:\n"
      "  pawl inspect otc_0123456789abcdef0123456789abcdef\n"
      "  pawl inspect wallet/RTC56475aa75463474c0285df5dbf2bcab73da65135 --json\n"
      "\n"
      "Exit codes: 0 shown, 1 there is no such entity, 3 no server answers.");
  verb->callback([options, &chosen] { chosen = [options] { return inspect(*options); }; });
}

}  // namespace pawl::app
