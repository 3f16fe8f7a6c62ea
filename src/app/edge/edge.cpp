// SPDX-License-Identifier: Apache-2.0
#include "app/edge/edge.h"

#include <pawl/log.h>

#include <utility>

#include "app/edge/trace_context.h"

namespace pawl::app {

namespace {

// RFC 6750 section 3: why a token was refused, in the challenge.
net::Response challenge(const Error& error, const std::string& parameters) {
  net::Response response = net::problem(error);
  std::erase_if(response.headers,
                [](const net::Header& header) { return header.name == "WWW-Authenticate"; });
  response.headers.push_back({"WWW-Authenticate", "Bearer " + parameters});
  return response;
}

std::string_view scope_of(const net::Route& route) {
  return route.options.declaration ? route.options.declaration->scope : net::scope_admin;
}

// A bucket's key: whose it is, and for what.
std::string key_of(std::string_view owner, std::string_view id, net::RateClass rate_class) {
  return std::string(owner) + (rate_class == net::RateClass::write ? ":write:" : ":read:") +
         std::string(id);
}

}  // namespace

net::RateClass rate_class_of(const net::Route* route, std::string_view method) {
  using net::RateClass;
  if (route != nullptr && route->options.declaration &&
      route->options.declaration->rate != RateClass::by_method) {
    return route->options.declaration->rate;
  }
  return method == "GET" || method == "HEAD" ? RateClass::read : RateClass::write;
}

Edge::Edge(EdgeOptions options, std::shared_ptr<TokenTable> tokens,
           std::shared_ptr<HttpMetrics> metrics, Clock& clock)
    : options_(std::move(options)),
      cors_(options_.cors_origins),
      tokens_(std::move(tokens)),
      metrics_(std::move(metrics)),
      clock_(clock),
      limiter_(options_.limits.max_buckets) {}

net::Filter Edge::filter() {
  return [self = shared_from_this()](const net::Destination& destination, net::Request& request,
                                     net::Responder responder) {
    return self->meet(destination, request, std::move(responder));
  };
}

std::optional<net::Responder> Edge::meet(const net::Destination& destination, net::Request& request,
                                         net::Responder responder) {
  find_client(request);
  const auto given = request.header("traceparent");
  const auto parent = given ? parse_traceparent(*given) : std::nullopt;
  const TraceContext trace = parent ? child_of(*parent) : make_trace();
  request.trace_id = trace.trace_id;
  responder = observe(destination, request, trace.text(), std::move(responder));
  if (cors_.is_preflight(request)) {
    responder(cors_.answer_preflight(request));
    return std::nullopt;
  }
  if (auto refusal = refuse(destination, request)) {
    responder(std::move(*refusal));
    return std::nullopt;
  }
  return responder;
}

void Edge::find_client(net::Request& request) const {
  request.client_address = request.peer_address;
  if (options_.trusted_proxies.empty()) return;
  const auto peer = net::parse_ip(request.peer_address);
  if (!peer) return;
  const bool as_rfc = options_.forwarded_header == net::ForwardedHeader::forwarded;
  // One header and no other: a proxy that writes the one passes on what clients write in the other.
  const std::string_view name = as_rfc ? "Forwarded" : "X-Forwarded-For";
  std::vector<std::string> values;
  for (const net::Header& header : request.forwarding_headers) {
    if (net::equal_ignoring_case(header.name, name)) values.push_back(header.value);
  }
  request.client_address =
      net::client_address(*peer, values, options_.forwarded_header, options_.trusted_proxies)
          .text();
}

net::Responder Edge::observe(const net::Destination& destination, net::Request& request,
                             std::string traceparent, net::Responder responder) {
  request.on_end = [self = shared_from_this(), route = destination.route,
                    began_us = clock_.monotonic_us()](const net::Request& ended, unsigned status) {
    self->tell(route, ended, status, self->clock_.monotonic_us() - began_us);
  };
  // The request lives as long as the responder below was not called.
  return net::Responder([self = shared_from_this(), &request, traceparent = std::move(traceparent),
                         responder = std::move(responder)](net::Response response) mutable {
    response.headers.push_back({"traceparent", std::move(traceparent)});
    self->cors_.add_headers(request, response);
    responder(std::move(response));
  });
}

void Edge::tell(const net::Route* route, const net::Request& request, unsigned status,
                std::int64_t took_us) {
  metrics_->answered(route, status, static_cast<double>(took_us) / 1e6);
  // The pattern and never the target: a query or a path could hold what is nobody's business.
  log::info("request", {{"trace_id", request.trace_id},
                        {"request_id", request.request_id},
                        {"method", request.method},
                        {"route", route == nullptr ? "" : std::string_view(route->pattern)},
                        {"status", status},
                        {"duration_us", took_us},
                        {"peer", request.client_address},
                        {"token", request.token_id}});
}

std::optional<net::Response> Edge::refuse(const net::Destination& destination,
                                          net::Request& request) {
  std::optional<net::Response> refusal;
  if (destination.route != nullptr) refusal = check_scope(*destination.route, request);
  // Also for those without a good token: guessing is slow.
  if (auto limited = check_rate(destination, request)) return limited;
  return refusal;
}

std::optional<net::Response> Edge::check_scope(const net::Route& route, net::Request& request) {
  if (!options_.tokens_required) return std::nullopt;
  const std::string_view scope = scope_of(route);
  const auto grant = tokens_->authenticate(request.header("Authorization"), clock_.now());
  if (grant) request.token_id = grant->id;
  if (scope == net::scope_public) return std::nullopt;
  if (!grant) {
    metrics_->unauthorized(grant.error().code.code);
    return challenge(grant.error(), grant.error().code == token_invalid
                                        ? "realm=\"pawl\", error=\"invalid_token\""
                                        : "realm=\"pawl\"");
  }
  if (grant->has(scope)) return std::nullopt;
  metrics_->unauthorized(scope_missing.code);
  const std::string wanted(scope);
  return challenge({scope_missing, "it needs the scope " + wanted},
                   "realm=\"pawl\", error=\"insufficient_scope\", scope=\"" + wanted + "\"");
}

std::optional<net::Response> Edge::check_rate(const net::Destination& destination,
                                              const net::Request& request) {
  const net::RateClass rate_class = rate_class_of(destination.route, request.method);
  if (rate_class == net::RateClass::free) return std::nullopt;
  const EdgeLimits& limits = options_.limits;
  const bool writes = rate_class == net::RateClass::write;
  const bool by_token = !request.token_id.empty();
  std::string key;
  if (by_token) {
    key = key_of("token", request.token_id, rate_class);
  } else {
    const auto client = net::parse_ip(request.client_address);
    if (client && client->is_loopback() && limits.exempt_loopback) return std::nullopt;
    key = key_of("peer", client ? net::subscriber_of(*client).text() : request.client_address,
                 rate_class);
  }
  const Rate& rate = by_token ? (writes ? limits.token_writes : limits.token_reads)
                              : (writes ? limits.peer_writes : limits.peer_reads);
  const RateVerdict verdict = limiter_.ask(key, rate, clock_.monotonic_us());
  if (verdict.allowed) return std::nullopt;
  metrics_->limited(by_token ? "token" : "peer", rate_class);
  net::Response response =
      net::problem(Error(rate_limited, std::string(writes ? "writes" : "reads") + ": " +
                                           std::to_string(rate.requests) + " in " +
                                           std::to_string(rate.per_us / 1'000'000) + " s"));
  response.headers.push_back({"Retry-After", std::to_string(verdict.retry_after_seconds)});
  return response;
}

}  // namespace pawl::app
