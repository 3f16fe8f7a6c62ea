// SPDX-License-Identifier: Apache-2.0
#include "app/demo.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "app/desk_audit.h"
#include "app/settings.h"

namespace pawl::app {

namespace {

constexpr std::int64_t watch_interval_ms = 200;
constexpr std::int64_t drain_interval_ms = 100;
constexpr std::int64_t redrive_every_ms = 1'000;

std::int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

bool has_ended(std::string_view status) {
  return status == "completed" || status == "cancelled" || status == "expired" ||
         status == "rejected";
}

// Ended, or waiting for a person who may take hours: nothing of it is under way.
bool is_at_rest(std::string_view status) {
  return has_ended(status) || status == "open" || status == "matched";
}

// As an operator would: a payout that is known to be void is made again, and a refund that was
// refused is asked for again. Which of them is allowed is the server's to say.
bool redrive(DeskClient& desk, const std::string& order_id) {
  for (const auto* action : {"payout", "refund"}) {
    const auto answer = desk.redrive(order_id, action, "demo", "the custodian works again");
    if (answer && answer->ok()) return true;
  }
  return false;
}

}  // namespace

std::int64_t DemoResult::lost() const {
  return audit.lost_micro + std::max<std::int64_t>(0, audit.issued_micro - audit.found_micro) +
         missing_orders;
}

std::int64_t DemoResult::doubled() const {
  return audit.doubled_micro + std::max<std::int64_t>(0, audit.found_micro - audit.issued_micro);
}

Demo::Demo(DemoOptions options, Interrupted interrupted, Watch watch)
    : options_(std::move(options)),
      interrupted_(std::move(interrupted)),
      watch_(std::move(watch)) {}

std::int64_t Demo::elapsed_ms() const {
  return steady_ms() - started_ms_;
}

void Demo::show(const std::string& phase, std::int64_t open) const {
  watch_({phase, elapsed_ms(), result_.kills, open, counts_});
}

Result<DemoResult> Demo::run() {
  const std::string config_file = options_.data_dir + "/demo.toml";
  if (auto written = write_demo_settings(config_file); !written) {
    return std::unexpected(written.error());
  }
  ProcessPairOptions pair_options;
  pair_options.program = options_.program;
  pair_options.data_dir = options_.data_dir;
  pair_options.payout_delay_ms = options_.payout_delay_ms;
  pair_options.fault_seed = options_.seed;
  pair_options.config_file = config_file;
  ProcessPair pair(pair_options);
  if (auto started = pair.start(); !started) return std::unexpected(started.error());
  started_ms_ = steady_ms();
  SandboxClient sandbox(pair.sandbox_url());
  DemoWorkload workload(pair.url(), pair.sandbox_url(), options_.clients, options_.seed);
  counts_ = &workload.counts();
  if (auto set = set_demo_faults(sandbox); !set) return std::unexpected(set.error());
  auto loaded = load(workload, pair);
  workload.stop();
  if (!loaded) return std::unexpected(loaded.error());
  const auto lost = sandbox.lost_answers();
  if (!lost) return std::unexpected(lost.error());
  result_.lost_answers = *lost;
  if (auto cleared = sandbox.clear_faults(); !cleared) return std::unexpected(cleared.error());
  if (auto drained = drain(pair, workload.orders()); !drained) {
    return std::unexpected(drained.error());
  }
  return finish(pair, workload);
}

Result<void> Demo::load(DemoWorkload& workload, ProcessPair& pair) {
  if (auto started = workload.start(); !started) return started;
  // Before any server is started again, however soon that is.
  show("trading");
  DemoKiller killer(pair, options_.seed, options_.kill_interval_ms);
  std::int64_t next_kill_ms = elapsed_ms() + killer.next_interval_ms();
  std::int64_t last_kill_ms = 0;
  while (goes_on(last_kill_ms)) {
    const bool killing = options_.kills == 0 || killer.kills() < options_.kills;
    const auto wait_ms =
        killing ? std::clamp<std::int64_t>(next_kill_ms - elapsed_ms(), 0, watch_interval_ms)
                : watch_interval_ms;
    if (interrupted_(wait_ms)) return fail(demo_interrupted);
    if (killing && elapsed_ms() >= next_kill_ms) {
      if (auto back = killer.strike(); !back) return back;
      result_.kills = killer.kills();
      last_kill_ms = elapsed_ms();
      next_kill_ms = elapsed_ms() + killer.next_interval_ms();
    }
    show("trading");
  }
  return {};
}

bool Demo::goes_on(std::int64_t last_kill_ms) const {
  if (options_.kills == 0) return elapsed_ms() < options_.seconds * 1'000;
  if (result_.kills < options_.kills) return true;
  return counts_->confirmed == 0 && elapsed_ms() - last_kill_ms < options_.drain_seconds * 1'000;
}

Result<void> Demo::drain(ProcessPair& pair, const std::vector<DemoOrder>& orders) {
  DeskClient desk(pair.url(), 0, 5'000);
  const std::int64_t began_ms = steady_ms();
  std::int64_t next_redrive_ms = 0;
  std::vector<const DemoOrder*> under_way;
  under_way.reserve(orders.size());
  for (const auto& order : orders) under_way.push_back(&order);
  while (!under_way.empty() && steady_ms() - began_ms < options_.drain_seconds * 1'000) {
    const bool operator_looks = steady_ms() >= next_redrive_ms;
    if (operator_looks) next_redrive_ms = steady_ms() + redrive_every_ms;
    std::erase_if(under_way, [&](const DemoOrder* order) {
      const auto answer = desk.show(order->order_id);
      if (!answer || (!answer->ok() && answer->status != 404)) return false;
      if (answer->status == 404) {
        if (order->acknowledged) ++result_.missing_orders;
        return true;
      }
      const std::string status = answer->text("status");
      if (status == "settlement_recovery" && operator_looks && redrive(desk, order->order_id)) {
        ++result_.redriven;
      }
      return is_at_rest(status);
    });
    show("draining", static_cast<std::int64_t>(under_way.size()));
    if (under_way.empty()) break;
    if (interrupted_(drain_interval_ms)) return fail(demo_interrupted);
  }
  result_.drain_ms = steady_ms() - began_ms;
  result_.stuck = static_cast<std::int64_t>(under_way.size());
  return {};
}

Result<DemoResult> Demo::finish(ProcessPair& pair, DemoWorkload& workload) {
  show("auditing");
  // The server first, so that the books are compared with rows that rest.
  pair.stop_server();
  AuditSources sources;
  sources.store.database_path = options_.data_dir + "/pawl.db";
  sources.custodian_url = pair.sandbox_url();
  auto report = audit_desk(sources);
  pair.stop();
  if (!report) return std::unexpected(report.error());
  result_.audit = std::move(*report);
  for (const auto& [state, count] : result_.audit.orders_by_state) result_.orders += count;
  const auto count_of = [&](const char* state) {
    const auto place = result_.audit.orders_by_state.find(state);
    return place == result_.audit.orders_by_state.end() ? 0 : place->second;
  };
  result_.completed = count_of("completed");
  result_.cancelled = count_of("cancelled");
  result_.trades = result_.audit.trades;
  result_.unanswered = workload.counts().unanswered;
  result_.repeated = workload.counts().repeated;
  result_.voided = workload.counts().voided;
  // What the audit calls wedged has been counted there.
  result_.stuck = std::max<std::int64_t>(
      0, result_.stuck - static_cast<std::int64_t>(result_.audit.wedged.size()));
  return result_;
}

}  // namespace pawl::app
