// SPDX-License-Identifier: Apache-2.0
//
// What the client sends, how it keeps, bounds and drops connections, and how exchanges end early.
#include "net/client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <functional>
#include <thread>

#include "eventually.h"
#include "net/client_call.h"
#include "net/fault_server.h"
#include "net/server_fixture.h"
#include "net/tls_fixture.h"

namespace pawl::net {
namespace {

using std::chrono::milliseconds;
using test::call;
using test::eventually;
using test::FaultPeer;
using test::FaultServer;
using test::get_request;
using test::outcome;
using test::PendingCall;
using test::post_request;

void answer_all(FaultPeer& peer) {
  while (peer.read_request() && peer.answer("ok")) {
  }
}

TEST(ClientSends, OneRequestAsItWasAsked) {
  std::promise<std::string> seen;
  const FaultServer server([&](FaultPeer& p) {
    p.read_request();
    seen.set_value(p.request());
    p.send(
        "HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nX-Y: z\r\nContent-Length: 2\r\n\r\n");
    p.send("ok");
    p.hang();
  });
  Client client;
  ClientRequest request = post_request(server.url("/pay%20it?a=%26"));
  request.headers = {{"Idempotency-Key", "k-1"}};
  const ClientResult result = call(client, request);
  ASSERT_TRUE(result) << result.error().error.text();
  EXPECT_EQ(result->status, 201U);
  EXPECT_EQ(result->content_type, "text/plain");
  EXPECT_EQ(result->header("x-y"), "z");
  EXPECT_EQ(result->body, "ok");
  EXPECT_EQ(seen.get_future().get(),
            "POST /pay%20it?a=%26 HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) +
                "\r\nIdempotency-Key: k-1\r\nContent-Length: 17\r\n\r\n" + request.body);
}

class ClientAndServer : public test::ServerTest {};

TEST_F(ClientAndServer, SpeakToEachOther) {
  const std::string base = "http://localhost:" + std::to_string(start());
  Client client;
  EXPECT_EQ(call(client, get_request(base + "/hello"))->body, "hello");
  ClientRequest head = get_request(base + "/hello");
  head.method = "HEAD";
  const ClientResult answer = call(client, head);
  EXPECT_EQ(answer->status, 200U);
  EXPECT_EQ(answer->body, "");
  EXPECT_EQ(answer->header("content-length"), "5");
  ClientRequest large = post_request(base + "/big");
  large.body.assign(std::size_t{10} << 20, 'x');
  EXPECT_EQ(call(client, large)->body, std::to_string(large.body.size()));
  large.url = base + "/echo";
  const std::string refused = outcome(call(client, large));
  EXPECT_EQ(refused, "413");
  EXPECT_EQ(call(client, get_request(base + "/nothing"))->status, 404U);
}

TEST(ClientPool, UsesAConnectionAgain) {
  const FaultServer server(answer_all);
  Client client;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(outcome(call(client, post_request(server.url()))), "200");
  EXPECT_EQ(server.accepted(), 1);
}

// The stale connection: closed by the peer while it was idle. Seen before the write, a fresh one is
// made; the request is sent once.
TEST(ClientPool, OpensAFreshConnectionWhenThePeerClosedTheOld) {
  std::atomic<int> closed{0};
  std::atomic<int> requests{0};
  const FaultServer server([&](FaultPeer& p) {
    if (p.read_request()) ++requests;
    p.answer("ok");
    p.close();
    ++closed;
  });
  Client client;
  for (int i = 1; i <= 5; ++i) {
    EXPECT_EQ(outcome(call(client, post_request(server.url()))), "200");
    ASSERT_TRUE(eventually([&] { return closed.load() == i; }));
  }
  EXPECT_EQ(requests.load(), 5);
  EXPECT_EQ(server.accepted(), 5);
}

// Closed after the second request was written on it: its fate is unknown, and it is not sent again.
TEST(ClientPool, DoesNotRetryWhatItWroteOnAStaleConnection) {
  std::atomic<int> requests{0};
  const FaultServer server([&](FaultPeer& p) {
    p.read_request();
    p.answer("ok");
    if (p.read_request()) ++requests;
  });
  Client client;
  EXPECT_EQ(outcome(call(client, post_request(server.url()))), "200");
  EXPECT_EQ(outcome(call(client, post_request(server.url()))), "unknown client_connection_lost");
  EXPECT_EQ(requests.load(), 1);
  EXPECT_EQ(server.accepted(), 1);
}

TEST(ClientPool, DropsAConnectionThatSaysMoreThanItsAnswer) {
  const FaultServer server([](FaultPeer& p) {
    p.read_request();
    p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 Forged\r\n\r\n");
    p.hang();
  });
  Client client;
  EXPECT_EQ(outcome(call(client, get_request(server.url()))), "200");
  EXPECT_EQ(outcome(call(client, get_request(server.url()))), "200");
  EXPECT_EQ(server.accepted(), 2);
}

TEST(ClientPool, HeedsConnectionClose) {
  const FaultServer server([](FaultPeer& p) {
    p.read_request();
    p.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    p.hang();
  });
  Client client;
  EXPECT_EQ(outcome(call(client, get_request(server.url()))), "200");
  EXPECT_EQ(outcome(call(client, get_request(server.url()))), "200");
  EXPECT_EQ(server.accepted(), 2);
}

TEST(ClientPool, ForgetsAConnectionUnusedForLong) {
  const FaultServer server(answer_all);
  Client client(ClientOptions{.idle_timeout_ms = 1});
  EXPECT_EQ(outcome(call(client, get_request(server.url()))), "200");
  // lint: allow(sleep): the time that passes is the subject, and nothing is to be seen until then
  std::this_thread::sleep_for(milliseconds(5));
  EXPECT_EQ(outcome(call(client, get_request(server.url()))), "200");
  EXPECT_EQ(server.accepted(), 2);
}

TEST(ClientBounds, ConnectionsAndQueueOfAHost) {
  const FaultServer hanging([](FaultPeer& p) { p.hang(); });
  const FaultServer other(answer_all);
  Client client(ClientOptions{.max_connections_per_host = 2, .max_queued_per_host = 3});
  std::vector<std::unique_ptr<PendingCall>> calls;
  for (int i = 0; i < 6; ++i) {
    // Those in the queue give up first, so that none of them gets a connection at the last moment.
    const unsigned timeout_ms = i < 2 ? 1'000 : 200;
    calls.push_back(std::make_unique<PendingCall>(client, get_request(hanging.url(), timeout_ms)));
  }
  EXPECT_EQ(outcome(calls.back()->get()), "never_sent client_queue_full");
  EXPECT_EQ(outcome(call(client, get_request(other.url()))), "200") << "another host is free";
  int unknown = 0;
  int never = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    const std::string got = outcome(calls[i]->get());
    unknown += got == "unknown client_timed_out" ? 1 : 0;
    never += got == "never_sent client_timed_out" ? 1 : 0;
  }
  EXPECT_EQ(unknown, 2) << "those that were written";
  EXPECT_EQ(never, 3) << "those that waited in the queue";
  EXPECT_EQ(hanging.accepted(), 2);
}

TEST(ClientBounds, QueuedRequestsFollowInOrder) {
  std::mutex mutex;
  std::string order;
  const FaultServer server([&](FaultPeer& p) {
    while (p.read_request()) {
      {
        const std::lock_guard lock(mutex);
        order += p.request().at(5);
      }
      if (!p.answer("ok")) return;
    }
  });
  Client client(ClientOptions{.max_connections_per_host = 1});
  std::vector<std::unique_ptr<PendingCall>> calls;
  for (const char* path : {"/a", "/b", "/c", "/d"}) {
    calls.push_back(std::make_unique<PendingCall>(client, get_request(server.url(path))));
  }
  for (const auto& c : calls) EXPECT_EQ(outcome(c->get()), "200");
  EXPECT_EQ(order, "abcd");
}

// A listener whose backlog is full: the kernel drops the SYN and the connection hangs.
TEST(ClientNeverSent, WhenConnectingTakesTooLong) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = test::loopback(0);
  ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener, 0), 0);
  const std::uint16_t port = test::port_of(listener);
  const test::RawConnection fills_it(port);
  Client client(ClientOptions{.connect_timeout_ms = 200});
  EXPECT_EQ(outcome(call(client, get_request("http://127.0.0.1:" + std::to_string(port)))),
            "never_sent client_timed_out");
  ::close(listener);
}

TEST(ClientCancel, BeforeTheWriteIsNeverSentAndAfterItUnknown) {
  std::promise<void> arrived;
  const FaultServer server([&](FaultPeer& p) {
    p.read_request();
    arrived.set_value();
    p.hang();
  });
  Client client(ClientOptions{.max_connections_per_host = 1});
  PendingCall written(client, post_request(server.url()));
  PendingCall queued(client, post_request(server.url()));
  PendingCall other_queued(client, post_request(server.url(), 200));
  arrived.get_future().get();
  EXPECT_FALSE(written.ready());
  queued.handle.cancel();
  EXPECT_EQ(outcome(queued.get()), "never_sent client_cancelled");
  EXPECT_EQ(outcome(other_queued.get()), "never_sent client_timed_out");
  written.handle.cancel();
  EXPECT_EQ(outcome(written.get()), "unknown client_cancelled");
  written.handle.cancel();
  Client::Handle().cancel();
  EXPECT_EQ(server.accepted(), 1);
}

// The alarm rings between two steps of a handshake, when nothing is there to be cancelled: the
// thread is held until the connection and the alarm are both due, and then sees both at once.
TEST(ClientNeverSent, WhenTheAlarmRingsBetweenTwoSteps) {
  const FaultServer server([](FaultPeer& p) { p.hang(); });
  constexpr unsigned timeout_ms = 50;
  Client client(ClientOptions{.connect_timeout_ms = timeout_ms});
  PendingCall late(client, get_request(server.url("/", "https")));
  client.send(get_request("no url"), [](ClientResult) {
    // lint: allow(sleep): holding the client's thread past the alarm is the subject
    std::this_thread::sleep_for(milliseconds(4 * timeout_ms));
  });
  EXPECT_EQ(outcome(late.get()), "never_sent client_timed_out");
}

TEST(ClientCancel, FreesTheConnectionForTheNext) {
  std::atomic<int> arrived{0};
  const FaultServer server([&](FaultPeer& p) {
    while (p.read_request()) {
      if (++arrived == 1) return p.hang();
      p.answer("ok");
    }
  });
  Client client(ClientOptions{.max_connections_per_host = 1});
  PendingCall first(client, post_request(server.url()));
  PendingCall cancelled(client, post_request(server.url()));
  PendingCall next(client, post_request(server.url()));
  ASSERT_TRUE(eventually([&] { return arrived.load() == 1; }));
  cancelled.handle.cancel();
  EXPECT_EQ(outcome(cancelled.get()), "never_sent client_cancelled");
  first.handle.cancel();
  EXPECT_EQ(outcome(next.get()), "200") << "the connection went to one who had left the queue";
}

TEST(ClientStop, EndsEveryExchangeAndSurvivesItsHandles) {
  const FaultServer server([](FaultPeer& p) { p.hang(); });
  Client::Handle late;
  std::vector<std::unique_ptr<PendingCall>> calls;
  {
    Client client(ClientOptions{.max_connections_per_host = 2});
    for (int i = 0; i < 10; ++i) {
      calls.push_back(std::make_unique<PendingCall>(client, get_request(server.url())));
    }
    ASSERT_TRUE(eventually([&] { return server.accepted() == 2; }));
    late = calls[0]->handle;
  }
  for (const auto& c : calls) {
    ASSERT_TRUE(c->ready());
    EXPECT_EQ(c->get().error().error.code.code, "client_stopped");
  }
  late.cancel();
}

TEST(ClientStop, UnderLoadIsClean) {
  const FaultServer server(answer_all);
  for (int round = 0; round < 10; ++round) {
    std::atomic<int> done{0};
    constexpr int threads = 4;
    constexpr int each = 50;
    {
      Client client(ClientOptions{.max_connections_per_host = 4, .max_queued_per_host = 64});
      std::barrier start(threads);
      std::vector<std::jthread> senders;
      for (int t = 0; t < threads; ++t) {
        senders.emplace_back([&] {
          start.arrive_and_wait();
          for (int i = 0; i < each; ++i) {
            const Client::Handle handle =
                client.send(get_request(server.url()), [&done](ClientResult) { ++done; });
            if (i % 3 == 0) handle.cancel();
          }
        });
      }
      senders.clear();
    }
    EXPECT_EQ(done.load(), threads * each) << "each callback exactly once";
  }
}

TEST(ClientCallback, ThatThrowsHarmsNobody) {
  const FaultServer server(answer_all);
  Client client;
  client.send(get_request(server.url()), [](ClientResult) { throw std::runtime_error("x"); });
  EXPECT_EQ(outcome(call(client, get_request(server.url()))), "200");
}

TEST(ClientTls, ChecksCertificateNameDateAndVersion) {
  const test::TestCertificate good("DNS:localhost,IP:127.0.0.1");
  const FaultServer server{test::TlsScript(good)};
  const std::string by_name = "https://localhost:" + std::to_string(server.port()) + "/";
  Client trusting(ClientOptions{.ca_file = good.file()});
  EXPECT_EQ(call(trusting, get_request(by_name))->body, "secure");
  EXPECT_EQ(call(trusting, get_request(by_name))->body, "secure");
  EXPECT_EQ(server.accepted(), 1) << "a TLS connection is kept, too";
  EXPECT_EQ(call(trusting, get_request(server.url("/", "https")))->body, "secure");

  Client stranger;
  EXPECT_EQ(outcome(call(stranger, get_request(by_name))), "never_sent client_tls_failed");

  const auto against = [](const test::TestCertificate& certificate, int version = 0) {
    const FaultServer faulty{test::TlsScript(certificate, version)};
    Client client(ClientOptions{.ca_file = certificate.file()});
    return outcome(
        call(client, get_request("https://localhost:" + std::to_string(faulty.port()) + "/")));
  };
  EXPECT_EQ(against(good), "200");
  EXPECT_EQ(against(test::TestCertificate("DNS:elsewhere")), "never_sent client_tls_failed");
  EXPECT_EQ(against(test::TestCertificate("DNS:localhost", -7200, -3600)),
            "never_sent client_tls_failed");
  EXPECT_EQ(against(good, TLS1_2_VERSION), "200");
  EXPECT_EQ(against(good, TLS1_1_VERSION), "never_sent client_tls_failed");
}

// Without TLS's own end nobody can tell a whole answer from a cut one.
TEST(ClientTls, TakesACutAnswerForNoAnswer) {
  const test::TestCertificate certificate("IP:127.0.0.1");
  const FaultServer server{
      test::TlsScript(certificate, 0, "HTTP/1.1 200 OK\r\n\r\nhalf of it", true)};
  Client client(ClientOptions{.ca_file = certificate.file()});
  EXPECT_EQ(outcome(call(client, get_request(server.url("/", "https")))),
            "unknown client_connection_lost");
}

}  // namespace
}  // namespace pawl::net
