// SPDX-License-Identifier: Apache-2.0
//
// The far side of our custodian contract (docs/sandbox.md): reads and checks requests, writes
// answers. Pure; executing is the ledger's.
#pragma once

#include <pawl/error.h>

#include <cstdint>
#include <string_view>

#include "app/sandbox_custodian_ledger.h"
#include "net/http.h"
#include "systems/otc/custodian.h"

namespace pawl::app {

inline constexpr ErrorCode service_signature_invalid{
    "service_signature_invalid", ErrorClass::unauthorized,
    "The request is not signed by the service's key for this method, path, time and body."};
inline constexpr ErrorCode request_malformed{"request_malformed", ErrorClass::invalid,
                                             "The request's body is not the contract's."};

// Errors: service_signature_invalid.
Result<void> check_service_signature(const net::Request& request,
                                     std::string_view service_public_key_hex,
                                     std::int64_t now_seconds);

// Errors: request_malformed, and those of json::parse().
Result<otc::CustodianRequest> read_custodian_request(otc::Call call, std::string_view body);

// 200, or for a call (not an inquiry) that was refused, 409.
net::Response operation_answer(const LedgerOperation& operation, bool inquiry);
// 404 that names the key, which no other 404 does.
net::Response absent_answer(std::string_view key);

}  // namespace pawl::app
