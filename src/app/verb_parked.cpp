// SPDX-License-Identifier: Apache-2.0
//
// pawl parked: inner commands that were set aside because they were refused or failed.
#include <CLI/CLI.hpp>
#include <memory>

#include "app/client_options.h"
#include "app/operator_text.h"
#include "app/verbs.h"

namespace pawl::app {

namespace {

struct ParkedOptions {
  ClientOptions client;
  OperatorOptions as_operator;
  std::int64_t id = 0;
};

}  // namespace

void add_parked(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<ParkedOptions>();
  auto* verb = app.add_subcommand("parked", "Inner commands that were set aside");
  verb->require_subcommand(1);
  auto* list = verb->add_subcommand("list", "All of them, oldest first");
  options->client.add_to(*list);
  list->callback([options, &chosen] {
    chosen = [options] { return print_answer(options->client, "/parked?limit=1000", parked_text); };
  });
  for (const auto& [name, help, done] :
       {std::tuple{"retry", "Have it decided again", "was decided"},
        std::tuple{"drop", "Throw it away: what it would have done never happens", "is dropped"}}) {
    auto* sub = verb->add_subcommand(name, help);
    options->client.add_to(*sub);
    options->as_operator.add_to(*sub, true, false);
    sub->add_option("id", options->id, "the parked command's id")->required();
    sub->callback([options, &chosen, action = std::string(name), told = std::string(done)] {
      chosen = [options, action, told] {
        const std::string id = std::to_string(options->id);
        std::string path = "/parked/";
        path.append(id).append("/").append(action);
        std::string said = "parked command ";
        said.append(id).append(" ").append(told);
        return post_verb(options->client, path, options->as_operator, said);
      };
    });
  }
  verb->footer(
      "A deadline, message or outcome that was refused, or that failed twice, is parked with an\n"
      "alert so that others go on. A parked message holds back the later ones of its pair.\n"
      "\n"
      "Examples:\n"
      "  pawl parked list\n"
      "  pawl parked retry 5 --reason \"fixed in this release\"\n"
      "\n"
      "Exit codes: 0 done, 1 no such command, or refused again, 2 usage, 3 no server answers.");
}

}  // namespace pawl::app
