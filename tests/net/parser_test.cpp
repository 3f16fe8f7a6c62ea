// SPDX-License-Identifier: Apache-2.0
//
// Both HTTP parsers give the same message however the network cuts it, and bounds hold for sums of
// small pieces. Without sockets, so that the pieces are exactly these.
#include <gtest/gtest.h>

#include "net/client.h"
#include "net/request_parser.h"
#include "net/response_parser.h"

namespace pawl::net {
namespace {

constexpr std::size_t max_header = 16 * 1024;

// Feeds `wire` in pieces of `step` bytes; the parser's leavings come again with the next piece.
template <class Parser, class AfterFeed>
void feed_in_pieces(Parser& parser, std::string_view wire, std::size_t step, AfterFeed after) {
  std::string pending;
  for (std::size_t at = 0; at < wire.size(); at += step) {
    pending += wire.substr(at, step);
    for (std::size_t used = 1; used > 0 && !pending.empty();) {
      used = parser.feed(pending);
      pending.erase(0, used);
      if (after()) return;
    }
  }
}

const std::string chunked_bodies[] = {"0\r\n\r\n", "3;a=b\r\nabc\r\n0\r\n\r\n",
                                      "1\r\na\r\n2\r\nbc\r\n0\r\nTrailer: x\r\n\r\n"};

TEST(RequestParser, TakesEveryCut) {
  for (const std::string& body : chunked_bodies) {
    const std::string wire =
        "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body;
    for (std::size_t step = 1; step <= wire.size(); ++step) {
      Request request;
      RequestParser parser(request, max_header, max_header);
      bool limited = false;
      feed_in_pieces(parser, wire, step, [&] {
        if (parser.header_done() && !std::exchange(limited, true)) parser.limit_body(100);
        return parser.done() || parser.refusal();
      });
      EXPECT_FALSE(parser.refusal()) << step;
      EXPECT_TRUE(parser.done()) << step;
      EXPECT_EQ(request.body, body.starts_with("0") ? "" : "abc") << step;
    }
  }
}

TEST(ResponseParser, TakesEveryCut) {
  for (const std::string& body : chunked_bodies) {
    const std::string wire = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body;
    for (std::size_t step = 1; step <= wire.size(); ++step) {
      ResponseParser parser(max_header, 100, false);
      feed_in_pieces(parser, wire, step, [&] { return parser.done() || parser.failure(); });
      EXPECT_FALSE(parser.failure()) << step;
      EXPECT_TRUE(parser.done()) << step;
      EXPECT_EQ(parser.take().body, body.starts_with("0") ? "" : "abc") << step;
    }
  }
}

// 18,000 bytes: with pieces of 12,000 each is below Beast's own limit, only their sum is not.
std::string many_headers(std::string first_line) {
  for (int i = 0; i < 3'000; ++i) first_line += "X: y\r\n";
  return first_line + "\r\n";
}

TEST(RequestParser, CountsHeadersTogether) {
  Request request;
  RequestParser parser(request, max_header, max_header);
  feed_in_pieces(parser, many_headers("GET / HTTP/1.1\r\nHost: x\r\n"), 12'000,
                 [&] { return parser.header_done() || parser.refusal(); });
  ASSERT_TRUE(parser.refusal());
  EXPECT_EQ(parser.refusal()->status, 431U);
}

// The request line and the headers have a bound each.
TEST(RequestParser, TakesALongTargetWithManyHeadersInPieces) {
  const std::string line = "GET /" + std::string(90, 'a') + " HTTP/1.1\r\n";
  const std::string wire = line + "Host: x\r\nA: " + std::string(80, 'b') + "\r\n\r\n";
  for (const std::size_t step : {std::size_t{1}, wire.size()}) {
    Request request;
    RequestParser parser(request, 100, 100);
    feed_in_pieces(parser, wire, step, [&] { return parser.header_done() || parser.refusal(); });
    EXPECT_TRUE(parser.header_done()) << step;
    EXPECT_FALSE(parser.refusal()) << step;
  }
}

TEST(RequestParser, NamesWhatIsTooLargeHoweverItIsCut) {
  const std::string headers = "GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(500, 'b');
  const std::string target = "GET /" + std::string(500, 'a');
  for (const auto& [wire, status] : {std::pair(headers, 431U), std::pair(target, 414U)}) {
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, wire.size()}) {
      Request request;
      RequestParser parser(request, 100, 100);
      feed_in_pieces(parser, wire, step, [&] { return parser.header_done() || parser.refusal(); });
      ASSERT_TRUE(parser.refusal()) << step;
      EXPECT_EQ(parser.refusal()->status, status) << step;
    }
  }
}

// What is no request is refused as soon as its first line shows it, and not left to wait for more.
TEST(RequestParser, RefusesAFirstLineThatIsNoneHoweverItIsCut) {
  for (const std::string wire :
       {"GET / HT0\r\n", "GET / HTTP/1.1\n", "GET / HTTP/1.1\rX", "GET\r\n", "GET / \n",
        "GET / HTTP/2.0\r\n", "\x16\x03\x01", "GET / HT0\r\n\r\nTP/1.1\r\n\r\n"}) {
    for (std::size_t step = 1; step <= wire.size(); ++step) {
      Request request;
      RequestParser parser(request, max_header, max_header);
      feed_in_pieces(parser, wire, step, [&] { return parser.header_done() || parser.refusal(); });
      ASSERT_TRUE(parser.refusal()) << wire << step;
      EXPECT_EQ(parser.refusal()->status, 400U) << wire << step;
    }
  }
}

TEST(ResponseParser, RefusesAFirstLineThatIsNoneHoweverItIsCut) {
  const std::string long_line = "HTTP/1.1 200 " + std::string(600, 'a');
  for (const std::string& wire : {std::string("HTT\r\n"), std::string("HTTP/1.1 200 OK\n"),
                                  std::string("\x15\x03\x03"), long_line}) {
    for (std::size_t step = 1; step <= wire.size(); ++step) {
      ResponseParser parser(max_header, 100, false);
      feed_in_pieces(parser, wire, step, [&] { return parser.done() || parser.failure(); });
      ASSERT_TRUE(parser.failure()) << wire << step;
    }
  }
}

// The rest of a chunked body that is too short to be one: looked at in no piece.
TEST(RequestParser, WaitsForTheRestOfAChunkedBodyHoweverItIsCut) {
  const std::string wire =
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n\r\n";
  for (std::size_t step = 1; step <= wire.size(); ++step) {
    Request request;
    RequestParser parser(request, max_header, max_header);
    bool limited = false;
    feed_in_pieces(parser, wire, step, [&] {
      if (parser.header_done() && !std::exchange(limited, true)) parser.limit_body(100);
      return parser.done() || parser.refusal();
    });
    EXPECT_FALSE(parser.done()) << step;
    EXPECT_FALSE(parser.refusal()) << step;
    parser.feed("\r\n\r\nx");
    EXPECT_TRUE(parser.refusal()) << step;
  }
}

TEST(ResponseParser, CountsHeadersTogether) {
  ResponseParser parser(max_header, 100, false);
  feed_in_pieces(parser, many_headers("HTTP/1.1 204 No Content\r\n"), 12'000,
                 [&] { return parser.done() || parser.failure(); });
  ASSERT_TRUE(parser.failure());
  EXPECT_EQ(parser.failure()->code, client_response_too_large);
}

}  // namespace
}  // namespace pawl::net
