// SPDX-License-Identifier: Apache-2.0
//
// The demo as a whole: load, faults and kills for a while; then the faults are lifted, what is
// under way is brought to its end, and the audit counts what was kept. Also the test of the
// promise: it runs the program as users run it, and the tests run it with a thousand kills.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "app/demo_workload.h"
#include "systems/otc/audit.h"

namespace pawl::app {

inline constexpr ErrorCode demo_interrupted{"demo_interrupted", ErrorClass::unavailable,
                                            "Interrupted before the demo had ended"};

struct DemoOptions {
  std::string program = own_program();
  std::string data_dir;  // exists; the demo's own
  std::int64_t seconds = 30;
  // Above 0: until so many, however long it takes; then undisturbed until a trade was confirmed,
  // lest a quick killer leave nothing to count, but no longer than `drain_seconds`.
  std::int64_t kills = 0;
  std::int64_t kill_interval_ms = 700;
  std::int64_t drain_seconds = 90;
  int clients = 6;
  std::uint64_t seed = 1;
  std::int64_t payout_delay_ms = 300;
};

struct DemoResult {
  std::int64_t orders = 0;  // that the server knows
  std::int64_t completed = 0;
  std::int64_t cancelled = 0;
  std::int64_t trades = 0;
  std::int64_t kills = 0;
  std::int64_t lost_answers = 0;  // of calls that the custodian had carried out
  std::int64_t unanswered = 0;    // requests of the customers
  std::int64_t repeated = 0;
  std::int64_t voided = 0;
  std::int64_t redriven = 0;
  std::int64_t drain_ms = 0;
  std::int64_t missing_orders = 0;  // acknowledged, and not there any more
  otc::AuditReport audit;

  // Micro coins that nobody will get any more, and orders that were forgotten.
  std::int64_t lost() const;
  std::int64_t doubled() const;
  // Orders that nothing will bring to an end.
  std::int64_t wedged() const { return static_cast<std::int64_t>(audit.wedged.size()) + stuck; }
  std::int64_t stuck = 0;  // had not ended when the drain's deadline passed
  bool held() const { return lost() == 0 && doubled() == 0 && wedged() == 0 && audit.sound(); }
};

// What is going on, for a progress line; called about five times a second.
struct DemoProgress {
  std::string phase;
  std::int64_t elapsed_ms = 0;
  std::int64_t kills = 0;
  std::int64_t open = 0;  // while draining: orders that have not ended
  const DemoCounts* counts = nullptr;
};

class Demo {
 public:
  using Watch = std::function<void(const DemoProgress&)>;
  // Waits so long; true: give up.
  using Interrupted = std::function<bool(std::int64_t wait_ms)>;

  Demo(DemoOptions options, Interrupted interrupted, Watch watch);

  // On the thread that stays: children die with it. Errors: child_not_started, demo_interrupted,
  // those of the audit. The processes are gone when it returns.
  Result<DemoResult> run();

 private:
  Result<void> load(DemoWorkload& workload, ProcessPair& pair);
  bool goes_on(std::int64_t last_kill_ms) const;
  Result<void> drain(ProcessPair& pair, const std::vector<DemoOrder>& orders);
  Result<DemoResult> finish(ProcessPair& pair, DemoWorkload& workload);
  void show(const std::string& phase, std::int64_t open = 0) const;
  std::int64_t elapsed_ms() const;

  DemoOptions options_;
  Interrupted interrupted_;
  Watch watch_;
  std::int64_t started_ms_ = 0;
  const DemoCounts* counts_ = nullptr;
  DemoResult result_;
};

std::string demo_json(const DemoResult& result, std::uint64_t seed);
std::string demo_text(const DemoResult& result);

}  // namespace pawl::app
