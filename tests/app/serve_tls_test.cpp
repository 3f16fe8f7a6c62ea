// SPDX-License-Identifier: Apache-2.0
//
// pawl serve with a certificate: its verbs over https, SIGHUP, and what keeps it from starting.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>

#include "app/http_call.h"
#include "app/program_fixture.h"
#include "net/tls_fixture.h"

namespace pawl::app::test {

using pawl::test::TestCertificate;

class ServeTlsTest : public ProgramTest {
 protected:
  Result<void> start() {
    ChildProcess::Options options;
    options.program = PAWL_PROGRAM;
    options.arguments = {"serve",      "--data",         path("d"),   "--listen",     "127.0.0.1:0",
                         "--tls-cert", path("cert.pem"), "--tls-key", path("key.pem")};
    options.log_file = path("log");
    return server_.start(options);
  }
  void use(const TestCertificate& pair) const {
    constexpr auto over = std::filesystem::copy_options::overwrite_existing;
    std::filesystem::copy_file(pair.file(), path("cert.pem"), over);
    std::filesystem::copy_file(pair.key_file(), path("key.pem"), over);
    ::chmod(path("key.pem").c_str(), 0600);
  }
  std::string url() const { return "https://127.0.0.1:" + std::to_string(server_.port()); }
  // The status of /healthz for one who trusts `authority`; 0 if it is not trusted.
  unsigned asked_by(const TestCertificate& authority) const {
    HttpCall call(url(), 10'000, authority.file());
    const auto answer = call.get("/healthz");
    return answer ? answer->status : 0;
  }
  bool logged(std::string_view text) const {
    return eventually([&] { return read_file(path("log")).find(text) != std::string::npos; });
  }

  TestCertificate first_{"IP:127.0.0.1"};
  TestCertificate second_{"IP:127.0.0.1"};
  ChildProcess server_;
};

TEST_F(ServeTlsTest, VerbsReachItOverHttpsWithTheRightCertificateOnly) {
  use(first_);
  ASSERT_TRUE(start()) << read_file(path("log"));
  EXPECT_TRUE(logged(url()));
  const Ended trusted = run_pawl({"effects", "list", "--url", url(), "--ca-file", first_.file()});
  EXPECT_EQ(trusted.exit_code, 0) << trusted.err;
  const Ended stranger = run_pawl({"effects", "list", "--url", url(), "--ca-file", second_.file()});
  EXPECT_EQ(stranger.exit_code, 3);
  EXPECT_NE(stranger.err.find("client_tls_failed"), std::string::npos) << stranger.err;
  const Ended plain = run_pawl({"effects", "list", "--url", "http" + url().substr(5)});
  EXPECT_NE(plain.exit_code, 0);
  EXPECT_TRUE(server_.stop(10'000));
  EXPECT_EQ(server_.exit_code(), 0);
}

TEST_F(ServeTlsTest, HangupHasItReadTheCertificateAgain) {
  use(first_);
  ASSERT_TRUE(start()) << read_file(path("log"));
  EXPECT_EQ(asked_by(first_), 200U);
  use(second_);
  ::kill(server_.pid(), SIGHUP);
  ASSERT_TRUE(logged("\"certificate_reloaded\""));
  EXPECT_EQ(asked_by(second_), 200U);
  EXPECT_EQ(asked_by(first_), 0U);
  use(first_);
  ::chmod(path("key.pem").c_str(), 0644);
  ::kill(server_.pid(), SIGHUP);
  ASSERT_TRUE(logged("\"certificate_not_reloaded\""));
  EXPECT_TRUE(logged("tls_key_unusable"));
  EXPECT_EQ(asked_by(second_), 200U) << "the one before is kept";
  EXPECT_TRUE(server_.stop(10'000));
  EXPECT_EQ(server_.exit_code(), 0);
}

TEST_F(ServeTlsTest, DoesNotStartWithAKeyThatOthersMayRead) {
  use(first_);
  ::chmod(path("key.pem").c_str(), 0640);
  EXPECT_FALSE(start());
  EXPECT_EQ(server_.exit_code(), 2);
  EXPECT_NE(read_file(path("log")).find("tls_key_unusable"), std::string::npos);
}

TEST_F(ServeTlsTest, NeedsCertificateAndKeyTogether) {
  EXPECT_EQ(run_pawl({"serve", "--data", path("d"), "--tls-cert", path("cert.pem")}).exit_code, 2);
  const std::string file = write("pawl.toml", "[http]\ntls_key_file = \"/x\"\n");
  const Ended ended = run_pawl({"serve", "--data", path("d"), "--config", file});
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_NE(ended.err.find("stand together"), std::string::npos) << ended.err;
}

TEST_F(ServeTlsTest, WithoutTlsSurvivesAHangup) {
  ChildProcess::Options options;
  options.program = PAWL_PROGRAM;
  options.arguments = {"serve", "--data", path("d"), "--listen", "127.0.0.1:0"};
  options.log_file = path("log");
  ASSERT_TRUE(server_.start(options));
  ::kill(server_.pid(), SIGHUP);
  EXPECT_TRUE(logged("tls_not_configured"));
  EXPECT_TRUE(server_.running());
  EXPECT_TRUE(server_.stop(10'000));
}

}  // namespace pawl::app::test
