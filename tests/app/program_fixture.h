// SPDX-License-Identifier: Apache-2.0
//
// Runs the program itself: a verb to its end with what it printed, or a server and its sandbox on a
// folder of the test's own, on ports that the kernel chose.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "app/process_pair.h"
#include "app/sample_trade.h"

namespace pawl::app::test {

struct Ended {
  int exit_code = -1;  // -1: by a signal, or killed because it took too long
  std::string out;
  std::string err;
};

// Runs `pawl ARGUMENTS` to its end, for 60 s at most.
Ended run_pawl(const std::vector<std::string>& arguments);

// `pawl ARGUMENTS` in the background, its output in a file.
class Background {
 public:
  explicit Background(const std::vector<std::string>& arguments, const std::string& out_file);
  ~Background();
  pid_t pid() const { return pid_; }
  void signal(int number) const;
  // Its exit code; -1 if it did not end by itself within 60 s.
  int wait();

 private:
  pid_t pid_ = -1;
};

class ProgramTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::string write(const std::string& name, const std::string& content) const;

  std::string folder_;
};

// With a server and a sandbox.
class ServedTest : public ProgramTest {
 protected:
  void SetUp() override;
  void TearDown() override;
  // The server's configuration file.
  virtual std::string settings() const { return "[otc]\npayout_poll_interval_ms = 50\n"; }
  // One trade put through as `pawl run` does.
  Result<std::string> trade();

  std::unique_ptr<ProcessPair> pair_;
  std::unique_ptr<SampleTrade> trade_;
};

std::string read_file(const std::string& path);
// Looks every 10 ms, 20 s at most.
bool eventually(const std::function<bool()>& holds);

}  // namespace pawl::app::test
