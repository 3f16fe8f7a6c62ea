// SPDX-License-Identifier: Apache-2.0
#include "engine/commit_watches.h"

#include <utility>

namespace pawl {

class CommitWatch::State {
 public:
  explicit State(std::function<void()> call) : call_(std::move(call)) {}
  void committed() {
    const std::lock_guard lock(mutex_);
    if (call_) call_();
  }
  void end() {
    const std::lock_guard lock(mutex_);
    call_ = nullptr;
  }

 private:
  std::mutex mutex_;
  std::function<void()> call_;
};

CommitWatch& CommitWatch::operator=(CommitWatch&& other) noexcept {
  if (this == &other) return *this;
  if (state_) state_->end();
  state_ = std::move(other.state_);
  return *this;
}

CommitWatch::~CommitWatch() {
  if (state_) state_->end();
}

namespace engine {

CommitWatch CommitWatches::add(std::function<void()> call) {
  auto state = std::make_shared<CommitWatch::State>(std::move(call));
  const std::lock_guard lock(mutex_);
  watches_.push_back(state);
  any_ = true;
  return CommitWatch(std::move(state));
}

void CommitWatches::committed() {
  if (!any_) return;
  const std::lock_guard lock(mutex_);
  std::erase_if(watches_, [](const std::weak_ptr<CommitWatch::State>& watch) {
    const auto state = watch.lock();
    if (state) state->committed();
    return !state;
  });
  any_ = !watches_.empty();
}

}  // namespace engine
}  // namespace pawl
