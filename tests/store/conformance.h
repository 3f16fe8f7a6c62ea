// SPDX-License-Identifier: Apache-2.0
//
// What every store must do, stated once against the Store interface. A store's test file names a
// world (how to open such a store, and how to reach behind its back with SQL) and instantiates:
//
//   INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, StoreConformance, SqliteWorld);
//
// A world has: Result<StoreHandle> open(const Registry&, bool migrate); void sql(const char*).
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

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
 protected:
  StoreConformance() { bank::describe(registry); }
  void SetUp() override { reopen(); }

  void reopen() {
    store.reset();
    auto opened = world.open(registry, false);
    ASSERT_TRUE(opened) << opened.error().text();
    store = std::move(*opened);
  }
  ErrorCode refused_to_open() {
    store.reset();
    auto opened = world.open(registry, false);
    EXPECT_FALSE(opened);
    return opened ? ErrorCode{"opened", ErrorClass::defect, ""} : opened.error().code;
  }
  LockedBatch lock(const LockRequest& request) {
    std::optional<Result<LockedBatch>> out;
    store->lock(request, [&](auto result) { out = std::move(result); });
    EXPECT_TRUE(out && *out) << (out && !*out ? out->error().text() : "");
    return out && *out ? std::move(**out) : LockedBatch{};
  }
  // Locks and leaves again.
  LockedBatch look(const LockRequest& request) {
    auto out = lock(request);
    store->abandon();
    return out;
  }
  EntitySlot look(const std::string& key) {
    return look(LockRequest{{account_ref(key)}}).entities.at(0);
  }
  Result<bool> commit(const WriteBatch& writes) {
    std::optional<Result<bool>> out;
    store->commit(writes, [&](auto result) { out = std::move(result); });
    return *out;
  }
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
  WriteBatch writing(const std::vector<bank::Account>& rows, bool created) {
    LockRequest request;
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
      ++slot.version;
      slot.last_time = Time{555};
      slot.newest = {0, locked.sequence, 1};
      writes.entity_writes.push_back({i, created});
    }
    return writes;
  }
  template <class T, class Scan>
  T scan(Scan call) {
    std::optional<Result<T>> out;
    call([&](Result<T> result) { out = std::move(result); });
    EXPECT_TRUE(out && *out);
    return out && *out ? std::move(**out) : T{};
  }

  World world;
  Registry registry;
  StoreHandle store;
};

TYPED_TEST_SUITE_P(StoreConformance);

TYPED_TEST_P(StoreConformance, AnEmptyStoreHasNothing) {
  LockRequest request{{account_ref("a")}};
  request.effects = {1};
  request.messages = {1};
  request.parked = {1};
  request.deadlines = {{account_ref("a"), "d"}};
  request.receipts = {{account_ref("a"), "ann", "k", "1"}};
  const auto locked = this->look(request);
  EXPECT_FALSE(locked.entities.at(0).present);
  EXPECT_EQ(locked.entities[0].version, 0);
  EXPECT_FALSE(locked.effects.at(0));
  EXPECT_FALSE(locked.messages.at(0));
  EXPECT_FALSE(locked.parked.at(0));
  EXPECT_EQ(locked.deadlines.at(0), 0);
  EXPECT_FALSE(locked.receipts.at(0));
  EXPECT_GT(locked.sequence, 0);
}

TYPED_TEST_P(StoreConformance, EveryTableGivesBackWhatWasWritten) {
  WriteBatch writes = this->writing({this->account("a", 7, "al\"ias € \n")}, true);
  writes.records = {{0, bank::Note::table, 11, to_row(bank::Note{"note", -3})}};
  protocol::ReceiptWrite receipt;
  receipt.key = {account_ref("a"), "ann", "bank.open", "id-1"};
  receipt.receipt.fingerprint.fill(0xA7);
  receipt.receipt.done = true;
  receipt.receipt.code = "c";
  receipt.receipt.detail = "d";
  receipt.receipt.error_class = ErrorClass::gone;
  receipt.receipt.reply_json = R"({"x":1})";
  receipt.receipt.version = 1;
  writes.receipts = {receipt};
  protocol::EffectRow effect;
  effect.id = 21;
  effect.kind = "bank.payment";
  effect.owner = account_ref("a");
  effect.payload = "{}";
  effect.idempotency_key = "key";
  effect.created = Time{5};
  effect.next_at = Time{6};
  writes.effects_inserted = {effect};
  protocol::MessageRow message{31,   account_ref("a"), account_ref("b"), "bank.credit", "{}", 3,
                               true, "code",           "detail"};
  writes.messages_inserted = {message};
  protocol::DeadlineRow deadline{account_ref("a"), "d", 41, Time{99}, "bank.alarm", "{}"};
  writes.deadlines_armed = {deadline};
  protocol::ParkedRow parked;
  parked.id = 51;
  parked.source = "message";
  parked.from = account_ref("x");
  parked.entity = account_ref("a");
  parked.kind = "bank.credit";
  parked.payload = "{}";
  parked.code = "code";
  parked.detail = "detail";
  parked.effect_id = 21;
  parked.hops = 2;
  writes.parked_inserted = {parked};
  ASSERT_TRUE(this->commit(writes));
  this->reopen();

  LockRequest request{{account_ref("a")}};
  request.records = {{0, bank::Note::table, 5}};
  request.receipts = {receipt.key, {account_ref("a"), "bob", "bank.open", "id-1"}};
  request.effects = {21, 22};
  request.messages = {31, 32};
  request.deadlines = {{account_ref("a"), "d"}, {account_ref("a"), "e"}};
  request.parked = {51, 52};
  const auto locked = this->look(request);
  const EntitySlot& slot = locked.entities.at(0);
  EXPECT_EQ(slot.row, writes.entities[0].row);
  EXPECT_EQ(slot.version, 1);
  EXPECT_EQ(slot.last_time, Time{555});
  EXPECT_EQ(slot.newest, writes.entities[0].newest);
  ASSERT_EQ(slot.records.size(), 1U);
  EXPECT_EQ(slot.records[0].rows, std::vector<Row>{to_row(bank::Note{"note", -3})});
  ASSERT_TRUE(locked.receipts.at(0));
  EXPECT_FALSE(locked.receipts.at(1));
  EXPECT_EQ(locked.receipts[0]->fingerprint, receipt.receipt.fingerprint);
  EXPECT_TRUE(locked.receipts[0]->done);
  EXPECT_EQ(locked.receipts[0]->error_class, ErrorClass::gone);
  EXPECT_EQ(locked.receipts[0]->reply_json, R"({"x":1})");
  ASSERT_TRUE(locked.effects.at(0));
  EXPECT_FALSE(locked.effects.at(1));
  EXPECT_EQ(locked.effects[0]->state, protocol::EffectState::ready);
  EXPECT_EQ(locked.effects[0]->owner, account_ref("a"));
  EXPECT_EQ(locked.effects[0]->idempotency_key, "key");
  EXPECT_EQ(locked.messages, (std::vector<bool>{true, false}));
  EXPECT_EQ(locked.deadlines, (std::vector<std::int64_t>{41, 0}));
  ASSERT_TRUE(locked.parked.at(0));
  EXPECT_EQ(locked.parked[0]->from, account_ref("x"));
  EXPECT_EQ(locked.parked[0]->hops, 2);
  EXPECT_EQ(locked.parked[0]->effect_id, 21);

  using Messages = std::vector<protocol::MessageRow>;
  const auto messages =
      this->template scan<Messages>([&](auto done) { this->store->waiting_messages(0, 10, done); });
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].to, account_ref("b"));
  EXPECT_TRUE(messages[0].bounced);
  EXPECT_EQ(messages[0].detail, "detail");
  EXPECT_EQ(messages[0].hops, 3);
}

TYPED_TEST_P(StoreConformance, AnUpdateReplacesTheWholeRow) {
  ASSERT_TRUE(this->commit(this->writing({this->account("a", 7, "x")}, true)));
  auto next = this->account("a", 9);
  next.state = bank::State::frozen;
  next.trail = "t";
  ASSERT_TRUE(this->commit(this->writing({next}, false)));
  const auto slot = this->look("a");
  EXPECT_EQ(slot.version, 2);
  EXPECT_EQ(slot.row, to_row(next)) << "the alias is null again";
}

TYPED_TEST_P(StoreConformance, AnEffectsEveryFieldIsReplaced) {
  WriteBatch writes = this->writing({this->account("a", 7)}, true);
  protocol::EffectRow row;
  row.id = 21;
  row.kind = "bank.payment";
  row.owner = account_ref("a");
  writes.effects_inserted = {row};
  ASSERT_TRUE(this->commit(writes));
  row.state = protocol::EffectState::inquiring;
  row.attempt = 2;
  row.inquiry = 3;
  row.token = 4;
  row.lease_until = Time{5};
  row.next_at = Time{6};
  row.poll_until = Time{7};
  row.accepted_reported = true;
  row.not_after = Time{8};
  row.outcome = Outcome::refused;
  row.code = "c";
  row.reference = "r";
  row.ended_at = Time{9};
  row.history = "h\n";
  writes = this->writing({}, false);
  writes.effects_updated = {row};
  ASSERT_TRUE(this->commit(writes));
  LockRequest request;
  request.effects = {21};
  const auto locked = this->look(request);
  ASSERT_TRUE(locked.effects.at(0));
  const auto& got = *locked.effects[0];
  EXPECT_EQ(got.state, row.state);
  EXPECT_EQ(got.attempt, 2);
  EXPECT_EQ(got.inquiry, 3);
  EXPECT_EQ(got.token, 4);
  EXPECT_EQ(got.lease_until, Time{5});
  EXPECT_EQ(got.next_at, Time{6});
  EXPECT_EQ(got.poll_until, Time{7});
  EXPECT_TRUE(got.accepted_reported);
  EXPECT_EQ(got.not_after, Time{8});
  EXPECT_EQ(got.outcome, Outcome::refused);
  EXPECT_EQ(got.code, "c");
  EXPECT_EQ(got.reference, "r");
  EXPECT_EQ(got.ended_at, Time{9});
  EXPECT_EQ(got.history, "h\n");
}

TYPED_TEST_P(StoreConformance, AbandonLeavesNothing) {
  (void)this->writing({this->account("a", 7)}, true);
  this->store->abandon();
  this->store->abandon();  // and may be asked for twice
  EXPECT_FALSE(this->look("a").present);
}

TYPED_TEST_P(StoreConformance, AConflictRollsBackTheWholeBatch) {
  ASSERT_TRUE(this->commit(this->writing({this->account("b", 7, "taken")}, true)));
  const struct {
    bank::Account last;
    const char* code;
  } batches[] = {{this->account("b", 9), "already_exists"},
                 {this->account("c", 9, "taken"), "already_exists"},
                 {this->account("c", -1), "store_constraint"}};
  for (const auto& batch : batches) {
    const auto before = this->look("b");
    WriteBatch writes = this->writing({this->account("a", 1), batch.last}, true);
    writes.effects_inserted.resize(1);
    writes.effects_inserted[0].id = 99;
    const auto committed = this->commit(writes);
    ASSERT_FALSE(committed);
    EXPECT_EQ(committed.error().code.code, batch.code);
    EXPECT_FALSE(this->look("a").present) << "half a batch was left";
    EXPECT_EQ(this->look("b").row, before.row);
    LockRequest request;
    request.effects = {99};
    EXPECT_FALSE(this->look(request).effects.at(0));
  }
  EXPECT_TRUE(this->commit(this->writing({this->account("a", 1)}, true))) << "and it goes on";
}

TYPED_TEST_P(StoreConformance, ARowThatAnotherHasChangedIsNotOverwritten) {
  ASSERT_TRUE(this->commit(this->writing({this->account("a", 1)}, true)));
  ASSERT_TRUE(this->commit(this->writing({this->account("a", 2)}, false)));
  WriteBatch stale = this->writing({this->account("a", 50)}, false);
  stale.entities[0].version = 2;  // decided on version 1
  const auto committed = this->commit(stale);
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code.error_class, ErrorClass::defect);
  EXPECT_EQ(this->look("a").row, to_row(this->account("a", 2)));
}

TYPED_TEST_P(StoreConformance, WhatIsGoneIsNotConsumedTwice) {
  WriteBatch messages = this->writing({}, false);
  messages.messages_deleted = {5};
  EXPECT_FALSE(this->commit(messages));
  WriteBatch parked = this->writing({}, false);
  parked.parked_deleted = {5};
  EXPECT_FALSE(this->commit(parked));
  WriteBatch effects = this->writing({}, false);
  effects.effects_updated.resize(1);
  effects.effects_updated[0].id = 5;
  EXPECT_FALSE(this->commit(effects));
}

TYPED_TEST_P(StoreConformance, TheJournalHasNoGaps) {
  const auto first = this->look(LockRequest{}).sequence;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(this->look(LockRequest{}).sequence, first + i) << "abandoned: not used up";
    const auto key = std::to_string(i);
    ASSERT_TRUE(this->commit(this->writing({this->account(key, 1)}, true)));
    EXPECT_FALSE(this->commit(this->writing({this->account(key, 1)}, true)));
    if (i == 2) this->reopen();
  }
  EXPECT_EQ(this->look(LockRequest{}).sequence, first + 5);
}

TYPED_TEST_P(StoreConformance, RecordsAreTheNewestOfTheirEntityOldestFirst) {
  WriteBatch writes = this->writing({this->account("a", 1), this->account("b", 1)}, true);
  for (int i = 1; i <= 9; ++i) {
    const std::size_t entity = i % 3 == 0 ? 1 : 0;
    writes.records.push_back({entity, bank::Note::table, i, to_row(bank::Note{"n", i})});
  }
  ASSERT_TRUE(this->commit(writes));
  LockRequest request{{account_ref("a"), account_ref("b"), account_ref("c")}};
  request.records = {
      {0, bank::Note::table, 3}, {1, bank::Note::table, 9}, {2, bank::Note::table, 9}};
  const auto locked = this->look(request);
  const auto numbers = [&](std::size_t entity) {
    std::vector<std::int64_t> out;
    for (const auto& row : locked.entities.at(entity).records.at(0).rows) {
      out.push_back(std::get<std::int64_t>(row.at(1)));
    }
    return out;
  };
  EXPECT_EQ(numbers(0), (std::vector<std::int64_t>{5, 7, 8}));
  EXPECT_EQ(numbers(1), (std::vector<std::int64_t>{3, 6, 9}));
  EXPECT_TRUE(numbers(2).empty());
}

TYPED_TEST_P(StoreConformance, ScansAreOrderedAndBounded) {
  WriteBatch writes = this->writing({this->account("a", 1)}, true);
  for (int i = 1; i <= 5; ++i) {
    protocol::EffectRow effect;
    effect.id = i;
    effect.kind = "bank.payment";
    effect.owner = account_ref("a");
    writes.effects_inserted.push_back(effect);
    writes.messages_inserted.push_back(
        {i, account_ref("a"), account_ref("b"), "k", "{}", 1, false, "", ""});
    writes.deadlines_armed.push_back(
        {account_ref("a"), std::to_string(i), i, Time{100 - 10 * i}, "k", "{}"});
  }
  ASSERT_TRUE(this->commit(writes));
  WriteBatch ended = this->writing({}, false);
  ended.effects_updated = {writes.effects_inserted[1]};
  ended.effects_updated[0].state = protocol::EffectState::ended;
  ended.messages_deleted = {4};
  ended.deadlines_deleted = {{account_ref("a"), "5"}};
  ASSERT_TRUE(this->commit(ended));

  using Effects = std::vector<EffectSummary>;
  using Messages = std::vector<protocol::MessageRow>;
  using Deadlines = std::vector<protocol::DeadlineRow>;
  const auto ids = [](const auto& rows) {
    std::vector<std::int64_t> out;
    for (const auto& row : rows) out.push_back(row.id);
    return out;
  };
  using Ids = std::vector<std::int64_t>;
  const auto effects = [&](std::int64_t after, int limit) {
    return ids(this->template scan<Effects>(
        [&](auto done) { this->store->open_effects(after, limit, done); }));
  };
  EXPECT_EQ(effects(0, 10), (Ids{1, 3, 4, 5}));
  EXPECT_EQ(effects(0, 2), (Ids{1, 3}));
  EXPECT_EQ(effects(3, 10), (Ids{4, 5}));
  const auto messages = [&](std::int64_t after, int limit) {
    return ids(this->template scan<Messages>(
        [&](auto done) { this->store->waiting_messages(after, limit, done); }));
  };
  EXPECT_EQ(messages(0, 10), (Ids{1, 2, 3, 5}));
  EXPECT_EQ(messages(2, 1), Ids{3});
  const auto deadlines = [&](std::int64_t until, int limit) {
    std::string out;
    for (const auto& row : this->template scan<Deadlines>(
             [&](auto done) { this->store->due_deadlines(Time{until}, limit, done); })) {
      out += row.name;
    }
    return out;
  };
  EXPECT_EQ(deadlines(59, 10), "");
  EXPECT_EQ(deadlines(60, 10), "4");
  EXPECT_EQ(deadlines(90, 10), "4321");
  EXPECT_EQ(deadlines(90, 2), "43");
  EXPECT_EQ(this->template scan<Time>([&](auto done) { this->store->next_deadline(done); }),
            Time{60});
  WriteBatch again = this->writing({}, false);
  again.deadlines_armed = {{account_ref("a"), "4", 77, Time{5}, "k", "{}"}};
  ASSERT_TRUE(this->commit(again));
  EXPECT_EQ(deadlines(1'000, 10), "4321") << "armed again: replaced, not added";
}

TYPED_TEST_P(StoreConformance, AlertsAreMergedByTheirKey) {
  const auto raise = [&](std::int64_t id, const char* code, std::int64_t effect, std::int64_t at) {
    WriteBatch writes = this->writing({}, false);
    protocol::AlertRow alert;
    alert.id = id;
    alert.code = code;
    alert.entity = account_ref("a");
    alert.effect_id = effect;
    alert.detail = std::to_string(at);
    alert.first_seen = alert.last_seen = Time{at};
    writes.alerts = {alert};
    ASSERT_TRUE(this->commit(writes));
  };
  raise(1, "one", 7, 100);
  raise(2, "one", 7, 200);
  raise(3, "one", 8, 300);
  raise(4, "two", 7, 400);
  auto alerts = this->store->reads().alerts(true, 10);
  ASSERT_TRUE(alerts);
  ASSERT_EQ(alerts->size(), 3U);
  const AlertInfo& merged = alerts->back();
  EXPECT_EQ(merged.id, 1);
  EXPECT_EQ(merged.count, 2);
  EXPECT_EQ(merged.first_seen, Time{100});
  EXPECT_EQ(merged.last_seen, Time{200});
  EXPECT_EQ(merged.detail, "200");
  WriteBatch acknowledge = this->writing({}, false);
  acknowledge.alerts_acked.resize(1);
  acknowledge.alerts_acked[0].id = 1;
  acknowledge.alerts_acked[0].acked_by = "ann";
  ASSERT_TRUE(this->commit(acknowledge));
  EXPECT_EQ(this->store->reads().alerts(false, 10)->size(), 2U);
  EXPECT_EQ(this->store->reads().alerts(true, 2)->size(), 2U);
}

TYPED_TEST_P(StoreConformance, QueriesNameDeclaredColumnsOnly) {
  ASSERT_TRUE(this->commit(this->writing(
      {this->account("a", 1, "x"), this->account("b", 2), this->account("c", 3)}, true)));
  Reads& reads = this->store->reads();
  Query query;
  query.table = "accounts";
  query.columns = {"id"};
  query.where = {{"balance", Comparison::greater, std::int64_t{1}}};
  query.order = {{"balance", false}};
  const auto rows = reads.query(query);
  ASSERT_TRUE(rows) << rows.error().text();
  EXPECT_EQ(*rows, (std::vector<Row>{{"c"}, {"b"}}));
  const auto sum = reads.aggregate(query, "balance");
  ASSERT_TRUE(sum);
  EXPECT_EQ(sum->count, 2);
  EXPECT_EQ(sum->sum, 5);
  Query no_alias = query;
  no_alias.where = {{"alias", Comparison::equal, Value{}}};
  EXPECT_EQ(reads.query(no_alias)->size(), 2U);
  Query page = query;
  page.limit = 1;
  page.offset = 1;
  EXPECT_EQ(*reads.query(page), (std::vector<Row>{{"b"}}));

  const auto refuses = [&](auto change) {
    Query bad = query;
    change(bad);
    const auto answer = reads.query(bad);
    return !answer && answer.error().code == query_invalid;
  };
  EXPECT_TRUE(refuses([](Query& q) { q.table = "pawl_receipts"; }));
  EXPECT_TRUE(refuses([](Query& q) { q.columns = {"other"}; }));
  EXPECT_TRUE(refuses([](Query& q) { q.columns = {}; }));
  EXPECT_TRUE(refuses([](Query& q) { q.columns = {"record_id"}; })) << "only records have one";
  EXPECT_TRUE(refuses([](Query& q) { q.where[0].column = "1=1 --"; }));
  EXPECT_TRUE(refuses([](Query& q) { q.order[0].column = "\"id\""; }));
  EXPECT_TRUE(refuses([](Query& q) { q.limit = 0; }));
  EXPECT_TRUE(refuses([](Query& q) { q.limit = max_query_rows + 1; }));
  EXPECT_TRUE(refuses([](Query& q) { q.offset = -1; }));
  EXPECT_FALSE(reads.aggregate(query, "other"));
}

TYPED_TEST_P(StoreConformance, AnEntityOfANewerBinaryIsGivenAsItIsAndReadAsUnknown) {
  ASSERT_TRUE(this->commit(this->writing({this->account("a", 1), this->account("b", 2)}, true)));
  this->store.reset();
  this->world.sql("UPDATE accounts SET state = 'melted' WHERE id = 'a'");
  this->world.sql("UPDATE accounts SET pawl_schema = 2 WHERE id = 'b'");
  this->reopen();
  for (const char* key : {"a", "b"}) {
    const auto slot = this->look(key);
    EXPECT_TRUE(slot.present) << key;
    bank::Account row;
    EXPECT_FALSE(from_row(std::span<const Value>(slot.row), row)) << key;
    const auto read = this->store->reads().entity(account_ref(key));
    ASSERT_TRUE(read);
    EXPECT_TRUE(read->present);
    EXPECT_FALSE(from_row(std::span<const Value>(read->row), row)) << key;
  }
}

TYPED_TEST_P(StoreConformance, AnotherSchemaIsRefusedByName) {
  this->store.reset();
  this->registry.migration({"bank", 2, "ALTER TABLE accounts ADD COLUMN later INTEGER"});
  EXPECT_EQ(this->refused_to_open(), schema_older);
  {
    Registry fresh;
    bank::describe(fresh);
    std::swap(this->registry, fresh);
  }
  this->reopen();
  this->store.reset();
  this->world.sql("INSERT INTO pawl_migrations VALUES ('bank', 9, 0)");
  EXPECT_EQ(this->refused_to_open(), schema_newer);
  this->world.sql("DELETE FROM pawl_migrations WHERE number = 9");
  this->reopen();
  this->store.reset();
  this->world.sql("ALTER TABLE accounts ADD COLUMN extra INTEGER");
  EXPECT_EQ(this->refused_to_open(), schema_differs);
  this->world.sql("ALTER TABLE accounts DROP COLUMN extra");
  this->world.sql("ALTER TABLE accounts RENAME COLUMN paid TO payed");
  EXPECT_EQ(this->refused_to_open(), schema_differs);
  this->world.sql("ALTER TABLE accounts RENAME COLUMN payed TO paid");
  this->world.sql("DROP TABLE account_notes");
  EXPECT_EQ(this->refused_to_open(), schema_differs);
}

TYPED_TEST_P(StoreConformance, AnOlderSchemaIsBroughtUpToDateWhenAsked) {
  ASSERT_TRUE(this->commit(this->writing({this->account("a", 7)}, true)));
  this->store.reset();
  // Adds and drops, so that the machine still fits.
  this->registry.migration({"bank", 2,
                            "ALTER TABLE accounts ADD COLUMN later INTEGER;"
                            "UPDATE accounts SET balance = balance + 1;"
                            "ALTER TABLE accounts DROP COLUMN later;"});
  auto migrated = this->world.open(this->registry, true);
  ASSERT_TRUE(migrated) << migrated.error().text();
  migrated->reset();
  this->reopen();
  EXPECT_EQ(this->look("a").row, to_row(this->account("a", 8)));
}

REGISTER_TYPED_TEST_SUITE_P(StoreConformance, AnEmptyStoreHasNothing,
                            EveryTableGivesBackWhatWasWritten, AnUpdateReplacesTheWholeRow,
                            AnEffectsEveryFieldIsReplaced, AbandonLeavesNothing,
                            AConflictRollsBackTheWholeBatch,
                            ARowThatAnotherHasChangedIsNotOverwritten, WhatIsGoneIsNotConsumedTwice,
                            TheJournalHasNoGaps, RecordsAreTheNewestOfTheirEntityOldestFirst,
                            ScansAreOrderedAndBounded, AlertsAreMergedByTheirKey,
                            QueriesNameDeclaredColumnsOnly,
                            AnEntityOfANewerBinaryIsGivenAsItIsAndReadAsUnknown,
                            AnotherSchemaIsRefusedByName, AnOlderSchemaIsBroughtUpToDateWhenAsked);

}  // namespace pawl::test
