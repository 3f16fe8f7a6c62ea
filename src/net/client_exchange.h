// SPDX-License-Identifier: Apache-2.0
//
// One request of the client on its way: what it was asked, how far it came, and the one place that
// interrupts it. `sent` is set before the first write and never cleared: it alone decides between
// never_sent and unknown. Private to net; lives on the client's thread.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "net/client.h"
#include "net/stream.h"
#include "net/url.h"

namespace pawl::net {

class ClientExchange : public std::enable_shared_from_this<ClientExchange> {
 public:
  using Clock = std::chrono::steady_clock;

  ClientExchange(boost::asio::io_context& io, ClientRequest r, Client::Done d,
                 std::optional<ClientEvents> e)
      : request(std::move(r)),
        events(std::move(e)),
        done(std::move(d)),
        ends_at(Clock::now() + std::chrono::milliseconds(request.timeout_ms)),
        alarm_(io),
        sleep_(io) {}

  ClientRequest request;
  std::optional<ClientEvents> events;
  Client::Done done;
  Url url;
  Clock::time_point ends_at;  // of the whole exchange, from send()
  bool granted = false;       // may use a connection of its host
  bool sent = false;          // a write was begun
  Stream* stream = nullptr;   // what an interruption must reach

  // Why it was interrupted, if it was; looked at after every wait.
  const std::optional<Error>& interruption() const { return interruption_; }

  void interrupt(Error why) {
    if (interruption_) return;
    interruption_.emplace(std::move(why));
    sleep_.cancel();
    if (stream == nullptr) return;
    // Closed and not cancelled: a cancellation that falls between two steps of a handshake or of a
    // long write finds nothing to cancel, and the next step would then wait for ever.
    boost::system::error_code ignored;
    stream->socket().close(ignored);
  }

  // Interrupts at `when` with client_timed_out, unless set anew before.
  void set_alarm(Clock::time_point when, const char* what) {
    alarm_at_ = when;
    alarm_.expires_at(when);
    alarm_.async_wait([self = shared_from_this(), what](const boost::system::error_code& ec) {
      // One that fired just before it was set anew comes without an error.
      if (!ec && Clock::now() >= self->alarm_at_) self->interrupt({client_timed_out, what});
    });
  }
  void clear_alarm() {
    alarm_at_ = Clock::time_point::max();
    alarm_.cancel();
  }

  // Sleeps until wake() or an interruption; may also return for nothing.
  boost::asio::awaitable<void> sleep() {
    sleep_.expires_at(Clock::time_point::max());
    co_await sleep_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  }
  void wake() { sleep_.cancel(); }

  ClientResult failure(Error error) const {
    return std::unexpected(ClientFailure{
        sent ? ClientFailure::Kind::unknown : ClientFailure::Kind::never_sent, std::move(error)});
  }

 private:
  boost::asio::steady_timer alarm_;
  boost::asio::steady_timer sleep_;
  Clock::time_point alarm_at_ = Clock::time_point::max();
  std::optional<Error> interruption_;
};

}  // namespace pawl::net
