// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/routes.h"

#include "systems/otc/declarations.h"
#include "systems/otc/routes_internal.h"

namespace pawl::otc {

net::Response json_answer(std::string body, unsigned status) {
  net::Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

void add_routes(net::Router& router, Engine& engine, const Config& config, OperatorGate gate) {
  if (!gate) {
    gate = [](const net::Request&) -> Result<std::string> { return fail(operator_required); };
  }
  add_schemas(router);
  add_write_routes(router, engine, config, gate);
  add_list_routes(router, engine);
  add_market_routes(router, engine);
  add_event_routes(router, engine);
}

}  // namespace pawl::otc
