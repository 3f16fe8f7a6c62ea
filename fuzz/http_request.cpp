// SPDX-License-Identifier: Apache-2.0
//
// The server's request parser: the same request or the same refusal however the network cuts the
// bytes, within its limits, and no assertion of Beast's. The first line of the input says how it is
// cut.
#include <algorithm>
#include <optional>

#include "fuzz/pieces.h"
#include "fuzz/target.h"
#include "net/request_parser.h"

namespace {

using namespace pawl;
using fuzz::check;

// Small, so that small inputs meet them.
constexpr std::size_t max_header = 256;
constexpr std::size_t max_target = 64;
constexpr std::size_t max_body = 100;

struct Read {
  net::Request request;
  bool done = false;
  std::optional<net::Refusal> refusal;
  std::size_t used = 0;
  bool keep_alive = false;
  bool wants_continue = false;
};

Read read(std::string_view wire, std::string_view cuts) {
  Read out;
  net::RequestParser parser(out.request, max_header, max_target);
  bool limited = false;
  out.used = fuzz::feed_in_pieces(parser, wire, cuts, [&] {
    if (parser.header_done() && !parser.refusal() && !std::exchange(limited, true)) {
      parser.limit_body(max_body);
    }
    return parser.done() || parser.refusal();
  });
  out.done = parser.done();
  out.refusal = parser.refusal();
  if (parser.header_done() && !out.refusal) {
    out.keep_alive = parser.keep_alive();
    out.wants_continue = parser.wants_continue();
  }
  return out;
}

bool same(const net::Request& a, const net::Request& b) {
  return a.method == b.method && a.target == b.target && a.body == b.body &&
         std::equal(a.headers.begin(), a.headers.end(), b.headers.begin(), b.headers.end(),
                    [](const net::Header& x, const net::Header& y) {
                      return x.name == y.name && x.value == y.value;
                    });
}

void check_limits(const Read& read) {
  std::size_t header = 0;
  for (const auto& [name, value] : read.request.headers) {
    header += name.size() + value.size();
    check((name + value).find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos,
          "a header holds no line break and no NUL");
  }
  check(header <= max_header, "the headers' limit holds");
  check(read.request.target.size() <= max_target, "the target's limit holds");
  check(read.request.body.size() <= max_body, "the body's limit holds");
  if (read.refusal) check(read.refusal->status >= 400, "a refusal has an error's status");
}

// Whether the headers' end stands within what the parser lets stand together. If not, a request
// that is malformed or too large is refused sooner or later, as its pieces come.
bool is_whole(std::string_view wire) {
  const std::size_t end = wire.find("\r\n\r\n");
  constexpr std::size_t method_and_version = 64;
  const bool short_line = wire.find('\n') < max_target + method_and_version;
  return short_line && end != std::string_view::npos &&
         end + 4 <= max_header + max_target + method_and_version;
}

void check_same(const Read& a, const Read& b) {
  check(a.refusal.has_value() == b.refusal.has_value(), "a cut changes nothing: refused or not");
  if (a.refusal) {
    check(a.refusal->error.code == b.refusal->error.code && a.refusal->status == b.refusal->status,
          "a cut changes nothing: the refusal");
    return;
  }
  check(a.done == b.done, "a cut changes nothing: done or not");
  if (!a.done) return;
  check(a.used == b.used, "a cut changes nothing: where the request ends");
  check(same(a.request, b.request), "a cut changes nothing: the request");
  check(a.keep_alive == b.keep_alive && a.wants_continue == b.wants_continue,
        "a cut changes nothing: what follows");
}

}  // namespace

PAWL_FUZZ(http_request) {
  fuzz::Input parts(input);
  const std::string_view cuts = parts.line();
  const std::string_view wire = parts.rest();
  const Read whole = read(wire, "");
  check_limits(whole);
  const Read single = read(wire, std::string_view("\0", 1));  // byte by byte
  const Read cut = read(wire, cuts);
  check_limits(single);
  check_limits(cut);
  if (!is_whole(wire)) return;
  check_same(whole, single);
  check_same(whole, cut);
}
