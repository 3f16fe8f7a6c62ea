// SPDX-License-Identifier: Apache-2.0
//
// A state as a byte string, and back: what is compared and kept of it.
#pragma once

#include <string>
#include <string_view>

#include "check/sql/scenario.h"

namespace pawl::check::sql {

// Into `out`, which is emptied first.
void encode(const State& state, const SqlScenario& scenario, std::string& out);
State decode(std::string_view bytes, const SqlScenario& scenario);

}  // namespace pawl::check::sql
