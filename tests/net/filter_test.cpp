// SPDX-License-Identifier: Apache-2.0
//
// Filters: what they see, what they may answer, and that their wraps see each answer once.
#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

#include "net/server_fixture.h"

namespace pawl::net {
namespace {

using test::RawConnection;
using test::RawResponse;

// A line for each answer: who it was for and what became of it.
class Seen {
 public:
  void add(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }
  std::vector<std::string> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(lines_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

class Filters : public test::ServerTest {
 protected:
  std::uint16_t start_with(std::vector<Filter> filters) {
    Router router = routes();
    for (Filter& filter : filters) router.add_filter(std::move(filter));
    server = std::make_unique<Server>(options, std::move(router));
    return server->start().value();
  }

  Filter records() {
    return [this](const Destination& to, Request& request, Responder answer) {
      std::string who = to.route != nullptr ? to.route->method + " " + to.route->pattern
                                            : "refused " + std::to_string(to.refusal->status);
      who += " of " + request.method + " from " + request.peer_address + (request.tls ? "!" : "");
      return std::make_optional<Responder>(
          [this, who = std::move(who), answer = std::move(answer)](Response response) mutable {
            seen.add(who + ": " + std::to_string(response.status));
            response.headers.push_back({"X-Seen", "1"});
            answer(std::move(response));
          });
    };
  }

  Seen seen;
};

using Lines = std::vector<std::string>;

TEST_F(Filters, SeeRequestsAndWrapAnswers) {
  RawConnection c(start_with({records()}));
  const RawResponse answer = c.get("/orders/7/items/8");
  EXPECT_EQ(answer.body, "7|8|-");
  EXPECT_TRUE(answer.has("X-Seen: 1\r\n"));
  c.get("/throw");
  c.get("/forget");
  EXPECT_EQ(seen.take(), (Lines{"GET /orders/{id}/items/{item} of GET from 127.0.0.1: 200",
                                "GET /throw of GET from 127.0.0.1: 500",
                                "GET /forget of GET from 127.0.0.1: 500"}));
}

TEST_F(Filters, SeeWhatNoHandlerAnswers) {
  const std::uint16_t port = start_with({records()});
  RawConnection c(port);
  EXPECT_TRUE(c.get("/nothing").has("X-Seen: 1\r\n"));
  c.send("DELETE /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(c.read().has("Allow: GET, HEAD\r\n"));
  c.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n");
  EXPECT_EQ(c.read().status, 413);
  EXPECT_TRUE(c.ended());
  RawConnection garbage(port);
  garbage.send("garbage\r\n\r\n");
  EXPECT_TRUE(garbage.read().has("X-Seen: 1\r\n"));
  EXPECT_EQ(
      seen.take(),
      (Lines{"refused 404 of GET from 127.0.0.1: 404", "refused 405 of DELETE from 127.0.0.1: 405",
             "refused 413 of POST from 127.0.0.1: 413", "refused 400 of  from 127.0.0.1: 400"}));
}

TEST_F(Filters, AnswerThemselvesAndEndTheChain) {
  const Filter refuses = [](const Destination&, Request& request, Responder answer) {
    if (request.header("Authorization")) return std::make_optional(std::move(answer));
    answer(Response{.status = 401, .body = "{}"});
    return std::optional<Responder>();
  };
  RawConnection c(start_with({records(), refuses, records()}));
  c.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody");
  EXPECT_EQ(c.read().status, 401);
  EXPECT_EQ(echoes.load(), 0);
  EXPECT_EQ(seen.take(), (Lines{"POST /echo of POST from 127.0.0.1: 401"})) << "the first alone";
  c.send("POST /echo HTTP/1.1\r\nHost: x\r\nAuthorization: x\r\nContent-Length: 4\r\n\r\nbody");
  EXPECT_EQ(c.read().body, "body");
  EXPECT_EQ(seen.take().size(), 2U);
}

TEST_F(Filters, MayFillTheRequestInAndAnswerLater) {
  const Filter names = [](const Destination&, Request& request, Responder answer) {
    request.headers.push_back({"X-Principal", "ann"});
    return std::make_optional(std::move(answer));
  };
  std::jthread later;
  const Filter parks = [&](const Destination& to, Request&, Responder answer) {
    if (to.route == nullptr || to.route->pattern != "/hello")
      return std::make_optional(std::move(answer));
    later = std::jthread([a = std::move(answer)]() mutable { a(test::text("later")); });
    return std::optional<Responder>();
  };
  RawConnection c(start_with({names, parks}));
  EXPECT_NE(c.get("/headers").body.find("X-Principal=ann"), std::string::npos);
  EXPECT_EQ(c.get("/hello").body, "later");
}

TEST_F(Filters, ThatThrowOrForgetAre500) {
  const Filter fails = [](const Destination&, Request& request,
                          Responder answer) -> std::optional<Responder> {
    if (request.target == "/hello?throw") throw std::runtime_error("secret insides");
    if (request.target == "/hello?forget") return std::nullopt;
    return answer;
  };
  RawConnection c(start_with({records(), fails}));
  EXPECT_TRUE(c.get("/hello?throw").is("defect"));
  EXPECT_TRUE(c.get("/hello?forget").is("no_answer"));
  EXPECT_EQ(c.get("/hello").body, "hello");
  EXPECT_EQ(seen.take().size(), 3U);
}

// What a client got is told once, also where the server answers in the handler's place.
TEST_F(Filters, AreToldOnceHowARequestEnded) {
  options.header_timeout_ms = 60'000;
  options.answer_timeout_ms = 100;
  const std::uint16_t port = start_with({[this](const Destination&, Request& request, Responder a) {
    request.on_end = [this](const Request& ended, unsigned status) {
      seen.add(ended.target + " " + std::to_string(status));
    };
    return std::make_optional(std::move(a));
  }});
  RawConnection c(port);
  EXPECT_EQ(c.get("/park").status, 503);
  EXPECT_EQ(seen.take(), Lines{"/park 503"});
  parked.take(1).at(0)(test::text("too late"));
  EXPECT_EQ(seen.take(), Lines{});
  EXPECT_EQ(c.get("/hello").status, 200);
  EXPECT_EQ(c.get("/throw").status, 500);
  EXPECT_EQ(c.get("/nothing").status, 404);
  EXPECT_EQ(seen.take(), (Lines{"/hello 200", "/throw 500", "/nothing 404"}));
}

TEST_F(Filters, ThatAreEmptyAreAMistake) {
  Router router = routes();
  router.add_filter(nullptr);
  server = std::make_unique<Server>(options, std::move(router));
  EXPECT_EQ(server->start().error().code.code, "route_invalid");
}

}  // namespace
}  // namespace pawl::net
