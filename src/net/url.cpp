// SPDX-License-Identifier: Apache-2.0
#include "net/url.h"

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>
#include <cstdint>

#include "net/client.h"

namespace pawl::net {
namespace {

// What a resolver may be asked; percent-encoding could hide anything else.
bool is_host(std::string_view host) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || c == ':';
  });
}

bool is_port(std::string_view digits) {
  std::uint16_t port = 0;
  const char* end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, port);
  return digits.size() <= 5 && read.ec == std::errc() && read.ptr == end && port != 0;
}

std::string text_of(boost::core::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  // The URL itself may hold a token, so it is not repeated in the error.
  const auto refuse = [](std::string why) { return fail(client_request_invalid, std::move(why)); };
  const auto parsed = boost::urls::parse_uri({text.data(), text.size()});
  if (!parsed) return refuse("the URL is malformed");
  const boost::urls::url_view& url = *parsed;
  const std::string scheme = text_of(url.scheme());
  const bool http = equal_ignoring_case(scheme, "http");
  if (!http && !equal_ignoring_case(scheme, "https")) return refuse("expected http or https");
  if (url.has_userinfo()) return refuse("a URL with user information");
  if (url.has_fragment()) return refuse("a URL with a fragment");

  Url out;
  out.tls = !http;
  out.host = url.host_address();
  if (!is_host(out.host)) return refuse("the URL's host is malformed");
  out.port = http ? "80" : "443";
  out.authority = text_of(url.encoded_host());
  if (url.has_port()) {
    // Boost.URL takes any digits, and its port_number() keeps the low 16 bits of a larger one.
    out.port = text_of(url.port());
    if (!is_port(out.port)) return refuse("the URL's port is not in 1..65535");
    out.authority += ":" + out.port;
  }
  out.target = text_of(url.encoded_path());
  if (!out.target.starts_with('/')) out.target.insert(0, "/");
  if (url.has_query()) out.target += "?" + text_of(url.encoded_query());
  return out;
}

}  // namespace pawl::net
