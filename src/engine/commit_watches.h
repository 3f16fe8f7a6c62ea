// SPDX-License-Identifier: Apache-2.0
//
// Who wants to know that something was committed. Calls are made one at a time, by whoever
// committed; with nobody watching a commit pays for one load.
#pragma once

#include <pawl/journal.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace pawl::engine {

class CommitWatches {
 public:
  CommitWatch add(std::function<void()> call);
  void committed();

 private:
  std::mutex mutex_;
  std::vector<std::weak_ptr<CommitWatch::State>> watches_;
  std::atomic<bool> any_ = false;
};

}  // namespace pawl::engine
