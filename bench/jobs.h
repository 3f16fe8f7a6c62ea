// SPDX-License-Identifier: Apache-2.0
//
// Jobs: an entity each, whose command Ask makes an effect, and whose effect's outcome is decided as
// a transition of the same entity. What effects, horizon and recovery measure.
#pragma once

#include <pawl/engine.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "measure.h"

namespace pawl::bench {

// Answers at once, or never.
class Performer final : public EffectHandler {
 public:
  explicit Performer(bool answers) : answers_(answers) {}
  void start(const EffectCall& call, Done done) override;
  std::int64_t performed() const { return performed_.load(); }

 private:
  const bool answers_;
  std::atomic<std::int64_t> performed_ = 0;
};

struct JobsOptions {
  int concurrency = 2'000;               // effects under way at once
  bool fresh = true;                     // contents: none
  std::shared_ptr<Performer> performer;  // null: effects wait for another engine
};

class Jobs {
 public:
  Jobs(const Options& options, const std::string& file, JobsOptions wanted);
  ~Jobs();
  // The engine takes commands, and drives what waits, from here on.
  void start();
  // Asks for each of `count` jobs and waits until all of it is durable.
  void ask_all(int count);
  // Asks for jobs picked among `count`, or, if that is 0, for a new one each time, for `seconds`,
  // so many in flight; gives how many.
  std::int64_t ask_for(double seconds, int count, int in_flight);
  Engine& engine() { return *engine_; }
  // How many jobs are done.
  std::int64_t done();

 private:
  void ask(int job, std::function<void()> done);

  const Options options_;
  Registry registry_;
  std::unique_ptr<Engine> engine_;
  std::uint64_t next_ = 1;
  int next_job_ = 0;
};

// Makes a new store with so many jobs that are done, and nothing else.
void fill_with_done_jobs(const Options& options, const std::string& file, int count);
// Effects that an exchange is said to be under way for, as the store has them.
std::int64_t sending_effects(const Options& options, const std::string& file);

}  // namespace pawl::bench
