// SPDX-License-Identifier: Apache-2.0
//
// The address to listen on: on this machine or refused, and its URL is one that a client of ours
// takes and that means the same.
#include "app/listen_address.h"

#include "fuzz/target.h"
#include "net/url.h"

PAWL_FUZZ(listen_address) {
  using namespace pawl;
  using fuzz::check;
  const auto address = app::parse_listen_address(input);
  if (!address) {
    const auto code = address.error().code;
    check(code == app::listen_address_invalid || code == app::listen_address_public,
          "a refusal is one of the address's own");
    return;
  }
  check(address->host == "::1" || address->host.starts_with("127."), "it is on this machine");
  const std::string text = address->url().substr(std::string_view("http://").size());
  const auto again = app::parse_listen_address(text);
  check(again && again->host == address->host && again->port == address->port,
        "written out it is the same address");
  if (address->port == 0) return;  // the kernel chooses
  const auto url = net::parse_url(address->url());
  check(url && url->host == address->host && std::stoi(url->port) == address->port,
        "a client reaches it by its URL");
}
