// SPDX-License-Identifier: Apache-2.0
//
// Just enough SQLite for the sandbox's ledger: a connection and statements that throw
// SqliteFailure, which the ledger's public methods turn into an Error. Private to the ledger's .cpp
// files.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace pawl::app {

class SqliteFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// One prepared statement, bound in order and stepped. Lives shorter than its connection.
class SqliteStatement {
 public:
  SqliteStatement(sqlite3* db, std::string_view sql) : db_(db) {
    check(sqlite3_prepare_v2(db, sql.data(), static_cast<int>(sql.size()), &statement_, nullptr));
  }
  ~SqliteStatement() { sqlite3_finalize(statement_); }
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;

  SqliteStatement& bind(std::int64_t value) {
    check(sqlite3_bind_int64(statement_, ++bound_, value));
    return *this;
  }
  SqliteStatement& bind(std::string_view value) {
    check(sqlite3_bind_text(statement_, ++bound_, value.data(), static_cast<int>(value.size()),
                            SQLITE_TRANSIENT));
    return *this;
  }

  // True while there is a row.
  bool step() {
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) check(code);
    return false;
  }
  std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string text(int column) const {
    const auto* bytes = sqlite3_column_text(statement_, column);
    const auto size = sqlite3_column_bytes(statement_, column);
    return bytes ? std::string(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size))
                 : std::string();
  }

 private:
  void check(int code) const {
    if (code != SQLITE_OK) throw SqliteFailure(sqlite3_errmsg(db_));
  }
  sqlite3* db_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

// Binds, runs to the end, ignores rows.
template <class... Arguments>
void sqlite_run(sqlite3* db, std::string_view sql, const Arguments&... arguments) {
  SqliteStatement statement(db, sql);
  (statement.bind(arguments), ...);
  while (statement.step()) {
  }
}

// The first column of the first row; 0 if there is none.
template <class... Arguments>
std::int64_t sqlite_integer(sqlite3* db, std::string_view sql, const Arguments&... arguments) {
  SqliteStatement statement(db, sql);
  (statement.bind(arguments), ...);
  return statement.step() ? statement.integer(0) : 0;
}

}  // namespace pawl::app
