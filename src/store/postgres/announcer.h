// SPDX-License-Identifier: Apache-2.0
//
// Tells other processes on the store that something was committed, and is told by them: NOTIFY and
// LISTEN on a connection and a thread of its own, never in a batch's transaction, since notifying
// commits wait for each other in the whole database. Hints only: what is lost while the connection
// is, is made up for by one hint to look at everything when it is back.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "store/postgres/connection.h"
#include "store/store.h"

namespace pawl::postgres {

class Announcer {
 public:
  Announcer(ConnectionOptions options, const std::string& schema);
  Announcer(const Announcer&) = delete;
  Announcer& operator=(const Announcer&) = delete;
  ~Announcer();

  // See Store::listen. Without a listener nothing is announced either: nobody works here.
  void listen(std::function<void(const Tidings&)> told);

  // A commit; `lanes`: others' effects were changed by it. Returns at once.
  void committed(const std::set<std::int32_t>& lanes);

 private:
  void run();
  bool connect();
  bool stopping(int within_ms) const;
  // Sends what there is to be said, and tells what came in. False: the connection is lost.
  bool exchange();
  void tell(const Tidings& tidings);
  void start();
  void stop();

  const ConnectionOptions options_;
  const std::string channel_;
  Connection connection_;      // the thread's
  bool refusal_said_ = false;  // the thread's

  std::mutex listen_mutex_;  // of starting and stopping
  std::mutex told_mutex_;
  std::function<void(const Tidings&)> told_;

  std::mutex mutex_;
  bool commits_ = false;
  std::set<std::int32_t> lanes_;
  int wake_ = -1;  // an eventfd: there is something to be said
  int stop_ = -1;  // another
  std::thread thread_;
};

}  // namespace pawl::postgres
