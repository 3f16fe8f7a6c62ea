// SPDX-License-Identifier: Apache-2.0
//
// A VFS for the writer's connection that gathers what SQLite appends to the write-ahead log and
// hands it to the system in large pieces. SQLite writes every page in two calls (frame header,
// page); a commit of many pages is then one call instead of hundreds. Everything else goes to the
// default VFS.
//
// What is gathered is written before a sync, a read, a truncation or a look at the size of the file
// returns, and at a commit with synchronous FULL SQLite syncs before any other connection is told
// of the new pages. With less than FULL this VFS would be wrong.
#pragma once

#include <pawl/error.h>

namespace pawl::sqlite {

// Registers the VFS once and gives its name for sqlite3_open_v2. Thread-safe.
Result<const char*> wal_buffer_vfs();

}  // namespace pawl::sqlite
