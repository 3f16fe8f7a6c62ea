// SPDX-License-Identifier: Apache-2.0
//
// What the writing routes read of a request besides their own fields: ids, conditions, waits,
// wallets, and the order of the path.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "net/http.h"
#include "systems/otc/config.h"
#include "systems/otc/identifiers.h"
#include "systems/otc/request_body.h"

namespace pawl::otc {

// The header of that name, if it is there.
Result<std::optional<std::string>> idempotency_key(const net::Request& request);

// From the body or the query, else the default; within the bounds.
Result<int> wait_ms_of(const Config& config, const net::Request& request, const RequestBody& body);

Result<Wallet> wallet_in(const RequestBody& body, std::string_view name);
Result<std::optional<std::string>> hash_in(const RequestBody& body);

// An id that does not look like one names no order.
Result<std::string> order_in(const net::Request& request);

// The id of a command whose caller gave none: the same request again is the same command.
std::string default_id(std::initializer_list<std::string_view> parts);

// The version that If-Match insists on; 0 for any.
Result<std::int64_t> if_match_version_of(const net::Request& request);
// Part of a default id: with another condition it is another request.
std::string_view condition_of(const net::Request& request);

}  // namespace pawl::otc
