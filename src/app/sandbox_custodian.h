// SPDX-License-Identifier: Apache-2.0
//
// The sandbox custodian: our custodian contract as a server, with real books (SQLite), a faucet, an
// operator who can void payouts, and a fault on every switch. For trying and testing on loopback;
// docs/sandbox.md describes its endpoints.
#pragma once

#include <pawl/clock.h>
#include <pawl/error.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "app/sandbox_custodian_faults.h"
#include "app/sandbox_custodian_front.h"
#include "app/sandbox_custodian_ledger.h"

namespace pawl::app {

struct SandboxOptions {
  std::string data_file;           // SQLite; made if it does not exist
  std::string host = "127.0.0.1";  // loopback only
  std::uint16_t port = 0;          // 0: the kernel chooses
  std::string service_public_key;  // 64 lower-case hex digits; the one service that may call
  std::int64_t payout_delay_ms = 2'000;
  std::uint64_t fault_seed = 1;
  Clock* clock = nullptr;  // nullptr: the system's
};

class SandboxCustodian {
 public:
  explicit SandboxCustodian(SandboxOptions options);
  ~SandboxCustodian();  // stop()
  SandboxCustodian(const SandboxCustodian&) = delete;
  SandboxCustodian& operator=(const SandboxCustodian&) = delete;

  // Opens the books and listens; gives the port. Once only. Errors: ledger_unavailable,
  // sandbox_not_loopback, sandbox_listen_failed.
  Result<std::uint16_t> start();
  void stop();

  // After start(), for tests and the demo that hold it in their own process.
  std::string url() const;
  SandboxLedger& ledger() { return *ledger_; }
  FaultSwitches& faults() { return faults_; }
  std::int64_t now_ms() const;
  // How many calls reached the books so far, repeats included; tests wait for it.
  std::int64_t executions() const { return executions_; }

 private:
  // A request at an endpoint: the rest of the path behind a prefix, and whether a fault switch
  // wants it refused.
  struct Received {
    const net::Request& request;
    std::string parameter;
    bool refuse = false;
  };
  struct Endpoint;
  static const Endpoint endpoints[];

  Delivered answer(const net::Request& request, FrontPause& pause);
  Delivered strike(const Endpoint& endpoint, Received received, FrontPause& pause);

  net::Response call(otc::Call call, const Received& received);
  net::Response inquiry(const Received& received);
  net::Response wallet(const Received& received);
  net::Response faucet(const Received& received);
  net::Response add_fault(const Received& received);
  net::Response list_faults(const Received& received);
  net::Response clear_faults(const Received& received);
  net::Response void_payout(const Received& received);
  net::Response ledger_page(const Received& received);

  const SandboxOptions options_;
  Clock& clock_;
  FaultSwitches faults_;
  std::unique_ptr<SandboxLedger> ledger_;
  std::uint16_t port_ = 0;
  std::atomic<std::int64_t> executions_ = 0;
  SandboxFront front_;  // last: it stops before what its answers use goes away
};

}  // namespace pawl::app
