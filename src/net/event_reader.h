// SPDX-License-Identifier: Apache-2.0
//
// Server-sent events as they come in (WHATWG HTML, section 9.2.6): bytes in any pieces to events.
// Where the bytes come from, and coming again after the end, are left to others.
#pragma once

#include <pawl/error.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "net/event_stream.h"

namespace pawl::net {

class EventReader {
 public:
  using OnEvent = std::function<void(const Event&)>;

  // max_event_bytes: of one event's lines together, and of a comment.
  EventReader(std::size_t max_event_bytes, OnEvent on_event)
      : max_event_bytes_(max_event_bytes), on_event_(std::move(on_event)) {}

  // Calls on_event for each event that became complete; its id is the last one that was sent. False
  // once an event is larger than allowed. What is not complete at the stream's end is no event.
  bool feed(std::string_view bytes);

 private:
  void take_line();
  void dispatch();

  std::size_t max_event_bytes_;
  OnEvent on_event_;
  std::string line_;
  std::string last_id_;
  Event event_;
  std::size_t event_bytes_ = 0;  // of the lines before this one
  bool has_data_ = false;
  bool first_line_ = true;
  bool after_cr_ = false;
};

}  // namespace pawl::net
