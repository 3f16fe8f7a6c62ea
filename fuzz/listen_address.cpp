// SPDX-License-Identifier: Apache-2.0
//
// The address to listen on: one that is on this machine is one of its addresses and nothing else,
// and its URL is one that a client of ours takes and that means the same.
#include "app/listen_address.h"

#include "fuzz/target.h"
#include "net/url.h"

PAWL_FUZZ(listen_address) {
  using namespace pawl;
  using fuzz::check;
  const auto address = app::parse_listen_address(input);
  if (!address) {
    check(address.error().code == app::listen_address_invalid, "a refusal is the address's own");
    return;
  }
  check(!address->host.empty(), "it has a host");
  if (!address->is_loopback()) return;
  check(
      address->host.find_first_not_of("0123456789.") == std::string::npos || address->host == "::1",
      "what is on this machine is an address");
  const std::string text = address->url().substr(std::string_view("http://").size());
  const auto again = app::parse_listen_address(text);
  check(again && again->host == address->host && again->port == address->port,
        "written out it is the same address");
  if (address->port == 0) return;  // the kernel chooses
  const auto url = net::parse_url(address->url());
  check(url && url->host == address->host && std::stoi(url->port) == address->port,
        "a client reaches it by its URL");
}
