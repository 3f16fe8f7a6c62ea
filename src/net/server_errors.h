// SPDX-License-Identifier: Apache-2.0
//
// What the server itself answers, whatever the route: a request that is no request, and one that
// takes too long.
#pragma once

#include <pawl/error.h>

namespace pawl::net {

inline constexpr ErrorCode request_malformed{"request_malformed", ErrorClass::invalid,
                                             "The request is not valid HTTP"};
inline constexpr ErrorCode headers_too_large{"headers_too_large", ErrorClass::too_large,
                                             "The request's headers are too large"};
inline constexpr ErrorCode target_too_long{"target_too_long", ErrorClass::too_large,
                                           "The request's target is too long"};
inline constexpr ErrorCode body_too_large{"body_too_large", ErrorClass::too_large,
                                          "The request's body is too large"};
inline constexpr ErrorCode transfer_coding_unknown{"transfer_coding_unknown", ErrorClass::invalid,
                                                   "Only the chunked transfer coding is known"};
inline constexpr ErrorCode expectation_unknown{"expectation_unknown", ErrorClass::invalid,
                                               "Only the expectation 100-continue is known"};
inline constexpr ErrorCode answer_timed_out{"answer_timed_out", ErrorClass::in_doubt,
                                            "The answer took too long; it may still happen"};
inline constexpr ErrorCode request_timed_out{"request_timed_out", ErrorClass::unavailable,
                                             "The request came in too slowly"};

}  // namespace pawl::net
