// SPDX-License-Identifier: Apache-2.0
#include "app/desk_rows.h"

#include <sqlite3.h>
#include <unistd.h>

#include <functional>
#include <utility>

#include "store/sqlite/connection.h"

namespace pawl::app {

namespace {

constexpr int busy_timeout_ms = 5'000;

using sqlite::Connection;
using sqlite::Statement;

Result<void> for_each(Connection& connection, const std::string& sql,
                      const std::function<Result<void>(const Statement&)>& take) {
  auto select = connection.prepare(sql);
  if (!select) return std::unexpected(select.error());
  while (true) {
    auto row = select->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return {};
    if (auto taken = take(*select); !taken) return taken;
  }
}

template <class T>
Result<void> read_table(Connection& connection, std::vector<T>& out) {
  const auto columns = column_specs<T>();
  std::string sql = "SELECT ";
  for (std::size_t i = 0; i < columns.size(); ++i) {
    sql += (i == 0 ? "\"" : ", \"") + std::string(columns[i].name) + "\"";
  }
  sql += " FROM " + std::string(T::table);
  return for_each(connection, sql, [&](const Statement& statement) -> Result<void> {
    Row row;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      row.push_back(statement.value(static_cast<int>(i)));
    }
    if (!from_row(std::span<const Value>(row), out.emplace_back())) return fail(entity_unreadable);
    return {};
  });
}

// The keys of orders that a query names.
Result<void> read_keys(Connection& connection, const std::string& from,
                       std::set<std::string>& out) {
  return for_each(connection, "SELECT entity_key FROM " + from,
                  [&](const Statement& row) -> Result<void> {
                    out.insert(row.text(0));
                    return {};
                  });
}

Result<void> read_messages(Connection& connection, std::vector<otc::ReturnSlot>& out) {
  const std::string sql = "SELECT payload FROM pawl_messages WHERE kind = '" +
                          std::string(otc::ReturnSlot::kind) + "' AND bounced = 0";
  return for_each(connection, sql, [&](const Statement& row) -> Result<void> {
    auto message = from_payload<otc::ReturnSlot>(row.text(0));
    if (!message) return std::unexpected(message.error());
    out.push_back(std::move(*message));
    return {};
  });
}

Result<void> read_all(Connection& connection, otc::AuditInput& input) {
  if (auto done = read_table(connection, input.orders); !done) return done;
  if (auto done = read_table(connection, input.trades); !done) return done;
  // The probe of /readyz names a wallet that is none and never has a row.
  if (auto done = read_table(connection, input.wallets); !done) return done;
  if (auto done = read_messages(connection, input.messages); !done) return done;
  if (auto done = read_keys(connection, "pawl_effects WHERE machine = 'order'", input.with_effect);
      !done) {
    return done;
  }
  if (auto done =
          read_keys(connection, "pawl_deadlines WHERE machine = 'order'", input.with_deadline);
      !done) {
    return done;
  }
  return read_keys(connection, "pawl_alerts WHERE machine = 'order'", input.with_alert);
}

}  // namespace

Result<otc::AuditInput> read_desk_rows(const std::string& database_path) {
  if (::access(database_path.c_str(), R_OK) != 0) return fail(store_missing, database_path);
  auto connection = Connection::open(database_path, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX);
  if (!connection) return std::unexpected(connection.error());
  sqlite3_busy_timeout(connection->handle(), busy_timeout_ms);
  if (auto begun = connection->execute("BEGIN"); !begun) return std::unexpected(begun.error());
  otc::AuditInput input;
  auto done = read_all(*connection, input);
  (void)connection->execute("COMMIT");
  if (!done) return std::unexpected(done.error());
  return input;
}

}  // namespace pawl::app
