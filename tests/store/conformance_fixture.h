// SPDX-License-Identifier: Apache-2.0
//
// What the conformance tests of every store start from: a store of a world, and batches written as
// the committer would write them. The tests are in conformance_writes.h, conformance_reads.h and
// conformance_schema.h; conformance.h makes one suite of them and says what a world is.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "engine/bank_decide.h"
#include "store/store.h"

namespace pawl::test {

using protocol::LockedBatch;
using protocol::LockRequest;
using protocol::WriteBatch;

inline EntityRef account_ref(std::string key) {
  return {bank::Account::machine, std::move(key)};
}

template <class World>
class StoreConformance : public ::testing::Test {
 public:
  StoreConformance() { bank::describe(registry); }
  void SetUp() override { reopen(); }

  void reopen() { reopen_with(registry); }
  void reopen_with(const Registry& known) {
    close();
    auto opened = world.open(known, false);
    ASSERT_TRUE(opened) << opened.error().text();
    store = std::move(*opened);
    auto taken = store->take_lane(LaneWish::own);
    ASSERT_TRUE(taken && *taken) << (taken ? "" : taken.error().text());
    lane = std::move(*taken);
  }
  void close() {
    if (lane) lane->release();
    lane.reset();
    store.reset();
  }
  ErrorCode refused_to_open() {
    close();
    auto opened = world.open(registry, false);
    EXPECT_FALSE(opened);
    return opened ? ErrorCode{"opened", ErrorClass::defect, ""} : opened.error().code;
  }
  LockedBatch lock(const LockRequest& request) {
    auto out = lane->lock(request);
    EXPECT_TRUE(out) << (out ? "" : out.error().text());
    return out ? std::move(*out) : LockedBatch{};
  }
  // Locks and leaves again.
  LockedBatch look(const LockRequest& request) {
    auto out = lock(request);
    lane->abandon();
    return out;
  }
  EntitySlot look(const std::string& key) {
    return look(LockRequest{{account_ref(key)}}).entities.at(0);
  }
  Result<void> commit(const WriteBatch& writes) { return lane->commit(writes); }
  static bank::Account account(const std::string& key, std::int64_t balance,
                               std::optional<std::string> alias = {}) {
    bank::Account row;
    row.id = key;
    row.balance = balance;
    row.alias = std::move(alias);
    row.state_since = Time{123};
    return row;
  }
  // A batch that creates or replaces these accounts, as the committer would make it.
  WriteBatch writing(const std::vector<bank::Account>& rows, bool created,
                     std::vector<std::int64_t> effects = {}) {
    LockRequest request;
    request.effects = std::move(effects);
    for (const auto& row : rows) request.entities.push_back(account_ref(row.id));
    LockedBatch locked = lock(request);
    WriteBatch writes;
    writes.journal_entries = "[]";
    writes.time = Time{777};
    writes.config_version = 4;
    writes.entities = std::move(locked.entities);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      EntitySlot& slot = writes.entities[i];
      slot.row = to_row(rows[i]);
      slot.present = true;
      writes.entity_writes.push_back({i, created, slot.version});
      ++slot.version;
      slot.last_time = Time{555};
      slot.newest = {locked.lane, locked.sequence, 1};
    }
    return writes;
  }
  // One that locks nothing and writes a journal row.
  WriteBatch empty_batch(std::int64_t time) {
    lock(LockRequest{});
    WriteBatch writes;
    writes.journal_entries = "[]";
    writes.time = Time{time};
    return writes;
  }
  // A commit whose journal row has these entries: "a1 b2" is version 1 of a and version 2 of b.
  void commit_entries(const std::string& words) {
    WriteBatch writes = writing({}, false);
    json::Writer entries;
    entries.begin_array();
    for (std::size_t i = 0; i + 1 < words.size(); i += 3) {
      entries.begin_object().field("machine", "account").field("key", words.substr(i, 1));
      entries.field("version", std::int64_t{words[i + 1] - '0'}).field("command", "test");
      entries.field("from", "one").field("to", "other").end_object();
    }
    entries.end_array();
    writes.journal_entries = std::move(entries).take();
    const auto committed = commit(writes);
    ASSERT_TRUE(committed) << committed.error().text();
  }
  // What a scan of the lane found.
  template <class T>
  static T found(Result<T> result) {
    EXPECT_TRUE(result) << (result ? "" : result.error().text());
    return result ? std::move(*result) : T{};
  }

  World world;
  Registry registry;
  StoreHandle store;
  std::unique_ptr<StoreLane> lane;
};

TYPED_TEST_SUITE_P(StoreConformance);

}  // namespace pawl::test
