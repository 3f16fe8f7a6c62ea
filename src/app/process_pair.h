// SPDX-License-Identifier: Apache-2.0
//
// A server and its sandbox as two child processes on one data folder, for `pawl run`, `pawl demo`
// and tests. Their logs go to files of that folder.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/child_process.h"

namespace pawl::app {

struct ProcessPairOptions {
  std::string program = own_program();
  std::string data_dir;
  std::uint16_t port = 0;
  std::uint16_t sandbox_port = 0;
  std::int64_t payout_delay_ms = 2'000;
  std::uint64_t fault_seed = 1;
  std::string config_file;  // of the server; empty: none
};

class ProcessPair {
 public:
  explicit ProcessPair(ProcessPairOptions options) : options_(std::move(options)) {}

  // The sandbox first. On failure: child_not_started with what the child said last.
  Result<void> start();
  // The server again, on its port, after a kill.
  Result<void> start_server();
  void kill_server() { server_.kill_now(); }
  // Starts it and kills it after so long, ready or not.
  void start_server_and_kill(std::int64_t after_ms);
  bool stop_server();
  // In order, the server first; -9 for what takes longer. True if both ended by themselves.
  bool stop();

  bool running() { return server_.running() && sandbox_.running(); }
  // Of the child that failed to start; -1 if none.
  int failed_exit_code() const { return failed_exit_code_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_.port()); }
  std::string sandbox_url() const { return "http://127.0.0.1:" + std::to_string(sandbox_.port()); }
  std::string server_log() const { return options_.data_dir + "/serve.log"; }
  std::string sandbox_log() const { return options_.data_dir + "/sandbox.log"; }
  int server_exit_code() const { return server_.exit_code(); }
  pid_t server_pid() const { return server_.pid(); }
  pid_t sandbox_pid() const { return sandbox_.pid(); }

 private:
  std::vector<std::string> server_arguments() const;
  Result<void> start_child(ChildProcess& child, std::vector<std::string> arguments,
                           const std::string& log_file);

  ProcessPairOptions options_;
  ChildProcess sandbox_;
  ChildProcess server_;
  int failed_exit_code_ = -1;
};

}  // namespace pawl::app
