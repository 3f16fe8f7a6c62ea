// SPDX-License-Identifier: Apache-2.0
//
// What each fault of the outside is to the client: an answer, never_sent, or unknown. This table is
// what the delivery of effects rests on: a fault taken for never_sent by mistake is an effect done
// twice.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "net/client_call.h"
#include "net/fault_server.h"

namespace pawl::net {
namespace {

using std::chrono::milliseconds;
using test::call;
using test::FaultPeer;
using test::FaultServer;
using test::outcome;
using test::post_request;

struct Fault {
  const char* name;
  FaultServer::Script script;
  const char* expected;
  unsigned timeout_ms = 5'000;
};

void PrintTo(const Fault& fault, std::ostream* out) {
  *out << fault.name;
}

std::string many_headers(int count) {
  std::string out = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";
  for (int i = 0; i < count; ++i) out += "X-H" + std::to_string(i) + ": v\r\n";
  return out + "\r\n";
}

class ClientFault : public testing::TestWithParam<Fault> {};

TEST_P(ClientFault, GivesItsOutcome) {
  const FaultServer server(GetParam().script);
  Client client;
  const ClientResult result = call(client, post_request(server.url("/pay"), GetParam().timeout_ms));
  EXPECT_EQ(outcome(result), GetParam().expected) << (result ? "" : result.error().error.text());
  EXPECT_EQ(server.accepted(), 1) << "sent again";
}

INSTANTIATE_TEST_SUITE_P(
    Table, ClientFault,
    testing::Values(
        Fault{"answers", [](FaultPeer& p) { p.read_request(), p.answer("ok"); }, "200"},
        Fault{"answers_an_error",
              [](FaultPeer& p) { p.read_request(), p.answer("no", "503 Busy"); }, "503"},
        Fault{"redirects",
              [](FaultPeer& p) {
                p.read_request();
                p.send("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
                p.hang();
              },
              "302"},
        Fault{"answers_until_it_closes",
              [](FaultPeer& p) { p.read_request(), p.send("HTTP/1.1 200 OK\r\n\r\nall of it"); },
              "200"},
        Fault{"answers_in_chunks",
              [](FaultPeer& p) {
                p.read_request();
                p.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                p.drip("3\r\nabc\r\n0\r\n\r\n", milliseconds(1));
              },
              "200"},
        Fault{"drips_an_empty_chunked_body",
              [](FaultPeer& p) {
                p.read_request();
                p.drip("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                       milliseconds(1));
              },
              "200"},
        Fault{"says_100_and_103_first",
              [](FaultPeer& p) {
                p.read_request();
                p.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
                p.answer("ok");
              },
              "200"},
        Fault{"answers_before_it_read",
              [](FaultPeer& p) { p.answer("early", "413 Too Large"), p.hang(); }, "413"},
        Fault{"closes_before_it_reads", [](FaultPeer& p) { p.close(); },
              "unknown client_connection_lost"},
        Fault{"closes_after_it_read", [](FaultPeer& p) { p.read_request(); },
              "unknown client_connection_lost"},
        Fault{"resets_after_it_read", [](FaultPeer& p) { p.read_request(), p.reset(); },
              "unknown client_connection_lost"},
        Fault{"hangs", [](FaultPeer& p) { p.hang(); }, "unknown client_timed_out", 200},
        Fault{"closes_amid_the_headers",
              [](FaultPeer& p) { p.read_request(), p.send("HTTP/1.1 200 OK\r\nConte"); },
              "unknown client_connection_lost"},
        Fault{"closes_amid_the_body",
              [](FaultPeer& p) {
                p.read_request(), p.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
              },
              "unknown client_connection_lost"},
        Fault{"closes_amid_a_chunk",
              [](FaultPeer& p) {
                p.read_request();
                p.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab");
              },
              "unknown client_connection_lost"},
        Fault{"closes_before_the_last_chunk",
              [](FaultPeer& p) {
                p.read_request();
                p.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n");
              },
              "unknown client_connection_lost"},
        Fault{"drips_beyond_the_deadline",
              [](FaultPeer& p) {
                p.read_request();
                p.drip("HTTP/1.1 200 OK\r\nX: " + std::string(10'000, 'x'), milliseconds(10));
              },
              "unknown client_timed_out", 300},
        Fault{"answers_garbage",
              [](FaultPeer& p) { p.read_request(), p.send("\x16\x03\x01 not http\r\n\r\n"); },
              "unknown client_response_invalid"},
        Fault{"answers_a_bad_length",
              [](FaultPeer& p) {
                p.read_request();
                p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc");
              },
              "unknown client_response_invalid"},
        Fault{"answers_a_coding_unknown",
              [](FaultPeer& p) {
                p.read_request();
                p.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc");
              },
              "unknown client_response_invalid"},
        Fault{"switches_protocols",
              [](FaultPeer& p) {
                p.read_request(), p.send("HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"), p.hang();
              },
              "unknown client_response_invalid"},
        Fault{"says_100_for_ever",
              [](FaultPeer& p) {
                p.read_request();
                while (p.send("HTTP/1.1 100 Continue\r\n\r\n")) {
                }
              },
              "unknown client_response_invalid"},
        Fault{"declares_a_gigabyte",
              [](FaultPeer& p) {
                p.read_request();
                p.send("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n");
                while (p.send(std::string(65536, 'x'))) {
                }
              },
              "unknown client_response_too_large"},
        Fault{"sends_a_gigabyte_undeclared",
              [](FaultPeer& p) {
                p.read_request();
                p.send("HTTP/1.1 200 OK\r\n\r\n");
                for (int i = 0; i < 16384 && p.send(std::string(65536, 'x')); ++i) {
                }
              },
              "unknown client_response_too_large"},
        Fault{"sends_a_gigabyte_in_chunks",
              [](FaultPeer& p) {
                p.read_request();
                p.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                while (p.send("10000\r\n" + std::string(65536, 'x') + "\r\n")) {
                }
              },
              "unknown client_response_too_large"},
        Fault{"sends_ten_thousand_headers",
              [](FaultPeer& p) { p.read_request(), p.send(many_headers(10'000)), p.hang(); },
              "unknown client_response_too_large"},
        // In pieces: each is below every limit, only their sum is not.
        Fault{"sends_headers_for_ever",
              [](FaultPeer& p) {
                p.read_request(), p.send("HTTP/1.1 200 OK\r\n");
                while (p.send("X: y\r\n")) {
                }
              },
              "unknown client_response_too_large"},
        Fault{"sends_one_endless_header",
              [](FaultPeer& p) {
                p.read_request(), p.send("HTTP/1.1 200 OK\r\nX: ");
                while (p.send(std::string(65536, 'x'))) {
                }
              },
              "unknown client_response_too_large"},
        Fault{"sends_an_endless_chunk_line",
              [](FaultPeer& p) {
                p.read_request();
                p.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;");
                while (p.send(std::string(65536, 'x'))) {
                }
              },
              "unknown client_response_invalid"}),
    [](const auto& fault) { return std::string(fault.param.name); });

TEST(ClientNeverSent, WhenNobodyListens) {
  const test::RefusingPort port;
  Client client;
  EXPECT_EQ(
      outcome(call(client, post_request("http://127.0.0.1:" + std::to_string(port.port()) + "/"))),
      "never_sent client_connect_failed");
}

TEST(ClientNeverSent, WhenTheRequestIsMalformed) {
  Client client;
  for (const char* url :
       {"", "/", "127.0.0.1/", "ftp://127.0.0.1/", "http://", "http:///x", "http://u:p@127.0.0.1/",
        "http://127.0.0.1:0/", "http://127.0.0.1:65536/", "http://127.0.0.1/#f",
        "http://127.0.0.1/a b", "http://127.0.0.1/\r\nX: y", "http://a%00b/", "http://a%0ab/"}) {
    EXPECT_EQ(outcome(call(client, post_request(url))), "never_sent client_request_invalid") << url;
  }
  const FaultServer server([](FaultPeer& p) { p.read_request(), p.answer("ok"); });
  const auto with = [&](std::string name, std::string value) {
    ClientRequest request = post_request(server.url());
    request.headers.push_back({std::move(name), std::move(value)});
    return outcome(call(client, std::move(request)));
  };
  EXPECT_EQ(with("X", "a\r\nY: b"), "never_sent client_request_invalid");
  EXPECT_EQ(with("X Y", "a"), "never_sent client_request_invalid");
  EXPECT_EQ(with("", "a"), "never_sent client_request_invalid");
  EXPECT_EQ(with("content-length", "1"), "never_sent client_request_invalid");
  EXPECT_EQ(with("Transfer-Encoding", "chunked"), "never_sent client_request_invalid");
  ClientRequest bad_method = post_request(server.url());
  bad_method.method = "POST /other HTTP/1.1\r\n";
  EXPECT_EQ(outcome(call(client, bad_method)), "never_sent client_request_invalid");
  EXPECT_EQ(server.accepted(), 0);
}

TEST(ClientNeverSent, WhenTheNameIsUnknown) {
  Client client;
  // RFC 6761 section 6.4: .invalid never resolves. Without a name server it is a time-out.
  const std::string got = outcome(call(client, post_request("http://nowhere.invalid/", 10'000)));
  EXPECT_TRUE(got == "never_sent client_resolve_failed" || got == "never_sent client_timed_out")
      << got;
}

TEST(ClientNeverSent, WhenTheTlsHandshakeFails) {
  const FaultServer plain([](FaultPeer& p) { p.send("HTTP/1.1 200 OK\r\n\r\n"), p.hang(); });
  const FaultServer closing([](FaultPeer& p) { p.close(); });
  const FaultServer hanging([](FaultPeer& p) { p.hang(); });
  Client client;
  EXPECT_EQ(outcome(call(client, post_request(plain.url("/", "https")))),
            "never_sent client_tls_failed");
  EXPECT_EQ(outcome(call(client, post_request(closing.url("/", "https")))),
            "never_sent client_tls_failed");
  Client hasty(ClientOptions{.connect_timeout_ms = 200});
  EXPECT_EQ(outcome(call(hasty, post_request(hanging.url("/", "https")))),
            "never_sent client_timed_out");
  Client without(ClientOptions{.ca_file = "/nonexistent/ca.pem"});
  EXPECT_EQ(outcome(call(without, post_request(plain.url("/", "https")))),
            "never_sent client_tls_failed");
}

}  // namespace
}  // namespace pawl::net
