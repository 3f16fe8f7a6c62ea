// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/snapshot.h"

#include "store/postgres/pipeline.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/rows.h"
#include "store/postgres/store_error.h"

namespace pawl::postgres {

namespace {

// A whole table is one statement.
constexpr int table_timeout_ms = 600'000;

// The transaction ends with the connection.
class ConnectedSnapshot final : public Snapshot {
 public:
  explicit ConnectedSnapshot(Connection connection) : connection_(std::move(connection)) {}

  Result<void> select(const std::string& sql, const std::vector<ColumnType>& types,
                      const TakeRow& take) override {
    const auto rows = run_one(connection_, sql, deadline_in(table_timeout_ms));
    if (!rows) return std::unexpected(store_error(rows.error()));
    for (int at = 0; at < rows->rows(); ++at) {
      Row row;
      for (std::size_t i = 0; i < types.size(); ++i) {
        row.push_back(value_of(types[i], *rows, at, static_cast<int>(i)));
      }
      if (auto taken = take(std::move(row)); !taken) return taken;
    }
    return {};
  }

 private:
  Connection connection_;
};

}  // namespace

Result<std::unique_ptr<Snapshot>> Snapshot::open(const PostgresOptions& options) {
  auto session = session_options(options, "audit");
  session.statement_timeout_ms = table_timeout_ms;
  session.idle_in_transaction_timeout_ms = table_timeout_ms;
  auto connection = Connection::open(session);
  if (!connection) return std::unexpected(connection.error());
  if (!connection->facts().schema_exists) {
    return fail(schema_differs, "there is no schema " + options.schema);
  }
  const auto begun = run_one(*connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                             deadline_in(table_timeout_ms));
  if (!begun) return std::unexpected(store_error(begun.error()));
  return std::make_unique<ConnectedSnapshot>(std::move(*connection));
}

}  // namespace pawl::postgres
