// SPDX-License-Identifier: Apache-2.0
//
// The program's exit codes, the same for every verb, and which of them an error ends in. Scripts
// branch on them; docs/operations.md lists them.
#pragma once

#include <pawl/error.h>

namespace pawl::app {

enum class Exit {
  done = 0,
  finding = 1,      // it worked, and the answer is a no: not found, refused, an audit's finding
  usage = 2,        // the command line or the configuration
  unavailable = 3,  // the server, the custodian, the disk or a port
  locked = 4,       // another process holds the store
  deadline = 5,
  in_doubt = 6,
  interrupted = 130
};

Exit exit_of(const Error& error);
// Prints "pawl: code: title (detail)" to stderr and gives the exit.
Exit report(const Error& error);

}  // namespace pawl::app
