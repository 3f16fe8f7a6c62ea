// SPDX-License-Identifier: Apache-2.0
//
// A stream that the client follows, for tests: its events so far and its outcome.
#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "net/client_call.h"

namespace pawl::test {

class FollowedEvents {
 public:
  FollowedEvents(net::Client& client, net::ClientRequest request,
                 unsigned quiet_timeout_ms = 60'000,
                 std::size_t max_event_bytes = std::size_t{1} << 20) {
    auto promise = std::make_shared<std::promise<net::ClientResult>>();
    future_ = promise->get_future();
    net::ClientEvents events;
    events.on_event = [seen = seen_](const net::Event& event) {
      const std::lock_guard lock(seen->mutex);
      seen->events.push_back(event);
    };
    events.quiet_timeout_ms = quiet_timeout_ms;
    events.max_event_bytes = max_event_bytes;
    handle_ = client.follow(
        std::move(request), std::move(events),
        [promise](net::ClientResult result) { promise->set_value(std::move(result)); });
  }

  net::ClientResult get() {
    if (future_.wait_for(std::chrono::seconds(30)) != std::future_status::ready) {
      ADD_FAILURE() << "the stream did not end in 30 s";
      std::abort();
    }
    return future_.get();
  }
  std::size_t count() const {
    const std::lock_guard lock(seen_->mutex);
    return seen_->events.size();
  }
  std::vector<net::Event> take() {
    const std::lock_guard lock(seen_->mutex);
    return std::exchange(seen_->events, {});
  }
  void cancel() const { handle_.cancel(); }

 private:
  struct Seen {
    std::mutex mutex;
    std::vector<net::Event> events;
  };

  std::shared_ptr<Seen> seen_ = std::make_shared<Seen>();
  std::future<net::ClientResult> future_;
  net::Client::Handle handle_;
};

}  // namespace pawl::test
