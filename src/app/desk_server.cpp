// SPDX-License-Identifier: Apache-2.0
#include "app/desk_server.h"

#include <pawl/log.h>

#include <cstdlib>
#include <utility>

#include "app/chosen_store.h"
#include "app/edge/admin_token.h"
#include "app/edge/edge.h"
#include "app/edge/openapi.h"
#include "app/edge/token_routes.h"
#include "app/error_catalog.h"
#include "app/health_routes.h"
#include "app/listen_address.h"
#include "app/log_routes.h"
#include "app/operator_routes.h"
#include "app/service_key.h"
#include "systems/otc/custodian_node.h"
#include "systems/otc/custodian_own.h"
#include "systems/otc/effect_handler.h"
#include "systems/otc/machine.h"
#include "systems/otc/routes.h"

namespace pawl::app {

void declare_systems(Registry& registry, const Settings& settings,
                     const otc::Custodian* custodian) {
  otc::declare(registry, settings.otc, custodian);
  tokens::declare(registry);
}

namespace {

Result<std::string> node_admin_key(const Settings& settings) {
  if (!settings.node_admin_key_file.empty()) return read_secret_file(settings.node_admin_key_file);
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in this program sets a variable
  const char* from_environment = std::getenv("PAWL_NODE_ADMIN_KEY");
  if (from_environment != nullptr && *from_environment != '\0') return from_environment;
  return fail(key_file_unusable,
              "custodian \"node\" needs otc.node_admin_key_file or PAWL_NODE_ADMIN_KEY");
}

}  // namespace

Result<void> check_keys(const Settings& settings) {
  if (!settings.webhook_secret_file.empty()) {
    if (auto key = read_secret_file(settings.webhook_secret_file); !key) {
      return std::unexpected(key.error());
    }
  }
  if (settings.custodian != "node") return {};
  if (auto key = node_admin_key(settings); !key) return std::unexpected(key.error());
  return {};
}

Result<std::unique_ptr<DeskServer>> DeskServer::start(const Settings& settings) {
  if (auto sound = check_settings(settings); !sound) return std::unexpected(sound.error());
  std::unique_ptr<DeskServer> desk(new DeskServer(settings));
  if (auto opened = desk->open(); !opened) return std::unexpected(opened.error());
  return desk;
}

DeskServer::~DeskServer() {
  stop();
}

std::string DeskServer::url() const {
  auto address = parse_listen_address(settings_.listen);
  address->port = port_;
  return address->url(settings_.has_tls());
}

void DeskServer::reload_certificates() {
  const Result<net::TlsCertificate> reloaded = server_->reload_certificates();
  if (!reloaded) {
    return log::error("certificate_not_reloaded",
                      {{"code", reloaded.error().code.code}, {"detail", reloaded.error().detail}});
  }
  log::info("certificate_reloaded", {{"subject", reloaded->subject},
                                     {"not_after", reloaded->not_after},
                                     {"sha256", reloaded->sha256}});
}

Result<void> DeskServer::open_custodian() {
  net::ClientOptions options;
  options.max_connections_per_host = static_cast<std::size_t>(settings_.otc.custodian_concurrency);
  auto client = std::make_shared<net::Client>(options);
  return settings_.custodian == "node" ? open_node_custodian(std::move(client))
                                       : open_own_custodian(std::move(client));
}

Result<void> DeskServer::open_own_custodian(std::shared_ptr<net::Client> client) {
  const auto key = load_or_make_key(service_key_path(settings_.data_dir));
  if (!key) return std::unexpected(key.error());
  auto custodian =
      otc::OwnCustodian::create(settings_.custodian_url, *key, std::move(client), system_clock());
  if (!custodian) return std::unexpected(custodian.error());
  custodian_ = std::move(*custodian);
  log::info("service_key", {{"public_key", key->public_key_hex()}});
  return {};
}

Result<void> DeskServer::open_node_custodian(std::shared_ptr<net::Client> client) {
  otc::NodeCustodianOptions options;
  options.url = settings_.custodian_url;
  options.worker_wallet = settings_.node_worker_wallet;
  auto key = node_admin_key(settings_);
  if (!key) return std::unexpected(key.error());
  options.admin_key = std::move(*key);
  auto custodian =
      otc::NodeCustodian::create(std::move(options), std::move(client), system_clock());
  if (!custodian) return std::unexpected(custodian.error());
  custodian_ = std::move(*custodian);
  return {};
}

Result<void> DeskServer::open() {
  if (auto made = prepare_data_dir(settings_.data_dir); !made) return made;
  if (auto opened = open_custodian(); !opened) return opened;
  declare_systems(registry_, settings_, custodian_.get());
  auto store = open_store(settings_, registry_);
  if (!store) return std::unexpected(store.error());
  log::info("store", {{"store", shown_store(settings_)}});
  EngineOptions options;
  options.lanes = settings_.lanes;
  options.max_waiting = static_cast<std::size_t>(settings_.max_waiting);
  options.max_batch = static_cast<std::size_t>(settings_.max_batch);
  options.stop_grace_ms = settings_.stop_grace_ms;
  options.retention = settings_.retention;
  options.config.set(settings_.otc);
  engine_ = std::make_unique<Engine>(std::move(*store), registry_, std::move(options));
  otc::add_effect_handlers(*engine_, custodian_);
  if (auto started = engine_->start(); !started) return started;
  if (auto opened = open_webhook(); !opened) return opened;
  const auto address = parse_listen_address(settings_.listen);
  net::ServerOptions http = settings_.http;
  http.host = address->host;
  http.port = address->port;
  if (!settings_.on_postgres()) metrics_->database_path = settings_.database_path();
  auto router = routes();
  if (!router) return std::unexpected(router.error());
  server_ = std::make_unique<net::Server>(http, std::move(*router));
  metrics_->server = [server = server_.get()] { return server->statistics(); };
  const auto port = server_->start();
  if (!port) return std::unexpected(port.error());
  port_ = *port;
  return {};
}

namespace {

EdgeOptions edge_options(const Settings& settings) {
  EdgeOptions out;
  out.tokens_required = settings.tokens == "required";
  out.limits.peer_reads.requests = settings.peer_reads_per_minute;
  out.limits.peer_writes.requests = settings.peer_writes_per_minute;
  out.limits.token_reads.requests = settings.token_reads_per_minute;
  out.limits.token_writes.requests = settings.token_writes_per_minute;
  out.limits.exempt_loopback = settings.loopback_limits == "exempt";
  out.limits.max_buckets = static_cast<std::size_t>(settings.max_buckets);
  for (const auto& text : settings.trusted_proxies) {
    if (const auto network = net::parse_network(text)) out.trusted_proxies.push_back(*network);
  }
  out.forwarded_header = settings.forwarded_header == "forwarded"
                             ? net::ForwardedHeader::forwarded
                             : net::ForwardedHeader::x_forwarded_for;
  out.cors_origins = settings.cors_origins;
  return out;
}

}  // namespace

Result<void> DeskServer::open_tokens(const net::Router& router) {
  if (settings_.tokens != "required") return {};
  std::string all;
  for (const auto& scope : declared_scopes(router)) all += (all.empty() ? "" : " ") + scope;
  if (auto made = ensure_admin_token(*engine_, admin_token_path(settings_.data_dir), all); !made) {
    return made;
  }
  if (auto loaded = tokens_->load(*engine_); !loaded) return loaded;
  if (engine_->is_shared()) token_refresh_ = std::make_unique<TokenRefresh>(*engine_, tokens_);
  return {};
}

Result<void> DeskServer::open_webhook() {
  if (settings_.webhook_url.empty()) return {};
  AlertWebhookOptions options;
  options.url = settings_.webhook_url;
  options.timeout_ms = static_cast<unsigned>(settings_.webhook_timeout_ms);
  if (!settings_.webhook_secret_file.empty()) {
    auto secret = read_secret_file(settings_.webhook_secret_file);
    if (!secret) return std::unexpected(secret.error());
    options.secret = std::move(*secret);
  }
  webhook_ = std::make_unique<AlertWebhook>(*engine_, std::move(options));
  return {};
}

Result<net::Router> DeskServer::routes() {
  net::Router router;
  add_health_routes(router, *engine_, readiness_);
  add_error_routes(router);
  add_operator_routes(router, *engine_);
  add_log_routes(router);
  otc::add_routes(router, *engine_, settings_.otc, operator_gate());
  add_metrics_route(router, *engine_, metrics_);
  add_token_routes(router, *engine_, tokens_);
  if (auto opened = open_tokens(router); !opened) return std::unexpected(opened.error());
  if (auto added = add_document_route(router, PAWL_VERSION); !added) {
    return std::unexpected(added.error());
  }
  metrics_->http = std::make_shared<HttpMetrics>(router.routes());
  // The clock of the machine: answers may come after the engine and its own clock are gone.
  router.add_filter(
      std::make_shared<Edge>(edge_options(settings_), tokens_, metrics_->http, system_clock())
          ->filter());
  return router;
}

void DeskServer::stop() {
  readiness_->stopping = true;
  // Its deliveries are noted by the engine.
  webhook_.reset();
  token_refresh_.reset();
  // Then the engine: requests that wait are answered while their connections are still open.
  if (engine_) engine_->stop();
  if (server_) server_->stop();
}

}  // namespace pawl::app
