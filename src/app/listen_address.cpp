// SPDX-License-Identifier: Apache-2.0
#include "app/listen_address.h"

#include <arpa/inet.h>

#include <charconv>

namespace pawl::app {

namespace {

bool is_loopback(const std::string& host) {
  if (host == "localhost" || host == "::1") return true;
  in_addr address{};
  if (inet_pton(AF_INET, host.c_str(), &address) != 1) return false;
  return (ntohl(address.s_addr) >> 24) == 127;
}

}  // namespace

std::string ListenAddress::url() const {
  const bool v6 = host.find(':') != std::string::npos;
  return "http://" + (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<ListenAddress> parse_listen_address(std::string_view text) {
  ListenAddress out;
  std::string_view port = text;
  if (const auto colon = text.rfind(':'); colon != std::string_view::npos) {
    std::string_view host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (host.starts_with('[') && host.ends_with(']')) {
      host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
      return fail(listen_address_invalid, std::string(text));
    }
    out.host = host;
  } else {
    out.host = "127.0.0.1";
  }
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (parsed.ec != std::errc() || parsed.ptr != port.data() + port.size() || out.host.empty()) {
    return fail(listen_address_invalid, std::string(text));
  }
  if (!is_loopback(out.host)) return fail(listen_address_public, std::string(text));
  return out;
}

}  // namespace pawl::app
