// SPDX-License-Identifier: Apache-2.0
#include "app/listen_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace pawl::app {

namespace {

// Of an IPv4 or IPv6 address (with its zone) or a name; no NUL, behind which inet_pton stops.
bool is_host(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == ':' || c == '-' || c == '_' || c == '%';
  });
}

}  // namespace

bool ListenAddress::is_loopback() const {
  if (host == "::1") return true;
  in_addr address{};
  if (inet_pton(AF_INET, host.c_str(), &address) != 1) return false;
  return (ntohl(address.s_addr) >> 24) == 127;
}

std::string ListenAddress::url(bool tls) const {
  const bool v6 = host.find(':') != std::string::npos;
  return (tls ? "https://" : "http://") + (v6 ? "[" + host + "]" : host) + ":" +
         std::to_string(port);
}

Result<ListenAddress> parse_listen_address(std::string_view text) {
  ListenAddress out;
  std::string_view port = text;
  const auto refuse = [text](const std::string& why) {
    return fail(listen_address_invalid, "\"" + std::string(text) + "\" " + why);
  };
  if (const auto colon = text.rfind(':'); colon != std::string_view::npos) {
    std::string_view host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (host.starts_with('[') && host.ends_with(']')) {
      host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
      return refuse("is an IPv6 address without brackets, or has more than one port");
    }
    // One address, and the same everywhere; a name is nothing that can be listened on.
    out.host = host == "localhost" ? std::string_view("127.0.0.1") : host;
  } else {
    out.host = "127.0.0.1";
  }
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (out.host.empty()) return refuse("has no host before its port");
  if (!is_host(out.host)) return refuse("has a host that is neither an address nor a name");
  if (parsed.ec != std::errc() || parsed.ptr != port.data() + port.size()) {
    if (port.data() == text.data()) return refuse("has no port: write HOST:PORT, or a port alone");
    return refuse("has no port from 0 to 65535 behind its colon");
  }
  return out;
}

}  // namespace pawl::app
