// SPDX-License-Identifier: Apache-2.0
//
// How long a read waits, and what is asked again: the server's own time-out ends a slow read, and
// one that was not answered in time is not sent a second time beside the first.
#include "store/postgres/postgres_reads.h"

#include <gtest/gtest.h>

#include "postgres/gate.h"
#include "postgres/lane_fixture.h"

namespace pawl::test {
namespace {

class PostgresReadsTest : public LaneTest {
 protected:
  PostgresReadsTest() : gate(world.server().port()), user(open()) {
    user.lane->release();
    options = world.options();
    options.url = "postgresql://pawl:" + std::string(TestServer::password) +
                  "@127.0.0.1:" + std::to_string(gate.port()) + "/pawl?sslmode=disable";
    options.statement_timeout_ms = 300;
    options.lock_timeout_ms = 10'000;
    options.readers = 1;
  }

  Gate gate;
  LaneUser user;
  PostgresOptions options;
};

TEST_F(PostgresReadsTest, TheServersTimeOutEndsASlowOneOnce) {
  gate.set_latency_ms(5);  // what a connection takes is no part of the statement's time
  const auto reads = postgres::PostgresReads::open(options, registry).value();
  Holder holder(world);
  EXPECT_EQ(holder.run("BEGIN; LOCK TABLE accounts"), "");
  const auto read = reads->entity(account_ref("a"));
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().detail.find("(57014)"), std::string::npos) << read.error().text();
  EXPECT_EQ(holder.run("ROLLBACK"), "");
  EXPECT_TRUE(reads->entity(account_ref("a")));
  EXPECT_EQ(gate.connections(), 1) << "the same connection served both";
}

TEST_F(PostgresReadsTest, OneNotAnsweredInTimeIsNotAskedAgain) {
  options.tcp_timeout_ms = 300;
  const auto reads = postgres::PostgresReads::open(options, registry).value();
  ASSERT_TRUE(reads->entity(account_ref("a")));
  gate.arm({.direction = Direction::to_client,
            .from = From::connection,
            .bytes = gate.bytes(Direction::to_client),
            .fault = Fault::swallow});
  EXPECT_FALSE(reads->entity(account_ref("a")));
  EXPECT_TRUE(gate.struck(0));
  EXPECT_EQ(gate.connections(), 1);
  gate.heal();
  EXPECT_TRUE(reads->entity(account_ref("a")));
}

TEST_F(PostgresReadsTest, OneWhoseConnectionIsLostIsAskedAgain) {
  const auto reads = postgres::PostgresReads::open(options, registry).value();
  ASSERT_TRUE(reads->entity(account_ref("a")));
  gate.arm({.direction = Direction::to_client,
            .from = From::connection,
            .bytes = gate.bytes(Direction::to_client),
            .fault = Fault::reset});
  const auto read = reads->entity(account_ref("a"));
  EXPECT_TRUE(read) << read.error().text();
  EXPECT_TRUE(gate.struck(0));
  EXPECT_EQ(gate.connections(), 2);
}

}  // namespace
}  // namespace pawl::test
