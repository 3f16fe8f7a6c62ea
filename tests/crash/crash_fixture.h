// SPDX-License-Identifier: Apache-2.0
//
// A demo as a test: the real server and the sandbox, real customers, real kills; ends with what the
// audit found.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>
#include <string>
#include <utility>

#include "app/demo.h"
#include "seed.h"

namespace pawl::app {

class CrashFolder {
 public:
  CrashFolder() {
    path_ = (std::filesystem::temp_directory_path() / "pawl-crash-XXXXXX").string();
    if (::mkdtemp(path_.data()) == nullptr) ADD_FAILURE() << "no folder " << path_;
  }
  // Kept when something failed, to look into.
  ~CrashFolder() {
    std::error_code ignored;
    if (!::testing::Test::HasFailure()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

  std::string server_log() const {
    std::ifstream file(path_ + "/serve.log");
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string path_;
};

// The demo's waiting, with nobody who interrupts it.
inline bool interrupted_never(std::int64_t wait_ms) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable never;
  never.wait_for(lock, std::chrono::milliseconds(wait_ms));
  return false;
}

inline std::uint64_t seed_from_environment() {
  const auto given = test::given_seed();
  return given ? *given : std::random_device()() % 1'000'000;
}

inline DemoOptions crash_options(const CrashFolder& folder, std::uint64_t seed) {
  DemoOptions options;
  options.program = PAWL_PROGRAM;
  options.data_dir = folder.path();
  options.seed = seed;
  return options;
}

// Conserved, one trade per completed order, nothing wedged.
inline void expect_kept(const Result<DemoResult>& result, const CrashFolder& folder,
                        std::uint64_t seed) {
  ASSERT_TRUE(result) << result.error().text() << "; PAWL_SEED=" << seed << ", kept in "
                      << folder.path();
  const std::string told =
      demo_text(*result) + "PAWL_SEED=" + std::to_string(seed) + ", kept in " + folder.path();
  EXPECT_EQ(result->lost(), 0) << told;
  EXPECT_EQ(result->doubled(), 0) << told;
  EXPECT_EQ(result->wedged(), 0) << told;
  EXPECT_TRUE(result->audit.sound()) << told;
  EXPECT_EQ(result->trades, result->completed) << told;
}

}  // namespace pawl::app
