// SPDX-License-Identifier: Apache-2.0
//
// A pgbouncer before a TestServer, in session or transaction mode; gone when the test ends.
#pragma once

#include <string>

#include "postgres/server.h"

namespace pawl::test {

enum class PoolMode { session, transaction };

class TestPgbouncer {
 public:
  TestPgbouncer(const TestServer& server, PoolMode mode, int pool_size = 20);
  TestPgbouncer(const TestPgbouncer&) = delete;
  TestPgbouncer& operator=(const TestPgbouncer&) = delete;
  ~TestPgbouncer();

  std::string url() const;  // as the role `pawl`

 private:
  std::string directory_;
  int port_ = 0;
  Process process_;
};

}  // namespace pawl::test
