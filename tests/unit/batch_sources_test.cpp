// SPDX-License-Identifier: Apache-2.0
//
// Inner work in a batch: messages, deadlines, effects, parked commands. Each source is consumed
// once; what cannot be decided is set aside or goes back.
#include "unit/batch_fixture.h"

namespace pawl::protocol {
namespace {

class BatchSourcesTest : public BatchFixture {
 protected:
  std::uint64_t deadline(const std::string& key, const std::string& name, std::int64_t arming,
                         std::int64_t again = 0) {
    DeadlineRow row;
    row.entity = account(key);
    row.name = name;
    row.arming = arming;
    row.due = now;
    row.kind = bank::Alarm::kind;
    bank::Alarm alarm{key, name, 10, again, now.us};
    row.payload = to_payload(alarm);
    return add(DeadlineWork{row, make_command(alarm)});
  }
};

TEST_F(BatchSourcesTest, AMessageIsDeliveredOnce) {
  put("b", 0);
  const auto first = message(1, "a", "b");
  const auto twice = message(1, "a", "b");
  const auto gone = message(2, "a", "b");
  messages.erase(2);
  run();
  EXPECT_EQ(result(first).fate, Fate::decided);
  EXPECT_EQ(result(twice).fate, Fate::stale);
  EXPECT_EQ(result(gone).fate, Fate::stale);
  EXPECT_EQ(row("b").balance, 10);
  EXPECT_EQ(writes().messages_deleted, std::vector<std::int64_t>{1});
}

TEST_F(BatchSourcesTest, ARefusedMessageGoesBack) {
  put("b", 0, bank::State::frozen);
  const auto ticket = message(1, "a", "b");
  run();
  EXPECT_EQ(result(ticket).fate, Fate::decided);
  EXPECT_FALSE(result(ticket).parked);
  ASSERT_EQ(writes().messages_inserted.size(), 1U);
  const MessageRow& back = writes().messages_inserted[0];
  EXPECT_TRUE(back.bounced);
  EXPECT_EQ(back.from, account("b"));
  EXPECT_EQ(back.to, account("a"));
  EXPECT_EQ(back.code, "not_open");
  EXPECT_EQ(writes().messages_deleted, std::vector<std::int64_t>{1});
  EXPECT_TRUE(writes().parked_inserted.empty());
}

TEST_F(BatchSourcesTest, ABounceReachesItsSenderAndIsParkedIfThatRefuses) {
  for (const bool open : {true, false}) {
    put("a", 0, open ? bank::State::open : bank::State::frozen);
    MessageRow row = message_row(1, "a", "b");
    std::swap(row.from, row.to);
    row.bounced = true;
    row.code = "not_open";
    auto command = registry.find_command(row.kind)->decode_bounced(row.payload, "a", row.code, "");
    const auto ticket = add(MessageWork{row, *command});
    run();
    EXPECT_EQ(result(ticket).parked, !open);
    EXPECT_EQ(this->row("a").bounces, open ? 1 : 0);
    EXPECT_EQ(writes().messages_deleted, std::vector<std::int64_t>{1});
    EXPECT_TRUE(writes().messages_inserted.empty()) << "a bounce does not bounce";
    ASSERT_EQ(writes().parked_inserted.size(), open ? 0U : 1U);
    if (open) continue;
    EXPECT_EQ(writes().parked_inserted[0].source, "bounce");
    EXPECT_EQ(writes().parked_inserted[0].code, "not_open");
    ASSERT_EQ(writes().alerts.size(), 1U);
    EXPECT_EQ(writes().alerts[0].code, "command_parked");
  }
}

TEST_F(BatchSourcesTest, AMessageThatThrowsIsParkedAndHoldsItsPair) {
  put("b", 0, bank::State::broken);
  put("c", 0);
  const auto bad = message(1, "a", "b", "1");
  const auto behind = message(2, "a", "b", "2");
  const auto other_pair = message(3, "a", "c", "3");
  run();
  EXPECT_TRUE(result(bad).parked);
  EXPECT_EQ(result(behind).fate, Fate::held);
  EXPECT_EQ(result(other_pair).fate, Fate::decided);
  EXPECT_EQ(row("c").balance, 10);
  EXPECT_EQ(writes().messages_deleted, (std::vector<std::int64_t>{1, 3}));
  ASSERT_EQ(writes().parked_inserted.size(), 1U);
  EXPECT_EQ(writes().parked_inserted[0].source, "message");
  EXPECT_EQ(writes().parked_inserted[0].from, account("a"));
  EXPECT_EQ(writes().parked_inserted[0].entity, account("b"));
}

TEST_F(BatchSourcesTest, AMessageThatCannotBeDecodedIsParked) {
  const auto ticket = add(MessageWork{message_row(1, "a", "b"), nullptr});
  run();
  EXPECT_TRUE(result(ticket).parked);
  ASSERT_EQ(writes().parked_inserted.size(), 1U);
}

TEST_F(BatchSourcesTest, MessagesCarryTheirHopsAndStopAtTheBound) {
  put("a");
  request(bank::Send{"a", "b", 1, "x"});
  run();
  ASSERT_EQ(writes().messages_inserted.size(), 1U);
  EXPECT_EQ(writes().messages_inserted[0].hops, 1);
  for (const int hops : {max_message_hops - 1, max_message_hops}) {
    put("a");
    MessageRow row = message_row(1, "z", "a");
    row.hops = hops;
    const auto ticket = add(MessageWork{row, make_command(bank::Send{"a", "b", 1, "x"})});
    run();
    EXPECT_EQ(result(ticket).parked, hops == max_message_hops) << hops;
    if (hops == max_message_hops) continue;
    EXPECT_EQ(writes().messages_inserted.at(0).hops, hops + 1);
  }
}

TEST_F(BatchSourcesTest, ADeadlineOfAnotherArmingIsStale) {
  put("a", 0);
  armings["d"] = 7;
  const auto old = deadline("a", "d", 6);
  const auto standing = deadline("a", "d", 7);
  const auto twice = deadline("a", "d", 7);
  const auto disarmed = deadline("a", "e", 1);
  run();
  EXPECT_EQ(result(old).fate, Fate::stale);
  EXPECT_EQ(result(standing).fate, Fate::decided);
  EXPECT_EQ(result(twice).fate, Fate::stale);
  EXPECT_EQ(result(disarmed).fate, Fate::stale);
  EXPECT_EQ(row("a").ticks, 1);
  ASSERT_EQ(writes().deadlines_deleted.size(), 1U);
  EXPECT_EQ(writes().deadlines_deleted[0].name, "d");
}

TEST_F(BatchSourcesTest, ADeadlineSeesWhatTheBatchDidToIt) {
  armings["d"] = 7;
  put("a", 0);
  request(bank::ClearAlarm{"a", "d"});
  const auto cleared = deadline("a", "d", 7);
  run();
  EXPECT_EQ(result(cleared).fate, Fate::stale);
  EXPECT_EQ(writes().deadlines_deleted.size(), 1U);

  put("a", 0);
  request(bank::SetAlarm{"a", "d", 500, 0});
  const auto replaced = deadline("a", "d", 7);
  run();
  EXPECT_EQ(result(replaced).fate, Fate::stale);
  ASSERT_EQ(writes().deadlines_armed.size(), 1U);
  EXPECT_EQ(writes().deadlines_armed[0].due, now.plus_ms(500));

  put("a", 0);
  const auto rearms = deadline("a", "d", 7, 1);
  run();
  EXPECT_EQ(result(rearms).fate, Fate::decided);
  EXPECT_TRUE(writes().deadlines_deleted.empty()) << "its own arming stands";
  ASSERT_EQ(writes().deadlines_armed.size(), 1U);
  EXPECT_NE(writes().deadlines_armed[0].arming, 7);
}

// Two batches that change the same ones take their rows in it, too.
TEST_F(BatchSourcesTest, DeadlinesAreWrittenInOneOrderWhateverThatOfTheirWorks) {
  for (const char* name : {"d", "e"}) armings[name] = 7;
  put("a", 0);
  put("b", 0);
  request(bank::ClearAlarm{"b", "d"});
  request(bank::ClearAlarm{"a", "e"});
  request(bank::ClearAlarm{"a", "d"});
  for (const char* account : {"b", "a"}) {
    for (const char* name : {"g", "f"}) request(bank::SetAlarm{account, name, 500, 0});
  }
  run();
  const auto names_of = [](const auto& list) {
    std::string names;
    for (const auto& deadline : list) names += deadline.entity.key + deadline.name + " ";
    return names;
  };
  EXPECT_EQ(names_of(writes().deadlines_deleted), "ad ae bd ");
  EXPECT_EQ(names_of(writes().deadlines_armed), "af ag bf bg ");
}

TEST_F(BatchSourcesTest, ADeadlineThatIsRefusedOrThrowsIsParked) {
  for (const bank::State state : {bank::State::frozen, bank::State::broken}) {
    put("a", 0, state);
    armings["d"] = 7;
    const auto ticket = deadline("a", "d", 7);
    run();
    EXPECT_TRUE(result(ticket).parked);
    EXPECT_EQ(writes().deadlines_deleted.size(), 1U);
    ASSERT_EQ(writes().parked_inserted.size(), 1U);
    EXPECT_EQ(writes().parked_inserted[0].source, "deadline");
    EXPECT_EQ(writes().alerts.size(), 1U);
  }
}

TEST_F(BatchSourcesTest, AnOutcomeThatItsOwnerRefusesIsParkedAndTheEffectStillEnds) {
  for (const bank::State state : {bank::State::frozen, bank::State::broken}) {
    put("a", 0, state);
    const auto ticket = answer(effect_row(1, EffectState::sending), Outcome::confirmed);
    run();
    EXPECT_EQ(result(ticket).fate, Fate::decided);
    EXPECT_EQ(writes().effects_updated.at(0).state, EffectState::ended);
    ASSERT_EQ(writes().parked_inserted.size(), 1U);
    EXPECT_EQ(writes().parked_inserted[0].source, "outcome");
    EXPECT_EQ(writes().parked_inserted[0].effect_id, 1);
    EXPECT_EQ(row("a").paid, 0);
  }
}

TEST_F(BatchSourcesTest, OperatorsVerbNeedsTheTokenThatWasLookedAt) {
  put("a", 0);
  const EffectRow looked_at = effect_row(1, EffectState::waiting, 3);
  effects[1].token = 4;
  effects[1].trace_id = "traced";
  OperateWork work{
      looked_at, EffectVerb::confirm, 0, {"operator:ann", "o1", "seen it", "operators"}};
  const auto late = add(work);
  run();
  EXPECT_EQ(code(late), "effect_changed");
  EXPECT_TRUE(writes().empty());

  work.looked_at.token = 4;
  const auto confirmed = add(work);
  run();
  EXPECT_EQ(code(confirmed), "done");
  EXPECT_EQ(row("a").paid, 10);
  EXPECT_NE(writes().journal_entries.find("seen it"), std::string::npos);
  EXPECT_NE(writes().journal_entries.find("operator:ann"), std::string::npos);
  const auto is_traced = [&](const std::string& id) {
    return writes().journal_entries.find("\"trace\":\"" + id + "\"") != std::string::npos;
  };
  EXPECT_TRUE(is_traced("traced")) << "the owner's entry goes on with the effect's trace";
  EXPECT_TRUE(is_traced("operators")) << "the verb's entry has its own";
}

TEST_F(BatchSourcesTest, OperatorsVerbLosesToAnExchangeUnderWay) {
  put("a", 0);
  const auto ticket = add(
      OperateWork{effect_row(1, EffectState::sending), EffectVerb::refuse, 0, {"ann", "o", ""}});
  run();
  EXPECT_EQ(code(ticket), "effect_under_way");
  EXPECT_TRUE(writes().empty()) << "and leaves no entry in the journal";
}

// The row was read while its exchange was under way, and the answer was committed in between.
TEST_F(BatchSourcesTest, AVerbPlannedOnAnotherStateNeverEndsAnEffectSilently) {
  put("a", 0);
  EffectRow looked_at = effect_row(1, EffectState::waiting);
  looked_at.state = EffectState::inquiring;
  const auto ticket =
      add(OperateWork{looked_at, EffectVerb::confirm, 0, {"operator:ann", "o1", "seen it"}});
  run();
  EXPECT_EQ(code(ticket), "effect_changed");
  EXPECT_TRUE(writes().effects_updated.empty()) << "its owner would never be told";
}

TEST_F(BatchSourcesTest, ARepeatedVerbRunsNothing) {
  put("a", 0);
  const OperateWork work{
      effect_row(1, EffectState::waiting), EffectVerb::retry, 0, {"operator:ann", "o1", "again"}};
  const auto first = add(work);
  OperateWork repeated = work;
  repeated.looked_at.token += 1;
  const auto second = add(repeated);
  run();
  EXPECT_EQ(code(first), "done");
  EXPECT_TRUE(result(second).receipt->repeated);
  ASSERT_EQ(writes().effects_updated.size(), 1U);
  EXPECT_EQ(writes().effects_updated[0].token, work.looked_at.token + 1) << "raised once";
  EXPECT_EQ(writes().receipts.size(), 1U);
}

TEST_F(BatchSourcesTest, AVerbThatFoundNoRoomLeavesNoTrace) {
  put("a");
  request(bank::Misbehave{"a", "records", 24'575});
  add(AlertWork{});  // takes the last of the room
  const auto verb = add(
      OperateWork{effect_row(1, EffectState::waiting), EffectVerb::confirm, 0, {"ann", "o", ""}});
  run();
  EXPECT_EQ(code(1), "done");
  EXPECT_EQ(result(verb).fate, Fate::again);
  EXPECT_EQ(writes().journal_entries.find("\"confirm\""), std::string::npos);
  EXPECT_TRUE(writes().effects_updated.empty());
}

TEST_F(BatchSourcesTest, AParkedCommandIsDecidedAgainOrDropped) {
  ParkedRow row;
  row.id = 5;
  row.source = "message";
  row.from = account("a");
  row.entity = account("b");
  row.kind = bank::Credit::kind;
  row.payload = to_payload(bank::Credit{"b", 10, "m"});
  const auto command = make_command(bank::Credit{"b", 10, "m"});
  parked[5] = row;

  put("b", 0, bank::State::broken);
  const auto still = add(ParkedWork{row, ParkedVerb::retry, command, {"ann", "p1", ""}});
  run();
  EXPECT_EQ(code(still), "machine_defect");
  EXPECT_TRUE(writes().parked_deleted.empty()) << "it stays parked";

  put("b", 0, bank::State::frozen);
  const auto refused = add(ParkedWork{row, ParkedVerb::retry, command, {"ann", "p2", ""}});
  run();
  EXPECT_EQ(code(refused), "not_open");
  EXPECT_TRUE(writes().parked_deleted.empty());

  put("b", 0);
  const auto again = add(ParkedWork{row, ParkedVerb::retry, command, {"ann", "p3", ""}});
  const auto twice = add(ParkedWork{row, ParkedVerb::retry, command, {"ann", "p4", ""}});
  run();
  EXPECT_EQ(code(again), "done");
  EXPECT_EQ(code(twice), "parked_not_found");
  EXPECT_EQ(this->row("b").balance, 10);
  EXPECT_EQ(writes().parked_deleted, std::vector<std::int64_t>{5});

  const auto dropped = add(ParkedWork{row, ParkedVerb::drop, nullptr, {"ann", "p5", ""}});
  run();
  EXPECT_EQ(code(dropped), "done");
  EXPECT_EQ(writes().parked_deleted, std::vector<std::int64_t>{5});
  EXPECT_TRUE(writes().entity_writes.empty());
}

TEST_F(BatchSourcesTest, AVerbOnAParkedCommandIsAnsweredOnceAndRepeated) {
  ParkedRow row;
  row.id = 5;
  row.source = "message";
  row.from = account("a");
  row.entity = account("b");
  row.kind = bank::Credit::kind;
  row.payload = to_payload(bank::Credit{"b", 10, "m"});
  const auto command = make_command(bank::Credit{"b", 10, "m"});
  parked[5] = row;
  const auto retry = [&](const std::string& id) {
    return add(ParkedWork{row, ParkedVerb::retry, command, {"ann", id, ""}});
  };

  put("b", 0, bank::State::frozen);
  retry("no");
  run();
  keep_receipts();
  put("b", 0);
  const auto refused = retry("no");
  run();
  EXPECT_EQ(code(refused), "not_open") << "a refusal is an answer: only a new id decides again";
  EXPECT_TRUE(result(refused).receipt->repeated);
  EXPECT_TRUE(writes().parked_deleted.empty());

  const auto first = retry("yes");
  const auto twin = retry("yes");
  run();
  keep_receipts();
  EXPECT_EQ(code(first), "done");
  EXPECT_EQ(code(twin), "done");
  EXPECT_TRUE(result(twin).receipt->repeated);
  EXPECT_EQ(this->row("b").balance, 10) << "decided once";
  EXPECT_EQ(writes().receipts.size(), 1U);

  // Gone by now: all that is known of it is the id.
  parked.clear();
  ParkedRow gone;
  gone.id = 5;
  const auto repeat = add(ParkedWork{gone, ParkedVerb::retry, nullptr, {"ann", "yes", ""}});
  const auto other_verb = add(ParkedWork{gone, ParkedVerb::drop, nullptr, {"ann", "yes", ""}});
  const auto other_person = add(ParkedWork{gone, ParkedVerb::retry, nullptr, {"bob", "yes", ""}});
  const auto nameless = add(ParkedWork{gone, ParkedVerb::retry, nullptr, {"", "yes", ""}});
  run();
  EXPECT_EQ(code(repeat), "done");
  EXPECT_TRUE(result(repeat).receipt->repeated);
  EXPECT_EQ(code(other_verb), "parked_not_found");
  EXPECT_EQ(code(other_person), "parked_not_found");
  EXPECT_EQ(code(nameless), "command_invalid");
  EXPECT_TRUE(writes().empty());
}

TEST_F(BatchSourcesTest, ParkWorkSetsItsSourceAsideWithoutDeciding) {
  put("b", 0);
  put("a", 0);
  armings["d"] = 7;
  ParkWork message_park;
  message_park.message = message_row(1, "a", "b");
  message_park.code = "store_constraint";
  add(message_park);
  ParkWork deadline_park;
  deadline_park.deadline = DeadlineRow{account("a"), "d", 7, now, "bank.alarm", "{}"};
  add(deadline_park);
  ParkWork answer_park;
  answer_park.answer =
      AnswerWork{effect_row(1, EffectState::sending), EffectAnswer(Outcome::confirmed, "c"), 0};
  add(answer_park);
  const auto behind = message(2, "a", "b");
  run();
  EXPECT_EQ(writes().parked_inserted.size(), 3U);
  EXPECT_EQ(writes().messages_deleted, std::vector<std::int64_t>{1});
  EXPECT_EQ(writes().deadlines_deleted.size(), 1U);
  EXPECT_EQ(writes().effects_updated.at(0).state, EffectState::ended);
  EXPECT_TRUE(writes().entity_writes.empty());
  EXPECT_EQ(result(behind).fate, Fate::held);
}

TEST_F(BatchSourcesTest, AlertsAreRaisedAndAcknowledged) {
  AlertWork raise;
  raise.alert.code = "clock_jumped";
  add(raise);
  AlertWork acknowledge;
  acknowledge.acknowledge = true;
  acknowledge.alert.id = 4;
  acknowledge.alert.acked_by = "ann";
  acknowledge.origin = {"ann", "k1", ""};
  add(acknowledge);
  run();
  ASSERT_EQ(writes().alerts.size(), 1U);
  EXPECT_EQ(writes().alerts[0].first_seen, now);
  ASSERT_EQ(writes().alerts_acked.size(), 1U);
  keep_receipts();
  // It may have opened again: a repeat of what was said before must not acknowledge that.
  const auto repeat = add(acknowledge);
  run();
  EXPECT_EQ(code(repeat), "done");
  EXPECT_TRUE(result(repeat).receipt->repeated);
  EXPECT_TRUE(writes().alerts_acked.empty());
  acknowledge.origin.id = "k2";
  add(acknowledge);
  run();
  EXPECT_EQ(writes().alerts_acked.size(), 1U);
}

}  // namespace
}  // namespace pawl::protocol
