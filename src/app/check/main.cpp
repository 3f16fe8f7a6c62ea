// SPDX-License-Identifier: Apache-2.0
//
// pawl-check: the checker over the systems of this repository. A program of its own, because it is
// compiled from the same sources with PAWL_CHECKER: in `pawl` itself no guard can be switched off.
#include <pawl/check.h>

#include "check/engine_system.h"
#include "check/sql/sql_system.h"
#include "systems/otc/model/scenarios.h"
#include "systems/tokens/model/scenarios.h"

int main(int argc, char** argv) {
  return pawl::check::run_command_line(argc, argv,
                                       {pawl::check::engine::system(), pawl::check::sql::system(),
                                        pawl::tokens::model::system(), pawl::otc::model::system()});
}
