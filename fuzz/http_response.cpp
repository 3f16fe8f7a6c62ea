// SPDX-License-Identifier: Apache-2.0
//
// The client's response parser: the same answer or failure however the network cuts the bytes,
// within its limits. The first byte of the input says whether it answers a HEAD, the rest of its
// line how it is cut.
#include <optional>

#include "fuzz/pieces.h"
#include "fuzz/target.h"
#include "net/client.h"
#include "net/response_parser.h"

namespace {

using namespace pawl;
using fuzz::check;

constexpr std::size_t max_header = 256;
constexpr std::size_t max_body = 100;
constexpr std::size_t longest_status_line = 512;

struct Read {
  bool done = false;
  std::optional<Error> failure;
  net::Response response;
  bool keep_alive = false;
  std::size_t used = 0;
};

Read read(std::string_view wire, std::string_view cuts, bool to_head) {
  Read out;
  net::ResponseParser parser(max_header, max_body, to_head);
  out.used =
      fuzz::feed_in_pieces(parser, wire, cuts, [&] { return parser.done() || parser.failure(); });
  if (!parser.done() && !parser.failure()) parser.feed_end();
  out.done = parser.done();
  out.failure = parser.failure();
  check(out.done != out.failure.has_value(), "after the end there is an answer or a failure");
  if (out.done) out.keep_alive = parser.keep_alive();
  out.response = parser.take();
  return out;
}

bool same(const net::Response& a, const net::Response& b) {
  if (a.status != b.status || a.content_type != b.content_type || a.body != b.body ||
      a.headers.size() != b.headers.size()) {
    return false;
  }
  for (std::size_t i = 0; i < a.headers.size(); ++i) {
    if (a.headers[i].name != b.headers[i].name || a.headers[i].value != b.headers[i].value) {
      return false;
    }
  }
  return true;
}

void check_limits(const Read& read, bool to_head) {
  std::size_t header = 0;
  for (const auto& [name, value] : read.response.headers) header += name.size() + value.size();
  check(header <= max_header, "the headers' limit holds");
  check(read.response.body.size() <= max_body, "the body's limit holds");
  if (!read.done) return;
  check(read.response.status >= 100 && read.response.status <= 599, "the status is one");
  check(!to_head || read.response.body.empty(), "an answer to HEAD has no body");
}

// As in http_request.cpp.
bool is_whole(std::string_view wire) {
  const std::size_t end = wire.find("\r\n\r\n");
  return end != std::string_view::npos && end + 4 <= max_header + longest_status_line;
}

void check_same(const Read& a, const Read& b) {
  check(a.done == b.done, "a cut changes nothing: done or not");
  if (!a.done) {
    // The last few bytes of a chunked body wait for more: bad ones are then cut off, not looked at.
    const bool cut_off = a.failure->code == net::client_connection_lost ||
                         b.failure->code == net::client_connection_lost;
    check(cut_off || a.failure->code == b.failure->code, "a cut changes nothing: the failure");
    return;
  }
  check(a.used == b.used, "a cut changes nothing: where the answer ends");
  check(same(a.response, b.response), "a cut changes nothing: the answer");
  check(a.keep_alive == b.keep_alive, "a cut changes nothing: what follows");
}

}  // namespace

PAWL_FUZZ(http_response) {
  fuzz::Input parts(input);
  std::string_view cuts = parts.line();
  const bool to_head = cuts.starts_with('H');
  if (!cuts.empty()) cuts.remove_prefix(1);
  const std::string_view wire = parts.rest();
  const Read whole = read(wire, "", to_head);
  check_limits(whole, to_head);
  const Read single = read(wire, std::string_view("\0", 1), to_head);
  const Read cut = read(wire, cuts, to_head);
  check_limits(single, to_head);
  check_limits(cut, to_head);
  if (!is_whole(wire)) return;
  check_same(whole, single);
  check_same(whole, cut);
}
