// SPDX-License-Identifier: Apache-2.0
//
// A PostgreSQL store in a schema of its own on the tests' server, and raw SQL behind its back.
#pragma once

#include <pawl/engine.h>

#include <string>

#include "postgres/server.h"

namespace pawl::test {

class PostgresWorld {
 public:
  static constexpr int inner_tracing_migration = 2;

  PostgresWorld() : PostgresWorld(TestServer::shared()) {}
  explicit PostgresWorld(TestServer& server) : server_(server), schema_(server) {
    options_.url = server.url();
    options_.schema = schema_.name();
  }

  // What the next store is opened with.
  PostgresOptions& options() { return options_; }
  const PostgresOptions& options() const { return options_; }
  const std::string& schema() const { return schema_.name(); }
  TestServer& server() const { return server_; }

  Result<StoreHandle> open(const Registry& registry, bool migrate) {
    PostgresOptions options = options_;
    options.migrate = migrate;
    return open_postgres(options, registry);
  }
  // As the superuser. The first column of the first row.
  std::string sql(const std::string& text) const {
    return server_.sql("SET search_path TO \"" + schema_.name() + "\"; " + text);
  }

 private:
  TestServer& server_;
  TestSchema schema_;
  PostgresOptions options_;
};

}  // namespace pawl::test
