// SPDX-License-Identifier: Apache-2.0
//
// GET /metrics in Prometheus' text format 0.0.4: what the engine counts and what waits in its
// store, with ages, beside what the server counts of its requests. The store is asked at a scrape,
// and at most every few seconds however often that is.
#pragma once

#include <pawl/engine.h>

#include <functional>
#include <memory>
#include <string>

#include "app/edge/http_metrics.h"
#include "net/router.h"
#include "net/server.h"

namespace pawl::app {

inline constexpr std::string_view scope_metrics = "metrics";
inline constexpr std::int64_t progress_every_us = 5'000'000;

struct MetricsSources {
  std::string database_path;  // empty: the store is no file of ours
  std::function<net::ServerStatistics()> server;
  // Set once all routes are known.
  std::shared_ptr<HttpMetrics> http;
};

// The engine must outlive the router. `sources` is read at each scrape.
void add_metrics_route(net::Router& router, Engine& engine,
                       std::shared_ptr<const MetricsSources> sources);

}  // namespace pawl::app
