// SPDX-License-Identifier: Apache-2.0
//
// HOST:PORT as it stands in the configuration, and the rule that nothing but loopback is listened
// on: there is no TLS and there are no tokens yet, so a public address would be open to everybody.
#pragma once

#include <pawl/error.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace pawl::app {

inline constexpr ErrorCode listen_address_invalid{
    "listen_address_invalid", ErrorClass::invalid,
    "The address to listen on is not HOST:PORT, [IPv6]:PORT or a port from 0 to 65535"};
inline constexpr ErrorCode listen_address_public{
    "listen_address_public", ErrorClass::invalid,
    "Without TLS and tokens, which are not there yet, Pawl listens on this machine only"};

struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;

  // "http://127.0.0.1:7333".
  std::string url() const;
};

// Errors: listen_address_invalid; listen_address_public for anything but 127.0.0.0/8, ::1 and
// localhost.
Result<ListenAddress> parse_listen_address(std::string_view text);

}  // namespace pawl::app
