// SPDX-License-Identifier: Apache-2.0
#include "app/edge/cors.h"

#include <algorithm>

namespace pawl::app {

namespace {

constexpr const char* allowed_methods = "GET, HEAD, POST, PUT, DELETE";
constexpr const char* allowed_headers =
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Pawl-Operator, "
    "traceparent, X-Request-Id";
constexpr const char* exposed_headers = "ETag, Location, Retry-After, traceparent, X-Request-Id";
constexpr const char* preflight_seconds = "600";

}  // namespace

bool is_origin(std::string_view text) {
  const std::size_t mark = text.find("://");
  if (mark == std::string_view::npos) return false;
  const std::string_view scheme = text.substr(0, mark);
  const std::string_view host = text.substr(mark + 3);
  return (scheme == "https" || scheme == "http") && !host.empty() &&
         std::all_of(host.begin(), host.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
                  c == ':' || c == '[' || c == ']';
         });
}

bool Cors::allows(std::string_view origin) const {
  return std::find(origins_.begin(), origins_.end(), origin) != origins_.end();
}

bool Cors::is_preflight(const net::Request& request) const {
  return enabled() && request.method == "OPTIONS" && request.header("Origin") &&
         request.header("Access-Control-Request-Method");
}

net::Response Cors::answer_preflight(const net::Request& request) const {
  net::Response response;
  response.status = 204;
  response.content_type.clear();
  if (allows(*request.header("Origin"))) {
    response.headers.push_back({"Access-Control-Allow-Methods", allowed_methods});
    response.headers.push_back({"Access-Control-Allow-Headers", allowed_headers});
    response.headers.push_back({"Access-Control-Max-Age", preflight_seconds});
  }
  return response;
}

void Cors::add_headers(const net::Request& request, net::Response& response) const {
  if (!enabled()) return;
  response.headers.push_back({"Vary", "Origin"});
  const auto origin = request.header("Origin");
  if (!origin || !allows(*origin)) return;
  response.headers.push_back({"Access-Control-Allow-Origin", std::string(*origin)});
  response.headers.push_back({"Access-Control-Expose-Headers", exposed_headers});
}

}  // namespace pawl::app
