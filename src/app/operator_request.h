// SPDX-License-Identifier: Apache-2.0
//
// What the operators' requests have in common: numbers in their paths and queries, a body with a
// name and a reason, and a receipt as the answer.
#pragma once

#include <pawl/engine.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "core/json.h"
#include "net/router.h"

namespace pawl::app {

inline constexpr ErrorCode operator_request_invalid{
    "operator_request_invalid", ErrorClass::invalid,
    "An operator's request needs a JSON object with a name in `as` and a `reason`"};
inline constexpr ErrorCode listing_parameter_invalid{
    "listing_parameter_invalid", ErrorClass::invalid,
    "A listing's parameter is not a number of its range"};

inline constexpr std::size_t max_operator_name_bytes = 100;
inline constexpr std::size_t max_operator_text_bytes = 500;
inline constexpr std::size_t max_operator_id_bytes = 128;

net::Response json_answer(const json::Value& body, unsigned status = 200);

// listing_parameter_invalid for what is no number of that range.
Result<std::int64_t> read_number(std::string_view text, std::string_view name, std::int64_t min,
                                 std::int64_t max);
Result<std::int64_t> query_number(const net::Request& request, std::string_view name,
                                  std::int64_t otherwise, std::int64_t min, std::int64_t max);

// The operator's name and reason, and the id under which the verb is decided once.
struct OperatorRequest {
  Origin origin;
  std::int64_t token = 0;  // of the effect
  json::Value body;
};

// `more`: members that this request knows besides as, reason and token.
Result<OperatorRequest> read_operator(const net::Request& request,
                                      std::initializer_list<std::string_view> more = {},
                                      bool reason_needed = true);

// "operator:ann", and behind it the token by which the request came, if it came by one.
std::string operator_principal(std::string_view name, const net::Request& request);

Engine::ReceiptDone answer_receipt(net::Responder respond);
// The problem of a refusal, or nothing if it was done.
net::Response receipt_answer(const Receipt& receipt);

}  // namespace pawl::app
