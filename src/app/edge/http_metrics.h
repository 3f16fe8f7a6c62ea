// SPDX-License-Identifier: Apache-2.0
//
// What the server counts of its requests, for Prometheus: by route pattern and never by path, so
// that the number of series stays what the program declares. Counting takes no lock that requests
// of different routes share.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "net/router.h"

namespace prometheus {
struct MetricFamily;
}

namespace pawl::app {

class HttpMetrics {
 public:
  explicit HttpMetrics(const std::vector<const net::Route*>& routes);
  ~HttpMetrics();
  HttpMetrics(const HttpMetrics&) = delete;
  HttpMetrics& operator=(const HttpMetrics&) = delete;

  // `route`: one of those of the constructor; null for a request that met none.
  void answered(const net::Route* route, unsigned status, double seconds);
  // A request refused by a rate limit. `key`: "token" or "peer".
  void limited(std::string_view key, net::RateClass rate_class);
  // A request refused for its token. `code`: the error's.
  void unauthorized(std::string_view code);

  std::vector<prometheus::MetricFamily> collect() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pawl::app
