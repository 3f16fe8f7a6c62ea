// SPDX-License-Identifier: Apache-2.0
//
// What the files of the desk's routes share. Not for others.
#pragma once

#include "systems/otc/errors.h"
#include "systems/otc/request_body.h"
#include "systems/otc/routes.h"
#include "systems/otc/views.h"

namespace pawl::otc {

inline constexpr std::int64_t default_page = 50;
inline constexpr std::int64_t max_page = 200;

void add_write_routes(net::Router& router, Engine& engine, const Config& config,
                      const OperatorGate& gate);
void add_list_routes(net::Router& router, Engine& engine);
void add_market_routes(net::Router& router, Engine& engine);
void add_event_routes(net::Router& router, Engine& engine);

net::Response json_answer(std::string body, unsigned status = 200);

// A handler that answers at once: its result, or its error's problem.
template <class F>
net::Handler answering(F handler) {
  return [handler = std::move(handler)](const net::Request& request, net::Responder respond) {
    Result<net::Response> response = handler(request);
    if (response) {
      respond(std::move(*response));
    } else {
      respond(response.error());
    }
  };
}

}  // namespace pawl::otc
