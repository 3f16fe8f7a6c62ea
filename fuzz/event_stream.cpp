// SPDX-License-Identifier: Apache-2.0
//
// Server-sent events: any bytes give the same events however they are cut and stay within their
// bound; what was read and written again is read the same. The first line of the input says how it
// is cut.
#include "net/event_stream.h"

#include <vector>

#include "fuzz/pieces.h"
#include "fuzz/target.h"
#include "net/event_reader.h"

namespace {

using namespace pawl;
using fuzz::check;

constexpr std::size_t max_event = 100;

struct Read {
  std::vector<net::Event> events;
  bool sound = true;
};

Read read(std::string_view bytes, std::string_view cuts, std::size_t most = max_event) {
  Read out;
  net::EventReader reader(most, [&out](const net::Event& event) { out.events.push_back(event); });
  fuzz::Pieces pieces(cuts);
  while (out.sound && !bytes.empty()) {
    const std::string_view piece = bytes.substr(0, pieces.next());
    out.sound = reader.feed(piece);
    bytes.remove_prefix(piece.size());
  }
  return out;
}

bool same(const std::vector<net::Event>& a, const std::vector<net::Event>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].id != b[i].id || a[i].type != b[i].type || a[i].data != b[i].data) return false;
  }
  return true;
}

}  // namespace

PAWL_FUZZ(event_stream) {
  fuzz::Input parts(input);
  const std::string_view cuts = parts.line();
  const std::string_view bytes = parts.rest();
  const Read whole = read(bytes, "");
  for (const std::string_view other : {std::string_view("\0", 1), cuts}) {
    const Read cut = read(bytes, other);
    check(cut.sound == whole.sound, "a cut changes nothing: too large or not");
    check(same(cut.events, whole.events), "a cut changes nothing: the events");
  }
  std::string written;
  for (const auto& event : whole.events) {
    check(event.data.size() + event.type.size() <= max_event, "an event is within its bound");
    check(event.data.find('\r') == std::string::npos, "data holds no carriage return");
    check(net::append_event(written, event) == (event.type.find('\0') == std::string::npos),
          "what was read can be written");
  }
  const Read again = read(written, cuts, written.size() + 1);
  check(again.sound, "and is within its bound");
  std::vector<net::Event> writable;
  std::string last_id;
  for (net::Event event : whole.events) {
    if (event.type.find('\0') != std::string::npos) continue;
    if (event.id.empty()) event.id = last_id;  // written without one, the last one stands
    last_id = event.id;
    writable.push_back(std::move(event));
  }
  check(same(again.events, writable), "and read the same");
}
