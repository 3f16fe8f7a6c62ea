// SPDX-License-Identifier: Apache-2.0
//
// The VFS that gathers appends to the log: the same random transactions through it and through the
// default one leave the same rows, also where pages are spilled, taken back and checkpointed, and
// another connection sees each commit as soon as it has returned.
#include "store/sqlite/wal_buffer.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

#include "store/sqlite/connection.h"
#include "store/sqlite_world.h"

namespace pawl::sqlite {
namespace {

constexpr int read_write = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;

Connection open(const std::string& path, const char* vfs) {
  auto connection = Connection::open(path, read_write, vfs);
  EXPECT_TRUE(connection) << connection.error().text();
  // Ten pages of cache: a transaction of more is spilled to the log before it commits.
  EXPECT_TRUE(connection->execute(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = 10;"
      "PRAGMA wal_autocheckpoint = 200;"
      "CREATE TABLE IF NOT EXISTS t (k INTEGER PRIMARY KEY, v TEXT) STRICT;"));
  return std::move(*connection);
}

std::string scalar(Connection& connection, const std::string& sql) {
  auto statement = connection.prepare(sql);
  if (!statement) return statement.error().text();
  const auto row = statement->step();
  return row && *row ? statement->text(0) : "nothing";
}

constexpr auto contents =
    "SELECT count(*) || ' ' || coalesce(sum(k * length(v)), 0) || ' ' || "
    "coalesce(sum(unicode(v)), 0) FROM t";

TEST(WalBuffer, LeavesWhatTheDefaultLeaves) {
  const test::TempDir directory;
  const auto vfs = wal_buffer_vfs();
  ASSERT_TRUE(vfs);
  Connection ours = open(directory.file("ours.db"), *vfs);
  Connection theirs = open(directory.file("theirs.db"), nullptr);
  Connection reader = open(directory.file("ours.db"), nullptr);
  // NOLINTNEXTLINE(concurrency-mt-unsafe): a test reads its own environment
  const char* text = std::getenv("PAWL_SEED");
  const std::uint64_t seed = text == nullptr ? std::random_device{}() : std::stoull(text);
  RecordProperty("seed", std::to_string(seed));
  std::cout << "PAWL_SEED=" << seed << "\n";
  std::mt19937_64 random(seed);
  const auto pick = [&](std::uint64_t below) { return random() % below; };
  for (int round = 0; round < 200; ++round) {
    const std::string before = scalar(theirs, contents);
    std::string sql = "BEGIN IMMEDIATE;";
    for (std::uint64_t i = 1 + pick(60); i > 0; --i) {
      const std::string key = std::to_string(pick(400));
      sql += pick(5) == 0
                 ? "DELETE FROM t WHERE k = " + key + ";"
                 : "INSERT OR REPLACE INTO t VALUES (" + key + ", '" +
                       std::string(1 + pick(3'000), static_cast<char>('a' + pick(26))) + "');";
    }
    const bool taken_back = pick(4) == 0;
    for (Connection* side : {&ours, &theirs}) {
      ASSERT_TRUE(side->execute(sql));
      ASSERT_TRUE(side->execute(taken_back ? "ROLLBACK" : "COMMIT"));
    }
    const std::string after = scalar(theirs, contents);
    if (taken_back) {
      ASSERT_EQ(after, before);
    }
    ASSERT_EQ(scalar(reader, contents), after) << "round " << round;
    ASSERT_EQ(scalar(ours, contents), after) << "round " << round;
  }
  EXPECT_EQ(scalar(reader, "PRAGMA integrity_check"), "ok");
}

}  // namespace
}  // namespace pawl::sqlite
