// SPDX-License-Identifier: Apache-2.0
//
// What callers and proxies write into headers that decide something: the trace, the conditions on
// an entity tag, the forwarded address, the token. The input is a line for each: token,
// traceparent, If-Match, If-None-Match, a trusted network, the peer's address; then forwarding
// headers, a line each.
#include <algorithm>
#include <array>

#include "app/edge/token_secret.h"
#include "app/edge/trace_context.h"
#include "fuzz/target.h"
#include "net/entity_tag.h"
#include "net/ip_address.h"

namespace {

using namespace pawl;
using fuzz::check;

void check_trace(std::string_view text) {
  const auto trace = app::parse_traceparent(text);
  if (!trace) return;
  check(trace->trace_id.size() == 32 && trace->parent_id.size() == 16, "ids have their length");
  const auto again = app::parse_traceparent(trace->text());
  check(again && again->trace_id == trace->trace_id && again->parent_id == trace->parent_id &&
            again->sampled == trace->sampled,
        "a trace written is the same trace");
  const auto child = app::child_of(*trace);
  check(app::parse_traceparent(child.text()).has_value() && child.trace_id == trace->trace_id,
        "a child is a trace of the same id");
}

void check_conditions(std::string_view if_match, std::string_view if_none_match) {
  net::Request request;
  request.headers = {{"If-Match", std::string(if_match)},
                     {"If-None-Match", std::string(if_none_match)}};
  const auto version = net::if_match_version(request);
  if (!version) {
    check(version.error().code == net::if_match_invalid, "a refusal is the condition's");
  } else if (*version) {
    check(**version >= 1, "a version counts from 1");
    request.headers[0].value = net::entity_tag(**version);
    const auto again = net::if_match_version(request);
    check(again && again->has_value() && **again == **version, "its tag names the same version");
  }
  net::Response response;
  response.body = "{}";
  const net::Response answer = net::with_etag(request, response, 7);
  check(answer.status == 200 || (answer.status == 304 && answer.body.empty()),
        "an answer is whole or not modified");
  check(answer.header("ETag") == "\"7\"", "and has its tag");
  check(answer.status == 200 || if_none_match.find("\"7\"") != std::string_view::npos ||
            if_none_match.find('*') != std::string_view::npos,
        "it is not modified only if the tag is named");
}

std::optional<net::IpAddress> check_ip(std::string_view text) {
  const auto address = net::parse_ip(text);
  if (address) check(net::parse_ip(address->text()) == *address, "an address has one meaning");
  return address;
}

}  // namespace

PAWL_FUZZ(request_headers) {
  fuzz::Input parts(input);
  if (const std::string_view text = parts.line(); const auto token = app::parse_token_text(text)) {
    check(token->text() == text, "a token has one spelling");
    check(app::token_secret_hash(token->secret).size() == 64, "and its secret a hash");
  }
  check_trace(parts.line());
  const std::string_view if_match = parts.line();
  check_conditions(if_match, parts.line());

  const auto network = net::parse_network(parts.line());
  if (network) {
    check(network->prefix_bits <= 128 && network->contains(network->address),
          "a network holds its own address");
  }
  const auto peer = check_ip(parts.line()).value_or(net::IpAddress{});
  check(net::subscriber_of(net::subscriber_of(peer)) == net::subscriber_of(peer),
        "a subscriber is its own");
  std::vector<std::string> values;
  while (!parts.rest().empty() && values.size() < 2 * net::max_forwarded_hops) {
    values.emplace_back(parts.line());
  }
  for (const auto kind : {net::ForwardedHeader::x_forwarded_for, net::ForwardedHeader::forwarded}) {
    check(net::client_address(peer, values, kind, {}) == peer, "nobody trusted, nothing believed");
    if (!network) continue;
    const std::array trusted{*network};
    const auto client = net::client_address(peer, values, kind, trusted);
    check(client == peer || network->contains(peer), "only a trusted peer is believed");
    check(net::client_address(client, {}, kind, trusted) == client, "without headers it stands");
  }
}
