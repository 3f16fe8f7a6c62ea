// SPDX-License-Identifier: Apache-2.0
//
// pawl run: see it work. A server and its sandbox as child processes, one trade put through HTTP,
// its timeline, what to try next; then it serves until it is interrupted.
#include <fcntl.h>
#include <pawl/engine.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "app/client_options.h"
#include "app/operator_text.h"
#include "app/process_pair.h"
#include "app/sample_trade.h"
#include "app/service_key.h"
#include "app/stop_signal.h"
#include "app/verbs.h"

namespace pawl::app {

namespace {

struct RunOptions {
  std::string data_dir = "./.pawl";
  std::uint16_t port = 7333;
  std::uint16_t sandbox_port = 7334;
  std::int64_t payout_delay_ms = 1'500;
  bool fresh = false;
};

constexpr int watch_interval_ms = 200;

// Exactly what run, serve and sandbox make; the lock file stays, since unlinking a lock frees a
// second holder.
constexpr const char* made_files[] = {
    "pawl.db",        "pawl.db-wal",    "pawl.db-shm", "pawl.db.deciding", "sandbox.db",
    "sandbox.db-wal", "sandbox.db-shm", "service.key", "admin.token",      "maker.key",
    "taker.key",      "serve.log",      "sandbox.log"};

Result<void> reset(const std::string& data_dir) {
  const std::string lock_file = data_dir + "/pawl.db.lock";
  const int lock = ::open(lock_file.c_str(), O_RDWR | O_CLOEXEC);
  if (lock >= 0 && ::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock);
    return fail(store_locked, lock_file + ": stop the server before --fresh");
  }
  std::error_code error;
  for (const auto* name : made_files) std::filesystem::remove(data_dir + "/" + name, error);
  if (lock >= 0) ::close(lock);
  return {};
}

void print_timeline(const std::string& url, const std::string& order_id) {
  HttpCall server(url);
  const auto entity = server.get("/entities/order/" + order_id);
  if (!entity || !entity->ok()) return;
  std::printf("\nIts timeline, from the journal:\n\n%s", timeline_text(entity->body).c_str());
}

// How the program is called from here: by its name when the shell would find it.
std::string called() {
  const std::filesystem::path program = own_program();
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in this program sets a variable
  const char* path = std::getenv("PATH");
  std::error_code error;
  const bool found =
      path != nullptr &&
      (":" + std::string(path) + ":").find(":" + program.parent_path().string() + ":") !=
          std::string::npos;
  return found ? program.filename().string() : std::filesystem::proximate(program, error).string();
}

void print_what_next(const RunOptions& options, ProcessPair& pair, const SampleTrade& trade) {
  const std::string url = pair.url();
  const std::string sandbox = pair.sandbox_url();
  const std::string& order = trade.last_order_id();
  const std::string pawl = called();
  const std::string at = url == "http://127.0.0.1:7333" ? "" : " --url " + url;
  const std::string data = options.data_dir == "./.pawl" ? "" : " --data " + options.data_dir;
  const std::string custodian =
      sandbox == "http://127.0.0.1:7334" ? "" : " --custodian-url " + sandbox;
  std::printf(
      "\nServing at %s, sandbox custodian at %s, data in %s\n"
      "(logs: %s, %s)\n"
      "\nTry next, in another terminal:\n"
      "  %s inspect %s%s\n"
      "  %s alerts list%s\n"
      "  %s audit otc%s%s\n"
      "  curl -s %s/otc/orders/%s\n"
      "  curl -s '%s/otc/book?pair=RTC/USDC'\n"
      "  curl -s %s/otc/trades\n"
      "  curl -s %s/custodian/wallets/%s\n"
      "\nLet the custodian pay out and lose its answer, five times:\n"
      "  curl -s -X POST %s/sandbox/faults \\\n"
      "       -d '{\"call\":\"payout\",\"mode\":\"commit_then_reset\",\"next\":5}'\n"
      "and no fault any more:\n"
      "  curl -s -X DELETE %s/sandbox/faults\n",
      url.c_str(), sandbox.c_str(), options.data_dir.c_str(), pair.server_log().c_str(),
      pair.sandbox_log().c_str(), pawl.c_str(), order.c_str(), at.c_str(), pawl.c_str(), at.c_str(),
      pawl.c_str(), data.c_str(), custodian.c_str(), url.c_str(), order.c_str(), url.c_str(),
      url.c_str(), sandbox.c_str(), trade.maker_wallet().text().c_str(), sandbox.c_str(),
      sandbox.c_str());
}

Exit put_through(ProcessPair& pair, SampleTrade& trade) {
  std::printf("\nA trade, over HTTP:\n\n");
  const auto order = trade.put_through();
  if (!trade.last_order_id().empty()) print_timeline(pair.url(), trade.last_order_id());
  std::fflush(stdout);
  if (order) return Exit::done;
  if (order.error().code == trade_interrupted) return Exit::interrupted;
  return report(order.error());
}

// One whole line was typed; with nobody at the terminal, never.
bool line_typed(bool& listening) {
  pollfd entry{STDIN_FILENO, POLLIN, 0};
  if (!listening || poll(&entry, 1, 0) <= 0) return false;
  char line[256];
  const auto size = ::read(STDIN_FILENO, line, sizeof line);
  listening = size > 0;
  return listening;
}

Exit serve_until_stopped(StopSignal& stop_signal, ProcessPair& pair, SampleTrade& trade) {
  bool listening = ::isatty(STDIN_FILENO) == 1;
  std::printf("\n%sCtrl-C stops everything.\n",
              listening ? "Enter puts another trade through; " : "");
  std::fflush(stdout);
  while (true) {
    const int signal = stop_signal.wait_ms(watch_interval_ms);
    if (signal != 0) return signal == SIGINT ? Exit::interrupted : Exit::done;
    if (!pair.running()) {
      std::fprintf(stderr, "pawl: a process ended by itself; see %s and %s\n",
                   pair.server_log().c_str(), pair.sandbox_log().c_str());
      return Exit::unavailable;
    }
    if (line_typed(listening) && put_through(pair, trade) == Exit::interrupted) {
      return Exit::interrupted;
    }
  }
}

Exit run_with(const RunOptions& options, StopSignal& stop_signal, ProcessPair& pair) {
  auto trade = SampleTrade::open(
      options.data_dir, pair.url(), pair.sandbox_url(),
      [&stop_signal](std::int64_t wait_ms) { return stop_signal.wait_ms(wait_ms) != 0; });
  if (!trade) return report(trade.error());
  const Exit first = put_through(pair, *trade);
  if (first == Exit::interrupted) return first;
  print_what_next(options, pair, *trade);
  return serve_until_stopped(stop_signal, pair, *trade);
}

Exit run(const RunOptions& options) {
  StopSignal stop_signal;
  if (options.fresh) {
    if (auto done = reset(options.data_dir); !done) return report(done.error());
  }
  if (auto made = prepare_data_dir(options.data_dir); !made) return report(made.error());
  ProcessPairOptions pair_options;
  pair_options.data_dir = options.data_dir;
  pair_options.port = options.port;
  pair_options.sandbox_port = options.sandbox_port;
  pair_options.payout_delay_ms = options.payout_delay_ms;
  ProcessPair pair(pair_options);
  if (auto started = pair.start(); !started) {
    const int code = pair.failed_exit_code();
    const Exit exit = report(started.error());
    return code > 0 && code < 127 ? static_cast<Exit>(code) : exit;
  }
  const Exit exit = run_with(options, stop_signal, pair);
  pair.stop();
  std::printf(
      "stopped; the same command goes on with the data in %s, with --fresh it starts over\n",
      options.data_dir.c_str());
  return exit;
}

}  // namespace

void add_run(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<RunOptions>();
  auto* verb = app.add_subcommand("run", "See it work: a server, its sandbox, one trade");
  verb->add_option("--data", options->data_dir, "folder of all data, keys and logs")
      ->capture_default_str();
  verb->add_option("--port", options->port, "the server's")->capture_default_str();
  verb->add_option("--sandbox-port", options->sandbox_port, "the sandbox custodian's")
      ->capture_default_str();
  verb->add_option("--payout-delay-ms", options->payout_delay_ms,
                   "how long the sandbox holds a payout")
      ->capture_default_str()
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{86'400'000}));
  verb->add_flag("--fresh", options->fresh, "remove what earlier runs left in the folder");
  verb->footer(
      "Starts `pawl sandbox` and `pawl serve` as child processes, gives a maker coins from the\n"
      "faucet, has it sell some to a taker through the HTTP API, and prints what happened. A\n"
      "second run goes on with the same keys and books. Ctrl-C stops all of it.\n"
      "\n"
      "Examples:\n"
      "  pawl run\n"
      "  pawl run --fresh --data /tmp/desk --port 8090 --sandbox-port 8091\n"
      "\n"
      "Exit codes: 0 stopped by SIGTERM, 130 by Ctrl-C, 2 usage, 3 a port is taken or a process\n"
      "failed, 4 another process has the data.");
  verb->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace pawl::app
