// SPDX-License-Identifier: Apache-2.0
//
// The request target (RFC 9112 section 3.2) taken apart by hand: path segments and query
// parameters, percent-decoded and checked. It is on the way of every request, so no URL library.
// Which route it leads to is left to the router.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http.h"

namespace pawl::net {

struct Target {
  std::string_view path;   // without query; still encoded; begins with '/'
  std::string_view query;  // without '?'; may be empty
};

// Origin form ("/a?b"), or absolute form ("http://host/a?b") whose authority is dropped. Nothing
// for any other form, and for a fragment.
std::optional<Target> split_target(std::string_view target);

// Nothing when a '%' is not followed by two hex digits.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

// The pairs of "a=1&b=2"; nothing for bad encoding, bytes that are not UTF-8, and more than
// max_query_parameters.
std::optional<std::vector<Parameter>> parse_query(std::string_view query);

}  // namespace pawl::net
