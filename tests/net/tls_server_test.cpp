// SPDX-License-Identifier: Apache-2.0
//
// The server over TLS: what it takes and refuses in a handshake, which files it starts with, and
// what reading them again changes.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "eventually.h"
#include "net/client_call.h"
#include "net/server_fixture.h"
#include "net/tls_fixture.h"

namespace pawl::net {
namespace {

using test::call;
using test::eventually;
using test::get_request;
using test::outcome;
using test::RawConnection;
using test::RawTls;
using test::TestCertificate;

void copy(const std::string& from, const std::string& to) {
  std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
}

class TlsServer : public test::ServerTest {
 protected:
  TlsServer() { use(certificate); }
  ~TlsServer() override { std::filesystem::remove_all(directory_); }

  // Puts the pair where the server reads it.
  void use(const TestCertificate& pair) {
    copy(pair.file(), options.tls_certificate_file);
    copy(pair.key_file(), options.tls_key_file);
    ::chmod(options.tls_key_file.c_str(), 0600);
  }
  std::string start_error() {
    Server refused(options, routes());
    const Result<std::uint16_t> port = refused.start();
    return port ? "started" : std::string(port.error().code.code);
  }
  static std::string https(std::uint16_t port, std::string_view path) {
    return "https://localhost:" + std::to_string(port) + std::string(path);
  }

 private:
  std::string directory_ = [this] {
    char pattern[] = "/tmp/pawl-test-tls-XXXXXX";
    const std::string made = ::mkdtemp(pattern);
    options.tls_certificate_file = made + "/certificate.pem";
    options.tls_key_file = made + "/key.pem";
    return made;
  }();

 protected:
  TestCertificate certificate{"DNS:localhost,IP:127.0.0.1"};
};

TEST_F(TlsServer, ServesOurClientAndNamesTheConnection) {
  Router router = routes();
  router.add("GET", "/tls", [](const Request& request, Responder answer) {
    answer(test::text(request.tls ? "tls from " + request.peer_address : "plain"));
  });
  server = std::make_unique<Server>(options, std::move(router));
  const std::uint16_t port = server->start().value();
  Client client(ClientOptions{.ca_file = certificate.file()});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(call(client, get_request(https(port, "/tls")))->body, "tls from 127.0.0.1");
  }
  EXPECT_EQ(server->connections(), 1U) << "kept, not opened anew";
  ClientRequest large = test::post_request(https(port, "/big"));
  large.body.assign(std::size_t{10} << 20, 'x');
  EXPECT_EQ(call(client, large)->body, std::to_string(large.body.size()));
  ClientRequest echo = test::post_request(https(port, "/echo"));
  echo.body.assign(65'536, 'y');
  EXPECT_EQ(call(client, echo)->body, echo.body);
}

TEST_F(TlsServer, SpeaksTls13AndHttp11Only) {
  const std::uint16_t port = start();
  const RawTls good(port, {.protocols = "\x02h2\x08http/1.1"});
  ASSERT_TRUE(good.connected());
  EXPECT_EQ(good.version(), "TLSv1.3");
  EXPECT_EQ(good.protocol(), "http/1.1");
  RawTls silent(port);
  EXPECT_TRUE(silent.connected()) << "no ALPN at all is taken";
  EXPECT_EQ(silent.get("/hello").substr(0, 1), "H");
  EXPECT_FALSE(RawTls(port, {.max_version = TLS1_2_VERSION}).connected());
  EXPECT_FALSE(RawTls(port, {.protocols = "\x02h2"}).connected());
}

TEST_F(TlsServer, IsRefusedByAClientThatDoesNotTrustItOrItsName) {
  const TestCertificate other("DNS:localhost");
  const std::uint16_t port = start();
  Client wrong_authority(ClientOptions{.ca_file = other.file()});
  EXPECT_EQ(outcome(call(wrong_authority, get_request(https(port, "/hello")))),
            "never_sent client_tls_failed");
  const TestCertificate elsewhere("DNS:elsewhere");
  use(elsewhere);
  ASSERT_TRUE(server->reload_certificates());
  Client wrong_name(ClientOptions{.ca_file = elsewhere.file()});
  EXPECT_EQ(outcome(call(wrong_name, get_request(https(port, "/hello")))),
            "never_sent client_tls_failed");
  const std::string by_address = "https://127.0.0.1:" + std::to_string(port) + "/hello";
  EXPECT_EQ(outcome(call(wrong_name, get_request(by_address))), "never_sent client_tls_failed");
  EXPECT_TRUE(eventually([&] { return server->connections() == 0; }));
}

TEST_F(TlsServer, DoesNotStartWithAPairItCannotUse) {
  const TestCertificate other("DNS:localhost");
  const auto with = [&](const std::string& certificate_file, const std::string& key_file) {
    options.tls_certificate_file = certificate_file;
    options.tls_key_file = key_file;
    return start_error();
  };
  EXPECT_EQ(with(certificate.file(), certificate.key_file()), "started");
  EXPECT_EQ(with("/nonexistent.pem", certificate.key_file()), "tls_certificate_unusable");
  EXPECT_EQ(with("", certificate.key_file()), "tls_certificate_unusable");
  EXPECT_EQ(with("/dev/null", certificate.key_file()), "tls_certificate_unusable");
  EXPECT_EQ(with("/tmp", certificate.key_file()), "tls_certificate_unusable");
  EXPECT_EQ(with(certificate.key_file(), certificate.key_file()), "tls_certificate_unusable");
  EXPECT_EQ(with(certificate.file(), ""), "tls_key_unusable");
  EXPECT_EQ(with(certificate.file(), "/nonexistent.pem"), "tls_key_unusable");
  EXPECT_EQ(with(certificate.file(), other.key_file()), "tls_pair_mismatched");
  ::chmod(certificate.file().c_str(), 0600);
  EXPECT_EQ(with(certificate.file(), certificate.file()), "tls_key_unusable");
  for (const mode_t mode : {0640U, 0604U, 0660U, 0620U}) {
    ::chmod(other.key_file().c_str(), mode);
    EXPECT_EQ(with(other.file(), other.key_file()), "tls_key_unusable") << mode;
  }
  ::chmod(other.key_file().c_str(), 0400);
  EXPECT_EQ(with(other.file(), other.key_file()), "started");
  const TestCertificate expired("DNS:localhost", -7200, -3600);
  EXPECT_EQ(with(expired.file(), expired.key_file()), "tls_certificate_out_of_date");
  const TestCertificate early("DNS:localhost", 3600, 7200);
  EXPECT_EQ(with(early.file(), early.key_file()), "tls_certificate_out_of_date");
}

TEST_F(TlsServer, TakesNoKeyWithAPassphraseAndAsksNobodyForIt) {
  std::FILE* out = std::fopen(options.tls_key_file.c_str(), "w");
  PEM_write_PrivateKey(out, certificate.key(), EVP_aes_128_cbc(),
                       reinterpret_cast<const unsigned char*>("secret"), 6, nullptr, nullptr);
  std::fclose(out);
  EXPECT_EQ(start_error(), "tls_key_unusable");
}

TEST_F(TlsServer, ServesANewCertificateToNewConnectionsAndKeepsTheOldOnes) {
  const std::uint16_t port = start();
  RawTls old(port);
  ASSERT_TRUE(old.was_shown(certificate));
  EXPECT_NE(old.get("/hello"), "");
  const TestCertificate fresh("DNS:localhost");
  use(fresh);
  const Result<TlsCertificate> reloaded = server->reload_certificates();
  ASSERT_TRUE(reloaded) << reloaded.error().text();
  EXPECT_EQ(reloaded->subject, "CN=pawl test");
  EXPECT_EQ(reloaded->sha256.size(), 64U);
  EXPECT_EQ(reloaded->not_after.size(), std::string_view("2026-01-01T00:00:00Z").size());
  const RawTls next(port);
  EXPECT_TRUE(next.was_shown(fresh));
  EXPECT_NE(old.get("/hello"), "") << "the connection from before goes on";
}

TEST_F(TlsServer, KeepsTheOldCertificateWhenTheNewOneIsBad) {
  const std::uint16_t port = start();
  const auto refused = [&] {
    const Result<TlsCertificate> reloaded = server->reload_certificates();
    const RawTls next(port);
    EXPECT_TRUE(next.was_shown(certificate));
    return reloaded ? "reloaded" : std::string(reloaded.error().code.code);
  };
  const TestCertificate other("DNS:localhost");
  copy(other.file(), options.tls_certificate_file);
  EXPECT_EQ(refused(), "tls_pair_mismatched");
  use(TestCertificate("DNS:localhost", -7200, -3600));
  EXPECT_EQ(refused(), "tls_certificate_out_of_date");
  use(other);
  ::chmod(options.tls_key_file.c_str(), 0644);
  EXPECT_EQ(refused(), "tls_key_unusable");
  std::filesystem::remove(options.tls_certificate_file);
  EXPECT_EQ(refused(), "tls_certificate_unusable");
  use(other);
  ASSERT_TRUE(server->reload_certificates());
  EXPECT_TRUE(RawTls(port).was_shown(other));
}

TEST_F(TlsServer, WithoutTlsHasNothingToReload) {
  options.tls_certificate_file.clear();
  options.tls_key_file.clear();
  start();
  EXPECT_EQ(server->reload_certificates().error().code.code, "tls_not_configured");
}

TEST_F(TlsServer, CutsASlowHandshake) {
  options.handshake_timeout_ms = 100;
  options.header_timeout_ms = 60'000;
  const std::uint16_t port = start();
  RawConnection says_nothing(port);
  EXPECT_TRUE(says_nothing.ended());
  RawConnection drips(port);
  std::jthread writer([&](const std::stop_token& stop) {
    // A record that announces 512 bytes of a ClientHello.
    const char hello[] = {0x16, 0x03, 0x01, 0x02, 0x00};
    drips.send({hello, sizeof hello});
    while (!stop.stop_requested() && drips.send("x")) {
      // lint: allow(sleep): the slow pace of the bytes is the subject
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  });
  EXPECT_TRUE(eventually([&] { return server->connections() == 0; }));
}

TEST_F(TlsServer, HoldsTheHeaderTimeAfterTheHandshakeToo) {
  options.header_timeout_ms = 100;
  const std::uint16_t port = start();
  RawTls quiet(port);
  ASSERT_TRUE(quiet.connected());
  EXPECT_EQ(quiet.read_all(), "");
  // Where our own first bytes come too late nothing is answered: then once more.
  EXPECT_TRUE(eventually([&] {
    RawTls half(port);
    half.send("GET /hello HT");
    if (half.read_all().find("HTTP/1.1 408 ") == std::string::npos) return false;
    EXPECT_TRUE(half.ended_cleanly()) << "TLS's own end was said";
    return true;
  }));
}

TEST_F(TlsServer, ClosesOnPlainHttpWithoutAReset) {
  const std::uint16_t port = start();
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = test::loopback(port);
  ASSERT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const std::string request =
      "GET /hello HTTP/1.1\r\nHost: x\r\nX: " + std::string(50'000, 'x') + "\r\n\r\n";
  ASSERT_EQ(::send(fd, request.data(), request.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(request.size()));
  std::string answer;
  char piece[4096];
  ssize_t n = 0;
  while ((n = ::recv(fd, piece, sizeof piece, 0)) > 0)
    answer.append(piece, static_cast<std::size_t>(n));
  EXPECT_EQ(n, 0) << "an end, not a reset";
  EXPECT_EQ(answer.find("HTTP"), std::string::npos);
  ::close(fd);
  EXPECT_TRUE(eventually([&] { return server->connections() == 0; }));
}

TEST_F(TlsServer, DropsAReaderThatDoesNotRead) {
  options.write_timeout_ms = 200;
  const std::uint16_t port = start();
  RawTls c(port);
  std::jthread writer([&] {
    const std::string request = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 65000\r\n\r\n" +
                                std::string(65'000, 'x');
    for (int i = 0; i < 2'000; ++i) {
      if (!c.send(request)) return;
    }
  });
  EXPECT_TRUE(eventually([&] { return echoes.load() > 0; }));
  EXPECT_TRUE(eventually([&] { return server->connections() == 0; }));
}

TEST_F(TlsServer, StopsWithConnectionsInEveryState) {
  options.shutdown_grace_ms = 5'000;
  options.threads = 2;
  const std::uint16_t port = start();
  RawConnection in_handshake(port);
  RawTls idle(port);
  idle.get("/hello");
  RawTls busy(port);
  busy.send("GET /park HTTP/1.1\r\nHost: x\r\n\r\n");
  std::vector<Responder> waiting = parked.take(1);
  std::jthread stopper([&] { server->stop(); });
  ASSERT_TRUE(eventually([&] { return !RawConnection(port).connected(); }));
  waiting.at(0)(test::text("in time"));
  EXPECT_NE(busy.read_all().find("in time"), std::string::npos);
  EXPECT_TRUE(busy.ended_cleanly());
}

TEST_F(TlsServer, ReloadsUnderLoad) {
  options.threads = 2;
  const std::uint16_t port = start();
  const TestCertificate other("DNS:localhost,IP:127.0.0.1");
  std::atomic<int> failed{0};
  {
    std::vector<std::jthread> clients;
    for (int t = 0; t < 3; ++t) {
      clients.emplace_back([&] {
        for (int i = 0; i < 20; ++i) {
          RawTls c(port);
          if (!c.connected() || c.get("/hello").empty()) ++failed;
        }
      });
    }
    for (int i = 0; i < 20; ++i) {
      use(i % 2 == 0 ? other : certificate);
      EXPECT_TRUE(server->reload_certificates());
    }
  }
  EXPECT_EQ(failed.load(), 0);
}

}  // namespace
}  // namespace pawl::net
