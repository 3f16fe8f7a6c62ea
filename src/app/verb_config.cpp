// SPDX-License-Identifier: Apache-2.0
//
// pawl config: every setting with its value, its default and its meaning.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "app/desk_server.h"
#include "app/server_options.h"
#include "app/text_table.h"
#include "app/verbs.h"
#include "core/json.h"

namespace pawl::app {

namespace {

struct ConfigOptions {
  ServerOptions server;
  bool json = false;
};

std::string bounds_of(const Setting& setting) {
  if (setting.is_number()) {
    return std::to_string(setting.min) + " to " + std::to_string(setting.max);
  }
  std::string out;
  for (const auto choice : setting.choices) out += (out.empty() ? "" : ", ") + std::string(choice);
  return out;
}

void print_json(const std::vector<Setting>& values, const std::vector<Setting>& defaults) {
  json::Writer out;
  out.begin_object();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto& setting = values[i];
    out.key(setting.full_name()).begin_object();
    if (!setting.is_number()) {
      out.field("value", setting.value_text()).field("default", defaults[i].value_text());
    } else {
      out.field("value", setting.value_number()).field("default", defaults[i].value_number());
      out.field("min", setting.min).field("max", setting.max);
    }
    out.field("meaning", setting.meaning).end_object();
  }
  out.end_object();
  std::printf("%s\n", out.text().c_str());
}

Exit print_config(const ConfigOptions& options) {
  auto settings = options.server.read();
  if (!settings) return report(settings.error());
  if (auto keys = check_keys(*settings); !keys) return report(keys.error());
  Settings untouched;
  const auto values = settings_table(*settings);
  const auto defaults = settings_table(untouched);
  if (options.json) {
    print_json(values, defaults);
    return Exit::done;
  }
  TextTable table({"SETTING", "VALUE", "DEFAULT", "BOUNDS", "MEANING"});
  for (std::size_t i = 0; i < values.size(); ++i) {
    table.add({values[i].full_name(), values[i].value_text(), defaults[i].value_text(),
               bounds_of(values[i]), std::string(values[i].meaning)});
  }
  std::fputs(table.text().c_str(), stdout);
  return Exit::done;
}

}  // namespace

void add_config(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<ConfigOptions>();
  auto* verb = app.add_subcommand("config", "Print every setting: value, default, meaning");
  options->server.add_all(*verb);
  verb->add_flag("--json", options->json, "as one JSON object");
  verb->footer(
      "Reads the file as `pawl serve` would and complains about what it would complain about.\n"
      "Keys are never in the configuration: they are files of mode 0600 in the data folder.\n"
      "\n"
      "Examples:\n"
      "  pawl config\n"
      "  pawl config --config pawl.toml --json\n"
      "\n"
      "Exit codes: 0 printed, 2 a server would not start with it.");
  verb->callback([options, &chosen] { chosen = [options] { return print_config(*options); }; });
}

}  // namespace pawl::app
