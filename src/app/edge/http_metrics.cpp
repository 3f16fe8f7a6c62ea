// SPDX-License-Identifier: Apache-2.0
#include "app/edge/http_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <atomic>
#include <map>
#include <string>

namespace pawl::app {

namespace {

constexpr unsigned lowest_status = 100;
constexpr unsigned highest_status = 599;

const prometheus::Histogram::BucketBoundaries& duration_bounds() {
  static const prometheus::Histogram::BucketBoundaries bounds{
      0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};
  return bounds;
}

}  // namespace

class HttpMetrics::Impl {
 public:
  // The counters of one route, found without a look-up by labels once they were used.
  struct Series {
    std::string method;
    std::string pattern;
    prometheus::Histogram* duration = nullptr;
    std::array<std::atomic<prometheus::Counter*>, highest_status - lowest_status + 1> by_status{};
  };

  Series& add(const net::Route* route, std::string method, std::string pattern) {
    Series& series = series_[route];
    series.duration = &durations_.Add({{"method", method}, {"route", pattern}}, duration_bounds());
    series.method = std::move(method);
    series.pattern = std::move(pattern);
    return series;
  }

  prometheus::Counter& counter(Series& series, unsigned status) {
    auto& place = series.by_status[status - lowest_status];
    prometheus::Counter* counter = place.load(std::memory_order_acquire);
    if (counter == nullptr) {
      // The family gives the same counter for the same labels.
      counter = &requests_.Add({{"method", series.method},
                                {"route", series.pattern},
                                {"status", std::to_string(status)}});
      place.store(counter, std::memory_order_release);
    }
    return *counter;
  }

  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& requests_ =
      prometheus::BuildCounter()
          .Name("pawl_http_requests_total")
          .Help("Requests answered, by route and status.")
          .Register(registry_);
  prometheus::Family<prometheus::Histogram>& durations_ =
      prometheus::BuildHistogram()
          .Name("pawl_http_request_duration_seconds")
          .Help("From the request's last byte to its answer, waiting for the end included.")
          .Register(registry_);
  prometheus::Family<prometheus::Counter>& limited_ =
      prometheus::BuildCounter()
          .Name("pawl_http_rate_limited_total")
          .Help("Requests refused by a rate limit, by whose limit it was.")
          .Register(registry_);
  prometheus::Family<prometheus::Counter>& unauthorized_ =
      prometheus::BuildCounter()
          .Name("pawl_http_unauthorized_total")
          .Help("Requests refused for their token, by error code.")
          .Register(registry_);
  // Filled by the constructor, then only read.
  std::map<const net::Route*, Series> series_;
};

HttpMetrics::HttpMetrics(const std::vector<const net::Route*>& routes)
    : impl_(std::make_unique<Impl>()) {
  for (const net::Route* route : routes) impl_->add(route, route->method, route->pattern);
  impl_->add(nullptr, "", "");
}

HttpMetrics::~HttpMetrics() = default;

void HttpMetrics::answered(const net::Route* route, unsigned status, double seconds) {
  const auto place = impl_->series_.find(route);
  if (place == impl_->series_.end() || status < lowest_status || status > highest_status) return;
  impl_->counter(place->second, status).Increment();
  place->second.duration->Observe(seconds);
}

void HttpMetrics::limited(std::string_view key, net::RateClass rate_class) {
  impl_->limited_
      .Add({{"key", std::string(key)},
            {"class", rate_class == net::RateClass::write ? "write" : "read"}})
      .Increment();
}

void HttpMetrics::unauthorized(std::string_view code) {
  impl_->unauthorized_.Add({{"code", std::string(code)}}).Increment();
}

std::vector<prometheus::MetricFamily> HttpMetrics::collect() const {
  return impl_->registry_.Collect();
}

}  // namespace pawl::app
