// SPDX-License-Identifier: Apache-2.0
//
// pawl serve: the server in the foreground, until SIGTERM or SIGINT.
#include <pawl/log.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "app/child_process.h"
#include "app/desk_server.h"
#include "app/log_routes.h"
#include "app/server_options.h"
#include "app/stop_signal.h"
#include "app/verbs.h"

namespace pawl::app {

namespace {

struct ServeOptions {
  ServerOptions server;
  int ready_fd = -1;
};

Exit serve(const ServeOptions& options) {
  const auto settings = options.server.read();
  if (!settings) return report(settings.error());
  StopSignal stop_signal(StopSignal::Hangup::is_waited_for);
  log::set_level(parse_log_level(settings->log_level).value_or(log::Level::info));
  auto desk = DeskServer::start(*settings);
  if (!desk) return report(desk.error());
  const std::string url = (*desk)->url();
  log::info("listening", {{"url", url},
                          {"port", (*desk)->port()},
                          {"data_dir", settings->data_dir},
                          {"custodian_url", settings->custodian_url},
                          {"pid", ::getpid()}});
  announce_ready(options.ready_fd, (*desk)->port());
  int signal = stop_signal.wait_ms(-1);
  for (; signal == SIGHUP; signal = stop_signal.wait_ms(-1)) (*desk)->reload_certificates();
  log::info("stopping", {{"signal", signal}});
  StopSignal::second_one_kills(settings->stop_deadline_ms);
  (*desk)->stop();
  desk->reset();
  log::info("stopped");
  return signal == SIGINT ? Exit::interrupted : Exit::done;
}

}  // namespace

void add_serve(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<ServeOptions>();
  auto* verb = app.add_subcommand("serve", "Run the server in the foreground");
  options->server.add_all(*verb);
  verb->add_option("--ready-fd", options->ready_fd, "the port is written there once it listens")
      ->group("");
  verb->footer(
      "Keeps everything in the data folder: pawl.db (SQLite), its lock, and service.key (mode\n"
      "0600, made at the first start), by which the custodian knows this server. Logs are JSON\n"
      "lines on stderr. SIGTERM and SIGINT stop it in order; a second one ends it at once.\n"
      "SIGHUP has it read the TLS certificate and key again.\n"
      "\n"
      "Examples:\n"
      "  pawl sandbox & pawl serve\n"
      "  pawl serve --data /var/lib/pawl --listen 127.0.0.1:8090\n"
      "  pawl serve --config pawl.toml\n"
      "  pawl serve --tls-cert server.pem --tls-key server.key\n"
      "\n"
      "Exit codes: 0 stopped, 2 configuration, 3 the port is taken or the disk fails, 4 another\n"
      "process has the store, 5 the stop took too long, 130 stopped by SIGINT.");
  verb->callback([options, &chosen] { chosen = [options] { return serve(*options); }; });
}

}  // namespace pawl::app
