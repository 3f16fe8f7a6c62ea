// SPDX-License-Identifier: Apache-2.0
//
// A SQLite store in a directory of its own, and raw SQL behind its back.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include "engine/bank_decide.h"
#include "temp_dir.h"

namespace pawl::test {

class SqliteWorld {
 public:
  static constexpr int inner_tracing_migration = 4;

  std::string path() const { return dir_.file("store.db"); }
  Result<StoreHandle> open(const Registry& registry, bool migrate) {
    SqliteOptions options;
    options.path = path();
    options.migrate = migrate;
    return open_sqlite(options, registry);
  }
  void sql(const std::string& text) {
    sqlite3* raw = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &raw), SQLITE_OK);
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(raw, text.c_str(), nullptr, nullptr, &message), SQLITE_OK) << message;
    sqlite3_free(message);
    sqlite3_close(raw);
  }

 private:
  TempDir dir_;
};

}  // namespace pawl::test
