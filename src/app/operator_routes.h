// SPDX-License-Identifier: Apache-2.0
//
// What operators ask and do over HTTP: entities with their timelines, effects, parked commands,
// alerts, statistics. Every verb needs a name and a reason and is journaled with them. Who may ask
// is not decided here yet: the server listens on loopback only.
#pragma once

#include <pawl/engine.h>

#include "net/router.h"
#include "systems/otc/routes.h"

namespace pawl::app {

inline constexpr ErrorCode operator_request_invalid{
    "operator_request_invalid", ErrorClass::invalid,
    "An operator's request needs a JSON object with a name in `as` and a `reason`"};
inline constexpr ErrorCode listing_parameter_invalid{
    "listing_parameter_invalid", ErrorClass::invalid,
    "A listing's parameter is not a number of its range"};
inline constexpr ErrorCode machine_unknown{"machine_unknown", ErrorClass::not_found,
                                           "This server has no machine of that name"};
inline constexpr ErrorCode entity_not_found{"entity_not_found", ErrorClass::not_found,
                                            "There is no such entity"};

inline constexpr ErrorCode alert_not_found{"alert_not_found", ErrorClass::not_found,
                                           "There is no such alert"};

inline constexpr int max_listed = 1'000;
inline constexpr int default_listed = 100;
inline constexpr std::size_t max_operator_name_bytes = 100;
inline constexpr std::size_t max_operator_text_bytes = 500;
inline constexpr std::size_t max_operator_id_bytes = 128;

// For the systems' own operator paths: the name in the header Pawl-Operator. It is believed, since
// whoever reaches a loopback address could read the store as well; tokens will take its place.
inline constexpr std::string_view operator_header = "Pawl-Operator";
otc::OperatorGate operator_gate();

// The engine must outlive the router.
void add_operator_routes(net::Router& router, Engine& engine);

}  // namespace pawl::app
