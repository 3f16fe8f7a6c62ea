// SPDX-License-Identifier: Apache-2.0
#include "postgres/pgbouncer.h"

#include <libpq-fe.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "eventually.h"

namespace pawl::test {

TestPgbouncer::TestPgbouncer(const TestServer& server, PoolMode mode, int pool_size)
    : directory_(server.directory() + "/pgbouncer-" + std::to_string(free_port())),
      port_(free_port()) {
  std::filesystem::create_directory(directory_);
  give_to_postgres(directory_);
  std::ofstream(directory_ + "/users") << "\"pawl\" \"\"\n";
  std::ofstream(directory_ + "/ini")
      << "[databases]\n* = host=" << server.directory() << " port=" << server.port() << "\n"
      << "[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = " << port_
      << "\nunix_socket_dir =\nauth_type = trust\nauth_file = " << directory_ << "/users"
      << "\npool_mode = " << (mode == PoolMode::session ? "session" : "transaction")
      << "\ndefault_pool_size = " << pool_size << "\n";
  process_ = Process(
      {.arguments = {"/usr/sbin/pgbouncer", directory_ + "/ini"}, .log_file = directory_ + "/log"});
  const bool up =
      eventually([this] { return PQping(url().c_str()) == PQPING_OK || !process_.running(); });
  if (!up || !process_.running()) {
    throw std::runtime_error("pgbouncer did not start:\n" + file_content(directory_ + "/log"));
  }
}

TestPgbouncer::~TestPgbouncer() {
  process_.signal(SIGKILL);
  process_.wait(patience_ms);
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string TestPgbouncer::url() const {
  return "postgresql://pawl@127.0.0.1:" + std::to_string(port_) + "/pawl";
}

}  // namespace pawl::test
