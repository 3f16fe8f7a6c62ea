// SPDX-License-Identifier: Apache-2.0
//
// Conformance of a store, part 1: what is written is there whole, again after a reopening, or not
// at all. Part of the suite that conformance.h registers.
#pragma once

#include "store/conformance_fixture.h"

namespace pawl::test {

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
                               true, "code",           "detail",         "trace-m"};
  writes.messages_inserted = {message};
  protocol::DeadlineRow deadline{account_ref("a"), "d",  41,       Time{99},
                                 "bank.alarm",     "{}", "trace-d"};
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
  parked.trace_id = "trace-p";
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
  EXPECT_EQ(locked.parked[0]->trace_id, "trace-p");

  const auto messages = this->found(this->lane->waiting_messages(0, 10));
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].to, account_ref("b"));
  EXPECT_TRUE(messages[0].bounced);
  EXPECT_EQ(messages[0].detail, "detail");
  EXPECT_EQ(messages[0].hops, 3);
  EXPECT_EQ(messages[0].trace_id, "trace-m");
  const auto deadlines = this->found(this->lane->due_deadlines(Time{99}, 10));
  ASSERT_EQ(deadlines.size(), 1U);
  EXPECT_EQ(deadlines[0].payload, "{}");
  EXPECT_EQ(deadlines[0].trace_id, "trace-d");

  // Armed again by another command: the trace is that one's.
  deadline.arming = 42;
  deadline.trace_id = "trace-e";
  WriteBatch again = this->writing({}, false);
  again.deadlines_armed = {deadline};
  ASSERT_TRUE(this->commit(again));
  EXPECT_EQ(this->found(this->lane->due_deadlines(Time{99}, 10)).at(0).trace_id, "trace-e");
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
  row.maybe_sent = true;
  row.not_after = Time{8};
  row.outcome = Outcome::refused;
  row.code = "c";
  row.reference = "r";
  row.ended_at = Time{9};
  row.history = "h\n";
  writes = this->writing({}, false, {21});
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
  EXPECT_TRUE(got.maybe_sent);
  EXPECT_EQ(got.not_after, Time{8});
  EXPECT_EQ(got.outcome, Outcome::refused);
  EXPECT_EQ(got.code, "c");
  EXPECT_EQ(got.reference, "r");
  EXPECT_EQ(got.ended_at, Time{9});
  EXPECT_EQ(got.history, "h\n");
}

// Rows of one batch may be alike in any of their columns, and a store may make use of that: more
// ways of it than it can prepare statements for.
TYPED_TEST_P(StoreConformance, RowsThatAreAlikeInSomeColumnsComeBackAsTheyWereWritten) {
  constexpr int columns = 7;
  for (int alike = 0; alike < 1 << columns; ++alike) {
    const auto differs = [&](int column, int row) { return (alike >> column & 1) != 0 ? row : 0; };
    WriteBatch writes = this->writing({}, false);
    LockRequest request;
    for (int row = 0; row < 2; ++row) {
      protocol::EffectRow effect;
      effect.id = 1'000 + 2 * alike + row;
      effect.kind = "bank.payment";
      effect.owner = account_ref("a");
      effect.created = Time{5 + differs(0, row)};
      effect.next_at = Time{6 + differs(1, row)};
      effect.not_after = Time{7 + differs(2, row)};
      effect.maybe_sent = differs(3, row) != 0;
      effect.trace_id = std::string(static_cast<std::size_t>(differs(4, row)), 't');
      effect.state =
          differs(5, row) != 0 ? protocol::EffectState::unknown : protocol::EffectState::ready;
      writes.effects_inserted.push_back(effect);
      request.effects.push_back(effect.id);
      protocol::ReceiptWrite receipt;
      receipt.key = {account_ref("a"), "ann", "k", std::to_string(effect.id)};
      receipt.receipt.done = differs(0, row) != 0;
      receipt.receipt.code = std::string(static_cast<std::size_t>(differs(1, row)), 'c');
      receipt.receipt.detail = std::string(static_cast<std::size_t>(differs(2, row)), 'd');
      receipt.receipt.error_class = differs(3, row) != 0 ? ErrorClass::gone : ErrorClass::invalid;
      receipt.receipt.reply_json = std::string(static_cast<std::size_t>(differs(4, row)), '1');
      receipt.key.principal += std::string(static_cast<std::size_t>(differs(5, row)), 'n');
      receipt.key.kind += std::string(static_cast<std::size_t>(differs(6, row)), 'k');
      writes.receipts.push_back(receipt);
      request.receipts.push_back(receipt.key);
    }
    ASSERT_TRUE(this->commit(writes)) << alike;
    const auto locked = this->look(request);
    for (std::size_t row = 0; row < 2; ++row) {
      const auto& effect = writes.effects_inserted[row];
      ASSERT_TRUE(locked.effects.at(row)) << alike;
      EXPECT_EQ(locked.effects[row]->created, effect.created) << alike;
      EXPECT_EQ(locked.effects[row]->next_at, effect.next_at) << alike;
      EXPECT_EQ(locked.effects[row]->not_after, effect.not_after) << alike;
      EXPECT_EQ(locked.effects[row]->maybe_sent, effect.maybe_sent) << alike;
      EXPECT_EQ(locked.effects[row]->trace_id, effect.trace_id) << alike;
      EXPECT_EQ(locked.effects[row]->state, effect.state) << alike;
      const auto& receipt = writes.receipts[row].receipt;
      ASSERT_TRUE(locked.receipts.at(row)) << alike;
      EXPECT_EQ(locked.receipts[row]->done, receipt.done) << alike;
      EXPECT_EQ(locked.receipts[row]->code, receipt.code) << alike;
      EXPECT_EQ(locked.receipts[row]->detail, receipt.detail) << alike;
      EXPECT_EQ(locked.receipts[row]->error_class, receipt.error_class) << alike;
      EXPECT_EQ(locked.receipts[row]->reply_json, receipt.reply_json) << alike;
    }
  }
}

TYPED_TEST_P(StoreConformance, AbandonLeavesNothing) {
  (void)this->writing({this->account("a", 7)}, true);
  this->lane->abandon();
  this->lane->abandon();  // and may be asked for twice
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

TYPED_TEST_P(StoreConformance, AReceiptThatWasNotLookedUpVoidsTheCommitThatRepeatsIt) {
  protocol::ReceiptWrite receipt;
  receipt.key = {account_ref("a"), "ann", "bank.open", "id-1"};
  receipt.receipt.done = true;
  receipt.receipt.version = 1;
  WriteBatch first = this->writing({this->account("a", 7)}, true);
  first.receipts = {receipt};
  ASSERT_TRUE(this->commit(first));

  LockRequest request;
  request.receipts = {receipt.key};
  request.look_up_receipts = false;
  EXPECT_FALSE(this->look(request).receipts.at(0)) << "it was not to be looked up";

  WriteBatch repeat = this->writing({this->account("a", 8)}, false);
  protocol::ReceiptWrite other = receipt;
  other.key.id = "id-2";
  repeat.receipts = {other, receipt};
  const auto committed = this->commit(repeat);
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code, protocol::receipt_exists);
  EXPECT_EQ(this->look("a").row, to_row(this->account("a", 7)));
  request.receipts = {receipt.key, other.key};
  request.look_up_receipts = true;
  const auto locked = this->look(request);
  EXPECT_TRUE(locked.receipts.at(0));
  EXPECT_FALSE(locked.receipts.at(1)) << "half a batch was left";
}

TYPED_TEST_P(StoreConformance, ARowThatAnotherHasChangedIsNotOverwritten) {
  ASSERT_TRUE(this->commit(this->writing({this->account("a", 1), this->account("b", 1)}, true)));
  ASSERT_TRUE(this->commit(this->writing({this->account("b", 2)}, false)));
  const struct {
    std::int64_t locked;
    std::int64_t decided;
    const char* what;
  } batches[] = {{1, 2, "one command, decided on version 1"},
                 {1, 3, "two commands on version 1, which lead beyond the version that is there"},
                 {1, 9, "and many"},
                 {3, 4, "decided on a version that is not there yet"}};
  for (const auto& batch : batches) {
    WriteBatch stale = this->writing({this->account("a", 50), this->account("b", 50)}, false);
    stale.entity_writes[1].locked_version = batch.locked;
    stale.entities[1].version = batch.decided;
    const auto committed = this->commit(stale);
    ASSERT_FALSE(committed) << batch.what;
    EXPECT_EQ(committed.error().code.error_class, ErrorClass::defect);
    EXPECT_EQ(this->look("b").row, to_row(this->account("b", 2))) << batch.what;
    EXPECT_EQ(this->look("b").version, 2);
    EXPECT_EQ(this->look("a").version, 1) << "half a batch was left";
  }
  WriteBatch folded = this->writing({this->account("b", 7)}, false);
  folded.entities[0].version = 5;  // three commands on the version that is there
  EXPECT_TRUE(this->commit(folded));
  EXPECT_EQ(this->look("b").version, 5);
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

}  // namespace pawl::test
