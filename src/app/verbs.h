// SPDX-License-Identifier: Apache-2.0
//
// The verbs of the program, one file each (verb_*.cpp): each adds its options and its help to the
// command line, and leaves behind what to run when it is chosen.
#pragma once

#include <functional>

#include "app/exit_code.h"

namespace CLI {
class App;
}

namespace pawl::app {

// Set by the chosen verb while the command line is parsed, run afterwards.
using Chosen = std::function<Exit()>;

void add_serve(CLI::App& app, Chosen& chosen);
void add_sandbox(CLI::App& app, Chosen& chosen);
void add_run(CLI::App& app, Chosen& chosen);
void add_demo(CLI::App& app, Chosen& chosen);
void add_inspect(CLI::App& app, Chosen& chosen);
void add_effects(CLI::App& app, Chosen& chosen);
void add_parked(CLI::App& app, Chosen& chosen);
void add_alerts(CLI::App& app, Chosen& chosen);
void add_audit(CLI::App& app, Chosen& chosen);
void add_config(CLI::App& app, Chosen& chosen);
void add_migrate(CLI::App& app, Chosen& chosen);
void add_token(CLI::App& app, Chosen& chosen);
void add_log(CLI::App& app, Chosen& chosen);
void add_check(CLI::App& app, Chosen& chosen);
void add_backup(CLI::App& app, Chosen& chosen);
void add_restore(CLI::App& app, Chosen& chosen);

}  // namespace pawl::app
