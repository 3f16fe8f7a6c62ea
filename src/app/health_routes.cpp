// SPDX-License-Identifier: Apache-2.0
#include "app/health_routes.h"

#include <tuple>
#include <utility>

#include "core/json.h"
#include "systems/otc/wallet_ledger.h"

namespace pawl::app {

// A command that changes nothing: to decide it, the store must take a lock for writing. Its id is
// always the same, so the receipt is written once and only looked up from then on.
struct ReadinessProbe {
  static constexpr std::string_view kind = "app.readiness_probe";
  std::string wallet = "readiness";
  auto keys() const { return std::tuple{Key<otc::WalletLedger>{wallet}}; }
  static constexpr auto fields() { return std::tuple{field("wallet", &ReadinessProbe::wallet)}; }
};

Decision decide(const ReadinessProbe&, Locked<otc::WalletLedger>&, const Context&) {
  return Decision::ignore("the store answers");
}

namespace {

net::Response status_answer(std::string_view status) {
  net::Response response;
  response.body = "{\"status\":\"" + std::string(status) + "\"}";
  return response;
}

// Which store it is: after a restored backup the epoch is another.
net::Response alive_answer(const StoreIdentity& store) {
  json::Writer out;
  out.begin_object().field("status", "alive").field("store", store.id);
  out.field("epoch", store.epoch).end_object();
  net::Response response;
  response.body = std::move(out).take();
  return response;
}

}  // namespace

void add_health_routes(net::Router& router, Engine& engine, std::shared_ptr<Readiness> readiness) {
  router.add_schema("Status", R"({"type":"object","required":["status"],
"additionalProperties":false,"properties":{"status":{"enum":["alive","ready"]},
"store":{"type":"string"},"epoch":{"type":"string"}}})");
  // Free and public: who watches a server must not be kept out when it is most needed.
  router.add(
      "GET", "/healthz",
      [&engine](const net::Request&, net::Responder respond) {
        respond(alive_answer(engine.store_identity()));
      },
      net::declared({.id = "healthz",
                     .summary = "The process is alive",
                     .tag = "server",
                     .scope = net::scope_public,
                     .rate = net::RateClass::free,
                     .answers = {{200, "alive", "Status"}}}));
  router.add(
      "GET", "/readyz",
      [&engine, readiness = std::move(readiness)](const net::Request&, net::Responder respond) {
        if (readiness->stopping) return respond(Error(engine_stopping));
        auto shared = std::make_shared<net::Responder>(std::move(respond));
        engine.submit(ReadinessProbe{}, {.principal = "system:readyz", .id = "probe"},
                      [shared](Result<Receipt> receipt) {
                        if (!receipt) return (*shared)(receipt.error());
                        (*shared)(status_answer("ready"));
                      });
      },
      net::declared({.id = "readyz",
                     .summary = "The server takes writes",
                     .tag = "server",
                     .scope = net::scope_public,
                     .rate = net::RateClass::free,
                     .answers = {{200, "ready", "Status"}},
                     .errors = {engine_stopping, engine_overloaded, outcome_in_doubt}}));
}

}  // namespace pawl::app
