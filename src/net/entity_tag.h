// SPDX-License-Identifier: Apache-2.0
//
// Entity tags (RFC 9110 section 8.8) made of a row's version, and the two conditions that name
// them: If-None-Match for reads, If-Match for writes. Checking a write's condition is the
// decision's work, on the locked row; here it is only read.
#pragma once

#include <pawl/error.h>

#include <cstdint>
#include <optional>

#include "net/declaration.h"
#include "net/http.h"

namespace pawl::net {

inline constexpr ErrorCode if_match_invalid{
    "if_match_invalid", ErrorClass::invalid,
    "If-Match takes one entity tag as an answer's ETag gave it, or *"};

// "\"7\""
std::string entity_tag(std::int64_t version);

// Adds the ETag; 304 without a body if the request has the version already.
Response with_etag(const Request& request, Response response, std::int64_t version);

// The version that a write insists on; nothing without the header and for "*".
Result<std::optional<std::int64_t>> if_match_version(const Request& request);

DeclaredParameter if_none_match_parameter();
DeclaredParameter if_match_parameter();
DeclaredParameter etag_header();

}  // namespace pawl::net
