// SPDX-License-Identifier: Apache-2.0
//
// pawl check: becomes pawl-check, which stands beside this program. The checker is a program of its
// own because it is compiled with a switch for every guard, and no such switch is in this one.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "app/child_process.h"
#include "app/verbs.h"

namespace pawl::app {

namespace {

Exit become_checker(const std::vector<std::string>& arguments) {
  // Installed beside this program; in a build, beside the library.
  const auto own = std::filesystem::path(own_program());
  for (const auto& place :
       {own.parent_path() / "pawl-check", own.parent_path().parent_path() / "pawl-check"}) {
    std::string program = place.string();
    if (::access(program.c_str(), X_OK) != 0) continue;
    std::string name = "pawl check";
    std::vector<char*> argv{name.data()};
    auto copies = arguments;
    for (auto& argument : copies) argv.push_back(argument.data());
    argv.push_back(nullptr);
    ::execv(program.c_str(), argv.data());
  }
  std::fprintf(stderr, "pawl: there is no pawl-check beside %s\n", own.c_str());
  return Exit::unavailable;
}

}  // namespace

void add_check(CLI::App& app, Chosen& chosen) {
  auto* verb = app.add_subcommand("check", "Explore a system's decisions in every order");
  verb->prefix_command();
  verb->footer(
      "`pawl check --list` names the systems, their scenarios and their guards. All options go to\n"
      "pawl-check, which stands beside this program; docs/checker.md says how to read it.\n"
      "\n"
      "Examples:\n"
      "  pawl check otc\n"
      "  pawl check engine --without protocol.token_stands\n"
      "\n"
      "Exit codes: 0 clean, 1 violated, 2 usage, 3 there is no pawl-check.");
  verb->callback([verb, &chosen] {
    chosen = [arguments = verb->remaining()] { return become_checker(arguments); };
  });
}

}  // namespace pawl::app
