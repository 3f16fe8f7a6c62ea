// SPDX-License-Identifier: Apache-2.0
#include "net/event_stream.h"

#include <string_view>
#include <utility>

namespace pawl::net {
namespace {

bool is_one_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\n");
}

}  // namespace

bool append_event(std::string& out, const Event& event) {
  if (!is_one_line(event.id) || !is_one_line(event.type)) return false;
  if (!event.id.empty()) append_field(out, "id", event.id);
  if (!event.type.empty()) append_field(out, "event", event.type);
  std::string_view rest = event.data;
  for (;;) {
    const std::size_t end = rest.find_first_of("\r\n");
    append_field(out, "data", rest.substr(0, end));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + (rest.substr(end).starts_with("\r\n") ? 2 : 1));
  }
  out += '\n';
  return true;
}

std::shared_ptr<EventStream> EventStream::make(std::size_t max_buffered_bytes) {
  return std::shared_ptr<EventStream>(new EventStream(max_buffered_bytes));
}

void EventStream::on_drained(std::function<void(EventStream&)> call) {
  const std::lock_guard lock(mutex_);
  on_drained_ = std::move(call);
}

void EventStream::on_closed(std::function<void()> call) {
  const std::lock_guard lock(mutex_);
  on_closed_ = std::move(call);
}

EventStream::Sent EventStream::try_send(const Event& event) {
  return add(event, false);
}

EventStream::Sent EventStream::send(const Event& event) {
  return add(event, true);
}

EventStream::Sent EventStream::add(const Event& event, bool may_overrun) {
  std::string bytes;
  if (!append_event(bytes, event)) return Sent::invalid;
  const std::lock_guard lock(mutex_);
  if (state_ != State::open) return Sent::closed;
  if (!buffer_.empty() && buffer_.size() + bytes.size() > max_buffered_bytes_) {
    if (!may_overrun) {
      drain_wanted_ = true;
      return Sent::full;
    }
    state_ = State::overrun;
    wake();
    return Sent::closed;
  }
  if (buffer_.empty()) {
    buffer_ = std::move(bytes);
  } else {
    buffer_ += bytes;
  }
  wake();
  return Sent::queued;
}

void EventStream::end() {
  const std::lock_guard lock(mutex_);
  if (state_ != State::open) return;
  state_ = State::ending;
  wake();
}

void EventStream::wake() {
  if (waker_) std::exchange(waker_, nullptr)();
}

std::size_t EventStream::buffered_bytes() const {
  const std::lock_guard lock(mutex_);
  return buffer_.size();
}

bool EventStream::open() const {
  const std::lock_guard lock(mutex_);
  return state_ == State::open;
}

Response EventStream::response() {
  Response response;
  response.content_type = "text/event-stream";
  // A cache has no use for it, and a proxy that gathers answers would hold the events back.
  response.headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
  response.events = std::make_shared<EventBody>(shared_from_this());
  return response;
}

EventBody::State EventBody::take(std::string& out, std::function<void()> waker) {
  EventStream& s = *stream_;
  const std::lock_guard lock(s.mutex_);
  out.clear();
  out.swap(s.buffer_);
  switch (s.state_) {
    case EventStream::State::open:
      if (out.empty()) s.waker_ = std::move(waker);
      return State::open;
    case EventStream::State::overrun:
      return State::overrun;
    case EventStream::State::ending:
    case EventStream::State::closed:
      break;
  }
  return State::ended;
}

void EventBody::drained() {
  std::function<void(EventStream&)> call;
  {
    const std::lock_guard lock(stream_->mutex_);
    const bool room = stream_->buffer_.size() <= stream_->max_buffered_bytes_ / 2;
    if (!stream_->drain_wanted_ || !room || stream_->state_ != EventStream::State::open) return;
    stream_->drain_wanted_ = false;
    call = stream_->on_drained_;
  }
  if (call) call(*stream_);
}

void EventBody::close() {
  std::function<void()> call;
  std::function<void(EventStream&)> dropped;  // what it holds ends outside the lock
  std::string buffer;
  {
    const std::lock_guard lock(stream_->mutex_);
    stream_->state_ = EventStream::State::closed;
    stream_->waker_ = nullptr;
    stream_->buffer_.swap(buffer);
    dropped.swap(stream_->on_drained_);
    call.swap(stream_->on_closed_);
  }
  if (call) call();
}

}  // namespace pawl::net
