// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/json.h"
#include "workload.h"

namespace pawl::bench {

namespace {

// What the best count of clients is looked for among.
constexpr const char* client_counts = "8,16,32,64";
constexpr int max_output_bytes = 1 << 16;

const char* name_of(HandWrittenPostgres::Spread spread) {
  using Spread = HandWrittenPostgres::Spread;
  if (spread == Spread::hot) return "hot";
  return spread == Spread::own ? "spread" : "overlap";
}

// The JSON object that the script prints.
json::Value run_script(const std::string& options) {
  const std::string command = PAWL_BENCH_RIVALS "/hand_written.py " + options;
  // NOLINTNEXTLINE(bugprone-command-processor): of our own words and numbers
  std::FILE* script = ::popen(command.c_str(), "r");
  std::string text(max_output_bytes, '\0');
  if (script != nullptr) text.resize(std::fread(text.data(), 1, text.size(), script));
  auto value = json::parse(text);
  if (script == nullptr || ::pclose(script) != 0 || !value) {
    std::fprintf(stderr, "bench: failed: %s\n", command.c_str());
    std::exit(1);
  }
  return std::move(*value);
}

double number_of(const json::Value& object, std::string_view name) {
  const auto* member = object.find(name);
  const auto text = member == nullptr ? std::nullopt : member->number_text();
  return text ? std::strtod(std::string(*text).c_str(), nullptr) : 0;
}

}  // namespace

Sample HandWrittenPostgres::run(double seconds) {
  const std::string counts = clients_ > 0 ? std::to_string(clients_) : client_counts;
  const int whole_seconds = std::max(1, static_cast<int>(std::lround(seconds)));
  const json::Value said = run_script("--keys " + std::string(name_of(spread_)) + " --clients " +
                                      counts + " --entities " + std::to_string(options_.entities) +
                                      " --seconds " + std::to_string(whole_seconds));
  clients_ = static_cast<int>(number_of(said, "clients"));
  Sample sample;
  sample.per_second = number_of(said, "per_s");
  sample.p50_ms = number_of(said, "p50_ms");
  sample.p99_ms = number_of(said, "p99_ms");
  sample.cpu_us = number_of(said, "client_cpu_us");
  sample.server_cpu_us = number_of(said, "server_cpu_us");
  sample.batch = 1;
  return sample;
}

}  // namespace pawl::bench
