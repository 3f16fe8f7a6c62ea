// SPDX-License-Identifier: Apache-2.0
#include "app/edge/engine_metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <mutex>
#include <utility>
#include <vector>

namespace pawl::app {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr double us_a_second = 1e6;

ClientMetric metric(MetricType type, double value,
                    std::vector<std::pair<std::string, std::string>> labels = {}) {
  ClientMetric out;
  for (auto& [name, text] : labels) out.label.push_back({std::move(name), std::move(text)});
  (type == MetricType::Counter ? out.counter.value : out.gauge.value) = value;
  return out;
}

class Families {
 public:
  void one(MetricType type, const char* name, const char* help, double value) {
    out_.push_back({name, help, type, {metric(type, value)}});
  }
  void gauge(const char* name, const char* help, double value) {
    one(MetricType::Gauge, name, help, value);
  }
  void counter(const char* name, const char* help, std::int64_t value) {
    one(MetricType::Counter, name, help, static_cast<double>(value));
  }
  MetricFamily& add(const char* name, const char* help) {
    out_.push_back({name, help, MetricType::Gauge, {}});
    return out_.back();
  }
  // `unit`: what one of the histogram's units is in the metric's own.
  void histogram(const char* name, const char* help, const PowerHistogram& values, double unit,
                 double sum_unit) {
    ClientMetric out;
    std::int64_t so_far = 0;
    for (std::size_t i = 0; i < PowerHistogram::places; ++i) {
      so_far += values.counts[i];
      const bool last = i + 1 == PowerHistogram::places;
      // Whole units: what is below 2^i is at most 2^i - 1 of them, if they cannot be split.
      const double bound = unit == 1.0 ? std::ldexp(1.0, static_cast<int>(i)) - 1
                                       : std::ldexp(unit, static_cast<int>(i));
      out.histogram.bucket.push_back({static_cast<std::uint64_t>(so_far),
                                      last ? std::numeric_limits<double>::infinity() : bound});
    }
    out.histogram.sample_count = static_cast<std::uint64_t>(so_far);
    out.histogram.sample_sum = static_cast<double>(values.sum) * sum_unit;
    out_.push_back({name, help, MetricType::Histogram, {std::move(out)}});
  }
  std::vector<MetricFamily> take() && { return std::move(out_); }

 private:
  std::vector<MetricFamily> out_;
};

void add_statistics(Families& out, const EngineStatistics& s) {
  constexpr double commit_unit = double{1 << EngineStatistics::commit_unit_bits} / us_a_second;
  out.gauge("pawl_engine_waiting", "Requests in the inbox or being decided.",
            static_cast<double>(s.waiting));
  out.gauge("pawl_engine_stalled_seconds",
            "While requests wait: since when nothing was committed. 0 while none does.",
            static_cast<double>(s.stalled_us) / us_a_second);
  out.gauge("pawl_engine_store_failing", "1 while the last commit failed by the store's fault.",
            s.store_failing ? 1 : 0);
  out.counter("pawl_engine_commits_total", "Batches decided.", s.commits);
  out.counter("pawl_engine_works_total", "Commands and inner works decided.", s.works);
  out.histogram("pawl_engine_batch_works", "Works of a batch.", s.batch_works, 1.0, 1.0);
  out.histogram("pawl_engine_commit_seconds", "Commits in the store.", s.commit_us, commit_unit,
                1 / us_a_second);
  out.gauge("pawl_engine_exchanges", "Exchanges with the outside under way.",
            static_cast<double>(s.exchanges_under_way));
}

double seconds_since(Time then, Time now) {
  return std::max(0.0, static_cast<double>(now.us - then.us) / us_a_second);
}

void add_progress(Families& out, const StoreProgress& p, Time now) {
  MetricFamily& counts =
      out.add("pawl_effects_open", "Effects that have not ended, by kind and state.");
  for (const EffectGroup& group : p.open_effects) {
    counts.metric.push_back(metric(MetricType::Gauge, static_cast<double>(group.count),
                                   {{"kind", group.kind}, {"state", group.state}}));
  }
  MetricFamily& ages =
      out.add("pawl_effects_oldest_age_seconds", "How long ago the oldest of them was asked for.");
  for (const EffectGroup& group : p.open_effects) {
    ages.metric.push_back(metric(MetricType::Gauge, seconds_since(group.oldest, now),
                                 {{"kind", group.kind}, {"state", group.state}}));
  }
  const bool none = p.next_deadline == Time::never();
  out.gauge("pawl_deadlines_overdue_seconds", "How overdue the most overdue deadline is.",
            none ? 0 : seconds_since(p.next_deadline, now));
  out.gauge("pawl_parked", "Inner commands that were set aside.", static_cast<double>(p.parked));
  out.gauge("pawl_alerts_open", "Alerts that nobody has acknowledged.",
            static_cast<double>(p.open_alerts));
}

void add_server(Families& out, const net::ServerStatistics& s) {
  const auto count = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  out.gauge("pawl_http_connections", "Connections open.", static_cast<double>(s.connections));
  out.gauge("pawl_http_streams", "Event streams being written.", static_cast<double>(s.streams));
  out.counter("pawl_http_connections_accepted_total", "Connections taken.", count(s.accepted));
  out.counter("pawl_http_connections_refused_total", "Connections above the bounds.",
              count(s.refused));
  out.counter("pawl_http_accept_failures_total", "Connections that the kernel could not give.",
              count(s.accept_failures));
  out.counter("pawl_http_handshake_failures_total", "TLS connections that came to nothing.",
              count(s.handshake_failures));
}

double bytes_of(const std::string& path) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  return error ? 0 : static_cast<double>(bytes);
}

// The store's answer, kept for progress_every_us: scrapes of many, or of a mistake, do not add up.
class ProgressCache {
 public:
  Result<StoreProgress> get(Engine& engine) {
    const std::lock_guard lock(mutex_);
    const std::int64_t now_us = engine.clock().monotonic_us();
    if (asked_ && now_us - asked_us_ < progress_every_us) return progress_;
    auto fresh = engine.progress();
    if (!fresh) return fresh;
    progress_ = std::move(*fresh);
    asked_ = true;
    asked_us_ = now_us;
    return progress_;
  }

 private:
  std::mutex mutex_;
  bool asked_ = false;
  std::int64_t asked_us_ = 0;
  StoreProgress progress_;
};

Result<std::string> scrape(Engine& engine, const MetricsSources& sources, ProgressCache& cache) {
  const auto progress = cache.get(engine);
  if (!progress) return std::unexpected(progress.error());
  Families own;
  add_statistics(own, engine.statistics());
  add_progress(own, *progress, engine.clock().now());
  if (!sources.database_path.empty()) {
    own.gauge("pawl_store_bytes", "The store's file.", bytes_of(sources.database_path));
    own.gauge("pawl_store_wal_bytes", "The store's write-ahead log.",
              bytes_of(sources.database_path + "-wal"));
  }
  if (sources.server) add_server(own, sources.server());
  std::vector<MetricFamily> all = std::move(own).take();
  if (sources.http) {
    for (auto& family : sources.http->collect()) all.push_back(std::move(family));
  }
  return prometheus::TextSerializer().Serialize(all);
}

}  // namespace

void add_metrics_route(net::Router& router, Engine& engine,
                       std::shared_ptr<const MetricsSources> sources) {
  router.add(
      "GET", "/metrics",
      [&engine, sources = std::move(sources), cache = std::make_shared<ProgressCache>()](
          const net::Request&, net::Responder respond) {
        auto text = scrape(engine, *sources, *cache);
        if (!text) return respond(text.error());
        net::Response response;
        response.content_type = "text/plain; version=0.0.4; charset=utf-8";
        response.body = std::move(*text);
        respond(std::move(response));
      },
      net::declared({.id = "metrics",
                     .summary = "Counters, gauges and ages for Prometheus",
                     .tag = "server",
                     .scope = scope_metrics,
                     .answers = {{200, "the text format 0.0.4", "", "text/plain"}}}));
}

}  // namespace pawl::app
