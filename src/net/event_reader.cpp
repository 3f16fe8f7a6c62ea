// SPDX-License-Identifier: Apache-2.0
#include "net/event_reader.h"

namespace pawl::net {

bool EventReader::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (after_cr_ && bytes.front() == '\n') bytes.remove_prefix(1);
    after_cr_ = false;
    const std::size_t end = bytes.find_first_of("\r\n");
    const std::string_view part = bytes.substr(0, end);
    if (part.size() > max_event_bytes_ - event_bytes_ - line_.size()) return false;
    line_ += part;
    if (end == std::string_view::npos) return true;
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    take_line();
    line_.clear();
  }
  return true;
}

void EventReader::take_line() {
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  std::string_view line = line_;
  if (first_line_ && line.starts_with(byte_order_mark)) line.remove_prefix(byte_order_mark.size());
  first_line_ = false;
  if (line.empty()) return dispatch();
  if (line.starts_with(':')) return;  // a comment, such as a heartbeat
  event_bytes_ += line_.size();
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "data") {
    if (has_data_) event_.data += '\n';
    event_.data += value;
    has_data_ = true;
  } else if (name == "event") {
    event_.type = value;
  } else if (name == "id" && value.find('\0') == std::string_view::npos) {
    last_id_ = value;
  }
}

void EventReader::dispatch() {
  event_bytes_ = 0;
  if (has_data_) {
    event_.id = last_id_;
    on_event_(event_);
  }
  event_ = Event();
  has_data_ = false;
}

}  // namespace pawl::net
