// SPDX-License-Identifier: Apache-2.0
//
// Server-sent events over real sockets: what a stream carries, who ends it, and that a reader that
// is slow, dead or one too many harms nobody.
#include "net/event_stream.h"

#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "eventually.h"
#include "net/event_call.h"
#include "net/server_fixture.h"
#include "net/tls_fixture.h"

namespace pawl::net {
namespace {

using Sent = EventStream::Sent;
using test::eventually;
using test::FollowedEvents;
using test::get_request;
using test::outcome;
using test::RawConnection;
using test::RawResponse;

std::string numbered(int i) {
  return std::to_string(i);
}

class EventStreams : public test::ServerTest {
 protected:
  // Adds GET /events, whose streams are given out by opened().
  std::uint16_t start_streams(std::size_t max_buffered_bytes = EventStream::usual_buffered_bytes,
                              std::function<void(EventStream&)> on_drained = nullptr) {
    Router router = routes();
    router.add("GET", "/events", [=, this](const Request& request, Responder answer) {
      const std::lock_guard lock(mutex);
      last_event_id = request.header("Last-Event-ID").value_or("none");
      streams.push_back(EventStream::make(max_buffered_bytes));
      streams.back()->on_closed([this] { ++closed; });
      streams.back()->on_drained(on_drained);
      answer(streams.back()->response());
    });
    server = std::make_unique<Server>(options, std::move(router));
    port = server->start().value();
    return port;
  }
  std::shared_ptr<EventStream> opened(std::size_t index = 0) {
    EXPECT_TRUE(eventually([&] {
      const std::lock_guard lock(mutex);
      return streams.size() > index;
    }));
    const std::lock_guard lock(mutex);
    return streams.at(index);
  }
  std::string url(std::string_view scheme = "http") const {
    return std::string(scheme) + "://localhost:" + std::to_string(port) + "/events";
  }

  std::mutex mutex;
  std::vector<std::shared_ptr<EventStream>> streams;
  std::string last_event_id;
  std::atomic<int> closed{0};
  std::uint16_t port = 0;
};

TEST_F(EventStreams, CarryEventsOfManyThreadsInTheirOrder) {
  options.threads = 2;
  start_streams();
  Client client;
  FollowedEvents events(client, get_request(url()));
  const std::shared_ptr<EventStream> stream = opened();
  constexpr int threads = 4;
  constexpr int each = 200;
  {
    std::vector<std::jthread> senders;
    for (int t = 0; t < threads; ++t) {
      senders.emplace_back([&, t] {
        for (int i = 0; i < each; ++i) {
          EXPECT_EQ(stream->send({.type = numbered(t), .data = numbered(i)}), Sent::queued);
        }
      });
    }
  }
  stream->end();
  EXPECT_EQ(stream->send({.data = "late"}), Sent::closed);
  EXPECT_EQ(outcome(events.get()), "200");
  std::map<std::string, int> next;
  for (const Event& event : events.take()) EXPECT_EQ(event.data, numbered(next[event.type]++));
  EXPECT_EQ(next.size(), static_cast<std::size_t>(threads));
  for (const auto& [type, count] : next) EXPECT_EQ(count, each);
  // Told by the server's thread, which may be behind the reader's.
  EXPECT_TRUE(eventually([&] { return closed.load() == 1; }));
  EXPECT_TRUE(eventually([&] { return server->connections() == 0; }));
}

TEST_F(EventStreams, LookLikeThisOnTheWire) {
  start_streams();
  RawConnection c(port);
  c.send("GET /events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 41\r\n\r\n");
  const std::shared_ptr<EventStream> stream = opened();
  stream->send({.id = "42", .type = "moved", .data = "a\nb"});
  stream->end();
  EXPECT_EQ(last_event_id, "41");
  const RawResponse head = c.read();
  EXPECT_EQ(head.status, 200);
  EXPECT_TRUE(head.has("Content-Type: text/event-stream\r\n"));
  EXPECT_TRUE(head.has("Cache-Control: no-store\r\n"));
  EXPECT_TRUE(head.has("Transfer-Encoding: chunked\r\n"));
  EXPECT_TRUE(head.has("Connection: close\r\n"));
  EXPECT_TRUE(head.has("X-Request-Id: "));
  EXPECT_EQ(c.rest(), "25\r\nid: 42\nevent: moved\ndata: a\ndata: b\n\n\r\n0\r\n\r\n");
}

TEST_F(EventStreams, EndWithTheConnectionForHttp10) {
  start_streams();
  RawConnection c(port);
  c.send("GET /events HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const std::shared_ptr<EventStream> stream = opened();
  stream->send({.data = "x"});
  stream->end();
  const RawResponse head = c.read();
  EXPECT_FALSE(head.has("chunked"));
  EXPECT_TRUE(head.has("Connection: close\r\n"));
  EXPECT_EQ(c.rest(), "data: x\n\n");
}

TEST_F(EventStreams, AnswerHeadWithTheHeadAlone) {
  start_streams();
  RawConnection c(port);
  c.send("HEAD /events HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(c.read(true).status, 200);
  EXPECT_TRUE(c.ended());
  EXPECT_TRUE(eventually([&] { return closed.load() == 1; }));
}

TEST_F(EventStreams, RefuseAnIdOfTwoLines) {
  const std::shared_ptr<EventStream> stream = EventStream::make();
  EXPECT_EQ(stream->send({.id = "1\nid: 2"}), Sent::invalid);
  EXPECT_EQ(stream->try_send({.type = std::string("a\0b", 3)}), Sent::invalid);
  EXPECT_EQ(stream->buffered_bytes(), 0U);
}

// A source that pulls: it holds to the buffer's bound and loses nothing.
TEST_F(EventStreams, AreFilledAsTheReaderReads) {
  constexpr int count = 5'000;
  constexpr std::size_t bound = 16'384;
  const std::string kilobyte(1'024, 'x');
  std::atomic<int> next{0};
  std::atomic<std::size_t> most{0};
  std::atomic<int> calls{0};
  start_streams(bound, [&](EventStream& stream) {
    ++calls;
    for (;;) {
      const int i = next.load();
      if (i == count) return stream.end();
      if (stream.try_send({.id = numbered(i), .data = kilobyte}) != Sent::queued) return;
      most = std::max(most.load(), stream.buffered_bytes());
      ++next;
    }
  });
  Client client;
  FollowedEvents events(client, get_request(url()));
  EXPECT_EQ(outcome(events.get()), "200");
  const std::vector<Event> got = events.take();
  ASSERT_EQ(got.size(), static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) EXPECT_EQ(got[static_cast<std::size_t>(i)].id, numbered(i));
  EXPECT_LE(most.load(), bound);
  EXPECT_GT(calls.load(), count / 16);
}

TEST_F(EventStreams, TakeOneEventLargerThanTheBuffer) {
  start_streams(100);
  Client client;
  FollowedEvents events(client, get_request(url()));
  const std::shared_ptr<EventStream> stream = opened();
  EXPECT_EQ(stream->try_send({.data = std::string(100'000, 'x')}), Sent::queued);
  ASSERT_TRUE(eventually([&] { return stream->buffered_bytes() == 0; }));
  stream->end();
  EXPECT_EQ(outcome(events.get()), "200");
  EXPECT_EQ(events.take().at(0).data.size(), 100'000U);
}

// Pushes until it does not fit: the reader is told why and when to come again.
TEST_F(EventStreams, EndWhenTheReaderIsTooSlowForThePushes) {
  start_streams();
  RawConnection c(port);
  c.send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::shared_ptr<EventStream> stream = opened();
  const std::string data(60'000, 'x');
  constexpr int beyond_every_socket_buffer = 2'000;
  int sent = 0;
  while (sent < beyond_every_socket_buffer && stream->send({.data = data}) == Sent::queued) ++sent;
  EXPECT_LT(sent, beyond_every_socket_buffer);
  EXPECT_FALSE(stream->open());
  EXPECT_EQ(c.read().status, 200);
  const std::string rest = c.rest();
  EXPECT_TRUE(rest.ends_with(": you read too slowly\nretry: 2000\n\n\r\n0\r\n\r\n"));
  EXPECT_GT(rest.size(), static_cast<std::size_t>(sent) * data.size()) << "what was queued came";
  EXPECT_TRUE(eventually([&] { return closed.load() == 1; }));
}

TEST_F(EventStreams, AreCutWhenTheReaderDoesNotReadAtAll) {
  options.write_timeout_ms = 200;
  start_streams();
  RawConnection c(port);
  c.send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::shared_ptr<EventStream> stream = opened();
  const std::string data(60'000, 'x');
  while (stream->send({.data = data}) == Sent::queued) {
  }
  EXPECT_TRUE(eventually([&] { return closed.load() == 1; }));
  EXPECT_TRUE(eventually([&] { return server->connections() == 0; }));
}

TEST_F(EventStreams, SayThatTheyAreAliveWhenQuiet) {
  options.heartbeat_ms = 20;
  start_streams();
  RawConnection c(port);
  c.send("GET /events HTTP/1.0\r\n\r\n");
  c.read();
  const std::shared_ptr<EventStream> stream = opened();
  EXPECT_TRUE(c.holds(":\n\n:\n\n"));
  stream->send({.data = "x"});
  EXPECT_TRUE(c.holds("data: x\n\n:\n\n"));
}

TEST_F(EventStreams, CloseAtOnceWhenTheReaderGoes) {
  options.heartbeat_ms = 600'000;
  start_streams();
  {
    RawConnection c(port);
    c.send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(c.read().status, 200);
    for (int i = 0; i < 20; ++i) {
      c.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");  // is not answered, and does no harm
      EXPECT_EQ(opened()->send({.data = numbered(i)}), Sent::queued);
      EXPECT_TRUE(c.holds("data: " + numbered(i) + "\n"));
    }
    EXPECT_EQ(closed.load(), 0);
  }
  EXPECT_TRUE(eventually([&] { return closed.load() == 1; }));
  EXPECT_TRUE(eventually([&] { return server->connections() == 0; }));
  EXPECT_EQ(opened()->send({.data = "y"}), Sent::closed);
}

TEST_F(EventStreams, AreBounded) {
  options.max_streams = 2;
  start_streams();
  std::vector<RawConnection> readers;
  for (std::size_t i = 0; i < 2; ++i) {
    readers.emplace_back(port);
    readers.back().send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(readers.back().read().status, 200);
  }
  RawConnection more(port);
  const RawResponse refused = more.get("/events");
  EXPECT_EQ(refused.status, 503);
  EXPECT_TRUE(refused.is("too_many_streams"));
  EXPECT_TRUE(refused.has("Retry-After: "));
  EXPECT_EQ(closed.load(), 1) << "the source of the refused stream is told";
  EXPECT_EQ(RawConnection(port).get("/hello").status, 200) << "plain requests are not concerned";
  readers.pop_back();
  EXPECT_TRUE(eventually([&] { return closed.load() == 2; }));
  EXPECT_TRUE(eventually([&] { return RawConnection(port).get("/events").status == 200; }));
}

TEST_F(EventStreams, EndInOrderWhenTheServerStops) {
  options.heartbeat_ms = 600'000;
  options.shutdown_grace_ms = 60'000;
  start_streams();
  RawConnection quiet(port);
  quiet.send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
  quiet.read();
  RawConnection busy(port);
  busy.send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
  busy.read();
  const std::shared_ptr<EventStream> stream = opened(1);
  std::jthread source([&] {
    while (stream->send({.data = "x"}) == Sent::queued) std::this_thread::yield();
  });
  std::jthread reader([&] {
    EXPECT_TRUE(busy.rest().ends_with(": the server stops\nretry: 2000\n\n\r\n0\r\n\r\n"));
  });
  const auto begin = std::chrono::steady_clock::now();
  server->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
  EXPECT_TRUE(quiet.rest().ends_with(": the server stops\nretry: 2000\n\n\r\n0\r\n\r\n"));
  EXPECT_EQ(closed.load(), 2);
}

TEST_F(EventStreams, CloseWhenNobodyTakesTheAnswer) {
  std::shared_ptr<EventStream> stream = EventStream::make();
  stream->on_closed([this] { ++closed; });
  options.answer_timeout_ms = 50;
  RawConnection c(start());
  EXPECT_EQ(c.get("/park").status, 503);
  parked.take(1).at(0)(stream->response());
  EXPECT_EQ(closed.load(), 1);
  EXPECT_EQ(stream->send({.data = "x"}), Sent::closed);
}

TEST_F(EventStreams, OutliveTheirServer) {
  options.shutdown_grace_ms = 50;
  start_streams();
  RawConnection c(port);
  c.send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
  c.read();
  const std::shared_ptr<EventStream> stream = opened();
  std::jthread source([&] {
    while (stream->send({.data = "x"}) == Sent::queued) std::this_thread::yield();
  });
  server.reset();
  source.join();
  EXPECT_FALSE(stream->open());
  stream->end();
}

TEST_F(EventStreams, GoOverTls) {
  const test::TestCertificate certificate("DNS:localhost");
  options.tls_certificate_file = certificate.file();
  options.tls_key_file = certificate.key_file();
  options.heartbeat_ms = 600'000;
  start_streams();
  Client client(ClientOptions{.ca_file = certificate.file()});
  FollowedEvents events(client, get_request(url("https")));
  const std::string data(50'000, 'x');
  for (int i = 0; i < 100; ++i) {
    while (opened()->try_send({.id = numbered(i), .data = data}) == Sent::full) {
      std::this_thread::yield();
    }
  }
  ASSERT_TRUE(eventually([&] { return events.count() == 100; }));
  EXPECT_EQ(closed.load(), 0);
  events.cancel();
  EXPECT_EQ(outcome(events.get()), "unknown client_cancelled");
  EXPECT_TRUE(eventually([&] { return closed.load() == 1; })) << "noticed without a heartbeat";
}

}  // namespace
}  // namespace pawl::net
