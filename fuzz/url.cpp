// SPDX-License-Identifier: Apache-2.0
//
// Outgoing URLs: what the client takes can be asked of a resolver and written into a request as it
// stands, and what the configuration takes as the custodian's address is one the client takes.
#include "net/url.h"

#include <algorithm>

#include "app/http_call.h"
#include "fuzz/target.h"
#include "systems/otc/custodian_http.h"

namespace {

using namespace pawl;
using fuzz::check;

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

void check_url(const net::Url& url) {
  check(!url.host.empty() && is_printable(url.host), "the host is printable");
  check(url.host.find_first_of("/@?#[]%") == std::string::npos, "the host is a name or an address");
  check(is_printable(url.authority) && is_printable(url.target), "a request line cannot be broken");
  check(url.target.starts_with('/'), "the target is in origin form");
  check(!url.port.empty() && url.port.size() <= 5 &&
            std::all_of(url.port.begin(), url.port.end(),
                        [](char c) { return c >= '0' && c <= '9'; }) &&
            std::stoi(url.port) >= 1 && std::stoi(url.port) <= 65'535,
        "the port is one");
  const auto again =
      net::parse_url((url.tls ? "https://" : "http://") + url.authority + url.target);
  check(again && again->host == url.host && again->port == url.port && again->tls == url.tls &&
            again->target == url.target,
        "it is the same when it is put together again");
}

}  // namespace

PAWL_FUZZ(url) {
  const auto url = net::parse_url(input);
  if (url) {
    check_url(*url);
  } else {
    check(url.error().code == net::client_request_invalid, "a refusal is the client's own");
  }
  const auto base = otc::trusted_base_url(input);
  if (base) {
    const auto call = net::parse_url(*base + "/custodian/locks");
    check(call.has_value(), "an address that the configuration takes can be called");
    check(call->target == "/custodian/locks", "with the path that is called");
    check(call->tls || call->host == "localhost" || call->host == "::1" ||
              call->host.starts_with("127.") || call->host.find(':') != std::string::npos,
          "without TLS only on this machine");
  }
  const std::string shown = app::redacted_url(input);
  if (shown.find("://") != std::string::npos && url) {
    check(shown.find('@') == std::string::npos || shown.find("***@") != std::string::npos,
          "what stands before an at sign is not shown");
  }
}
