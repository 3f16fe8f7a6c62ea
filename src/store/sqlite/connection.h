// SPDX-License-Identifier: Apache-2.0
//
// SQLite's C API with owners: a connection and its prepared statements. Errors are values; SQLite's
// result codes are classified here, its texts go to the detail only.
#pragma once

#include <pawl/error.h>
#include <pawl/value.h>
#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace pawl::sqlite {

inline constexpr ErrorCode sqlite_open_failed{"store_open_failed", ErrorClass::unavailable,
                                              "the database file could not be opened"};

// A result code as one of our errors: constraint -> store_constraint, everything else ->
// store_failed.
Error error_from(sqlite3* connection, int code, std::string_view during);

class Statement {
 public:
  Statement() = default;
  Statement(sqlite3* connection, sqlite3_stmt* statement)
      : connection_(connection), statement_(statement) {}

  // Binds from 1 on. Text must stay alive until the statement is reset.
  Statement& bind(int index, std::int64_t value);
  Statement& bind(int index, std::string_view value);
  Statement& bind(int index, const Value& value);
  Statement& bind_blob(int index, std::span<const unsigned char> bytes);
  Statement& bind_null(int index);

  // True: a row is there; false: done. After an error or `false` the statement is reset.
  Result<bool> step();
  // For statements that return no rows: runs, resets, and gives the number of changed rows.
  Result<int> run();
  void reset();

  std::int64_t integer(int column) const;
  std::string text(int column) const;
  std::string_view text_view(int column) const;  // until the next step
  std::span<const unsigned char> blob(int column) const;
  bool is_null(int column) const;
  Value value(int column) const;  // of a column type that Value knows

 private:
  sqlite3* connection_ = nullptr;
  struct Finalize {
    void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Connection {
 public:
  // `vfs`: a registered one's name; null: SQLite's default.
  static Result<Connection> open(const std::string& path, int flags, const char* vfs = nullptr);

  Result<void> execute(const std::string& sql);
  Result<Statement> prepare(std::string_view sql);
  sqlite3* handle() const { return handle_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* c) const { sqlite3_close_v2(c); }
  };
  std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace pawl::sqlite
