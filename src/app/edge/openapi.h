// SPDX-License-Identifier: Apache-2.0
//
// The OpenAPI 3.1 document of a router, made of what its routes declare. Decides nothing: what
// stands in it is what the filters enforce.
#pragma once

#include <pawl/error.h>

#include <string>
#include <string_view>

#include "net/router.h"

namespace pawl::app {

inline constexpr ErrorCode declaration_incomplete{
    "declaration_incomplete", ErrorClass::defect,
    "A route does not say of itself what the document of the API needs"};

// The document as JSON. declaration_incomplete names the route: without a declaration, an id, a
// summary, a tag or an answer, with an id that another has, or with a schema that there is not.
Result<std::string> openapi_document(const net::Router& router, std::string_view version);

// GET /openapi.json, public. Add it last: it is made of what is there.
Result<void> add_document_route(net::Router& router, std::string_view version);

}  // namespace pawl::app
