// SPDX-License-Identifier: Apache-2.0
//
// Conformance of a store, part 2: records, scans, alerts and queries are ordered, bounded and see
// declared columns only. Part of the suite that conformance.h registers.
#pragma once

#include "store/conformance_fixture.h"

namespace pawl::test {

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
  WriteBatch ended = this->writing({}, false, {writes.effects_inserted[1].id});
  ended.effects_updated = {writes.effects_inserted[1]};
  ended.effects_updated[0].state = protocol::EffectState::ended;
  ended.messages_deleted = {4};
  ended.deadlines_deleted = {{account_ref("a"), "5"}};
  ASSERT_TRUE(this->commit(ended));

  const auto ids = [](const auto& rows) {
    std::vector<std::int64_t> out;
    for (const auto& row : rows) out.push_back(row.id);
    return out;
  };
  using Ids = std::vector<std::int64_t>;
  const auto effects = [&](std::int64_t after, int limit) {
    return ids(this->found(this->lane->open_effects(after, limit)));
  };
  EXPECT_EQ(effects(0, 10), (Ids{1, 3, 4, 5}));
  EXPECT_EQ(effects(0, 2), (Ids{1, 3}));
  EXPECT_EQ(effects(3, 10), (Ids{4, 5}));
  const auto messages = [&](std::int64_t after, int limit) {
    return ids(this->found(this->lane->waiting_messages(after, limit)));
  };
  EXPECT_EQ(messages(0, 10), (Ids{1, 2, 3, 5}));
  EXPECT_EQ(messages(2, 1), Ids{3});
  const auto deadlines = [&](std::int64_t until, int limit) {
    std::string out;
    for (const auto& row : this->found(this->lane->due_deadlines(Time{until}, limit))) {
      out += row.name;
    }
    return out;
  };
  EXPECT_EQ(deadlines(59, 10), "");
  EXPECT_EQ(deadlines(60, 10), "4");
  EXPECT_EQ(deadlines(90, 10), "4321");
  EXPECT_EQ(deadlines(90, 2), "43");
  EXPECT_EQ(this->found(this->lane->next_deadline()), Time{60});
  WriteBatch again = this->writing({}, false);
  again.deadlines_armed = {{account_ref("a"), "4", 77, Time{5}, "k", "{}"}};
  ASSERT_TRUE(this->commit(again));
  EXPECT_EQ(deadlines(1'000, 10), "4321") << "armed again: replaced, not added";
}

TYPED_TEST_P(StoreConformance, AlertsAreMergedByTheirKey) {
  const auto raise = [&](std::int64_t id, const char* code, std::int64_t effect, std::int64_t at,
                         int attempt = 0) {
    WriteBatch writes = this->writing({}, false);
    protocol::AlertRow alert;
    alert.id = id;
    alert.code = code;
    alert.entity = account_ref("a");
    alert.effect_id = effect;
    alert.attempt = attempt;
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
  raise(5, "one", 7, 500);
  EXPECT_EQ(this->store->reads().alerts(false, 10)->size(), 2U) << "the same trouble: still acked";
  raise(6, "one", 7, 600, 2);
  EXPECT_EQ(this->store->reads().alerts(false, 10)->size(), 3U) << "another attempt: open again";
}

TYPED_TEST_P(StoreConformance, WhatBelongsToUnknownMachinesIsLeftAlone) {
  WriteBatch writes = this->writing({this->account("a", 1)}, true);
  writes.messages_inserted = {{1, account_ref("a"), account_ref("b"), "k", "{}", 1, false, "", ""}};
  writes.deadlines_armed = {{account_ref("a"), "d", 1, Time{5}, "k", "{}"}};
  ASSERT_TRUE(this->commit(writes));
  const Registry nobody;
  this->reopen_with(nobody);
  const auto messages = [&] { return this->found(this->lane->waiting_messages(0, 9)).size(); };
  const auto deadlines = [&] { return this->found(this->lane->due_deadlines(Time{9}, 9)).size(); };
  EXPECT_EQ(messages(), 0U);
  EXPECT_EQ(deadlines(), 0U);
  EXPECT_EQ(this->found(this->lane->next_deadline()), Time::never());
  this->reopen();
  EXPECT_EQ(messages(), 1U);
  EXPECT_EQ(deadlines(), 1U);
}

TYPED_TEST_P(StoreConformance, ProgressCountsWhatWaitsAndSinceWhen) {
  const auto nothing = this->store->reads().progress();
  ASSERT_TRUE(nothing) << nothing.error().text();
  EXPECT_TRUE(nothing->open_effects.empty());
  EXPECT_EQ(nothing->next_deadline, Time::never());
  WriteBatch writes = this->writing({this->account("a", 1)}, true);
  for (int i = 1; i <= 4; ++i) {
    protocol::EffectRow effect;
    effect.id = i;
    effect.kind = "bank.payment";
    effect.owner = account_ref("a");
    effect.created = Time{100 + i};
    effect.state = i < 3 ? protocol::EffectState::unknown : protocol::EffectState::waiting;
    writes.effects_inserted.push_back(effect);
    writes.deadlines_armed.push_back(
        {account_ref("a"), std::to_string(i), i, Time{1'000 - 10 * i}, "k", "{}"});
    protocol::AlertRow alert;
    alert.id = i;
    alert.code = std::to_string(i);
    alert.entity = account_ref("a");
    writes.alerts.push_back(alert);
  }
  ASSERT_TRUE(this->commit(writes));
  WriteBatch later = this->writing({}, false, {1, 2, 3, 4});
  // Stored as inserted; what is under way or ended comes with an update.
  later.effects_updated = {writes.effects_inserted[0], writes.effects_inserted[1],
                           writes.effects_inserted[2], writes.effects_inserted[3]};
  later.effects_updated[3].state = protocol::EffectState::ended;
  ASSERT_TRUE(this->commit(later));
  const auto progress = this->store->reads().progress();
  ASSERT_TRUE(progress) << progress.error().text();
  ASSERT_EQ(progress->open_effects.size(), 2U);
  const EffectGroup& unknown = progress->open_effects[0];
  EXPECT_EQ(unknown.kind, "bank.payment");
  EXPECT_EQ(unknown.state, "unknown");
  EXPECT_EQ(unknown.count, 2);
  EXPECT_EQ(unknown.oldest, Time{101});
  EXPECT_EQ(progress->open_effects[1].state, "waiting");
  EXPECT_EQ(progress->open_effects[1].count, 1);
  EXPECT_EQ(progress->open_effects[1].oldest, Time{103});
  EXPECT_EQ(progress->next_deadline, Time{960});
  EXPECT_EQ(progress->open_alerts, 4);
  EXPECT_EQ(progress->parked, 0);
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

}  // namespace pawl::test
