// SPDX-License-Identifier: Apache-2.0
//
// The other end of lane_worker.cpp: processes that a test starts, stops, freezes and kills, and the
// outside that all of their payments go to. The outside notes every exchange in the order in which
// they began; a script says which are answered at once, the test answers the others when it likes.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "postgres/postgres_world.h"
#include "postgres/process.h"

namespace pawl::test {

class Worker;

struct Exchange {
  Worker* worker = nullptr;
  std::string of;  // the worker's name
  int number = 0;  // the worker's
  std::string purpose;
  std::string key;
  int attempt = 0;
  bool carried_out = false;  // by the outside, whether or not it said so
  std::string outcome;       // what was answered; empty: nothing yet
};

// Carries out one key once, as one that dedups does.
class FarSide {
 public:
  enum class Say { answer, nothing };
  enum class Do { carry_out, nothing };
  // What becomes of a send; inquiries are answered at once, and truly.
  using Script = std::function<std::pair<Do, Say>(const Exchange&)>;

  void script(Script script);
  // Everything that was not answered yet, of workers that live. Gives how many.
  int answer_all();
  // The oldest that is open.
  bool answer_one();

  std::vector<Exchange> exchanges() const;
  int count(const std::string& purpose, const std::string& of = {}) const;
  int open() const;
  int most_at_once() const;
  bool carried_out(const std::string& key) const;
  // What was sent a second time although nobody had heard in between that it was not there.
  std::vector<std::string> sent_on_a_guess() const;

 private:
  friend class Worker;
  void begun(Exchange exchange);
  void gone(const Worker& worker);
  static void answer(std::unique_lock<std::mutex>& lock, Exchange& exchange,
                     const std::string& outcome);

  mutable std::mutex mutex_;
  Script script_;
  std::vector<Exchange> exchanges_;
  std::set<std::string> carried_out_;
  int open_ = 0;
  int most_at_once_ = 0;
};

struct WorkerAnswer {
  std::string status;  // done, refused, error, or lost with the worker
  std::string code;
  bool repeated = false;
  std::int64_t version = 0;
  std::string reply;
};

// Of the test's main thread; see process.h.
class Worker {
 public:
  Worker(PostgresWorld& world, FarSide& far_side, std::string name,
         std::vector<std::string> options = {}, const std::string& url = {});
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  const std::string& name() const { return name_; }
  pid_t pid() const { return pid_; }
  // False: it did not come up, and the reason is on the standard error.
  bool ready();
  // "deposit a 5" with an id; without one it gets one of its own. A repeat goes to `again`.
  std::future<WorkerAnswer> begin(const std::string& words, std::string id = {});
  WorkerAnswer call(const std::string& words, const std::string& id = {});
  void signal(int number) const { process_.signal(number); }
  // Stopped by a signal, and not yet continued.
  bool is_frozen() const;
  // kill -9; returns when it has gone.
  void kill_now();
  // In order; true: it ended well.
  bool stop();

 private:
  friend class FarSide;
  void read();
  void heard(const std::string& line);
  void write(std::string line);

  const std::string name_;
  FarSide& far_side_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::promise<WorkerAnswer>> asked_;
  int asked_count_ = 0;
  bool ready_ = false;
  bool ended_ = false;
  std::mutex write_mutex_;
  int to_worker_ = -1;
  int from_worker_ = -1;
  Process process_;
  pid_t pid_ = -1;
  std::thread reader_;
};

}  // namespace pawl::test
