// SPDX-License-Identifier: Apache-2.0
//
// What the desk's routes say of themselves: scopes, parameters, schemas of bodies and answers,
// error codes. Held against real answers by a test. Not for others.
#pragma once

#include "net/router.h"

namespace pawl::otc {

inline constexpr std::string_view scope_read = "otc:read";
inline constexpr std::string_view scope_write = "otc:write";

void add_schemas(net::Router& router);

net::RouteOptions create_declaration();
net::RouteOptions match_declaration();
net::RouteOptions confirm_declaration();
net::RouteOptions cancel_declaration();
net::RouteOptions redrive_declaration();
net::RouteOptions order_declaration();
net::RouteOptions orders_declaration();
net::RouteOptions trades_declaration();
net::RouteOptions book_declaration();
net::RouteOptions stats_declaration();
net::RouteOptions events_declaration();

}  // namespace pawl::otc
