// SPDX-License-Identifier: Apache-2.0
//
// GET and PUT /admin/log-level: what is logged, changed while the server runs and until it stops.
#pragma once

#include <pawl/error.h>
#include <pawl/log.h>

#include <optional>
#include <string_view>

#include "net/router.h"

namespace pawl::app {

inline constexpr ErrorCode log_level_invalid{"log_level_invalid", ErrorClass::invalid,
                                             "A log level is trace, debug, info, warn or error"};

std::optional<log::Level> parse_log_level(std::string_view name);
std::string_view name_of_level(log::Level level);

void add_log_routes(net::Router& router);

}  // namespace pawl::app
