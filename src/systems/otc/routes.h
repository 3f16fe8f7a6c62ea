// SPDX-License-Identifier: Apache-2.0
//
// The desk's HTTP API, see docs/otc.md. A write is checked in this order: the body, the signature
// (401), then the decision on the locked order; it then waits for its end, at most wait_ms. Reads
// change nothing and show committed rows.
#pragma once

#include <pawl/engine.h>

#include <functional>
#include <string>

#include "net/router.h"
#include "systems/otc/config.h"

namespace pawl::otc {

// Says who an operator's request is from ("ann"), or why it is refused (401, 403).
using OperatorGate = std::function<Result<std::string>(const net::Request&)>;

inline constexpr ErrorCode operator_required{"operator_required", ErrorClass::unauthorized,
                                             "This path is for operators"};

// The engine must outlive the router's server. Without a gate every operator's path answers 401.
void add_routes(net::Router& router, Engine& engine, const Config& config, OperatorGate gate = {});

}  // namespace pawl::otc
