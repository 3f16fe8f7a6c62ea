// SPDX-License-Identifier: Apache-2.0
#include "net/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "net/http.h"

namespace pawl::net {
namespace {

constexpr std::array<unsigned char, 12> v4_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned v4_offset_bits = 96;
constexpr unsigned subscriber_bits = 64;

void clear_behind(IpAddress& address, unsigned prefix_bits) {
  for (unsigned bit = prefix_bits; bit < 128; ++bit) {
    address.bytes[bit / 8] &= static_cast<unsigned char>(~(0x80U >> (bit % 8)));
  }
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// An address that may have a port: "1.2.3.4:80", "[2001:db8::1]:80", "[2001:db8::1]".
std::optional<IpAddress> parse_node(std::string_view text) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && !rest.starts_with(':')) return std::nullopt;
    return parse_ip(text.substr(1, end - 1));
  }
  if (std::count(text.begin(), text.end(), ':') == 1) text = text.substr(0, text.find(':'));
  return parse_ip(text);
}

// The address of one element of Forwarded (RFC 7239): its `for` parameter, quoted or not.
std::optional<IpAddress> for_of(std::string_view element) {
  while (!element.empty()) {
    const std::size_t end = std::min(element.find(';'), element.size());
    const std::string_view pair = trim(element.substr(0, end));
    element.remove_prefix(std::min(end + 1, element.size()));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    if (!equal_ignoring_case(trim(pair.substr(0, equals)), "for")) continue;
    std::string_view value = trim(pair.substr(equals + 1));
    if (value.size() >= 2 && value.starts_with('"') && value.ends_with('"')) {
      value = value.substr(1, value.size() - 2);
    }
    return parse_node(value);
  }
  return std::nullopt;
}

}  // namespace

bool IpAddress::is_v4() const {
  return std::equal(v4_prefix.begin(), v4_prefix.end(), bytes.begin());
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes[12] == 127;
  return std::all_of(bytes.begin(), bytes.end() - 1, [](unsigned char b) { return b == 0; }) &&
         bytes.back() == 1;
}

std::string IpAddress::text() const {
  std::array<char, INET6_ADDRSTRLEN> out{};
  const bool v4 = is_v4();
  ::inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? bytes.data() + v4_prefix.size() : bytes.data(),
              out.data(), out.size());
  return out.data();
}

std::optional<IpAddress> parse_ip(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN || text.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  const std::string terminated(text);
  IpAddress out;
  if (::inet_pton(AF_INET6, terminated.c_str(), out.bytes.data()) == 1) return out;
  std::copy(v4_prefix.begin(), v4_prefix.end(), out.bytes.begin());
  if (::inet_pton(AF_INET, terminated.c_str(), out.bytes.data() + v4_prefix.size()) == 1) {
    return out;
  }
  return std::nullopt;
}

IpAddress subscriber_of(const IpAddress& address) {
  IpAddress out = address;
  if (!address.is_v4()) clear_behind(out, subscriber_bits);
  return out;
}

bool Network::contains(const IpAddress& other) const {
  IpAddress cut = other;
  clear_behind(cut, prefix_bits);
  return cut == address;
}

std::optional<Network> parse_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = parse_ip(text.substr(0, slash));
  if (!address) return std::nullopt;
  Network out{*address, 128};
  if (slash != std::string_view::npos) {
    // By how it was written: ::ffff:10.0.0.0/104 counts as IPv6 does.
    const bool v4 = text.substr(0, slash).find(':') == std::string_view::npos;
    const std::string_view bits = text.substr(slash + 1);
    unsigned value = 0;
    const auto read = std::from_chars(bits.data(), bits.data() + bits.size(), value);
    if (bits.empty() || read.ec != std::errc() || read.ptr != bits.data() + bits.size() ||
        value > (v4 ? 32U : 128U)) {
      return std::nullopt;
    }
    out.prefix_bits = v4 ? value + v4_offset_bits : value;
  }
  return out.contains(*address) ? std::optional(out) : std::nullopt;
}

IpAddress client_address(const IpAddress& peer, std::span<const std::string> values,
                         ForwardedHeader kind, std::span<const Network> trusted) {
  const auto believed = [&](const IpAddress& address) {
    return std::any_of(trusted.begin(), trusted.end(),
                       [&](const Network& network) { return network.contains(address); });
  };
  IpAddress client = peer;
  std::size_t hops = 0;
  for (std::size_t i = values.size(); i-- > 0;) {
    std::string_view rest = values[i];
    while (true) {
      if (!believed(client) || ++hops > max_forwarded_hops) return client;
      const std::size_t comma = rest.rfind(',');
      const std::string_view last =
          trim(comma == std::string_view::npos ? rest : rest.substr(comma + 1));
      const auto next = kind == ForwardedHeader::forwarded ? for_of(last) : parse_node(last);
      if (!next) return client;
      client = *next;
      if (comma == std::string_view::npos) break;
      rest = rest.substr(0, comma);
    }
  }
  return client;
}

}  // namespace pawl::net
