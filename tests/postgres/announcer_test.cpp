// SPDX-License-Identifier: Apache-2.0
//
// The channel of a schema's processes, whatever the schema is called: a name too long for the
// server is cut to one that it takes, and what it refuses all the same is said once.
#include "store/postgres/announcer.h"

#include <gtest/gtest.h>
#include <pawl/log.h>

#include <atomic>
#include <string>

#include "eventually.h"
#include "postgres/gate.h"
#include "postgres/server.h"

namespace pawl::test {
namespace {

TEST(PostgresAnnouncer, HearsOthersOnASchemaWhoseNameIsCutInACharacter) {
  const TestSchema schema;
  // With what is put before it, byte 63 is in the middle of each of these's last character.
  for (const std::string last : {"\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x90\xBE"}) {
    const std::string name = std::string(57, 's') + last;
    postgres::Announcer hearing(schema.options(), name);
    postgres::Announcer telling(schema.options(), name);
    std::atomic<bool> told = false;
    hearing.listen([&](const Tidings& tidings) { told = told || tidings.committed; });
    telling.listen([](const Tidings&) {});
    // A hint can be lost while the listener is not there yet: so it is given until it is heard.
    EXPECT_TRUE(eventually([&] {
      telling.committed({});
      return told.load();
    })) << name;
    telling.listen(nullptr);
    hearing.listen(nullptr);
  }
}

TEST(PostgresAnnouncer, SaysOnceThatTheServerRefusesItsChannel) {
  std::atomic<int> said = 0;
  log::set_sink([&](std::string_view line) {
    if (line.find("\"tidings_refused\"") != std::string_view::npos) ++said;
  });
  const TestSchema schema;
  Gate gate(TestServer::shared().port());
  auto options = schema.options();
  options.url = "postgresql://pawl:" + std::string(TestServer::password) +
                "@127.0.0.1:" + std::to_string(gate.port()) + "/pawl?sslmode=disable";
  {
    postgres::Announcer refused(options, "\xFF");
    refused.listen([](const Tidings&) {});
    // Each try is a connection of its own.
    EXPECT_TRUE(eventually([&] { return gate.connections() > 2; }));
    refused.listen(nullptr);
  }
  EXPECT_EQ(said, 1);
  log::set_sink({});
}

}  // namespace
}  // namespace pawl::test
