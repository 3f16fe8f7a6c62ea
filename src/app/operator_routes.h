// SPDX-License-Identifier: Apache-2.0
//
// What operators ask and do over HTTP: entities with their timelines, effects, parked commands,
// alerts, statistics. Every verb needs a name and a reason and is journaled with them. Who may ask
// is what the routes declare (the scope `admin`) and the edge enforces.
#pragma once

#include <pawl/engine.h>

#include "net/router.h"
#include "systems/otc/routes.h"

namespace pawl::app {

inline constexpr ErrorCode machine_unknown{"machine_unknown", ErrorClass::not_found,
                                           "This server has no machine of that name"};
inline constexpr ErrorCode entity_not_found{"entity_not_found", ErrorClass::not_found,
                                            "There is no such entity"};

inline constexpr ErrorCode alert_not_found{"alert_not_found", ErrorClass::not_found,
                                           "There is no such alert"};

inline constexpr int max_listed = 1'000;
inline constexpr int default_listed = 100;

// For the systems' own operator paths: the name in the header Pawl-Operator. It is believed:
// without tokens only loopback addresses are listened on, with them the token's id is journaled
// too.
inline constexpr std::string_view operator_header = "Pawl-Operator";
otc::OperatorGate operator_gate();

// The schemas of what operators send and are shown (operator_schemas.cpp).
void add_operator_schemas(net::Router& router);
// The engine must outlive the router.
void add_operator_routes(net::Router& router, Engine& engine);

}  // namespace pawl::app
