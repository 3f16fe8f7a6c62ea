// SPDX-License-Identifier: Apache-2.0
//
// An absolute http or https URL taken apart by Boost.URL: for the client, and for who wants to
// know beforehand whether it will take one.
#pragma once

#include <pawl/error.h>

#include <string>
#include <string_view>

namespace pawl::net {

struct Url {
  bool tls = false;
  std::string host;       // a name or an address, without brackets
  std::string port;       // never empty
  std::string authority;  // for the Host header
  std::string target;     // path and query, encoded, begins with '/'
};

// client_request_invalid for anything else: other schemes, user information, a fragment, no host.
Result<Url> parse_url(std::string_view text);

}  // namespace pawl::net
