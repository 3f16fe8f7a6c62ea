// SPDX-License-Identifier: Apache-2.0
#include "app/process_pair.h"

#include <fstream>
#include <utility>

namespace pawl::app {

namespace {

// Above a server's own stop_deadline_ms.
constexpr std::int64_t stop_wait_ms = 25'000;

constexpr std::string_view complaint_begins = "pawl: ";

// What a child says before it gives up: its last complaint, without our name before it; its last
// line if there is none.
std::string last_complaint(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::string last;
  bool complained = false;
  while (std::getline(in, line)) {
    const bool complaint = line.starts_with(complaint_begins);
    if (line.empty() || (complained && !complaint)) continue;
    complained = complaint;
    last = complaint ? line.substr(complaint_begins.size()) : line;
  }
  return last;
}

std::string local(std::uint16_t port) {
  return "127.0.0.1:" + std::to_string(port);
}

}  // namespace

Result<void> ProcessPair::start_child(ChildProcess& child, std::vector<std::string> arguments,
                                      const std::string& log_file) {
  ChildProcess::Options options;
  options.program = options_.program;
  options.arguments = std::move(arguments);
  options.log_file = log_file;
  auto started = child.start(options);
  if (started) return {};
  failed_exit_code_ = child.exit_code();
  return fail(child_not_started,
              started.error().detail + ": " + last_complaint(log_file) + "; log: " + log_file);
}

Result<void> ProcessPair::start() {
  auto started =
      start_child(sandbox_,
                  {"sandbox", "--listen", local(options_.sandbox_port), "--data", options_.data_dir,
                   "--payout-delay-ms", std::to_string(options_.payout_delay_ms), "--fault-seed",
                   std::to_string(options_.fault_seed)},
                  sandbox_log());
  if (!started) return started;
  return start_server();
}

std::vector<std::string> ProcessPair::server_arguments() const {
  std::vector<std::string> arguments{"serve",      "--listen",        local(options_.port),
                                     "--data",     options_.data_dir, "--custodian-url",
                                     sandbox_url()};
  if (!options_.config_file.empty()) {
    arguments.insert(arguments.end(), {"--config", options_.config_file});
  }
  return arguments;
}

Result<void> ProcessPair::start_server() {
  auto started = start_child(server_, server_arguments(), server_log());
  if (started) options_.port = server_.port();
  return started;
}

void ProcessPair::start_server_and_kill(std::int64_t after_ms) {
  ChildProcess::Options options;
  options.program = options_.program;
  options.arguments = server_arguments();
  options.log_file = server_log();
  options.ready_deadline_ms = after_ms;
  (void)server_.start(options);
  server_.kill_now();
}

bool ProcessPair::stop_server() {
  return server_.stop(stop_wait_ms);
}

bool ProcessPair::stop() {
  const bool server_ended = stop_server();
  return sandbox_.stop(stop_wait_ms) && server_ended;
}

}  // namespace pawl::app
