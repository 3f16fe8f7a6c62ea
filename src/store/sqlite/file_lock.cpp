// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/file_lock.h"

#include <fcntl.h>
#include <pawl/engine.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "store/sqlite/connection.h"

namespace pawl::sqlite {

Result<FileLock> FileLock::acquire(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return fail(sqlite_open_failed, path + ": " + std::generic_category().message(errno));
  }
  FileLock lock(descriptor);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    std::array<char, 32> holder{};
    const auto size = ::pread(descriptor, holder.data(), holder.size() - 1, 0);
    return fail(store_locked,
                path + " is held by process " + (size > 0 ? holder.data() : "unknown"));
  }
  const std::string mine = std::to_string(::getpid()) + " ";
  // Only a hint for people: who cannot write it still holds the lock.
  if (::ftruncate(descriptor, 0) == 0) {
    [[maybe_unused]] const auto written = ::pwrite(descriptor, mine.data(), mine.size() - 1, 0);
  }
  return lock;
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace pawl::sqlite
