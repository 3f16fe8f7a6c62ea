// SPDX-License-Identifier: Apache-2.0
//
// The lock that makes one process the only writer of a SQLite store: flock on a file beside it,
// held until the process ends, however it ends. The data file itself is never opened outside
// SQLite, since closing such a descriptor would drop SQLite's own locks.
#pragma once

#include <pawl/error.h>

#include <string>
#include <utility>

namespace pawl::sqlite {

class FileLock {
 public:
  // `store_locked` names the holder's process id.
  static Result<FileLock> acquire(const std::string& path);
  FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileLock& operator=(FileLock&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace pawl::sqlite
