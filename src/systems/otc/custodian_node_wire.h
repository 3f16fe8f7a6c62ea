// SPDX-License-Identifier: Apache-2.0
//
// The reference node's wire format, as far as the custodian adapter needs it: amounts that survive
// its arithmetic, its payout's hash, and what its answers say. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/json.h"
#include "net/client.h"
#include "systems/otc/decimal.h"

namespace pawl::otc {

// The node takes rewards of 0.01 to this much.
inline constexpr MicroUnits max_node_reward_micro = 10'000'000'000;

// A JSON number that the node, which multiplies a binary double by 10^6 and truncates, reads as
// exactly this many millionths. Nothing if there is none among the nearest few doubles.
std::optional<std::string> node_amount_text(MicroUnits amount_micro);

// The name that the node gives a transfer: the first 32 hex digits of SHA-256 over
// "wallet_transfer_idempotency:" and the idempotency key.
std::string node_transfer_hash(std::string_view key);

// A job's title carries our key: the node has no idempotency for jobs.
std::string node_job_title(std::string_view key);

// A whole JSON object of any status, or nothing: what else came proves nothing.
std::optional<json::Value> node_object(const net::Response& response);
std::string_view node_text(const json::Value& object, std::string_view name);

// 4xx with the node's `error` text: a definite no. 408 is not (RFC 9110, section 15.5.9).
bool is_node_refusal(const net::Response& response, const json::Value& object);

}  // namespace pawl::otc
