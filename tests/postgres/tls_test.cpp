// SPDX-License-Identifier: Apache-2.0
//
// The same connection over TLS: the server's certificate is checked when the URL says so, and what
// TLS has decrypted ahead is not forgotten while the socket is waited for.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "eventually.h"
#include "net/tls_fixture.h"
#include "postgres/server.h"
#include "store/postgres/pipeline.h"

namespace pawl::postgres::test {

using pawl::test::give_to_postgres;
using pawl::test::patience_ms;
using pawl::test::ServerSettings;
using pawl::test::TestCertificate;
using pawl::test::TestServer;

class PostgresTls : public ::testing::Test {
 protected:
  PostgresTls() {
    give_to_postgres(certificate.file());
    give_to_postgres(certificate.key_file());
  }

  ConnectionOptions options(const std::string& words) const {
    ConnectionOptions options;
    options.url = server->url() + "?" + words;
    return options;
  }

  const TestCertificate certificate{"IP:127.0.0.1"};
  const TestCertificate other{"IP:127.0.0.1"};
  // After the files are the server's.
  std::unique_ptr<TestServer> server;

  void SetUp() override {
    server = std::make_unique<TestServer>(ServerSettings{{"ssl", "on"},
                                                         {"ssl_cert_file", certificate.file()},
                                                         {"ssl_key_file", certificate.key_file()}});
  }
};

TEST_F(PostgresTls, TheServersCertificateIsChecked) {
  const auto known =
      Connection::open(options("sslmode=verify-full&sslrootcert=" + certificate.file()));
  EXPECT_TRUE(known) << known.error().text();
  const auto unknown = Connection::open(options("sslmode=verify-full&sslrootcert=" + other.file()));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code.code, "store_unreachable");
}

TEST_F(PostgresTls, LargeAnswersArriveWhole) {
  auto connection = Connection::open(options("sslmode=require"));
  ASSERT_TRUE(connection) << connection.error().text();
  // Of every size around a record of TLS and around libpq's buffer, and a megabyte.
  const Statement blob{.name = "blob", .sql = "SELECT repeat('x', $1)", .types = {Type::int4}};
  for (int size = 1000; size < 60'000; size += 977) {
    const auto answer =
        run_one(*connection, blob, Parameters().int4(size), deadline_in(patience_ms));
    ASSERT_TRUE(answer) << size << ": " << answer.error().message;
    ASSERT_EQ(answer->text_view(0, 0).size(), static_cast<std::size_t>(size));
  }
  constexpr int statements = 5'000;
  Pipeline round(*connection);
  Parameters parameters;
  for (int i = 0; i < statements; ++i) {
    parameters.clear();
    round.add(blob, parameters.int4(i));
  }
  const auto outcome = round.run(deadline_in(60'000));
  ASSERT_TRUE(outcome) << outcome.error().message;
  for (int i = 0; i < statements; ++i) {
    ASSERT_EQ(outcome[static_cast<std::size_t>(i)].text_view(0, 0).size(),
              static_cast<std::size_t>(i));
  }
}

}  // namespace pawl::postgres::test
