// SPDX-License-Identifier: Apache-2.0
//
// Request targets: a path leads to a route with parameters that are safe to use as names, or to a
// problem; encoded again they lead to the same. The input is "METHOD target".
#include "net/router.h"

#include "core/utf8.h"
#include "fuzz/target.h"
#include "net/target.h"

namespace {

using namespace pawl;
using fuzz::check;

const net::Router& routes() {
  static const net::Router router = [] {
    net::Router out;
    const auto nobody = [](const net::Request&, net::Responder) {};
    out.add("GET", "/", nobody);
    out.add("GET", "/otc/orders", nobody);
    out.add("POST", "/otc/orders", nobody);
    out.add("GET", "/otc/orders/{id}", nobody);
    out.add("GET", "/otc/orders/best", nobody);
    out.add("POST", "/otc/orders/{id}/match", nobody);
    out.add("GET", "/entities/{machine}/{key}", nobody);
    check(!out.defect(), "the routes are declared well");
    return out;
  }();
  return router;
}

std::string encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

void check_match(const net::RouteMatch& match, std::string_view method) {
  check(match.route != nullptr, "a match has a route");
  check(match.route->method == method || (match.route->method == "GET" && method == "HEAD"),
        "the route is of the method");
  check(match.query_parameters.size() <= net::max_query_parameters, "the query is bounded");
  for (const auto& [name, value] : match.query_parameters) {
    check(utf8::is_valid(name) && utf8::is_valid(value), "a query parameter is UTF-8");
  }
  for (const auto& [name, value] : match.path_parameters) {
    check(!value.empty() && utf8::is_valid(value), "a path parameter is UTF-8");
    check(value.find('/') == std::string::npos && value.find('\0') == std::string::npos &&
              value.find("..") == std::string::npos,
          "a path parameter is no way to another place");
  }
}

bool same(const std::vector<net::Parameter>& a, const std::vector<net::Parameter>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].name != b[i].name || a[i].value != b[i].value) return false;
  }
  return true;
}

// The path's segments and the query, all of it encoded.
std::string encoded_target(const net::RouteMatch& match) {
  std::string out;
  std::string_view path = match.path;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t end = path.find('/');
    const auto segment = net::percent_decode(path.substr(0, end), false);
    check(segment.has_value(), "a path that matched decodes");
    out += "/" + encoded(*segment);
    path = end == std::string_view::npos ? std::string_view() : path.substr(end);
  }
  char mark = '?';
  for (const auto& [name, value] : match.query_parameters) {
    out += mark + encoded(name) + "=" + encoded(value);
    mark = '&';
  }
  return out;
}

}  // namespace

PAWL_FUZZ(router) {
  const std::size_t space = input.find(' ');
  const std::string_view method = input.substr(0, space);
  const std::string_view target = space == std::string_view::npos ? "" : input.substr(space + 1);
  const auto match = routes().find(method, target);
  if (!match) {
    const unsigned status = match.error().status;
    check(status == 400 || status == 404 || status == 405, "a refusal is one of the router's");
    return;
  }
  check_match(*match, method);
  const auto again = routes().find(method, encoded_target(*match));
  check(again.has_value(), "encoded again it leads somewhere");
  check(again->route == match->route, "and to the same route");
  check(same(again->path_parameters, match->path_parameters), "with the same path parameters");
  check(same(again->query_parameters, match->query_parameters), "and the same query");
}
