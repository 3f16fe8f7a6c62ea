// SPDX-License-Identifier: Apache-2.0
#include "app/demo_workload.h"

#include <fstream>
#include <utility>

#include "app/settings.h"

namespace pawl::app {

namespace {

constexpr std::int64_t funds_micro = 500'000'000'000;  // far above what a demo trades
constexpr int percent_killed_starting = 20;

struct Misfortune {
  const char* mode;
  const char* probability;
  int delay_ms;
};

constexpr Misfortune swallowed[] = {
    {"commit_then_reset", "0.05", 0},   {"commit_then_close", "0.04", 0},
    {"commit_then_half", "0.03", 0},    {"commit_then_error_5xx", "0.03", 0},
    {"commit_then_garbage", "0.02", 0}, {"commit_then_hang", "0.005", 1'200}};
constexpr Misfortune not_executed[] = {{"reset", "0.04", 0},     {"close_after_reading", "0.03", 0},
                                       {"error_5xx", "0.03", 0}, {"half", "0.02", 0},
                                       {"html", "0.01", 0},      {"hang", "0.005", 1'200},
                                       {"late", "0.01", 150},    {"arrive_late", "0.01", 150}};

std::string rule(std::string_view call, const Misfortune& misfortune) {
  json::Writer out;
  out.begin_object().field("call", call).field("mode", misfortune.mode);
  out.key("probability").raw(misfortune.probability);
  if (misfortune.delay_ms > 0) out.field("delay_ms", misfortune.delay_ms);
  out.end_object();
  return std::move(out).take();
}

}  // namespace

Result<void> set_demo_faults(SandboxClient& sandbox) {
  std::vector<std::string> rules;
  for (const auto* call : {"lock", "release", "refund", "payout"}) {
    for (const auto& misfortune : swallowed) rules.push_back(rule(call, misfortune));
    rules.push_back(rule(call, {"refuse", "0.01", 0}));
  }
  for (const auto& misfortune : not_executed) rules.push_back(rule("*", misfortune));
  for (auto& text : rules) {
    if (auto added = sandbox.add_fault(std::move(text)); !added) return added;
  }
  return {};
}

Result<void> write_demo_settings(const std::string& path) {
  std::ofstream out(path);
  out << "# Written by pawl demo: short times, wide bounds.\n"
         "[otc]\n"
         "custodian_timeout_ms = 1000\n"
         "payout_poll_interval_ms = 100\n"
         "redrive_base_seconds = 1\n"
         "redrive_cap_seconds = 2\n"
         "held_per_taker = 100000\n"
         "open_per_maker = 100000\n";
  out.close();
  if (!out) return fail(configuration_unreadable, path + " could not be written");
  return {};
}

DemoWorkload::DemoWorkload(const std::string& desk_url, const std::string& sandbox_url, int clients,
                           std::uint64_t seed) {
  for (int i = 0; i < clients; ++i) {
    clients_.push_back(std::make_unique<DemoClient>(
        desk_url, sandbox_url, seed * 1'000 + static_cast<std::uint64_t>(i), counts_));
  }
}

DemoWorkload::~DemoWorkload() {
  stop();
}

Result<void> DemoWorkload::start() {
  for (auto& client : clients_) {
    if (auto funded = client->fund(funds_micro); !funded) return funded;
  }
  for (auto& client : clients_) threads_.emplace_back([&client] { client->run(); });
  return {};
}

void DemoWorkload::stop() {
  for (auto& client : clients_) client->stop();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

std::vector<DemoOrder> DemoWorkload::orders() const {
  std::vector<DemoOrder> all;
  for (const auto& client : clients_) {
    all.insert(all.end(), client->orders().begin(), client->orders().end());
  }
  return all;
}

std::int64_t DemoKiller::next_interval_ms() {
  return std::uniform_int_distribution<std::int64_t>(1, 2 * mean_interval_ms_)(random_);
}

Result<void> DemoKiller::strike() {
  pair_.kill_server();
  ++kills_;
  if (std::uniform_int_distribution<int>(0, 99)(random_) < percent_killed_starting) {
    pair_.start_server_and_kill(std::uniform_int_distribution<std::int64_t>(1, 40)(random_));
    ++kills_;
  }
  return pair_.start_server();
}

}  // namespace pawl::app
