// SPDX-License-Identifier: Apache-2.0
//
// pawl effects: what was asked of the outside, and the operator's three verbs on it.
#include <CLI/CLI.hpp>
#include <memory>

#include "app/client_options.h"
#include "app/operator_text.h"
#include "app/verbs.h"

namespace pawl::app {

namespace {

struct EffectsOptions {
  ClientOptions client;
  OperatorOptions as_operator;
  std::int64_t id = 0;
  std::int64_t after = 0;
  int limit = 100;
  bool ended = false;
};

using Options = std::shared_ptr<EffectsOptions>;

std::string list_text(const json::Value& answer) {
  const auto& effects = member_array(answer, "effects");
  if (effects.empty()) return "no effects\n";
  std::string out = effects_text(effects);
  const auto next = member_number(answer, "next_after");
  if (next != 0) out += "more: --after " + std::to_string(next) + "\n";
  return out;
}

void add_list(CLI::App& parent, const Options& options, Chosen& chosen) {
  auto* verb = parent.add_subcommand("list", "Effects that have not ended, oldest first");
  options->client.add_to(*verb);
  verb->add_flag("--ended", options->ended, "those that ended, too");
  verb->add_option("--after", options->after, "go on after this id")->check(CLI::NonNegativeNumber);
  verb->add_option("--limit", options->limit, "at most so many")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str();
  verb->callback([options, &chosen] {
    chosen = [options] {
      return print_answer(options->client,
                          "/effects?limit=" + std::to_string(options->limit) + "&after=" +
                              std::to_string(options->after) + (options->ended ? "&ended=1" : ""),
                          list_text);
    };
  });
}

void add_show(CLI::App& parent, const Options& options, Chosen& chosen) {
  auto* verb = parent.add_subcommand("show", "One effect with its history and its token");
  options->client.add_to(*verb);
  verb->add_option("id", options->id, "the effect's id")->required();
  verb->callback([options, &chosen] {
    chosen = [options] {
      return print_answer(options->client, "/effects/" + std::to_string(options->id), effect_text);
    };
  });
}

void add_operate(CLI::App& parent, const Options& options, Chosen& chosen, const std::string& name,
                 const std::string& help, const std::string& done) {
  auto* verb = parent.add_subcommand(name, help);
  options->client.add_to(*verb);
  options->as_operator.add_to(*verb, true, true);
  verb->add_option("id", options->id, "the effect's id")->required();
  verb->callback([options, &chosen, name, done] {
    chosen = [options, name, done] {
      const std::string id = std::to_string(options->id);
      return post_verb(options->client, "/effects/" + id + "/" + name, options->as_operator,
                       "effect " + id + " " + done);
    };
  });
}

}  // namespace

void add_effects(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<EffectsOptions>();
  auto* verb =
      app.add_subcommand("effects", "What was asked of the outside, and what became of it");
  verb->require_subcommand(1);
  add_list(*verb, options, chosen);
  add_show(*verb, options, chosen);
  add_operate(*verb, options, chosen, "retry",
              "Ask again, or send again where that is known to be safe", "will be tried again");
  add_operate(*verb, options, chosen, "confirm", "You know that it happened", "is confirmed");
  add_operate(*verb, options, chosen, "refuse", "You know that it did not and will not happen",
              "is refused");
  verb->footer(
      "The three verbs take effect only while no send is under way, and are journaled with your\n"
      "name and reason. confirm and refuse are your word against the world: look there first.\n"
      "\n"
      "Examples:\n"
      "  pawl effects list\n"
      "  pawl effects show 42\n"
      "  pawl effects retry 42 --reason \"custodian is back\" --token 7\n"
      "\n"
      "Exit codes: 0 done, 1 no such effect, or it moved on, 2 usage, 3 no server answers,\n"
      "6 the request was sent and its answer did not come.");
}

}  // namespace pawl::app
