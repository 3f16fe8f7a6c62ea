// SPDX-License-Identifier: Apache-2.0
//
// Every error code with its class, its title and what to do, for whoever follows the `type` of a
// problem. The text is docs/errors.md, compiled in; a test holds that page against the source, so
// that no code is missing here and no class or title is another.
#pragma once

#include <pawl/error.h>

#include <string_view>
#include <vector>

#include "net/router.h"

namespace pawl::app {

inline constexpr ErrorCode error_code_unknown{"error_code_unknown", ErrorClass::not_found,
                                              "This program has no error of that code"};

struct ErrorEntry {
  std::string_view code;
  std::string_view error_class;
  std::string_view title;
  std::string_view advice;  // what stands behind the title; may be empty
};

std::string_view error_page();
// In the order of the page.
const std::vector<ErrorEntry>& error_catalog();

// GET /errors and GET /errors/{code}.
void add_error_routes(net::Router& router);

}  // namespace pawl::app
