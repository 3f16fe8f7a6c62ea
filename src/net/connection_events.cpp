// SPDX-License-Identifier: Apache-2.0
//
// The part of a connection's life in which it writes server-sent events: what the source has
// buffered, a heartbeat when that is nothing for long, and a last word that says when to come again
// if the end was not the source's.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/connection.h"

namespace pawl::net {

namespace {

inline constexpr ErrorCode too_many_streams{"too_many_streams", ErrorClass::unavailable,
                                            "The server has all the event streams it takes"};

// A place among max_streams, for as long as it lives.
class StreamPlace {
 public:
  StreamPlace(std::atomic<std::size_t>& streams, std::size_t most)
      : streams_(streams), free_(streams.fetch_add(1, std::memory_order_relaxed) < most) {}
  ~StreamPlace() { streams_.fetch_sub(1, std::memory_order_relaxed); }
  StreamPlace(const StreamPlace&) = delete;
  StreamPlace& operator=(const StreamPlace&) = delete;
  bool is_free() const { return free_; }

 private:
  std::atomic<std::size_t>& streams_;
  bool free_;
};

}  // namespace

asio::awaitable<void> Connection::serve_events(const Response& response) {
  const StreamPlace place(shared_.streams, options_.max_streams);
  if (!place.is_free()) {
    response.events->close();
    const Response refusal = problem(Error(too_many_streams));
    exchange_->end(refusal.status);
    const bool written = co_await write(refusal, false);
    if (written) co_await linger(short_linger_ms);
    co_return;
  }
  exchange_->end(response.status);
  streaming_ = true;
  const bool head_only = exchange_->request.method == "HEAD";
  out_.clear();
  write_stream_head(out_, response, frame(false));
  bool good = co_await write_out();
  std::string events;
  while (good && !head_only) {
    response.events->drained();
    good = co_await write_events(*response.events, events);
  }
  response.events->close();
  streaming_ = false;
  boost::system::error_code ignored;
  stream_->socket().cancel(ignored);  // the watch for input
  if (!dead_ && !input_came_ && !expired_) co_await linger(short_linger_ms);
}

// One round; false when it was the last.
asio::awaitable<bool> Connection::write_events(EventBody& body, std::string& events) {
  if (input_came_ && !stream_->drain_input()) {
    // Said something, which nobody waits for: not gone.
    input_came_ = false;
  }
  if (input_came_) co_return false;
  const auto state = body.take(events, [sleeper = sleeper_] {
    auto executor = sleeper->timer.get_executor();
    asio::post(executor, [sleeper] { sleeper->timer.cancel(); });
  });
  if (state == EventBody::State::open && events.empty() && !closing_) {
    co_await sleep_until_events();
    if (dead_) co_return false;
    if (!expired_ && !closing_) co_return true;
    if (expired_) events = ":\n\n";
  }
  const bool last = closing_ || state != EventBody::State::open;
  const std::string retry = "retry: " + std::to_string(options_.stream_retry_ms) + "\n\n";
  if (state == EventBody::State::overrun) events += ": you read too slowly\n" + retry;
  if (last && state == EventBody::State::open) events += ": the server stops\n" + retry;
  const bool http_1_1 = parser_->is_http_1_1();
  out_.clear();
  if (!events.empty()) write_chunk(out_, events, http_1_1);
  if (last && http_1_1) write_chunk(out_, {}, http_1_1);
  bool written = true;
  if (!out_.empty()) written = co_await write_out();
  co_return written && !last;
}

// Until there are events, the heartbeat is due (expired_), the server stops, or the peer went.
asio::awaitable<void> Connection::sleep_until_events() {
  watch_input();
  set_deadline(options_.heartbeat_ms);
  if (input_came_) co_return;
  co_await sleeper_->timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

// So that a peer that goes is noticed at once, and its place is free again.
void Connection::watch_input() {
  if (watching_) return;
  watching_ = true;
  stream_->socket().async_wait(asio::ip::tcp::socket::wait_read,
                               [self = shared_from_this()](const boost::system::error_code& ec) {
                                 self->watching_ = false;
                                 if (ec) return;  // cancelled with everything else of the socket
                                 self->input_came_ = true;
                                 self->sleeper_->timer.cancel();
                               });
}

}  // namespace pawl::net
