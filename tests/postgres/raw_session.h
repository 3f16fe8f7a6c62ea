// SPDX-License-Identifier: Apache-2.0
//
// A session of a test's own, statement by statement, to hold rows with; and a look from outside at
// who waits for it. Throws where a statement fails.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "eventually.h"

namespace pawl::test {

class RawSession {
 public:
  RawSession(const std::string& url, const std::string& schema, const std::string& name)
      : connection_(PQconnectdb(url.c_str())) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) {
      throw std::runtime_error(PQerrorMessage(connection_.get()));
    }
    run("SET search_path TO \"" + schema + "\"");
    run("SET application_name TO '" + name + "'");
  }

  // The first column of the first row.
  std::string run(const std::string& sql) {
    const std::unique_ptr<PGresult, Clear> result(PQexec(connection_.get(), sql.c_str()));
    const auto status = PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
      const char* sqlstate = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
      throw std::runtime_error(std::string(sqlstate == nullptr ? "" : sqlstate) + " " +
                               PQresultErrorMessage(result.get()));
    }
    const bool any = PQntuples(result.get()) > 0 && PQnfields(result.get()) > 0;
    return any ? PQgetvalue(result.get(), 0, 0) : std::string();
  }
  int pid() const { return PQbackendPID(connection_.get()); }

 private:
  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };
  struct Clear {
    void operator()(PGresult* result) const { PQclear(result); }
  };
  std::unique_ptr<PGconn, Finish> connection_;
};

// Waits until a session of that name is really blocked, for a lock that was not granted, by the
// session with this pid. False: it never was, and what was to be shown was not.
inline bool blocks(RawSession& probe, int holder_pid, const std::string& waiter_name) {
  const std::string sql =
      "SELECT count(*) FROM pg_stat_activity AS a WHERE application_name = '" + waiter_name +
      "' AND " + std::to_string(holder_pid) +
      " = ANY(pg_blocking_pids(a.pid)) AND EXISTS (SELECT FROM pg_locks AS l WHERE l.pid = a.pid "
      "AND NOT l.granted)";
  return eventually([&] { return probe.run(sql) != "0"; });
}

}  // namespace pawl::test
