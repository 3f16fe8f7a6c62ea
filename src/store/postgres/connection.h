// SPDX-License-Identifier: Apache-2.0
//
// One session with a PostgreSQL server, non-blocking underneath, so that every wait has a deadline.
// open() settles what the session must be like and reads it back. Statements go through a Pipeline
// (pipeline.h). A connection belongs to one thread at a time. Once anything about it is in doubt
// (no answer in time, a broken exchange) it is closed and stays so: open another. Nothing is ever
// cancelled here, so a COMMIT is not either. Resolving a host's name is libpq's and blocks for as
// long as the system's resolver takes.
#pragma once

#include <libpq-fe.h>
#include <pawl/error.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/postgres/connection_options.h"
#include "store/postgres/parameters.h"
#include "store/postgres/result_set.h"
#include "store/postgres/sql_error.h"

namespace pawl::postgres {

using Deadline = std::chrono::steady_clock::time_point;
Deadline deadline_in(int ms);

inline constexpr int min_server_version = 150000;
// Of one round: further ones are counted, not kept.
inline constexpr std::size_t max_kept_warnings = 64;
// Hosts of one URL that are tried.
inline constexpr std::size_t max_hosts = 16;

// What the server said beside a result. A COMMIT with one (01000: the wait for a standby was
// cancelled) is not known to be safe.
struct Warning {
  std::size_t statement = 0;  // in the round
  std::string sqlstate;
  std::string severity;
  std::string message;
};

// What was found when the session was settled.
struct SessionFacts {
  int server_version = 0;
  std::int64_t backend_pid = 0;
  bool schema_exists = true;  // of ConnectionOptions::schema
  // The server, the role or the database had `off`: a commit was answered before it was on the
  // disk.
  bool synchronous_commit_raised = false;
  bool fsync =
      true;  // off: a crash of the machine can destroy the database; nothing here can mend it
};

// Of a NOTIFY on a channel that the session listens on.
struct Notification {
  std::int64_t backend_pid = 0;  // whose
  std::string payload;
};

enum class TransactionStatus : std::uint8_t { idle, in_transaction, failed, unknown };

class Connection {
 public:
  // Tries the URL's hosts in order, each with its share of the time, until one is a primary that
  // takes writes. Errors: store_unreachable, store_login_refused, store_database_missing,
  // store_server_too_old, store_not_primary, store_read_only, store_session_unsettled.
  static Result<Connection> open(const ConnectionOptions& options);
  // Without settling the session, and without asking what the server is.
  static Result<Connection> open_unsettled(const ConnectionOptions& options);

  Connection() = default;
  Connection(Connection&&) = default;
  // What it had is closed as the destructor would.
  Connection& operator=(Connection&& other) noexcept;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  // Ends the session properly when nothing is under way; otherwise cuts it, so that not a byte more
  // of what was queued can reach the server.
  ~Connection();

  // False once it is closed; an idle connection is also asked whether the server has hung up.
  bool alive();
  void close();
  TransactionStatus transaction_status() const;
  const SessionFacts& facts() const { return core_->facts; }
  // Becomes readable when the server says something unasked; -1: closed.
  int socket() const;
  // What has come in, without waiting.
  Result<std::vector<Notification>> take_notifications();
  // The host that answered, as "host:port" or the socket's directory.
  std::string peer() const;

 private:
  friend class Pipeline;

  // What libpq holds a pointer into, so it does not move with the Connection.
  struct Core {
    PGconn* handle = nullptr;
    bool busy = false;  // something was queued and its answers have not all been read
    struct Prepared {
      std::string sql;
      std::string name;  // on the server
    };
    std::unordered_map<std::string, Prepared> prepared;  // by our name
    std::int64_t prepared_so_far = 0;
    SessionFacts facts;
    std::vector<Warning> warnings;  // of the round under way
    std::size_t current_statement = 0;

    Core() = default;
    Core(const Core&) = delete;
    Core& operator=(const Core&) = delete;
    ~Core() { end(); }
    void end();
  };

  static Result<Connection> open_first(
      const ConnectionOptions& options,
      const std::function<Result<void>(Connection&, Deadline)>& accept);
  static Result<Connection> connect_host(const ConnectionOptions& options, const std::string& host,
                                         const std::string& hostaddr, const std::string& port,
                                         Deadline deadline);
  Result<void> await_connected(const ConnectionOptions& options, Deadline deadline);
  Result<void> settle(const ConnectionOptions& options, Deadline deadline);
  static void keep_notice(void* core, const PGresult* notice);

  std::unique_ptr<Core> core_;
};

}  // namespace pawl::postgres
