// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/connection.h"

#include "protocol/storage.h"

namespace pawl::sqlite {

Error error_from(sqlite3* connection, int code, std::string_view during) {
  std::string detail(during);
  detail += ": ";
  detail += connection != nullptr ? sqlite3_errmsg(connection) : sqlite3_errstr(code);
  if ((code & 0xFF) == SQLITE_CONSTRAINT) return Error(protocol::store_constraint, detail);
  return Error(protocol::store_failed, detail);
}

Statement& Statement::bind(int index, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), index, value);
  return *this;
}

Statement& Statement::bind(int index, std::string_view value) {
  // An empty view may point nowhere, which SQLite would take for NULL.
  const char* data = value.data() == nullptr ? "" : value.data();
  sqlite3_bind_text64(statement_.get(), index, data, value.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind(int index, const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return bind(index, *number);
  if (const auto* text = std::get_if<std::string>(&value)) {
    return bind(index, std::string_view(*text));
  }
  return bind_null(index);
}

Statement& Statement::bind_blob(int index, std::span<const unsigned char> bytes) {
  sqlite3_bind_blob64(statement_.get(), index, bytes.data(), bytes.size(), SQLITE_STATIC);
  return *this;
}

Statement& Statement::bind_null(int index) {
  sqlite3_bind_null(statement_.get(), index);
  return *this;
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    reset();
    return false;
  }
  Error error = error_from(connection_, sqlite3_extended_errcode(connection_), "step");
  reset();
  return std::unexpected(std::move(error));
}

Result<int> Statement::run() {
  auto row = step();
  while (row && *row) row = step();
  if (!row) return std::unexpected(row.error());
  return sqlite3_changes(connection_);
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::text_view(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::string Statement::text(int column) const {
  return std::string(text_view(column));
}

std::span<const unsigned char> Statement::blob(int column) const {
  const auto* bytes =
      static_cast<const unsigned char*>(sqlite3_column_blob(statement_.get(), column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

Value Statement::value(int column) const {
  switch (sqlite3_column_type(statement_.get(), column)) {
    case SQLITE_NULL:
      return {};
    case SQLITE_INTEGER:
      return integer(column);
    default:
      return text(column);
  }
}

Result<Connection> Connection::open(const std::string& path, int flags, const char* vfs) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, vfs);
  Connection connection;
  connection.handle_.reset(raw);
  if (code != SQLITE_OK) {
    return fail(sqlite_open_failed, path + ": " + sqlite3_errstr(code));
  }
  sqlite3_extended_result_codes(raw, 1);
  return connection;
}

Result<void> Connection::execute(const std::string& sql) {
  const int code = sqlite3_exec(handle(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return std::unexpected(error_from(handle(), code, "execute"));
  return {};
}

Result<Statement> Connection::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(handle(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (code != SQLITE_OK) {
    return std::unexpected(error_from(handle(), code, "prepare " + std::string(sql)));
  }
  return Statement(handle(), raw);
}

}  // namespace pawl::sqlite
