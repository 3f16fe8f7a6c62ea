// SPDX-License-Identifier: Apache-2.0
//
// The transition by hand on PostgreSQL as a server does it: a pool of threads with a connection
// each, prepared statements, one transaction for each request. The work is that of
// rivals/hand_written.py, which has made the tables.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace pawl::bench {

class HandWrittenPool {
 public:
  HandWrittenPool(std::string url, int connections);
  ~HandWrittenPool();
  HandWrittenPool(const HandWrittenPool&) = delete;
  HandWrittenPool& operator=(const HandWrittenPool&) = delete;
  // `done` is called on a thread of the pool once it is durable.
  void transition(std::string account, std::string id, std::function<void()> done);

 private:
  struct Request {
    std::string account;
    std::string id;
    std::function<void()> done;
  };
  void serve();

  const std::string url_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Request> waiting_;  // no more than the load has connections
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

// Makes the tables that a pool works on.
void make_hand_written_tables(const std::string& url, int entities);

}  // namespace pawl::bench
