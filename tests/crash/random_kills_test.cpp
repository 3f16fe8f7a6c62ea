// SPDX-License-Identifier: Apache-2.0
//
// Case 91: kill -9 at random moments under a mixed load and a failing custodian, many times over.
#include "crash_fixture.h"

namespace pawl::app {
namespace {

std::int64_t rounds() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): read before the test has a second thread
  const char* text = std::getenv("PAWL_CRASH_ROUNDS");
  return text != nullptr && *text != '\0' ? std::strtoll(text, nullptr, 10) : 1'000;
}

TEST(Crash, KilledAtRandomUnderLoadNothingIsLostDoubledOrWedged) {
  const CrashFolder folder;
  const std::uint64_t seed = seed_from_environment();
  DemoOptions options = crash_options(folder, seed);
  options.kills = rounds();
  options.kill_interval_ms = 150;
  options.drain_seconds = 120;
  Demo demo(options, interrupted_never, [](const DemoProgress&) {});
  const auto result = demo.run();
  expect_kept(result, folder, seed);
  if (result) {
    EXPECT_GE(result->kills, options.kills);
    EXPECT_GT(result->completed, 0);
    std::fputs(demo_text(*result).c_str(), stdout);
  }
}

}  // namespace
}  // namespace pawl::app
