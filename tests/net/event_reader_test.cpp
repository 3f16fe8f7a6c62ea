// SPDX-License-Identifier: Apache-2.0
//
// Events from the wire, however it is cut, and what the client does with streams that lie, hang or
// break off.
#include "net/event_reader.h"

#include <gtest/gtest.h>

#include "net/event_call.h"
#include "net/fault_server.h"

namespace pawl::net {
namespace {

using test::FaultPeer;
using test::FaultServer;
using test::FollowedEvents;
using test::get_request;
using test::outcome;

std::string read_in_pieces(std::string_view wire, std::size_t step) {
  std::string out;
  EventReader reader(10'000, [&](const Event& event) {
    out += "[" + event.id + "|" + event.type + "|" + event.data + "]";
  });
  for (std::size_t at = 0; at < wire.size(); at += step) {
    if (!reader.feed(wire.substr(at, step))) return out + "too large";
  }
  return out;
}

TEST(EventReader, TakesEveryCut) {
  const std::string wire =
      "\xEF\xBB\xBF"
      "data: one\n\n"
      ": a comment\nretry: 5\nunknown: x\nid\n\n"
      "id: 7\r\nevent: moved\r\ndata:two\r\ndata\r\ndata:  lines\r\n\r\n"
      "data: old mac\r\rid: with\n\n"
      "event: nothing\n\ndata: last\n\ndata: cut off\n";
  for (std::size_t step = 1; step <= wire.size(); ++step) {
    EXPECT_EQ(read_in_pieces(wire, step), "[||one][7|moved|two\n\n lines][7||old mac][with||last]")
        << step;
  }
}

TEST(EventReader, GivesBackWhatWasWritten) {
  std::string wire;
  ASSERT_TRUE(append_event(wire, {.id = "1", .type = "t", .data = " a\r\n\nb\rc: d\n"}));
  ASSERT_TRUE(append_event(wire, {.data = ""}));
  EXPECT_EQ(read_in_pieces(wire, 3), "[1|t| a\n\nb\nc: d\n][1||]");
}

TEST(EventReader, BoundsAnEventAndALine) {
  const auto data = [](std::size_t n) { return "data: " + std::string(n, 'x') + "\n"; };
  EXPECT_EQ(read_in_pieces(std::string(20'000, 'x'), 100), "too large");
  EXPECT_EQ(read_in_pieces(":" + std::string(20'000, 'x'), 100), "too large");
  EXPECT_EQ(read_in_pieces(data(6'000) + data(6'000), 100), "too large");
  EXPECT_NE(read_in_pieces(data(6'000) + "\n" + data(6'000) + "\n", 100).find("]["),
            std::string::npos);
}

constexpr const char* stream_head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";

TEST(ClientFollows, AStreamThatIsNoneAsAnAnswer) {
  const FaultServer server([](FaultPeer& p) { p.read_request(), p.answer("data: x\n\n"); });
  Client client;
  FollowedEvents events(client, get_request(server.url()));
  EXPECT_EQ(events.get()->body, "data: x\n\n");
  EXPECT_EQ(events.count(), 0U);
  const FaultServer refusing([](FaultPeer& p) {
    p.read_request();
    p.send("HTTP/1.1 503 Busy\r\nContent-Type: text/event-stream\r\nContent-Length: 2\r\n\r\nno");
  });
  FollowedEvents refused(client, get_request(refusing.url()));
  EXPECT_EQ(refused.get()->body, "no");
}

TEST(ClientFollows, AStreamBeyondTheBoundOfAnAnswer) {
  const FaultServer server([](FaultPeer& p) {
    p.read_request();
    p.send(stream_head);
    for (int i = 0; i < 100; ++i) p.send("data: " + std::string(1'000, 'x') + "\n\n");
  });
  Client client;
  ClientRequest request = get_request(server.url());
  request.max_response_bytes = 10;
  FollowedEvents events(client, request);
  EXPECT_EQ(outcome(events.get()), "200");
  EXPECT_EQ(events.count(), 100U);
}

TEST(ClientFollows, NoEndlessEvent) {
  const FaultServer server([](FaultPeer& p) {
    p.read_request();
    p.send(stream_head);
    while (p.send("data: " + std::string(1'000, 'x') + "\n")) {
    }
  });
  Client client;
  FollowedEvents events(client, get_request(server.url()), 60'000, 10'000);
  EXPECT_EQ(outcome(events.get()), "unknown client_response_too_large");
}

TEST(ClientFollows, LongerThanTheRequestsTimeButNoQuietStream) {
  const FaultServer server([](FaultPeer& p) {
    p.read_request();
    p.send(stream_head);
    p.drip(std::string(300, ':'), std::chrono::milliseconds(1));
    p.send("\ndata: x\n\n");
    p.hang();
  });
  Client client;
  FollowedEvents events(client, get_request(server.url(), 150), 2'000);
  EXPECT_EQ(outcome(events.get()), "unknown client_timed_out");
  EXPECT_EQ(events.count(), 1U);
}

TEST(ClientFollows, AndSaysWhenAStreamIsCut) {
  const FaultServer server([](FaultPeer& p) {
    p.read_request();
    p.send(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
        "Transfer-Encoding: chunked\r\n\r\n9\r\ndata: x\n\n\r\n");
  });
  Client client;
  FollowedEvents events(client, get_request(server.url()));
  EXPECT_EQ(outcome(events.get()), "unknown client_connection_lost");
  EXPECT_EQ(events.count(), 1U);
}

}  // namespace
}  // namespace pawl::net
