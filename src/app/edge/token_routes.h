// SPDX-License-Identifier: Apache-2.0
//
// Making, listing and revoking tokens over HTTP, for administrators. The secret of a new token is
// in the one answer that made it and nowhere else.
#pragma once

#include <pawl/engine.h>

#include <memory>
#include <set>
#include <string>

#include "app/edge/token_table.h"
#include "net/router.h"

namespace pawl::app {

inline constexpr ErrorCode token_request_invalid{
    "token_request_invalid", ErrorClass::invalid,
    "A token needs a name, scopes that there are, and perhaps a lifetime"};

// The scopes that the routes of a router declare; what a token may have.
std::set<std::string> declared_scopes(const net::Router& router);

// Add them last: what scopes there are is asked of the router, and of `scope_admin`. The engine
// must outlive the router.
void add_token_routes(net::Router& router, Engine& engine, std::shared_ptr<TokenTable> table);

}  // namespace pawl::app
