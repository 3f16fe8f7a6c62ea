// SPDX-License-Identifier: Apache-2.0
#include "app/desk_rows.h"

#include <sqlite3.h>
#include <unistd.h>

#include <functional>
#include <utility>

#include "store/postgres/snapshot.h"
#include "store/sqlite/connection.h"

namespace pawl::app {

namespace {

constexpr int busy_timeout_ms = 5'000;
using TakeRow = std::function<Result<void>(Row)>;
// Runs a SELECT of columns of these types within the one transaction.
using Select = std::function<Result<void>(const std::string& sql,
                                          const std::vector<ColumnType>& types, const TakeRow&)>;

template <class T>
Result<void> read_table(const Select& select, std::vector<T>& out) {
  std::string sql = "SELECT ";
  std::vector<ColumnType> types;
  for (const auto& column : column_specs<T>()) {
    sql += (types.empty() ? "\"" : ", \"") + std::string(column.name) + "\"";
    types.push_back(column.type);
  }
  sql += " FROM " + std::string(T::table);
  return select(sql, types, [&](const Row& row) -> Result<void> {
    if (!from_row(std::span<const Value>(row), out.emplace_back())) return fail(entity_unreadable);
    return {};
  });
}

// The keys of orders that a query names.
Result<void> read_keys(const Select& select, const std::string& from, std::set<std::string>& out) {
  return select("SELECT entity_key FROM " + from, {ColumnType::text},
                [&](const Row& row) -> Result<void> {
                  out.insert(std::get<std::string>(row[0]));
                  return {};
                });
}

Result<void> read_messages(const Select& select, std::vector<otc::ReturnSlot>& out) {
  const std::string sql = "SELECT payload FROM pawl_messages WHERE kind = '" +
                          std::string(otc::ReturnSlot::kind) + "' AND bounced = 0";
  return select(sql, {ColumnType::text}, [&](const Row& row) -> Result<void> {
    auto message = from_payload<otc::ReturnSlot>(std::get<std::string>(row[0]));
    if (!message) return std::unexpected(message.error());
    out.push_back(std::move(*message));
    return {};
  });
}

Result<void> read_all(const Select& select, otc::AuditInput& input) {
  if (auto done = read_table(select, input.orders); !done) return done;
  if (auto done = read_table(select, input.trades); !done) return done;
  // The probe of /readyz names a wallet that is none and never has a row.
  if (auto done = read_table(select, input.wallets); !done) return done;
  if (auto done = read_messages(select, input.messages); !done) return done;
  if (auto done = read_keys(select, "pawl_effects WHERE machine = 'order'", input.with_effect);
      !done) {
    return done;
  }
  if (auto done = read_keys(select, "pawl_deadlines WHERE machine = 'order'", input.with_deadline);
      !done) {
    return done;
  }
  return read_keys(select, "pawl_alerts WHERE machine = 'order'", input.with_alert);
}

Result<void> select_sqlite(sqlite::Connection& connection, const std::string& sql,
                           std::size_t columns, const TakeRow& take) {
  auto select = connection.prepare(sql);
  if (!select) return std::unexpected(select.error());
  while (true) {
    auto found = select->step();
    if (!found) return std::unexpected(found.error());
    if (!*found) return {};
    Row row;
    for (std::size_t i = 0; i < columns; ++i) {
      row.push_back(select->value(static_cast<int>(i)));
    }
    if (auto taken = take(std::move(row)); !taken) return taken;
  }
}

Result<otc::AuditInput> read_sqlite(const std::string& path) {
  if (::access(path.c_str(), R_OK) != 0) return fail(store_missing, path);
  auto connection = sqlite::Connection::open(path, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX);
  if (!connection) return std::unexpected(connection.error());
  sqlite3_busy_timeout(connection->handle(), busy_timeout_ms);
  if (auto begun = connection->execute("BEGIN"); !begun) return std::unexpected(begun.error());
  otc::AuditInput input;
  auto done = read_all(
      [&](const std::string& sql, const std::vector<ColumnType>& types, const TakeRow& take) {
        return select_sqlite(*connection, sql, types.size(), take);
      },
      input);
  (void)connection->execute("COMMIT");
  if (!done) return std::unexpected(done.error());
  return input;
}

Result<otc::AuditInput> read_postgres(const PostgresOptions& options) {
  auto snapshot = postgres::Snapshot::open(options);
  if (!snapshot) return std::unexpected(snapshot.error());
  otc::AuditInput input;
  auto done = read_all([&](const std::string& sql, const std::vector<ColumnType>& types,
                           const TakeRow& take) { return (*snapshot)->select(sql, types, take); },
                       input);
  if (!done) return std::unexpected(done.error());
  return input;
}

}  // namespace

Result<otc::AuditInput> read_desk_rows(const DeskRowsSource& source) {
  return source.postgres.url.empty() ? read_sqlite(source.database_path)
                                     : read_postgres(source.postgres);
}

}  // namespace pawl::app
