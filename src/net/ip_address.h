// SPDX-License-Identifier: Apache-2.0
//
// Numeric IP addresses and networks, compared as bytes and never as text, and the address of a
// client behind proxies. Names are not resolved here; which proxies are believed is the caller's
// to say.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::net {

// IPv4 is kept as the mapped IPv6 address (RFC 4291 section 2.5.5.2), so that 10.0.0.1 and
// ::ffff:10.0.0.1 are one address, as they are one host.
struct IpAddress {
  std::array<unsigned char, 16> bytes{};

  bool is_v4() const;
  bool is_loopback() const;  // 127.0.0.0/8, ::1
  std::string text() const;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

// "10.0.0.1", "2001:db8::1"; nothing for anything else: no port, no brackets, no zone.
std::optional<IpAddress> parse_ip(std::string_view text);

// The address without its last bits: what one customer of a provider can choose freely. IPv4 as it
// is, IPv6 by its /64.
IpAddress subscriber_of(const IpAddress& address);

struct Network {
  IpAddress address;
  unsigned prefix_bits = 128;  // of the 16 bytes: 10.0.0.0/8 has 104

  bool contains(const IpAddress& other) const;
};

// "10.0.0.0/8", "2001:db8::/32", or one address. Nothing if bits behind the prefix are set: such a
// line means something else than what it says.
std::optional<Network> parse_network(std::string_view text);

enum class ForwardedHeader : std::uint8_t { x_forwarded_for, forwarded };

inline constexpr std::size_t max_forwarded_hops = 32;

// The client of a request that came from `peer` with these values of the forwarding header, in the
// order in which they stood. Each trusted address is believed about the one before it, from the
// right; the first that is not trusted is the client. What an untrusted hop wrote is never looked
// at, and neither is anything left of an entry that is no address.
IpAddress client_address(const IpAddress& peer, std::span<const std::string> values,
                         ForwardedHeader kind, std::span<const Network> trusted);

}  // namespace pawl::net
