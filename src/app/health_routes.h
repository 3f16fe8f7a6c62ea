// SPDX-License-Identifier: Apache-2.0
//
// GET /healthz: the process is alive. GET /readyz: it takes writes; 503 while it stops and when its
// store has given up.
#pragma once

#include <pawl/engine.h>

#include <memory>

#include "app/desk_server.h"
#include "net/router.h"

namespace pawl::app {

// The engine must outlive the router.
void add_health_routes(net::Router& router, Engine& engine, std::shared_ptr<Readiness> readiness);

}  // namespace pawl::app
