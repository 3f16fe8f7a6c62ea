// SPDX-License-Identifier: Apache-2.0
//
// The lanes of one engine: those it works in, and, on a store that processes share, those of dead
// processes that it drives until what they left behind has ended. A command's first key chooses its
// lane, so that the commands of one entity meet in one batch and fold there.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/lane.h"

namespace pawl::engine {

class Lanes {
 public:
  // Orphaned lanes that one process drives at once; more are left to others, or until later.
  static constexpr std::size_t max_orphaned = 32;

  explicit Lanes(const Lane::Shared& shared) : shared_(shared) {}
  ~Lanes() { stop(); }
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  Result<void> start();
  void stop();

  Lane& first() { return *own_.front(); }
  Lane& of(const EntityRef& first_key);
  // Which drives this lane; the first one if another process does.
  Lane& driving(std::int32_t lane);
  EngineStatistics statistics() const;

 private:
  void supervise();
  void end_finished();
  void take_orphans();
  void told(const Tidings& tidings);

  const Lane::Shared shared_;
  std::vector<std::unique_ptr<Lane>> own_;  // unchanged between start() and stop()

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::shared_ptr<Lane>> orphaned_;
  bool stopping_ = false;
  std::mutex stop_mutex_;  // whoever asks waits until it has stopped; a thread is joined once
  std::thread supervisor_;
};

}  // namespace pawl::engine
