// SPDX-License-Identifier: Apache-2.0
//
// The command line as a whole.
#pragma once

namespace pawl::app {

// Parses, runs the chosen verb and gives the exit code (exit_code.h). Throws nothing.
int run_program(int argc, char** argv);

}  // namespace pawl::app
