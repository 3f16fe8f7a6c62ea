// SPDX-License-Identifier: Apache-2.0
//
// PAWL_SEED, by which a run of a randomised test is repeated. A seed that is no number ends the
// test: taken for 0 it would repeat another run than the one that was asked for.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <random>
#include <stdexcept>
#include <string_view>

namespace pawl::test {

inline std::optional<std::uint64_t> given_seed() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): read before the test has a second thread
  const char* variable = std::getenv("PAWL_SEED");
  const std::string_view text = variable == nullptr ? "" : variable;
  if (text.empty()) return std::nullopt;
  std::uint64_t seed = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
    throw std::invalid_argument("PAWL_SEED is no number");
  }
  return seed;
}

// The caller prints it.
inline std::uint64_t seed_of_run() {
  const auto given = given_seed();
  return given ? *given : std::random_device{}();
}

}  // namespace pawl::test
