// SPDX-License-Identifier: Apache-2.0
//
// The server against peers that are too many or too slow in every way that keeps a connection
// busy, and without descriptors of its own.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <functional>
#include <optional>
#include <thread>

#include "eventually.h"
#include "net/server_fixture.h"

namespace pawl::net {
namespace {

using std::chrono::milliseconds;
using test::eventually;
using test::RawConnection;
using test::RawResponse;

class ServerOverload : public test::ServerTest {
 protected:
  ServerOverload() {
    options.header_timeout_ms = 60'000;
    options.body_timeout_ms = 60'000;
    options.idle_timeout_ms = 60'000;
    options.write_timeout_ms = 60'000;
  }
};

// Calls `step` again and again until it says false.
std::jthread drip(std::function<bool()> step) {
  return std::jthread([step = std::move(step)](const std::stop_token& stop) {
    // lint: allow(sleep): the slow pace of the bytes is the subject
    while (!stop.stop_requested() && step()) std::this_thread::sleep_for(milliseconds(10));
  });
}

TEST_F(ServerOverload, ABodyThatDripsIsCut) {
  options.body_timeout_ms = 150;
  RawConnection c(start());
  c.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n");
  const std::jthread writer = drip([&] { return c.send("x"); });
  EXPECT_EQ(c.read().status, 408);
  EXPECT_EQ(echoes.load(), 0);
}

TEST_F(ServerOverload, AChunkedBodyThatDripsIsCut) {
  options.body_timeout_ms = 150;
  RawConnection c(start());
  c.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::jthread writer = drip([&] { return c.send("1\r\nx\r\n"); });
  EXPECT_EQ(c.read().status, 408);
}

TEST_F(ServerOverload, EmptyLinesForEverAreCut) {
  options.header_timeout_ms = 150;
  const std::uint16_t port = start();
  RawConnection c(port);
  const std::jthread writer = drip([&] { return c.send("\r\n"); });
  c.rest();
  EXPECT_FALSE(c.timed_out());
  EXPECT_TRUE(eventually([&] { return server->connections() == 0; }));
}

// Takes a byte now and then, so that the write goes on and on; the whole answer has one deadline.
TEST_F(ServerOverload, AReaderThatDripsIsCut) {
  options.write_timeout_ms = 300;
  Router router = routes();
  router.add("GET", "/large", [](const Request&, Responder answer) {
    answer(test::text(std::string(std::size_t{32} << 20, 'x')));
  });
  server = std::make_unique<Server>(options, std::move(router));
  RawConnection c(server->start().value());
  c.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  std::atomic<bool> begun{false};
  const std::jthread reader = drip([&] {
    char room[32'768];
    begun = true;
    return ::recv(c.native_handle(), room, sizeof room, 0) > 0;
  });
  EXPECT_TRUE(eventually([&] { return begun.load(); }));
  EXPECT_TRUE(eventually([&] { return server->connections() == 0; }));
}

TEST_F(ServerOverload, OneAddressHasItsShareAndNoMore) {
  options.max_connections_per_peer = 2;
  options.threads = 2;
  const std::uint16_t port = start();
  std::vector<RawConnection> kept;
  for (int i = 0; i < 2; ++i) {
    kept.emplace_back(port);
    EXPECT_EQ(kept.back().get("/hello").status, 200);
  }
  RawConnection third(port);
  const RawResponse refused = third.read();
  EXPECT_EQ(refused.status, 503);
  EXPECT_TRUE(refused.is("too_many_connections_of_peer"));
  EXPECT_TRUE(refused.has("Retry-After: "));
  EXPECT_TRUE(third.ended());
  RawConnection other(port, std::uint8_t{2});
  EXPECT_EQ(other.get("/headers").body, "127.0.0.2\nHost=x\n") << "another address has its own";
  kept.pop_back();
  EXPECT_TRUE(eventually([&] { return server->connections() == 2; }));
  EXPECT_EQ(RawConnection(port).get("/hello").status, 200);
}

// Holds the process to the descriptors it has.
class NoMoreFiles {
 public:
  NoMoreFiles() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int lowest_free = ::dup(0);
    ::close(lowest_free);
    rlimit now = before_;
    now.rlim_cur = static_cast<rlim_t>(lowest_free);
    ::setrlimit(RLIMIT_NOFILE, &now);
  }
  ~NoMoreFiles() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoMoreFiles(const NoMoreFiles&) = delete;
  NoMoreFiles& operator=(const NoMoreFiles&) = delete;

 private:
  rlimit before_{};
};

TEST_F(ServerOverload, AcceptingGoesOnWhenThereAreDescriptorsAgain) {
  const std::uint16_t port = start();
  RawConnection before(port);
  EXPECT_EQ(before.get("/hello").status, 200);
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::optional<NoMoreFiles> none(std::in_place);
  RawConnection waiting(socket, port);
  ASSERT_TRUE(waiting.connected()) << "the kernel takes it, the server cannot";
  waiting.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(eventually([&] { return server->statistics().accept_failures >= 2; }));
  EXPECT_EQ(before.get("/hello").status, 200) << "those there are served meanwhile";
  EXPECT_EQ(server->connections(), 1U);
  none.reset();
  EXPECT_EQ(waiting.read().body, "hello");
}

}  // namespace
}  // namespace pawl::net
