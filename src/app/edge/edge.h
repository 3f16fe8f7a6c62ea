// SPDX-License-Identifier: Apache-2.0
//
// What happens to every request before its handler and to every answer after it: who asks (client
// address, token), whether it may (scope, rate), and what is told of it (trace, log line, metrics,
// CORS). One filter of the router; it reads what the routes declare and knows none of them.
#pragma once

#include <pawl/clock.h>

#include <memory>
#include <string>
#include <vector>

#include "app/edge/cors.h"
#include "app/edge/http_metrics.h"
#include "app/edge/rate_limit.h"
#include "app/edge/token_table.h"
#include "net/ip_address.h"
#include "net/router.h"

namespace pawl::app {

inline constexpr ErrorCode rate_limited{"rate_limited", ErrorClass::too_many,
                                        "There were too many requests from there"};

struct EdgeLimits {
  Rate peer_reads;
  Rate peer_writes;
  Rate token_reads;
  Rate token_writes;
  bool exempt_loopback = true;
  std::size_t max_buckets = 100'000;
};

struct EdgeOptions {
  bool tokens_required = false;
  EdgeLimits limits;
  std::vector<net::Network> trusted_proxies;
  net::ForwardedHeader forwarded_header = net::ForwardedHeader::x_forwarded_for;
  std::vector<std::string> cors_origins;
};

// What a request counts as: as its route declares, else by its method.
net::RateClass rate_class_of(const net::Route* route, std::string_view method);

class Edge : public std::enable_shared_from_this<Edge> {
 public:
  // The clock must outlive it.
  Edge(EdgeOptions options, std::shared_ptr<TokenTable> tokens,
       std::shared_ptr<HttpMetrics> metrics, Clock& clock);

  // To be added to the router whose routes the metrics know.
  net::Filter filter();

 private:
  struct Observed;
  std::optional<net::Responder> meet(const net::Destination& destination, net::Request& request,
                                     net::Responder responder);
  void find_client(net::Request& request) const;
  net::Responder observe(const net::Destination& destination, net::Request& request,
                         std::string traceparent, net::Responder responder);
  // One request in the metrics and in the log, with what its client gets.
  void tell(const net::Route* route, const net::Request& request, unsigned status,
            std::int64_t took_us);
  // Nothing: it may go on.
  std::optional<net::Response> refuse(const net::Destination& destination, net::Request& request);
  std::optional<net::Response> check_scope(const net::Route& route, net::Request& request);
  std::optional<net::Response> check_rate(const net::Destination& destination,
                                          const net::Request& request);

  const EdgeOptions options_;
  const Cors cors_;
  const std::shared_ptr<TokenTable> tokens_;
  const std::shared_ptr<HttpMetrics> metrics_;
  Clock& clock_;
  RateLimiter limiter_;
};

}  // namespace pawl::app
