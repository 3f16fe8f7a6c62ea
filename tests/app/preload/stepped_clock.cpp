// SPDX-License-Identifier: Apache-2.0
//
// Preloaded into a server by a test: its wall clock stands as many seconds beside the machine's as
// the first eight bytes of the file PAWL_TEST_CLOCK say. The monotonic clocks are left alone, as
// they are when somebody sets a machine's clock.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace {

using Seconds = std::atomic<std::int64_t>;

const Seconds* map_file() {
  const char* path = std::getenv("PAWL_TEST_CLOCK");
  const int file = path == nullptr ? -1 : ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return nullptr;
  void* mapped = ::mmap(nullptr, sizeof(Seconds), PROT_READ, MAP_SHARED, file, 0);
  ::close(file);
  return mapped == MAP_FAILED ? nullptr : static_cast<const Seconds*>(mapped);
}

}  // namespace

extern "C" int clock_gettime(clockid_t id, timespec* out) noexcept {
  using Real = int (*)(clockid_t, timespec*);
  static const Real real = reinterpret_cast<Real>(::dlsym(RTLD_NEXT, "clock_gettime"));
  static const Seconds* const step = map_file();
  const int done = real(id, out);
  if (done == 0 && id == CLOCK_REALTIME && step != nullptr) out->tv_sec += step->load();
  return done;
}
