// SPDX-License-Identifier: Apache-2.0
//
// Conformance of a store, part 4: what is removed when it is old, in small walks, and what never
// is. Part of the suite that conformance.h registers.
#pragma once

#include "store/conformance_fixture.h"

namespace pawl::test {

using protocol::RetentionPass;
using protocol::RetentionPassed;
using protocol::RetentionSubject;

class Remover {
 public:
  explicit Remover(StoreLane& lane) : lane_(lane) {}

  RetentionPassed pass(RetentionSubject subject, std::int64_t before, int rows,
                       std::string_view table = {}) {
    const auto out = lane_.remove_old({subject, table, Time{before}, rows});
    EXPECT_TRUE(out) << (out ? "" : out.error().text());
    return out ? *out : RetentionPassed{};
  }
  // Until the walk is at its end; gives how many were removed.
  std::int64_t walk(RetentionSubject subject, std::int64_t before, int rows = 3,
                    std::string_view table = {}) {
    std::int64_t removed = 0;
    for (int i = 0; i < 1'000; ++i) {
      const auto passed = pass(subject, before, rows, table);
      removed += passed.removed;
      if (passed.finished) return removed;
    }
    ADD_FAILURE() << "the walk has no end";
    return removed;
  }

 private:
  StoreLane& lane_;
};

template <class Suite>
void add_receipts(Suite& suite, int from, int to, std::int64_t created) {
  WriteBatch writes = suite.empty_batch(created);
  for (int i = from; i < to; ++i) {
    protocol::ReceiptWrite write;
    write.key = {account_ref("a"), "ann", "k", "id-" + std::to_string(100 + i) + "\xff"};
    writes.receipts.push_back(write);
  }
  ASSERT_TRUE(suite.commit(writes));
}

template <class Suite>
int receipts_left(Suite& suite, int from, int to) {
  LockRequest request;
  for (int i = from; i < to; ++i) {
    request.receipts.push_back(
        {account_ref("a"), "ann", "k", "id-" + std::to_string(100 + i) + "\xff"});
  }
  int left = 0;
  for (const auto& receipt : suite.look(request).receipts) left += receipt ? 1 : 0;
  return left;
}

TYPED_TEST_P(StoreConformance, OldReceiptsAreRemovedAFewAtATimeAndNoOthers) {
  add_receipts(*this, 0, 20, 100);
  add_receipts(*this, 20, 40, 200);
  Remover remover(*this->lane);
  EXPECT_LE(remover.pass(RetentionSubject::receipts, 150, 3).removed, 3);
  EXPECT_GE(receipts_left(*this, 0, 40), 37);
  remover.walk(RetentionSubject::receipts, 150);
  EXPECT_EQ(receipts_left(*this, 0, 20), 0);
  EXPECT_EQ(receipts_left(*this, 20, 40), 20);
  EXPECT_EQ(remover.walk(RetentionSubject::receipts, 150), 0);
  EXPECT_EQ(remover.walk(RetentionSubject::receipts, 201), 20) << "the walk begins anew";
}

TYPED_TEST_P(StoreConformance, AWalkGoesOnWhereItStoodWhenTheStoreIsOpenedAgain) {
  add_receipts(*this, 10, 30, 100);
  EXPECT_EQ(Remover(*this->lane).pass(RetentionSubject::receipts, 150, 5).removed, 5);
  add_receipts(*this, 0, 10, 100);  // before the place, by their keys
  this->reopen();
  Remover remover(*this->lane);
  EXPECT_EQ(remover.walk(RetentionSubject::receipts, 150, 5), 15);
  EXPECT_EQ(remover.walk(RetentionSubject::receipts, 150, 5), 10) << "and then round again";
}

TYPED_TEST_P(StoreConformance, AStoreThatWasTakenOverRemovesNothing) {
  add_receipts(*this, 0, 3, 100);
  this->world.sql("UPDATE pawl_lanes SET epoch = epoch + 1");
  const auto out = this->lane->remove_old({RetentionSubject::receipts, {}, Time{150}, 10});
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, protocol::lane_fenced);
  this->reopen();
  EXPECT_EQ(receipts_left(*this, 0, 3), 3);
}

TYPED_TEST_P(StoreConformance, OldEffectsGoOnceNobodySpeaksOfThem) {
  WriteBatch writes = this->empty_batch(100);
  for (int id = 1; id <= 6; ++id) {
    protocol::EffectRow effect;
    effect.id = id;
    effect.kind = "k";
    effect.owner = account_ref("a");
    effect.created = effect.next_at = Time{100 + id};
    writes.effects_inserted.push_back(effect);
  }
  ASSERT_TRUE(this->commit(writes));
  LockRequest request;
  for (int id = 1; id <= 5; ++id) request.effects.push_back(id);
  auto locked = this->lock(request);
  writes = {};
  writes.journal_entries = "[]";
  writes.time = Time{200};
  for (auto& effect : locked.effects) {
    ASSERT_TRUE(effect);
    effect->state = protocol::EffectState::ended;
    effect->ended_at = Time{effect->id == 2 ? 500 : 200};
    writes.effects_updated.push_back(*effect);
  }
  protocol::ParkedRow parked;
  parked.id = 77;
  parked.source = "outcome";
  parked.entity = account_ref("a");
  parked.effect_id = 3;
  writes.parked_inserted.push_back(parked);
  protocol::AlertRow alert;
  alert.id = 78;
  alert.code = "c";
  alert.entity = account_ref("a");
  alert.effect_id = 4;
  writes.alerts.push_back(alert);
  ASSERT_TRUE(this->commit(writes));
  Remover remover(*this->lane);
  EXPECT_EQ(remover.walk(RetentionSubject::ended_effects, 150, 2), 0) << "not yet old";
  EXPECT_EQ(remover.walk(RetentionSubject::ended_effects, 300, 2), 2) << "1 and 5";
  // 2 ended later, 3 is needed by what is parked, 4 by an open alert, 6 has not ended.
  std::vector<std::int64_t> left;
  const auto effects = this->store->reads().effects(true, 0, 100);
  ASSERT_TRUE(effects);
  for (const auto& effect : *effects) left.push_back(effect.id);
  EXPECT_EQ(left, (std::vector<std::int64_t>{2, 3, 4, 6}));
}

// The machines raise no alert of an effect that has ended already. If one ever is: before the
// effect is removed it keeps it, afterwards it stands for itself.
TYPED_TEST_P(StoreConformance, AnAlertOfAnEndedEffectKeepsItOrDoesWithoutIt) {
  WriteBatch writes = this->empty_batch(100);
  for (const int id : {1, 2}) {
    protocol::EffectRow effect;
    effect.id = id;
    effect.kind = "k";
    effect.owner = account_ref("a");
    effect.created = effect.next_at = Time{100};
    writes.effects_inserted.push_back(effect);
  }
  ASSERT_TRUE(this->commit(writes));
  LockRequest request;
  request.effects = {1, 2};
  auto locked = this->lock(request);
  writes = {};
  writes.journal_entries = "[]";
  writes.time = Time{200};
  for (auto& effect : locked.effects) {
    ASSERT_TRUE(effect);
    effect->state = protocol::EffectState::ended;
    effect->ended_at = Time{200};
    writes.effects_updated.push_back(*effect);
  }
  ASSERT_TRUE(this->commit(writes));
  const auto raise = [&](std::int64_t id, std::int64_t effect_id) {
    WriteBatch batch = this->empty_batch(250);
    protocol::AlertRow alert;
    alert.id = id;
    alert.code = "c";
    alert.entity = account_ref("a");
    alert.effect_id = effect_id;
    alert.first_seen = alert.last_seen = Time{250};
    batch.alerts.push_back(alert);
    const auto raised = this->commit(batch);
    ASSERT_TRUE(raised) << raised.error().text();
  };
  const auto is_there = [&](std::int64_t effect_id) {
    const auto effect = this->store->reads().effect(effect_id);
    EXPECT_TRUE(effect);
    return effect && effect->has_value();
  };
  raise(11, 1);
  Remover remover(*this->lane);
  EXPECT_EQ(remover.walk(RetentionSubject::ended_effects, 300), 1);
  EXPECT_TRUE(is_there(1));
  EXPECT_FALSE(is_there(2));
  raise(12, 2);
  const auto alerts = this->store->reads().alerts(false, 10);
  const auto untold = this->store->reads().undelivered_alerts(10);
  ASSERT_TRUE(alerts && untold);
  EXPECT_EQ(alerts->size(), 2U);
  EXPECT_EQ(untold->size(), 2U);
  for (const std::int64_t id : {11, 12}) {
    WriteBatch batch = this->empty_batch(260);
    protocol::AlertRow alert;
    alert.id = id;
    alert.acked_by = "ann";
    batch.alerts_acked.push_back(alert);
    batch.alerts_delivered.push_back({id, 1});
    ASSERT_TRUE(this->commit(batch));
  }
  EXPECT_EQ(remover.walk(RetentionSubject::ended_effects, 300), 1) << "nothing open speaks of it";
  EXPECT_EQ(remover.walk(RetentionSubject::alerts, 300), 2);
}

TYPED_TEST_P(StoreConformance, OnlyAcknowledgedAlertsAreRemoved) {
  WriteBatch writes = this->empty_batch(100);
  for (int id = 1; id <= 4; ++id) {
    protocol::AlertRow alert;
    alert.id = id;
    alert.code = "c" + std::to_string(id);
    alert.entity = account_ref("a");
    alert.first_seen = alert.last_seen = Time{100};
    writes.alerts.push_back(alert);
  }
  ASSERT_TRUE(this->commit(writes));
  const auto acknowledge = [&](std::int64_t id, std::int64_t time) {
    WriteBatch batch = this->empty_batch(time);
    protocol::AlertRow alert;
    alert.id = id;
    alert.acked_by = "ann";
    batch.alerts_acked.push_back(alert);
    ASSERT_TRUE(this->commit(batch));
  };
  acknowledge(2, 120);
  acknowledge(3, 400);  // seen long ago, but somebody has just looked
  Remover remover(*this->lane);
  EXPECT_EQ(remover.walk(RetentionSubject::alerts, 300, 2), 1);
  const auto alerts = this->store->reads().alerts(true, 10);
  ASSERT_TRUE(alerts);
  EXPECT_EQ(alerts->size(), 3U);
}

TYPED_TEST_P(StoreConformance, OpenAlertsAreDeliveredOnceForEachChange) {
  const auto raise = [&] {
    WriteBatch writes = this->empty_batch(100);
    protocol::AlertRow alert;
    alert.id = 5;
    alert.code = "c";
    alert.entity = account_ref("a");
    writes.alerts.push_back(alert);
    ASSERT_TRUE(this->commit(writes));
  };
  const auto told = [&](std::int64_t count) {
    WriteBatch writes = this->empty_batch(100);
    writes.alerts_delivered.push_back({5, count});
    ASSERT_TRUE(this->commit(writes));
  };
  const auto undelivered = [&]() -> std::int64_t {
    const auto alerts = this->store->reads().undelivered_alerts(10);
    EXPECT_TRUE(alerts);
    return alerts && !alerts->empty() ? alerts->front().count : 0;
  };
  EXPECT_EQ(undelivered(), 0);
  raise();
  EXPECT_EQ(undelivered(), 1);
  raise();
  told(1);
  EXPECT_EQ(undelivered(), 2) << "it changed meanwhile";
  told(2);
  told(1);  // late
  EXPECT_EQ(undelivered(), 0);
  raise();
  EXPECT_EQ(undelivered(), 3);
  WriteBatch writes = this->empty_batch(100);
  protocol::AlertRow alert;
  alert.id = 5;
  alert.acked_by = "ann";
  writes.alerts_acked.push_back(alert);
  ASSERT_TRUE(this->commit(writes));
  EXPECT_EQ(undelivered(), 0) << "somebody knows";
}

TYPED_TEST_P(StoreConformance, TheJournalsEndStaysAndItsSequenceGoesOn) {
  for (int i = 1; i <= 10; ++i) ASSERT_TRUE(this->commit(this->empty_batch(100 * i)));
  auto start = this->store->reads().history_starts_at();
  ASSERT_TRUE(start);
  EXPECT_FALSE(*start) << "nothing was removed";
  Remover remover(*this->lane);
  EXPECT_EQ(remover.walk(RetentionSubject::journal, 401), 4);
  start = this->store->reads().history_starts_at();
  ASSERT_TRUE(start && *start);
  EXPECT_EQ((*start)->us, 500);
  EXPECT_EQ(remover.walk(RetentionSubject::journal, 1'000'000), 5) << "all but the newest";
  const auto next = this->look(LockRequest{}).sequence;
  EXPECT_EQ(next, 11);
  this->reopen();
  EXPECT_EQ(this->look(LockRequest{}).sequence, next);
}

TYPED_TEST_P(StoreConformance, RecordsAreAsOldAsTheirCommit) {
  const auto add = [&](std::int64_t time, bool created) {
    WriteBatch writes = this->writing({this->account("a", 1)}, created);
    writes.time = Time{time};
    const auto sequence = writes.entities[0].newest.sequence;
    writes.records.push_back({0, bank::Note::table, sequence << protocol::ordinal_bits | 1,
                              to_row(bank::Note{"n", time})});
    ASSERT_TRUE(this->commit(writes));
  };
  add(100, true);
  for (int i = 2; i <= 6; ++i) add(100 * i, false);
  Remover remover(*this->lane);
  EXPECT_EQ(remover.walk(RetentionSubject::records, 350, 2, bank::Note::table), 3);
  EXPECT_EQ(remover.walk(RetentionSubject::journal, 450), 4);
  // The fourth's commit is gone from the journal: it is not after what was removed there.
  EXPECT_EQ(remover.walk(RetentionSubject::records, 390, 2, bank::Note::table), 0);
  EXPECT_EQ(remover.walk(RetentionSubject::records, 450, 2, bank::Note::table), 1);
  EXPECT_EQ(remover.walk(RetentionSubject::records, 550, 2, bank::Note::table), 1);
}

}  // namespace pawl::test
