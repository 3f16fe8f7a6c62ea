// SPDX-License-Identifier: Apache-2.0
//
// Preloaded before a bench: every fsync and fdatasync takes PAWL_SYNC_MS longer, on the fast disk
// of a test machine as on a cloud volume.
#include <dlfcn.h>
#include <time.h>

#include <cstdlib>

namespace {

using Sync = int (*)(int);

int slowed(const char* name, int descriptor) {
  static const long delay_ms = [] {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): set before this program was executed
    const char* text = std::getenv("PAWL_SYNC_MS");
    return text == nullptr ? 0L : std::strtol(text, nullptr, 10);
  }();
  const auto original = reinterpret_cast<Sync>(dlsym(RTLD_NEXT, name));
  const int result = original(descriptor);
  const timespec delay{delay_ms / 1'000, (delay_ms % 1'000) * 1'000'000};
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
