// SPDX-License-Identifier: Apache-2.0
#include "core/crash_point.h"

#ifdef PAWL_CRASH_POINTS

#include <pawl/log.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>

namespace pawl {

namespace {

struct Plan {
  std::string name;
  std::atomic<long> passages_left{1};

  Plan() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in this program sets a variable
    const char* wanted = std::getenv("PAWL_CRASH_AT");
    if (wanted == nullptr) return;
    name = wanted;
    if (const auto colon = name.rfind(':'); colon != std::string::npos) {
      passages_left = std::strtol(name.c_str() + colon + 1, nullptr, 10);
      name.resize(colon);
    }
  }
};

}  // namespace

void crash_point(std::string_view name) {
  static Plan plan;
  if (plan.name.empty() || plan.name != name) return;
  if (plan.passages_left.fetch_sub(1) != 1) return;
  // The last word of this process: tests look for it to know that the point was reached.
  log::error("crash_point", {{"name", name}});
  ::kill(::getpid(), SIGKILL);
}

}  // namespace pawl

#endif
