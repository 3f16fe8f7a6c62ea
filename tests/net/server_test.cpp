// SPDX-License-Identifier: Apache-2.0
//
// What the server says over real sockets: routes, answers, framing, and every limit it promises.
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "net/server_fixture.h"

namespace pawl::net {
namespace {

using test::RawConnection;
using test::RawResponse;

class HttpServer : public test::ServerTest {};

std::string post(std::string_view target, std::string_view body) {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

TEST_F(HttpServer, AnswersOnOneConnection) {
  RawConnection c(start());
  const RawResponse hello = c.get("/hello");
  EXPECT_EQ(hello.status, 200);
  EXPECT_EQ(hello.body, "hello");
  EXPECT_TRUE(hello.has("Content-Type: text/plain\r\n"));
  EXPECT_FALSE(hello.has("Connection:"));
  EXPECT_EQ(c.get("/orders/a%20b%C3%A9/items/7?q=x%26+y&q=z").body, "a b\xC3\xA9|7|x& y");
  c.send(post("/echo", "body"));
  EXPECT_EQ(c.read().body, "body");
  c.send(post("/echo", ""));
  EXPECT_EQ(c.read().status, 200);
  EXPECT_EQ(c.get("http://x/hello").body, "hello");
  EXPECT_EQ(c.get("/%68ello").body, "hello");
}

TEST_F(HttpServer, ServesHeadFromGet) {
  RawConnection c(start());
  c.send("HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  const RawResponse head = c.read(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_TRUE(head.has("Content-Length: 5\r\n"));
  EXPECT_EQ(c.get("/hello").body, "hello") << "a body after HEAD would be read here";
}

TEST_F(HttpServer, RefusesPathsAndMethodsItDoesNotKnow) {
  RawConnection c(start());
  EXPECT_EQ(c.get("/").status, 404);
  EXPECT_TRUE(c.get("/nothing").is("no_such_route"));
  EXPECT_TRUE(c.get("/hello").has("X-Request-Id: "));
  for (const char* target :
       {"/hello/", "//hello", "/orders/7/items/", "/orders//items/7", "/orders/a%2Fb/items/1",
        "/orders/%00/items/1", "/orders/../items/1", "/orders/%2e%2E/items/1", "/orders/7"}) {
    EXPECT_EQ(c.get(target).status, 404) << target;
  }
  for (const char* target :
       {"/orders/%/items/1", "/orders/%4/items/1", "/orders/%zz/items/1", "/orders/%FF/items/1",
        "/hello?q=%FF", "/hello?%C3=1", "/hello?q=%1", "*", "hello", "/hello#x"}) {
    EXPECT_EQ(c.get(target).status, 400) << target;
  }
  std::string many = "/hello?a=1";
  for (std::size_t i = 0; i < max_query_parameters; ++i) many += "&a=1";
  EXPECT_EQ(c.get(many).status, 400);

  c.send("DELETE /orders/7/items/8 HTTP/1.1\r\nHost: x\r\n\r\n");
  const RawResponse refused = c.read();
  EXPECT_EQ(refused.status, 405);
  EXPECT_TRUE(refused.is("method_not_allowed"));
  EXPECT_TRUE(refused.has("Allow: GET, HEAD\r\n"));
  c.send(post("/nothing", "a body to nobody"));
  EXPECT_EQ(c.read().status, 404);
  EXPECT_EQ(c.get("/hello").status, 200) << "still in step after a refused body";
}

TEST_F(HttpServer, KeepsARequestIdOrMakesOne) {
  RawConnection c(start());
  const auto with = [&](const std::string& id) {
    c.send("GET /hello HTTP/1.1\r\nHost: x\r\nx-request-id: " + id + "\r\n\r\n");
    return c.read();
  };
  EXPECT_TRUE(with("a.B_9-z").has("X-Request-Id: a.B_9-z\r\n"));
  EXPECT_TRUE(with(std::string(64, 'i')).has("X-Request-Id: " + std::string(64, 'i') + "\r\n"));
  EXPECT_FALSE(with(std::string(65, 'i')).has("iii"));
  EXPECT_FALSE(with("a b").has("a b"));
  std::set<std::string> made;
  for (int i = 0; i < 100; ++i) {
    const std::string head = c.get("/hello").head;
    made.insert(head.substr(head.find("X-Request-Id: "), 30));
  }
  EXPECT_EQ(made.size(), 100U);
}

TEST_F(HttpServer, TurnsDefectsOfHandlersIntoProblems) {
  RawConnection c(start());
  const RawResponse thrown = c.get("/throw");
  EXPECT_EQ(thrown.status, 500);
  EXPECT_TRUE(thrown.is("defect"));
  EXPECT_EQ(thrown.body.find("secret"), std::string::npos);
  const RawResponse forgotten = c.get("/forget");
  EXPECT_EQ(forgotten.status, 500);
  EXPECT_TRUE(forgotten.is("no_answer"));
  EXPECT_EQ(c.get("/twice").body, "first");
  EXPECT_EQ(c.get("/hello").body, "hello");
}

TEST_F(HttpServer, LetsNoHandlerBreakTheMessage) {
  RawConnection c(start());
  const RawResponse r = c.get("/inject");
  EXPECT_TRUE(r.has("X-Good: 1\r\n"));
  EXPECT_FALSE(r.has("Injected"));
  EXPECT_FALSE(r.has("Bad Name"));
  EXPECT_FALSE(r.has("Content-Length: 99"));
  EXPECT_FALSE(r.has("upgrade"));
  EXPECT_EQ(r.body, "x");
}

TEST_F(HttpServer, TakesAnswersFromOtherThreads) {
  options.threads = 2;
  const std::uint16_t port = start();
  std::vector<RawConnection> connections;
  constexpr std::size_t count = 20;
  for (std::size_t i = 0; i < count; ++i) {
    connections.emplace_back(port);
    connections.back().send("GET /park HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  std::vector<Responder> waiting = parked.take(count);
  {
    std::vector<std::jthread> threads;
    for (Responder& responder : waiting) {
      threads.emplace_back([r = std::move(responder)]() mutable { r(test::text("late")); });
    }
  }
  for (RawConnection& c : connections) EXPECT_EQ(c.read().body, "late");
}

TEST_F(HttpServer, AnswersPipelinedRequestsInOrder) {
  RawConnection c(start());
  std::string all;
  for (int i = 0; i < 200; ++i) all += post("/echo", "n" + std::to_string(i));
  all += "GET /park HTTP/1.1\r\nHost: x\r\n\r\n" + post("/echo", "last");
  ASSERT_TRUE(c.send(all));
  for (int i = 0; i < 200; ++i) ASSERT_EQ(c.read().body, "n" + std::to_string(i));
  parked.take(1).at(0)(test::text("parked"));
  EXPECT_EQ(c.read().body, "parked");
  EXPECT_EQ(c.read().body, "last");
}

TEST_F(HttpServer, TakesBytesOneByOne) {
  RawConnection c(start());
  const std::string chunked = "Host: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string& rest :
       {std::string("0\r\n\r\n"), std::string("3;a=b\r\nabc\r\n0\r\n\r\n"),
        std::string("1\r\na\r\n2\r\nbc\r\n0\r\nTrailer: x\r\n\r\n")}) {
    const std::string all = "\r\nPOST /echo HTTP/1.1\r\n" + chunked + rest;
    for (const char byte : all) ASSERT_TRUE(c.send({&byte, 1}));
    const RawResponse r = c.read();
    EXPECT_EQ(r.status, 200);
    EXPECT_EQ(r.body, rest.starts_with("0") ? "" : "abc");
  }
  // The pieces in which Beast's own asserts would fail if it met them.
  for (std::size_t cut = 1; cut < 5; ++cut) {
    c.send("POST /echo HTTP/1.1\r\n" + chunked);
    c.send(std::string("0\r\n\r\n").substr(0, cut));
    std::this_thread::yield();
    c.send(std::string("0\r\n\r\n").substr(cut));
    EXPECT_EQ(c.read().status, 200);
  }
}

TEST_F(HttpServer, SpeaksHttp10) {
  const std::uint16_t port = start();
  RawConnection once(port);
  once.send("GET /hello HTTP/1.0\r\n\r\n");
  const RawResponse r = once.read();
  EXPECT_EQ(r.body, "hello");
  EXPECT_TRUE(r.has("Connection: close\r\n"));
  EXPECT_TRUE(once.ended());
  RawConnection kept(port);
  for (int i = 0; i < 2; ++i) {
    kept.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_TRUE(kept.read().has("Connection: keep-alive\r\n"));
  }
}

TEST_F(HttpServer, ClosesWhenAsked) {
  RawConnection c(start());
  c.send("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(c.read().has("Connection: close\r\n"));
  EXPECT_TRUE(c.ended());
}

TEST_F(HttpServer, Says100WhenTheBodyIsWelcome) {
  const std::uint16_t port = start();
  const std::string expect = " HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: ";
  RawConnection c(port);
  c.send("POST /echo" + expect + "4\r\n\r\n");
  EXPECT_TRUE(c.read().head.starts_with("HTTP/1.1 100 Continue"));
  c.send("body");
  EXPECT_EQ(c.read().body, "body");
  RawConnection large(port);
  large.send("POST /echo" + expect + "70000\r\n\r\n");
  EXPECT_EQ(large.read().status, 413);
  EXPECT_TRUE(large.ended());
  RawConnection nowhere(port);
  nowhere.send("POST /nothing" + expect + "4\r\n\r\n");
  EXPECT_EQ(nowhere.read().status, 404);
  EXPECT_TRUE(nowhere.ended());
  RawConnection other(port);
  other.send("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: cake\r\nContent-Length: 1\r\n\r\nx");
  EXPECT_EQ(other.read().status, 417);
}

TEST_F(HttpServer, RefusesWhatIsNoRequestAndCloses) {
  const std::uint16_t port = start();
  const std::pair<const char*, int> refused[] = {
      {"garbage\r\n\r\n", 400},
      {"\x16\x03\x01\x02 hello\r\n\r\n", 400},
      {"GET /hello HTTP/2.0\r\nHost: x\r\n\r\n", 400},
      {"GET /hello\r\n\r\n", 400},
      {"GET /hello HTTP/1.1\r\n\r\n", 400},
      {"GET /hello HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400},
      {"GET /hello HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n", 400},
      {"GET /hello HTTP/1.1\r\nHost: x\r\nAuthorization: a\r\nauthorization: b\r\n\r\n", 400},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\n\r\n", 400},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
      // Request smuggling: two lengths, and codings that would be read as no body at all.
      {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: "
       "chunked\r\n\r\n0\r\n\r\n",
       400},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: "
       "5\r\n\r\n0\r\n\r\n",
       400},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\nGET /hello", 501},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\nx", 501},
      {"POST /echo HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", 400},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
       400},
  };
  for (const auto& [bytes, status] : refused) {
    RawConnection c(port);
    c.send(bytes);
    const RawResponse r = c.read();
    EXPECT_EQ(r.status, status) << bytes;
    EXPECT_TRUE(r.has("application/problem+json")) << bytes;
    EXPECT_TRUE(r.has("X-Request-Id: ")) << bytes;
    EXPECT_TRUE(c.ended()) << bytes;
  }
  EXPECT_EQ(echoes.load(), 0);
}

TEST_F(HttpServer, LetsHalfARequestGo) {
  const std::uint16_t port = start();
  for (const std::string& half : {std::string("GET /he"), std::string("GET /hello HTTP/1.1\r\nHo"),
                                  post("/echo", "body").substr(0, 50)}) {
    RawConnection c(port);
    c.send(half);
    c.finish_sending();
    EXPECT_TRUE(c.ended());
  }
  EXPECT_EQ(echoes.load(), 0);
}

TEST_F(HttpServer, HidesForwardedHeadersAndNamesThePeer) {
  RawConnection c(start());
  c.send(
      "GET /headers HTTP/1.1\r\nHost: x\r\nForwarded: for=9.9.9.9\r\nx-forwarded-for: 9.9.9.9\r\n"
      "X-Forwarded-Proto: https\r\nX-Real-IP: 9.9.9.9\r\nX-Kept: yes\r\n\r\n");
  EXPECT_EQ(c.read().body, "127.0.0.1\nHost=x\nX-Kept=yes\n");
}

TEST_F(HttpServer, BoundsTargetHeadersAndBody) {
  const std::uint16_t port = start();
  const auto asked = [&](const std::string& bytes) {
    RawConnection c(port);
    c.send(bytes);
    const RawResponse r = c.read();
    EXPECT_TRUE(r.status < 400 || c.ended());
    return r.status;
  };
  const auto target = [](std::size_t n) {
    return "GET /hello?" + std::string(n - 7, 'q') + " HTTP/1.1\r\nHost: x\r\n\r\n";
  };
  EXPECT_EQ(asked(target(8 * 1024)), 200);
  EXPECT_EQ(asked(target(8 * 1024 + 1)), 414);
  EXPECT_EQ(asked(target(500'000)), 414);

  const auto headers = [](int count, std::size_t each) {
    std::string out = "GET /hello HTTP/1.1\r\nHost: x\r\n";
    for (int i = 0; i < count; ++i) out += "X: " + std::string(each, 'v') + "\r\n";
    return out + "\r\n";
  };
  EXPECT_EQ(asked(headers(1, 16'000)), 200);
  EXPECT_EQ(asked(headers(1, 16'400)), 431);
  EXPECT_EQ(asked(headers(1, 500'000)), 431);
  EXPECT_EQ(asked(headers(160, 90)), 200);
  EXPECT_EQ(asked(headers(200, 90)), 431) << "many small ones count together";

  EXPECT_EQ(asked(post("/echo", std::string(65'536, 'b'))), 200);
  EXPECT_EQ(asked(post("/echo", std::string(65'537, 'b'))), 413);
  EXPECT_EQ(asked("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\n"), 413);
  const std::string chunked =
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string pieces = chunked;
  for (int i = 0; i < 17; ++i) pieces += "1000\r\n" + std::string(4096, 'c') + "\r\n";
  EXPECT_EQ(asked(pieces), 413);
  EXPECT_EQ(asked(chunked + "FFFFFFFFFFFFFFFF\r\n"), 413);
  EXPECT_EQ(asked(chunked + "1;" + std::string(500'000, 'e')), 400);
  EXPECT_EQ(asked(chunked + "0\r\nT: " + std::string(500'000, 't')), 400);
}

TEST_F(HttpServer, TakesTenMegabytesWhereARouteAllowsIt) {
  RawConnection c(start());
  constexpr std::size_t size = std::size_t{10} << 20;
  c.send(post("/big", std::string(size, 'x')));
  EXPECT_EQ(c.read().body, std::to_string(size));
  // The same to a route that takes 64 KiB: the refusal arrives although nobody reads it all.
  EXPECT_TRUE(c.send(post("/echo", std::string(size, 'x')))) << "reset while it sends";
  EXPECT_EQ(c.read().status, 413);
  EXPECT_TRUE(c.ended());
}

TEST_F(HttpServer, RefusesDeeplyNestedJson) {
  RawConnection c(start());
  c.send(post("/json", std::string(30'000, '[')));
  const RawResponse r = c.read();
  EXPECT_EQ(r.status, 400);
  EXPECT_TRUE(r.is("json_too_deep"));
  c.send(post("/json", R"({"amount": 1.50})"));
  EXPECT_EQ(c.read().body, R"({"amount":1.50})");
}

}  // namespace
}  // namespace pawl::net
