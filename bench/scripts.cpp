// SPDX-License-Identifier: Apache-2.0
#include "scripts.h"

#include <cstdio>
#include <cstdlib>

namespace pawl::bench {

namespace {

constexpr std::size_t max_output_bytes = 1 << 16;

}  // namespace

json::Value run_script(const std::string& words) {
  const std::string command = PAWL_BENCH_RIVALS "/" + words;
  // NOLINTNEXTLINE(bugprone-command-processor,cert-env33-c): of our own words and numbers
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

std::string text_of(const json::Value& object, std::string_view name) {
  const auto* member = object.find(name);
  const auto text = member == nullptr ? std::nullopt : member->as_string();
  return std::string(text.value_or(""));
}

}  // namespace pawl::bench
