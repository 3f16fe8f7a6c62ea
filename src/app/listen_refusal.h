// SPDX-License-Identifier: Apache-2.0
//
// The one rule of where a server may listen: an address that others can reach needs TLS, so that
// nobody reads along, and tokens, so that not everybody may ask.
#pragma once

#include <pawl/error.h>

#include <optional>

#include "app/settings.h"

namespace pawl::app {

inline constexpr ErrorCode listen_address_public{
    "listen_address_public", ErrorClass::invalid,
    "An address that others can reach is listened on with TLS and tokens only"};

// listen_address_public, whose detail names what is missing; listen_address_invalid.
std::optional<Error> listen_refusal(const Settings& settings);

}  // namespace pawl::app
