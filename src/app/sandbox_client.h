// SPDX-License-Identifier: Apache-2.0
//
// The sandbox custodian's own endpoints, from outside: faucet, fault switches, voids, the books.
#pragma once

#include <cstdint>
#include <string>

#include "app/http_call.h"
#include "systems/otc/audit.h"

namespace pawl::app {

class SandboxClient {
 public:
  explicit SandboxClient(std::string url) : http_(std::move(url), 30'000) {}

  Result<std::int64_t> balance_micro(const otc::Wallet& wallet);
  Result<std::int64_t> faucet(const otc::Wallet& wallet, std::int64_t amount_micro);
  // A rule as docs/sandbox.md has it, e.g. {"call":"lock","mode":"commit_then_reset","next":1}.
  Result<void> add_fault(std::string rule);
  // Of the rules that are set now: how often one fired that executes a call and loses its answer.
  Result<std::int64_t> lost_answers();
  Result<void> clear_faults();
  // True if it was voided, false if there was no pending payout of that key.
  Result<bool> void_payout(const std::string& key);
  // All pages.
  Result<otc::CustodianBooks> books();

 private:
  HttpCall http_;
};

}  // namespace pawl::app
