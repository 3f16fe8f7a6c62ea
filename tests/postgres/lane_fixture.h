// SPDX-License-Identifier: Apache-2.0
//
// Several stores on one PostgreSQL schema, as several processes would have them, each with a lane;
// and a session behind their backs that holds locks for as long as a test wants.
#pragma once

#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/bank_decide.h"
#include "eventually.h"
#include "postgres/postgres_world.h"
#include "store/store.h"

namespace pawl::test {

inline EntityRef account_ref(std::string key) {
  return {bank::Account::machine, std::move(key)};
}

// One process: a store and its lane.
struct LaneUser {
  StoreHandle store;
  std::unique_ptr<StoreLane> lane;

  protocol::LockedBatch lock(const std::vector<std::string>& keys, bool wait = false) {
    protocol::LockRequest request;
    for (const auto& key : keys) request.entities.push_back(account_ref(key));
    request.wait_for_rows = wait;
    return lock(request);
  }
  protocol::LockedBatch lock(const protocol::LockRequest& request) {
    auto out = lane->lock(request);
    EXPECT_TRUE(out) << (out ? "" : out.error().text());
    return out ? std::move(*out) : protocol::LockedBatch{};
  }
  static protocol::WriteBatch nothing() {
    protocol::WriteBatch writes;
    writes.journal_entries = "[]";
    writes.time = Time{777};
    return writes;
  }
  // What the committer would write to give each of the locked accounts this balance.
  static protocol::WriteBatch giving(protocol::LockedBatch locked, std::int64_t balance) {
    protocol::WriteBatch writes = nothing();
    writes.entities = std::move(locked.entities);
    for (std::size_t i = 0; i < writes.entities.size(); ++i) {
      EntitySlot& slot = writes.entities[i];
      bank::Account row;
      row.id = slot.ref.key;
      row.balance = balance;
      row.state_since = Time{123};
      writes.entity_writes.push_back({i, !slot.present, slot.version});
      slot.row = to_row(row);
      slot.present = true;
      ++slot.version;
      slot.newest = {locked.lane, locked.sequence, 1};
    }
    return writes;
  }
  Result<void> give(const std::vector<std::string>& keys, std::int64_t balance) {
    return lane->commit(giving(lock(keys), balance));
  }
  std::int64_t balance(const std::string& key) {
    const auto slots = lane->entities({account_ref(key)});
    EXPECT_TRUE(slots) << (slots ? "" : slots.error().text());
    bank::Account row;
    if (!slots || !slots->front().present) return -1;
    EXPECT_TRUE(from_row(std::span<const Value>(slots->front().row), row));
    return row.balance;
  }
};

// A session as the superuser, with a transaction that stays open.
class Holder {
 public:
  explicit Holder(const PostgresWorld& world) {
    connection_ = PQconnectdb(world.server().admin_url().c_str());
    run("SET search_path TO \"" + world.schema() + "\"");
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() { PQfinish(connection_); }
  std::string run(const std::string& sql) {
    PGresult* result = PQexec(connection_, sql.c_str());
    const std::string message = PQresultErrorMessage(result);
    PQclear(result);
    return message;
  }

 private:
  PGconn* connection_;
};

class LaneTest : public ::testing::Test {
 protected:
  LaneTest() { bank::describe(registry); }

  LaneUser open() { return open_with(world.options()); }
  LaneUser open_with(const PostgresOptions& options) {
    LaneUser user;
    auto opened = open_postgres(options, registry);
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().text());
    if (!opened) return user;
    user.store = std::move(*opened);
    user.lane = take(user, LaneWish::own);
    return user;
  }
  static std::unique_ptr<StoreLane> take(LaneUser& user, LaneWish wish) {
    auto taken = user.store->take_lane(wish);
    EXPECT_TRUE(taken) << (taken ? "" : taken.error().text());
    return taken ? std::move(*taken) : nullptr;
  }
  // Sessions of this schema's stores that wait for a lock.
  bool somebody_waits(int count = 1) {
    return eventually([&] {
      return world.sql("SELECT count(*) FROM pg_locks WHERE NOT granted") == std::to_string(count);
    });
  }

  PostgresWorld world;
  Registry registry;
};

}  // namespace pawl::test
