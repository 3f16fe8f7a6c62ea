// SPDX-License-Identifier: Apache-2.0
//
// Server-sent events (WHATWG HTML, section 9.2): a bounded buffer between a source, on any thread,
// and the one connection that writes it out. Which events there are, and where one goes on after
// `Last-Event-ID` (a header of the request), is the source's to know; framing, heartbeats and the
// end are the server's.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "net/http.h"

namespace pawl::net {

struct Event {
  std::string id{};    // what the client says after a reconnect; empty: the last one stands
  std::string type{};  // empty: "message"
  std::string data{};  // may have many lines
};

// Appends the event as it goes over the wire; false, and nothing appended, when id or type holds
// CR, LF or NUL.
bool append_event(std::string& out, const Event& event);

// A source that can wait pulls: it sends with try_send() until that says `full`, and goes on when
// on_drained is called. A source that cannot wait pushes with send(): what does not fit ends the
// stream, and the client comes again with its Last-Event-ID. Any thread; events keep the order of
// the calls.
class EventStream : public std::enable_shared_from_this<EventStream> {
 public:
  static constexpr std::size_t usual_buffered_bytes = std::size_t{256} << 10;

  enum class Sent {
    queued,
    full,    // try_send() only: nothing was done; on_drained will be called
    closed,  // the stream has ended, or does after what is buffered
    invalid  // id or type holds CR, LF or NUL
  };

  // max_buffered_bytes: what waits here; the connection may hold as much again while it writes. An
  // event larger than that is taken when nothing else is buffered.
  static std::shared_ptr<EventStream> make(std::size_t max_buffered_bytes = usual_buffered_bytes);

  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;

  // Set both before the stream is answered with. Called on the connection's thread without a lock;
  // they must not wait.
  // When the answer's head is written, and whenever half of the buffer is free again after `full`.
  void on_drained(std::function<void(EventStream&)> call);
  // Once, when nobody reads any more: the client went, it was too slow, the server stops, or the
  // answer was dropped. Also after end().
  void on_closed(std::function<void()> call);

  Sent try_send(const Event& event);
  Sent send(const Event& event);
  // Ends the stream after what is buffered.
  void end();

  std::size_t buffered_bytes() const;
  bool open() const;

  // The answer that carries this stream, for the Responder; once. Headers may be added to it.
  Response response();

 private:
  friend class EventBody;
  enum class State { open, ending, overrun, closed };

  explicit EventStream(std::size_t max_buffered_bytes) : max_buffered_bytes_(max_buffered_bytes) {}
  Sent add(const Event& event, bool may_overrun);
  void wake();  // with the lock held

  const std::size_t max_buffered_bytes_;
  mutable std::mutex mutex_;
  State state_ = State::open;
  bool drain_wanted_ = true;
  std::string buffer_;
  std::function<void()> waker_;  // of a connection that sleeps
  std::function<void(EventStream&)> on_drained_;
  std::function<void()> on_closed_;
};

// The connection's end of a stream; the stream closes when the last copy of its Response goes.
class EventBody {
 public:
  enum class State { open, ended, overrun };

  explicit EventBody(std::shared_ptr<EventStream> stream) : stream_(std::move(stream)) {}
  ~EventBody() { close(); }
  EventBody(const EventBody&) = delete;
  EventBody& operator=(const EventBody&) = delete;

  // Moves what is buffered into `out`. When that is nothing and the stream is open, `waker` is
  // called once from any thread as soon as there is something; after close() never.
  State take(std::string& out, std::function<void()> waker);
  // Has a source that waits for room go on, if there is room.
  void drained();
  void close();

 private:
  std::shared_ptr<EventStream> stream_;
};

}  // namespace pawl::net
