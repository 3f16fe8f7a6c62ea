// SPDX-License-Identifier: Apache-2.0
//
// One request and the place where its answer is left: shared by the connection, which waits, and
// the Responder, which may be called on any thread and may outlive the connection. Private to net.
#pragma once

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "net/http.h"
#include "net/router.h"

namespace pawl::net {

// What a connection sleeps on while a handler has its request; lives on the connection's thread.
struct Sleeper {
  explicit Sleeper(const boost::asio::steady_timer::executor_type& executor) : timer(executor) {
    timer.expires_at(boost::asio::steady_timer::time_point::max());
  }
  boost::asio::steady_timer timer;
};

class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  Request request;

  // The one Responder of this exchange.
  Responder responder() {
    return Responder([self = shared_from_this()](Response r) { self->answer(std::move(r)); });
  }

  // The answer if it is there; else the sleeper is woken when it comes. On the connection's thread.
  std::optional<Response> take_or_wake(const std::shared_ptr<Sleeper>& sleeper) {
    const std::lock_guard lock(mutex_);
    if (!response_) sleeper_ = sleeper;
    return std::exchange(response_, std::nullopt);
  }

  // The handler's time is over: the answer if it came in this very moment, else as abandon(), and
  // the request has ended with this status.
  std::optional<Response> give_up(unsigned status) {
    const std::lock_guard lock(mutex_);
    if (response_) return std::exchange(response_, std::nullopt);
    abandoned_ = true;
    sleeper_.reset();
    tell_end(status);
    return std::nullopt;
  }

  // How a request whose answer is an event stream ended, which the connection decides.
  void end(unsigned status) {
    const std::lock_guard lock(mutex_);
    tell_end(status);
  }

  // The connection looks no more: an answer from now on is dropped, and its event loop not touched.
  void abandon() {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
    sleeper_.reset();
  }

 private:
  void answer(Response response) {
    const std::lock_guard lock(mutex_);
    if (!response.events) tell_end(response.status);
    if (abandoned_) return;
    response_.emplace(std::move(response));
    if (!sleeper_) return;
    // Under the lock: after abandon() the loop may be gone.
    auto executor = sleeper_->timer.get_executor();
    boost::asio::post(executor, [sleeper = std::move(sleeper_)] { sleeper->timer.cancel(); });
    sleeper_.reset();
  }

  // Once; under the lock, so that an answer and the end of its time cannot both be told.
  void tell_end(unsigned status) {
    if (const auto told = std::exchange(request.on_end, nullptr)) told(request, status);
  }

  std::mutex mutex_;
  std::optional<Response> response_;
  std::shared_ptr<Sleeper> sleeper_;
  bool abandoned_ = false;
};

}  // namespace pawl::net
