// SPDX-License-Identifier: Apache-2.0
//
// pawl sandbox: the custodian to try with, in the foreground.
#include <pawl/log.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "app/child_process.h"
#include "app/listen_address.h"
#include "app/listen_refusal.h"
#include "app/sandbox_custodian.h"
#include "app/service_key.h"
#include "app/settings.h"
#include "app/stop_signal.h"
#include "app/verbs.h"

namespace pawl::app {

namespace {

struct SandboxVerb {
  std::string listen = "127.0.0.1:7334";
  std::string data_dir = "./.pawl";
  std::string service_public_key;
  std::int64_t payout_delay_ms = 2'000;
  std::uint64_t fault_seed = 1;
  int ready_fd = -1;
};

constexpr std::int64_t stop_deadline_ms = 10'000;

// Whoever is not told whose requests to take makes the key, so that `pawl sandbox` and `pawl serve`
// may be started in either order on one folder.
Result<std::string> public_key_of(const SandboxVerb& options) {
  if (!options.service_public_key.empty()) {
    const std::string& hex = options.service_public_key;
    const bool sound = hex.size() == 64 && hex.find_first_not_of("0123456789abcdef") == hex.npos;
    if (!sound) return fail(configuration_invalid, "--service-key is 64 lower-case hex digits");
    return hex;
  }
  const auto key = load_or_make_key(service_key_path(options.data_dir));
  if (!key) return std::unexpected(key.error());
  return key->public_key_hex();
}

Exit run_sandbox(const SandboxVerb& options) {
  const auto address = parse_listen_address(options.listen);
  if (!address) return report(address.error());
  if (!address->is_loopback()) {
    return report({listen_address_public, "the sandbox is for this machine only"});
  }
  StopSignal stop_signal;
  if (auto made = prepare_data_dir(options.data_dir); !made) return report(made.error());
  const auto public_key = public_key_of(options);
  if (!public_key) return report(public_key.error());
  SandboxOptions sandbox_options;
  sandbox_options.data_file = options.data_dir + "/sandbox.db";
  sandbox_options.host = address->host;
  sandbox_options.port = address->port;
  sandbox_options.service_public_key = *public_key;
  sandbox_options.payout_delay_ms = options.payout_delay_ms;
  sandbox_options.fault_seed = options.fault_seed;
  SandboxCustodian sandbox(sandbox_options);
  const auto port = sandbox.start();
  if (!port) return report(port.error());
  log::info("sandbox_listening", {{"url", sandbox.url()},
                                  {"port", *port},
                                  {"data_file", sandbox_options.data_file},
                                  {"service_public_key", *public_key},
                                  {"pid", ::getpid()}});
  announce_ready(options.ready_fd, *port);
  const int signal = stop_signal.wait_ms(-1);
  StopSignal::second_one_kills(stop_deadline_ms);
  sandbox.stop();
  log::info("sandbox_stopped", {{"signal", signal}});
  return signal == SIGINT ? Exit::interrupted : Exit::done;
}

}  // namespace

void add_sandbox(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<SandboxVerb>();
  auto* verb = app.add_subcommand("sandbox", "Run a custodian to try with, faults on switches");
  verb->add_option("--listen", options->listen, "HOST:PORT on this machine")->capture_default_str();
  verb->add_option("--data", options->data_dir, "folder of its books, sandbox.db")
      ->capture_default_str();
  verb->add_option("--service-key", options->service_public_key,
                   "public key of the one server that may call, 64 hex digits\n"
                   "(default: that of DIR/service.key, made if it is not there)");
  verb->add_option("--payout-delay-ms", options->payout_delay_ms,
                   "from an accepted payout to a confirmed one")
      ->capture_default_str()
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{86'400'000}));
  verb->add_option("--fault-seed", options->fault_seed, "of the faults that strike by chance")
      ->capture_default_str();
  verb->add_option("--ready-fd", options->ready_fd, "the port is written there once it listens")
      ->group("");
  verb->footer(
      "It has a faucet, books that add up, and a switch for every way in which a custodian can\n"
      "fail; docs/sandbox.md describes them. Loopback only: its coins are free.\n"
      "\n"
      "Examples:\n"
      "  pawl sandbox\n"
      "  pawl sandbox --listen 127.0.0.1:0 --data /tmp/books --payout-delay-ms 100\n"
      "  curl -X POST http://127.0.0.1:7334/sandbox/faults \\\n"
      "       -d '{\"call\":\"payout\",\"mode\":\"commit_then_reset\",\"next\":1}'\n"
      "\n"
      "Exit codes: 0 stopped, 2 usage, 3 the port is taken or the books cannot be opened.");
  verb->callback([options, &chosen] { chosen = [options] { return run_sandbox(*options); }; });
}

}  // namespace pawl::app
