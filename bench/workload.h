// SPDX-License-Identifier: Apache-2.0
//
// The work of one transition, through Pawl: lock one account out of many, read it, decide, change
// its row, append a journal entry, one effect row and a receipt; answered when durable. The effects
// have no handler here: they are written, not performed, on both sides.
#pragma once

#include <pawl/engine.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "measure.h"

namespace pawl::bench {

std::string account_name(int index);

// What of the store and the engine an option may set.
Result<StoreHandle> open_store(const Options& options, const std::string& sqlite_path,
                               const Registry& registry);
EngineOptions engine_options(const Options& options);
// The schema of Pawl's side in a database.
inline constexpr const char* bench_schema = "pawl_bench";

class PawlSide {
 public:
  enum class Contents { fresh, as_they_are };
  // `file`: of SQLite. Fresh contents are `entities` accounts and nothing else.
  PawlSide(const Options& options, const std::string& file, Contents contents = Contents::fresh);
  ~PawlSide();
  // Keeps `in_flight` commands waiting for `seconds`.
  Sample run(int in_flight, double seconds, Keys keys = Keys::all);
  // The latencies of the last run in microseconds.
  const std::vector<std::int64_t>& latencies_us() const { return latencies_us_; }
  // The same start for every run on PostgreSQL, as the baseline has it: no rows of the runs before.
  void begin_anew();
  // One transition; `done` is called once it is durable.
  void transition(const std::string& account, const std::string& id, std::function<void()> done);
  std::int64_t commits() const { return engine_->statistics().commits; }

 private:
  void open_accounts();
  Sample run_one_by_one(double seconds, Keys keys);
  std::string next_id();

  const Options options_;
  Registry registry_;
  std::unique_ptr<Engine> engine_;
  std::uint64_t next_ = 1;
  std::string ids_;  // of this process and this run
  std::vector<std::int64_t> latencies_us_;
};

// The same work by hand on one connection, one commit each: prepared statements, WAL, synchronous
// FULL, the same cache and checkpoint bounds.
class HandWrittenSide {
 public:
  HandWrittenSide(const std::string& path, int entities);
  ~HandWrittenSide();
  Sample run(double seconds);
  // One transition, durable when it returns. One thread at a time.
  void transition(const std::string& account, const std::string& id);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// The same by hand on PostgreSQL: rivals/hand_written.py, one transaction a command. The best count
// of clients is found by the first run, unless it is given, and stays.
class HandWrittenPostgres {
 public:
  enum class Spread { own, overlapping, hot };  // whose accounts a client takes
  HandWrittenPostgres(const Options& options, Spread spread)
      : options_(options), spread_(spread), clients_(options.clients) {}
  Sample run(double seconds);
  int clients() const { return clients_; }

 private:
  const Options options_;
  const Spread spread_;
  int clients_;
};

// The program that runs both in turn and prints the comparison.
int compare(int argc, char** argv, const std::string& name, std::vector<int> in_flight,
            const char* slow_sync_library, Keys keys = Keys::all);

}  // namespace pawl::bench
