// SPDX-License-Identifier: Apache-2.0
//
// Preloaded before a bench: every fsync and fdatasync takes PAWL_SYNC_MS (a decimal) longer, on the
// fast disk of a test machine as on a cloud volume.
#include <dlfcn.h>
#include <sys/prctl.h>
#include <time.h>

#include <cmath>
#include <cstdlib>

namespace {

using Sync = int (*)(int);

int slowed(const char* name, int descriptor) {
  static const double delay_s = [] {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): set before this program was executed
    const char* text = std::getenv("PAWL_SYNC_MS");
    return text == nullptr ? 0.0 : std::strtod(text, nullptr) / 1'000;
  }();
  // Else a sleep below a millisecond may last half as long again.
  thread_local const int exact = prctl(PR_SET_TIMERSLACK, 1UL);
  static_cast<void>(exact);
  const auto original = reinterpret_cast<Sync>(dlsym(RTLD_NEXT, name));
  const int result = original(descriptor);
  const double whole_s = std::floor(delay_s);
  const timespec delay{static_cast<time_t>(whole_s), static_cast<long>((delay_s - whole_s) * 1e9)};
  nanosleep(&delay, nullptr);
  return result;
}

}  // namespace

extern "C" int fsync(int descriptor) {
  return slowed("fsync", descriptor);
}
extern "C" int fdatasync(int descriptor) {
  return slowed("fdatasync", descriptor);
}
