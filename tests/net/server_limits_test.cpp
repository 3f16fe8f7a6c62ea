// SPDX-License-Identifier: Apache-2.0
//
// The server under time-outs, many connections, and stop(): nothing waits for ever, and no request
// that a handler has seen goes without its answer because the server stops.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <set>
#include <thread>

#include "eventually.h"
#include "net/server_fixture.h"

namespace pawl::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using test::eventually;
using test::RawConnection;
using test::RawResponse;

class ServerLimits : public test::ServerTest {
 protected:
  ServerLimits() {
    options.header_timeout_ms = 60'000;
    options.body_timeout_ms = 60'000;
    options.idle_timeout_ms = 60'000;
  }
};

TEST_F(ServerLimits, SlowHeadersGet408) {
  options.header_timeout_ms = 100;
  const std::uint16_t port = start();
  // Where our own first bytes come too late nothing is answered: then once more.
  EXPECT_TRUE(eventually([&] {
    RawConnection c(port);
    c.send("GET /hello HTTP/1.1\r\nHost:");
    return c.read().status == 408 && c.ended();
  }));
  // Each byte in time, the whole too slow; bytes must not push the deadline away.
  EXPECT_TRUE(eventually([&] {
    RawConnection drip(port);
    const auto begin = steady_clock::now();
    drip.send("GET /hello HTTP/1.1\r\nX: ");
    const std::jthread writer([&](const std::stop_token& stop) {
      while (!stop.stop_requested() && drip.send("x")) {
        // lint: allow(sleep): the slow pace of the bytes is the subject
        std::this_thread::sleep_for(milliseconds(10));
      }
    });
    return drip.read().status == 408 && steady_clock::now() - begin < std::chrono::seconds(10);
  }));
}

TEST_F(ServerLimits, AConnectionThatSaysNothingIsClosed) {
  options.header_timeout_ms = 100;
  RawConnection c(start());
  EXPECT_TRUE(c.ended());
}

TEST_F(ServerLimits, SlowBodiesGet408) {
  options.body_timeout_ms = 100;
  RawConnection c(start());
  c.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf");
  const RawResponse r = c.read();
  EXPECT_EQ(r.status, 408);
  EXPECT_TRUE(r.is("request_timed_out"));
  EXPECT_TRUE(c.ended());
  EXPECT_EQ(echoes.load(), 0);
}

TEST_F(ServerLimits, AnIdleConnectionIsClosed) {
  options.idle_timeout_ms = 100;
  RawConnection c(start());
  EXPECT_EQ(c.get("/hello").status, 200);
  EXPECT_TRUE(c.ended());
}

TEST_F(ServerLimits, AHandlerThatNeverAnswersIsAnsweredFor) {
  options.answer_timeout_ms = 100;
  RawConnection c(start());
  const RawResponse r = c.get("/park");
  EXPECT_EQ(r.status, 503);
  EXPECT_TRUE(r.is("answer_timed_out"));
  parked.take(1).at(0)(test::text("too late"));
  EXPECT_EQ(c.get("/hello").body, "hello") << "a late answer must not become the next one's";
}

// What a missing guard would touch here is freed memory, so it takes AddressSanitizer to see it.
TEST_F(ServerLimits, AnAnswerAfterItsTimeAndAfterTheServerDoesNothing) {
  options.answer_timeout_ms = 50;
  RawConnection c(start());
  EXPECT_EQ(c.get("/park").status, 503);
  std::vector<Responder> waiting = parked.take(1);
  server.reset();
  waiting.at(0)(test::text("to nobody"));
}

TEST_F(ServerLimits, AReaderThatDoesNotReadIsDropped) {
  options.write_timeout_ms = 200;
  const std::uint16_t port = start();
  RawConnection c(port);
  // Answers that no socket buffer holds: the server's write must block and then be given up.
  std::jthread writer([&] {
    const std::string body(65'000, 'x');
    for (int i = 0; i < 2'000; ++i) {
      if (!c.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 65000\r\n\r\n" + body)) return;
    }
  });
  EXPECT_TRUE(eventually([&] { return echoes.load() > 0; }));
  EXPECT_TRUE(eventually([&] { return server->connections() == 0; }));
}

TEST_F(ServerLimits, OneConnectionTooManyGets503) {
  options.max_connections = 3;
  const std::uint16_t port = start();
  std::vector<RawConnection> kept;
  for (int i = 0; i < 3; ++i) {
    kept.emplace_back(port);
    EXPECT_EQ(kept.back().get("/hello").status, 200);
  }
  {
    RawConnection more(port);
    const RawResponse r = more.read();
    EXPECT_EQ(r.status, 503);
    EXPECT_TRUE(r.is("too_many_connections"));
    EXPECT_TRUE(r.has("Retry-After: "));
    EXPECT_TRUE(more.ended());
  }
  kept.pop_back();
  EXPECT_TRUE(eventually([&] { return server->connections() == 2; }));
  RawConnection again(port);
  EXPECT_EQ(again.get("/hello").status, 200);
}

TEST_F(ServerLimits, AThousandConnectionsAreServed) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  options.threads = 2;
  const std::uint16_t port = start();
  constexpr std::size_t count = 1'000;
  std::vector<RawConnection> connections;
  for (std::size_t i = 0; i < count; ++i) {
    connections.emplace_back(port);
    ASSERT_TRUE(connections.back().connected()) << i;
  }
  for (int round = 0; round < 3; ++round) {
    for (RawConnection& c : connections) c.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    for (RawConnection& c : connections) ASSERT_EQ(c.read().body, "hello");
  }
  EXPECT_EQ(server->connections(), count);
  connections.clear();
  EXPECT_TRUE(eventually([&] { return server->connections() == 0; }));
}

TEST_F(ServerLimits, ATakenPortIsNamed) {
  const std::uint16_t port = start();
  ServerOptions same = options;
  same.port = port;
  net::Server second(same, routes());
  const Result<std::uint16_t> refused = second.start();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code.code, "port_taken");
  EXPECT_EQ(refused.error().detail, "127.0.0.1:" + std::to_string(port));
  server->stop();
  net::Server third(same, routes());
  EXPECT_EQ(third.start().value(), port) << "free again at once";
}

TEST_F(ServerLimits, AHostThatIsNotOursIsAnError) {
  options.host = "192.0.2.1";  // RFC 5737: nobody's
  net::Server nowhere(options, routes());
  EXPECT_EQ(nowhere.start().error().code.code, "listen_failed");
}

TEST_F(ServerLimits, AWrongRouteIsAnError) {
  const auto defect = [&](const char* first, const char* second) {
    Router router;
    const Handler handler = [](const Request&, Responder) {};
    router.add("GET", first, handler);
    router.add("GET", second, handler);
    net::Server wrong(options, std::move(router));
    const Result<std::uint16_t> started = wrong.start();
    return started ? std::string("started") : std::string(started.error().code.code);
  };
  EXPECT_EQ(defect("/a/{id}", "/a/{id}/b"), "started");
  EXPECT_EQ(defect("/a/{id}", "/a/b"), "started");
  EXPECT_EQ(defect("/a", "/a"), "route_invalid");
  EXPECT_EQ(defect("/a/{id}", "/a/{name}"), "route_invalid");
  for (const char* bad : {"a", "/a//b", "/a/", "/{}", "/{A}", "/a{b}", "/a?b", ""}) {
    EXPECT_EQ(defect("/", bad), "route_invalid") << bad;
  }
}

TEST_F(ServerLimits, StopClosesIdleConnectionsAtOnce) {
  const std::uint16_t port = start();
  RawConnection used(port);
  used.get("/hello");
  RawConnection fresh(port);
  ASSERT_TRUE(eventually([&] { return server->connections() == 2; }));
  const auto begin = steady_clock::now();
  server->stop();
  EXPECT_LT(steady_clock::now() - begin, std::chrono::seconds(5));
  EXPECT_TRUE(used.ended());
  EXPECT_TRUE(fresh.ended());
  EXPECT_EQ(server->connections(), 0U);
  server->stop();
}

TEST_F(ServerLimits, StopWaitsForARequestUnderWay) {
  const std::uint16_t port = start();
  RawConnection c(port);
  c.send("GET /park HTTP/1.1\r\nHost: x\r\n\r\n");
  std::vector<Responder> waiting = parked.take(1);
  std::jthread stopper([&] { server->stop(); });
  // The listener is gone once stop() is under way; only then is the answer given.
  ASSERT_TRUE(eventually([&] { return !RawConnection(port).connected(); }));
  waiting.at(0)(test::text("in time"));
  const RawResponse r = c.read();
  EXPECT_EQ(r.body, "in time");
  EXPECT_TRUE(r.has("Connection: close\r\n"));
  EXPECT_TRUE(c.ended());
}

TEST_F(ServerLimits, StopEndsWhatTheGraceDoesNotCover) {
  options.shutdown_grace_ms = 100;
  RawConnection c(start());
  c.send("GET /park HTTP/1.1\r\nHost: x\r\n\r\n");
  std::vector<Responder> waiting = parked.take(1);
  server->stop();
  EXPECT_TRUE(c.ended());
  server.reset();
  waiting.at(0)(test::text("to nobody"));  // the server is gone; this must do nothing
}

TEST_F(ServerLimits, StopUnderLoadLosesNoRequestAHandlerSaw) {
  options.threads = 2;
  const std::uint16_t port = start();
  constexpr int clients = 16;
  std::atomic<int> answered{0};
  std::atomic<int> wrong{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < clients; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0;; ++i) {
        RawConnection c(port);
        if (!c.connected()) return;
        for (;;) {
          const std::string body = std::to_string(t) + "." + std::to_string(i);
          c.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: " +
                 std::to_string(body.size()) + "\r\n\r\n" + body);
          const RawResponse r = c.read();
          if (r.status == 0) break;
          if (r.status != 200 || r.body != body) ++wrong;
          ++answered;
          if (r.has("Connection: close")) break;
        }
      }
    });
  }
  ASSERT_TRUE(eventually([&] { return answered.load() > 2'000; }));
  server->stop();
  threads.clear();
  EXPECT_EQ(answered.load(), echoes.load());
  EXPECT_EQ(wrong.load(), 0);
}

TEST_F(ServerLimits, DestructionUnderLoadIsClean) {
  options.shutdown_grace_ms = 50;
  options.threads = 2;
  for (int round = 0; round < 5; ++round) {
    const std::uint16_t port = start();
    std::vector<RawConnection> connections;
    for (int i = 0; i < 20; ++i) {
      connections.emplace_back(port);
      connections.back().send(i % 2 == 0 ? "GET /park HTTP/1.1\r\nHost: x\r\n\r\n" : "GET /hel");
    }
    std::vector<Responder> waiting = parked.take(10);
    std::jthread answers([&] {
      for (Responder& responder : waiting) responder(test::text("now"));
    });
    server.reset();
  }
}

}  // namespace
}  // namespace pawl::net
