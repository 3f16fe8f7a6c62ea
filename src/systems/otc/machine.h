// SPDX-License-Identifier: Apache-2.0
//
// Describes the desk to the engine: its two machines, their legal moves, stored commands, effects
// and tables. The custodian says for each call when it may be sent again; without one, the rule of
// our own contract is taken.
#pragma once

#include <pawl/machine.h>

#include "systems/otc/config.h"
#include "systems/otc/custodian.h"

namespace pawl::otc {

// Call once per registry, before its check().
void declare(Registry& registry, const Config& config, const Custodian* custodian = nullptr);

// The desk's tables (schema.cpp).
Migration first_migration();
std::string_view first_postgres_tables();

}  // namespace pawl::otc
