// SPDX-License-Identifier: Apache-2.0
//
// The whole server: an HTTP request to its durable receipt, over keep-alive connections, beside the
// same endpoint by hand on the same HTTP library with one transaction a request. `in flight` is the
// number of connections; the load runs in a process of its own.
#include <memory>

#include "core/json.h"
#include "database.h"
#include "hand_written_pool.h"
#include "http_load.h"
#include "net/server.h"
#include "workload.h"

namespace {

using namespace pawl;
using namespace pawl::bench;

// Connections of the endpoint by hand on PostgreSQL: the best of 8, 16, 32 and 64 here.
constexpr int default_pool = 16;

std::string account_in(const net::Request& request) {
  const auto body = json::parse(request.body);
  const auto* account = body ? body->find("account") : nullptr;
  return account == nullptr ? std::string() : std::string(account->as_string().value_or(""));
}

net::Response moved() {
  net::Response response;
  response.body = R"({"ok":true})";
  return response;
}

std::unique_ptr<net::Server> serve(net::Handler handler, std::uint16_t& port) {
  net::Router router;
  router.add("POST", "/moves", std::move(handler));
  auto server = std::make_unique<net::Server>(net::ServerOptions{}, std::move(router));
  const auto started = server->start();
  if (!started) {
    std::fprintf(stderr, "bench: %s\n", started.error().text().c_str());
    std::exit(1);
  }
  port = *started;
  return server;
}

}  // namespace

int main(int argc, char** argv) {
  if (ran_as_load(argc, argv)) return 0;
  const Options options = parse_options(argc, argv, {64}, PAWL_SLOW_SYNC);
  const Workspace workspace(options);
  PawlSide pawl(options, workspace.file("pawl.db"));
  const bool postgres = options.store == "postgres";
  std::unique_ptr<HandWrittenSide> hand;
  std::unique_ptr<HandWrittenPool> pool;
  const int connections_by_hand = options.clients > 0 ? options.clients : default_pool;
  if (postgres) {
    make_hand_written_tables(options.url, options.entities);
    pool = std::make_unique<HandWrittenPool>(options.url, connections_by_hand);
  } else {
    hand = std::make_unique<HandWrittenSide>(workspace.file("hand.db"), options.entities);
  }
  std::uint16_t pawl_port = 0;
  const auto pawl_server = serve(
      [&](const net::Request& request, net::Responder responder) {
        auto answer = std::make_shared<net::Responder>(std::move(responder));
        pawl.transition(account_in(request), std::string(*request.header("Idempotency-Key")),
                        [answer] { (*answer)(moved()); });
      },
      pawl_port);
  std::uint16_t hand_port = 0;
  const auto hand_server = serve(
      [&](const net::Request& request, net::Responder responder) {
        std::string id(*request.header("Idempotency-Key"));
        if (pool) {
          auto answer = std::make_shared<net::Responder>(std::move(responder));
          pool->transition(account_in(request), std::move(id), [answer] { (*answer)(moved()); });
          return;
        }
        hand->transition(account_in(request), id);
        responder(moved());
      },
      hand_port);

  std::uint64_t next_id = 1'000'000'000;
  const auto measured = [&](std::uint16_t port, int connections) {
    const double cpu = cpu_seconds_now();
    const double server = server_cpu_seconds_now();
    const std::int64_t commits = pawl.commits();
    const std::uint64_t first = next_id;
    Sample sample =
        load_from_child(port, connections, options.seconds, options.entities, first, next_id);
    const auto requests = static_cast<double>(next_id - first);
    sample.cpu_us = (cpu_seconds_now() - cpu) * 1e6 / requests;
    sample.server_cpu_us = (server_cpu_seconds_now() - server) * 1e6 / requests;
    const auto made = static_cast<double>(pawl.commits() - commits);
    sample.batch = made > 0 ? requests / made : 0;
    return sample;
  };
  std::vector<Line> lines;
  for (const int connections : options.in_flight) {
    Line line;
    line.name = "http";
    line.in_flight = connections;
    line.baseline = "hand-written endpoint, same HTTP library";
    if (postgres) line.baseline += ", " + std::to_string(connections_by_hand) + " connections";
    for (int round = 0; round < options.rounds; ++round) {
      line.hand_written.push_back(measured(hand_port, connections));
      pawl.begin_anew();
      line.pawl.push_back(measured(pawl_port, connections));
    }
    lines.push_back(std::move(line));
  }
  print_lines(options, lines);
  return 0;
}
