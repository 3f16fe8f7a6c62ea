// SPDX-License-Identifier: Apache-2.0
//
// A PostgreSQL of the test's own: a fresh data directory, a port that was free, stopped and removed
// when the test ends, also when it dies. One that cannot start throws, with the server's log: a
// test without its server fails and is never skipped. What initdb makes is kept as a template in
// the build tree. A TestSchema is a test's own corner of the shared server.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "postgres/process.h"
#include "store/postgres/connection_options.h"

namespace pawl::test {

using ServerSettings = std::map<std::string, std::string>;

class TestServer {
 public:
  // One for the whole test program, started when first asked for. Tests that break a server, or
  // want settings of their own, make one.
  static TestServer& shared();

  explicit TestServer(ServerSettings settings = {}) : TestServer(std::move(settings), nullptr) {}
  // A standby that streams from it under that application_name, until promote(). `settings` as
  // above.
  TestServer(const TestServer& primary, const std::string& name, ServerSettings settings = {});
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;
  ~TestServer();

  // Over TCP, as the role `pawl`, which owns the database `pawl` and is no superuser.
  std::string url() const { return url("pawl", password); }
  std::string url(std::string_view role, std::string_view its_password) const;
  std::string socket_url() const;  // over the Unix socket, without a password
  std::string admin_url() const;   // as the superuser, in the database `pawl`

  int port() const { return port_; }
  const std::string& directory() const { return directory_; }
  std::string log() const;
  pid_t pid() const { return postmaster_.pid(); }

  // As the superuser, on a connection of its own, waiting for no standby; gives the first column of
  // the first row, as text. Throws.
  std::string sql(const std::string& statements) const;

  void stop();      // as `pg_ctl stop -m fast`
  void kill_now();  // kill -9 for the postmaster; returns when its last process has gone
  void start();     // after either; with the settings of the constructor and what was added since
  void set(const std::string& name, const std::string& value) { settings_[name] = value; }
  // Comes up as a standby of nobody: readable, and forever in recovery.
  void start_as_standby();
  void promote();  // returns when it takes writes
  // Its processes stand still, and go on.
  void stall() const;
  void go_on() const;

  static constexpr std::string_view password = "pawl-secret";

 private:
  TestServer(ServerSettings settings, const TestServer* primary);
  void launch();
  void stop_or_kill();
  std::string data_directory() const { return directory_ + "/data"; }

  ServerSettings settings_;
  std::string directory_;
  int port_ = 0;
  bool keeps_port_ = false;
  Process postmaster_;
  // Removes the directory when we are gone; it waits for the end of a pipe that we hold open.
  Process cleaner_;
  int cleaner_pipe_ = -1;
};

// A schema of its own on a server, dropped at the end.
class TestSchema {
 public:
  explicit TestSchema(TestServer& server = TestServer::shared());
  TestSchema(const TestSchema&) = delete;
  TestSchema& operator=(const TestSchema&) = delete;
  ~TestSchema();

  const std::string& name() const { return name_; }
  // The server's URL with the schema as the search path.
  std::string url() const;
  postgres::ConnectionOptions options() const;

 private:
  TestServer& server_;
  std::string name_;
};

// A port on 127.0.0.1 that nobody had a moment ago.
int free_port();

}  // namespace pawl::test
