// SPDX-License-Identifier: Apache-2.0
//
// HOST:PORT as it stands in the configuration. Whether a server may listen there is left to
// listen_refusal.
#pragma once

#include <pawl/error.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace pawl::app {

inline constexpr ErrorCode listen_address_invalid{
    "listen_address_invalid", ErrorClass::invalid,
    "The address to listen on is not HOST:PORT, [IPv6]:PORT or a port from 0 to 65535"};
struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;

  // Others cannot reach it: 127.0.0.0/8 and ::1 (localhost is read as 127.0.0.1).
  bool is_loopback() const;
  // "http://127.0.0.1:7333".
  std::string url(bool tls = false) const;
};

// Errors: listen_address_invalid.
Result<ListenAddress> parse_listen_address(std::string_view text);

}  // namespace pawl::app
