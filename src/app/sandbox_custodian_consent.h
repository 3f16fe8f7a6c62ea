// SPDX-License-Identifier: Apache-2.0
//
// Whether a holder really agreed to a lock: the far side's own reading of the signed texts, which
// trusts the service in nothing. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "systems/otc/custodian.h"

namespace pawl::app {

// "" if the holder signed an action that asks for this lock, else the refusal's code:
// authorization_invalid (signature, wallet or text), authorization_other_order,
// authorization_other_amount, authorization_without_terms (a match_order alone names no amount),
// authorization_expired.
std::string_view check_consent(const otc::LockRequest& request, std::int64_t now_seconds,
                               std::int64_t max_age_seconds);

}  // namespace pawl::app
