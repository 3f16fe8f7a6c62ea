// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/wal_buffer.h"

#include <sqlite3.h>

#include <cstring>
#include <memory>
#include <new>

#include "protocol/storage.h"

namespace pawl::sqlite {

namespace {

constexpr const char* vfs_name = "pawl-wal-buffer";
// Below 128 KiB: SQLite's VFS for Unix cuts the size of one write to 17 bits.
constexpr sqlite3_int64 buffer_bytes = 120 * 1024;

// The default VFS; SQLite keeps it for the life of the process.
sqlite3_vfs* system_vfs = nullptr;

// What SQLite allocates for an open log: this, then the default VFS's own file.
struct LogFile {
  sqlite3_file base;  // first: SQLite holds a pointer to it
  sqlite3_int64 offset;
  sqlite3_int64 used;
  unsigned char* buffer;

  sqlite3_file* real() {
    return reinterpret_cast<sqlite3_file*>(reinterpret_cast<unsigned char*>(this) +
                                           sizeof(LogFile));
  }
};

LogFile& log_of(sqlite3_file* file) {
  return *reinterpret_cast<LogFile*>(file);
}

// On failure it is all still there: SQLite abandons the transaction, and what it appends next
// begins at the same place.
int flush(LogFile& log) {
  if (log.used == 0) return SQLITE_OK;
  sqlite3_file* real = log.real();
  const int code = real->pMethods->xWrite(real, log.buffer, static_cast<int>(log.used), log.offset);
  if (code == SQLITE_OK) log.used = 0;
  return code;
}

int log_close(sqlite3_file* file) {
  LogFile& log = log_of(file);
  const int flushed = flush(log);
  sqlite3_file* real = log.real();
  const int closed = real->pMethods->xClose(real);
  delete[] log.buffer;
  log.buffer = nullptr;
  return flushed != SQLITE_OK ? flushed : closed;
}

int log_read(sqlite3_file* file, void* into, int amount, sqlite3_int64 offset) {
  LogFile& log = log_of(file);
  if (log.used > 0 && offset < log.offset + log.used && offset + amount > log.offset) {
    if (const int code = flush(log); code != SQLITE_OK) return code;
  }
  sqlite3_file* real = log.real();
  return real->pMethods->xRead(real, into, amount, offset);
}

int log_write(sqlite3_file* file, const void* from, int amount, sqlite3_int64 offset) {
  LogFile& log = log_of(file);
  const bool follows = offset == log.offset + log.used;
  if (log.used > 0 && (!follows || log.used + amount > buffer_bytes)) {
    if (const int code = flush(log); code != SQLITE_OK) return code;
  }
  if (amount > buffer_bytes) {
    sqlite3_file* real = log.real();
    return real->pMethods->xWrite(real, from, amount, offset);
  }
  if (log.used == 0) log.offset = offset;
  std::memcpy(log.buffer + log.used, from, static_cast<std::size_t>(amount));
  log.used += amount;
  return SQLITE_OK;
}

int log_truncate(sqlite3_file* file, sqlite3_int64 size) {
  LogFile& log = log_of(file);
  if (const int code = flush(log); code != SQLITE_OK) return code;
  sqlite3_file* real = log.real();
  return real->pMethods->xTruncate(real, size);
}

int log_sync(sqlite3_file* file, int flags) {
  LogFile& log = log_of(file);
  if (const int code = flush(log); code != SQLITE_OK) return code;
  sqlite3_file* real = log.real();
  return real->pMethods->xSync(real, flags);
}

int log_size(sqlite3_file* file, sqlite3_int64* size) {
  LogFile& log = log_of(file);
  if (const int code = flush(log); code != SQLITE_OK) return code;
  sqlite3_file* real = log.real();
  return real->pMethods->xFileSize(real, size);
}

int log_lock(sqlite3_file* file, int level) {
  sqlite3_file* real = log_of(file).real();
  return real->pMethods->xLock(real, level);
}

int log_unlock(sqlite3_file* file, int level) {
  sqlite3_file* real = log_of(file).real();
  return real->pMethods->xUnlock(real, level);
}

int log_reserved(sqlite3_file* file, int* reserved) {
  sqlite3_file* real = log_of(file).real();
  return real->pMethods->xCheckReservedLock(real, reserved);
}

int log_control(sqlite3_file* file, int operation, void* argument) {
  sqlite3_file* real = log_of(file).real();
  return real->pMethods->xFileControl(real, operation, argument);
}

int log_sector(sqlite3_file* file) {
  sqlite3_file* real = log_of(file).real();
  return real->pMethods->xSectorSize(real);
}

int log_device(sqlite3_file* file) {
  sqlite3_file* real = log_of(file).real();
  return real->pMethods->xDeviceCharacteristics(real);
}

// Version 1: a log is neither shared memory nor mapped.
constexpr sqlite3_io_methods log_methods{
    1,        log_close,  log_read,     log_write,   log_truncate, log_sync,   log_size,
    log_lock, log_unlock, log_reserved, log_control, log_sector,   log_device, nullptr,
    nullptr,  nullptr,    nullptr,      nullptr,     nullptr};

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  file->pMethods = nullptr;
  if ((flags & SQLITE_OPEN_WAL) == 0) {
    return system_vfs->xOpen(system_vfs, name, file, flags, out_flags);
  }
  std::unique_ptr<unsigned char[]> buffer(new (std::nothrow) unsigned char[buffer_bytes]);
  if (buffer == nullptr) return SQLITE_NOMEM;
  LogFile& log = log_of(file);
  const int code = system_vfs->xOpen(system_vfs, name, log.real(), flags, out_flags);
  if (code != SQLITE_OK) {
    // SQLite closes what has methods, also after a failed open.
    if (log.real()->pMethods != nullptr) log.real()->pMethods->xClose(log.real());
    return code;
  }
  log.offset = 0;
  log.used = 0;
  log.buffer = buffer.release();
  log.base.pMethods = &log_methods;
  return SQLITE_OK;
}

int register_vfs() {
  system_vfs = sqlite3_vfs_find(nullptr);
  if (system_vfs == nullptr) return SQLITE_ERROR;
  // All else is the default's: its functions do not look at which VFS they are called with.
  static sqlite3_vfs ours = *system_vfs;
  ours.pNext = nullptr;
  ours.zName = vfs_name;
  ours.szOsFile = system_vfs->szOsFile + static_cast<int>(sizeof(LogFile));
  ours.xOpen = open_file;
  return sqlite3_vfs_register(&ours, 0);
}

}  // namespace

Result<const char*> wal_buffer_vfs() {
  static const int registered = register_vfs();
  if (registered != SQLITE_OK) {
    return fail(protocol::store_failed, "SQLite has no default VFS to build on");
  }
  return vfs_name;
}

}  // namespace pawl::sqlite
