// SPDX-License-Identifier: Apache-2.0
//
// The server as `pawl serve` runs it: store, engine, custodian and routes put together from the
// settings, started in that order and stopped in the other. Signals, files of the process and its
// exit code are left to the verb.
#pragma once

#include <pawl/engine.h>
#include <pawl/machine.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "app/alert_webhook.h"
#include "app/edge/engine_metrics.h"
#include "app/edge/token_refresh.h"
#include "app/edge/token_table.h"
#include "app/settings.h"
#include "net/client.h"
#include "net/server.h"
#include "systems/otc/custodian.h"

namespace pawl::app {

// Whether the server takes writes, for /readyz; shared with its handlers.
struct Readiness {
  std::atomic<bool> stopping = false;
};

class DeskServer {
 public:
  // Makes the data folder and the service key where they are missing, opens the store, starts the
  // engine and listens. Errors: those of each of these parts.
  static Result<std::unique_ptr<DeskServer>> start(const Settings& settings);
  ~DeskServer();  // stop()

  std::uint16_t port() const { return port_; }
  std::string url() const;

  // Reads the TLS certificate and its key again; what is in use stays when they are bad. The log
  // says what came of it.
  void reload_certificates();

  // /readyz says no, commands taken are finished, then the connections are closed. Once.
  void stop();

 private:
  explicit DeskServer(const Settings& settings) : settings_(settings) {}
  Result<void> open();
  Result<void> open_custodian();
  Result<void> open_own_custodian(std::shared_ptr<net::Client> client);
  Result<void> open_node_custodian(std::shared_ptr<net::Client> client);
  Result<void> open_tokens(const net::Router& router);
  Result<void> open_webhook();
  Result<net::Router> routes();

  const Settings settings_;
  Registry registry_;
  std::shared_ptr<otc::Custodian> custodian_;
  std::shared_ptr<Readiness> readiness_ = std::make_shared<Readiness>();
  std::shared_ptr<TokenTable> tokens_ = std::make_shared<TokenTable>();
  std::shared_ptr<MetricsSources> metrics_ = std::make_shared<MetricsSources>();
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<AlertWebhook> webhook_;
  std::unique_ptr<TokenRefresh> token_refresh_;
  std::unique_ptr<net::Server> server_;
  std::uint16_t port_ = 0;
};

// What a server of these settings needs beside them before it starts, without making anything: the
// key of custodian "node". Errors: key_file_unusable.
Result<void> check_keys(const Settings& settings);

// The registry that a store of these settings is opened with: by the server, by migrate and by
// audit alike. Without a custodian, the resend rules of our own contract.
void declare_systems(Registry& registry, const Settings& settings,
                     const otc::Custodian* custodian = nullptr);

}  // namespace pawl::app
