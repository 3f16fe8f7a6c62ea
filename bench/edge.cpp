// SPDX-License-Identifier: Apache-2.0
//
// What the edge costs a request: the same route with it (token, rate limit, trace, log line,
// metrics) and bare, in turns in one run. The route does nothing, so that nothing else is measured;
// the load runs in a process of its own, the log goes to a file with one write a line, as stderr
// would. `in flight` is the number of keep-alive connections.
#include "app/edge/edge.h"

#include <fcntl.h>
#include <pawl/log.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "app/edge/token_secret.h"
#include "http_load.h"
#include "net/server.h"
#include "workload.h"

namespace {

using namespace pawl;
using namespace pawl::bench;

constexpr std::string_view scope = "bench";
constexpr app::Rate never_reached{.requests = 1'000'000'000};

net::Router routes() {
  net::Router router;
  router.add(
      "POST", "/moves",
      [](const net::Request&, net::Responder answer) {
        net::Response response;
        response.body = R"({"ok":true})";
        answer(std::move(response));
      },
      net::declared({.id = "move", .summary = "nothing", .scope = scope}));
  return router;
}

// A token that the edge takes; gives its text.
std::string put_token(app::TokenTable& table) {
  app::TokenText token{app::token_id_of("bench", "1"), app::make_token_secret()};
  tokens::Token row;
  row.token_id = token.id;
  row.scopes = scope;
  row.secret_hash = app::token_secret_hash(token.secret);
  table.put(row);
  return token.text();
}

net::Router with_edge(const std::shared_ptr<app::TokenTable>& table) {
  net::Router router = routes();
  app::EdgeOptions options;
  options.tokens_required = true;
  options.limits.token_writes = never_reached;
  options.limits.token_reads = never_reached;
  options.limits.peer_writes = never_reached;
  options.limits.peer_reads = never_reached;
  router.add_filter(std::make_shared<app::Edge>(options, table,
                                                std::make_shared<app::HttpMetrics>(router.routes()),
                                                system_clock())
                        ->filter());
  return router;
}

std::uint16_t start(net::Server& server) {
  const auto port = server.start();
  if (port) return *port;
  std::fprintf(stderr, "bench: %s\n", port.error().text().c_str());
  std::exit(1);
}

double median_of(const std::vector<Sample>& samples, double Sample::* member) {
  std::vector<double> values;
  for (const Sample& sample : samples) values.push_back(sample.*member);
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void print(const Options& options, int connections, const std::vector<Sample>& with,
           const std::vector<Sample>& bare) {
  std::vector<Sample> ratios(with.size());
  for (std::size_t i = 0; i < with.size(); ++i) {
    ratios[i].per_second = with[i].per_second / bare[i].per_second;
  }
  std::printf(options.json
                  ? "{\"name\":\"edge\",\"in_flight\":%d,\"with_per_s\":%.0f,\"bare_per_s\":%.0f,"
                    "\"ratio\":%.2f,\"with_p50_ms\":%.3f,\"with_p99_ms\":%.3f,"
                    "\"bare_p50_ms\":%.3f,\"bare_p99_ms\":%.3f,\"with_cpu_us\":%.2f,"
                    "\"bare_cpu_us\":%.2f}\n"
                  : "%d connections: with the edge %.0f/s, bare %.0f/s, ratio %.2f; p50 and p99 "
                    "%.3f and %.3f ms, bare %.3f and %.3f ms; CPU %.2f us a request, bare %.2f "
                    "us\n",
              connections, median_of(with, &Sample::per_second),
              median_of(bare, &Sample::per_second), median_of(ratios, &Sample::per_second),
              median_of(with, &Sample::p50_ms), median_of(with, &Sample::p99_ms),
              median_of(bare, &Sample::p50_ms), median_of(bare, &Sample::p99_ms),
              median_of(with, &Sample::cpu_us), median_of(bare, &Sample::cpu_us));
}

}  // namespace

int main(int argc, char** argv) {
  if (ran_as_load(argc, argv)) return 0;
  const Options options = parse_options(argc, argv, {64}, "");
  const Workspace workspace(options);
  const int log_file = ::open(workspace.file("log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (log_file < 0) {
    std::perror("bench: the log's file");
    return 1;
  }
  log::set_sink([log_file](std::string_view line) {
    if (::write(log_file, line.data(), line.size()) < 0) std::abort();
  });
  const auto table = std::make_shared<app::TokenTable>();
  const std::string token = put_token(*table);
  net::Server guarded({}, with_edge(table));
  net::Server bare({}, routes());
  const std::uint16_t guarded_port = start(guarded);
  const std::uint16_t bare_port = start(bare);
  std::uint64_t next_id = 1;
  const auto measured = [&](std::uint16_t port, int connections) {
    const double cpu = cpu_seconds_now();
    const std::uint64_t first = next_id;
    Sample sample = load_from_child(port, connections, options.seconds, options.entities, first,
                                    next_id, token);
    sample.cpu_us = (cpu_seconds_now() - cpu) * 1e6 / static_cast<double>(next_id - first);
    return sample;
  };
  for (const int connections : options.in_flight) {
    std::vector<Sample> with;
    std::vector<Sample> without;
    for (int round = 0; round < options.rounds; ++round) {
      without.push_back(measured(bare_port, connections));
      with.push_back(measured(guarded_port, connections));
      // The lines are of no use to anybody: a long run need not fill the disk.
      if (::ftruncate(log_file, 0) != 0) std::perror("bench: the log's file");
    }
    print(options, connections, with, without);
  }
  guarded.stop();
  bare.stop();
  log::set_sink({});
  ::close(log_file);
  return 0;
}
