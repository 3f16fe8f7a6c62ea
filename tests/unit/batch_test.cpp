// SPDX-License-Identifier: Apache-2.0
//
// Requests in a batch: they fold in arrival order, what is refused or throws leaves no trace, and
// what decide() may not do is stopped.
#include "unit/batch_fixture.h"

#include "core/json.h"

namespace pawl::protocol {
namespace {

class BatchTest : public BatchFixture {};

TEST_F(BatchTest, LocksEveryEntityOnceInTheGlobalOrder) {
  request(bank::Transfer{"c", "a", 1});
  request(bank::Deposit{"b", 1});
  request(bank::Transfer{"a", "b", 1});
  run();
  const auto& entities = batch->lock_request().entities;
  EXPECT_EQ(entities, (std::vector<EntityRef>{account("a"), account("b"), account("c")}));
}

TEST_F(BatchTest, CommandsOnAHotEntityFold) {
  put("a", 0);
  for (int i = 1; i <= 100; ++i) request(bank::Deposit{"a", i});
  run();
  EXPECT_EQ(row("a").balance, 5'050);
  EXPECT_EQ(slot("a").version, 105);
  ASSERT_EQ(writes().entity_writes.size(), 1U) << "one write for all of them";
  EXPECT_FALSE(writes().entity_writes[0].created);
  EXPECT_EQ(writes().entity_writes[0].locked_version, 5) << "not the version before the last";
  EXPECT_EQ(writes().receipts.size(), 100U);
  for (std::uint64_t ticket = 1; ticket <= 100; ++ticket) {
    EXPECT_EQ(result(ticket).receipt->version, static_cast<std::int64_t>(5 + ticket));
    EXPECT_EQ(result(ticket).receipt->reply_json,
              to_payload(bank::DepositReply{static_cast<std::int64_t>(ticket * (ticket + 1) / 2)}));
  }
}

TEST_F(BatchTest, ACreateIsSeenByWhatFollowsAndLosesToWhatIsThere) {
  const auto first = request(bank::Open{"a", 5, {}});
  const auto second = request(bank::Open{"a", 9, {}});
  const auto deposit = request(bank::Deposit{"a", 1});
  run();
  EXPECT_EQ(code(first), "done");
  EXPECT_EQ(code(second), "not_open");
  EXPECT_EQ(code(deposit), "done");
  EXPECT_EQ(row("a").balance, 6);
  EXPECT_EQ(slot("a").version, 2);
  ASSERT_EQ(writes().entity_writes.size(), 1U);
  EXPECT_TRUE(writes().entity_writes[0].created);
  EXPECT_EQ(writes().entity_writes[0].locked_version, 0);
}

TEST_F(BatchTest, RefusalIsStoredAndLeavesTheRowAlone) {
  put("a", 5);
  put("b", 5);
  const auto ticket = request(bank::Transfer{"a", "b", 6});
  run();
  EXPECT_EQ(code(ticket), "no_funds");
  EXPECT_EQ(result(ticket).receipt->guard, "bank.has_funds");
  EXPECT_EQ(result(ticket).receipt->version, 5);
  EXPECT_TRUE(writes().entity_writes.empty());
  ASSERT_EQ(writes().receipts.size(), 1U);
  EXPECT_FALSE(writes().receipts[0].receipt.done);
  EXPECT_EQ(writes().journal_entries, "[]");
}

TEST_F(BatchTest, WhatBreaksItsContractLeavesNoTrace) {
  const struct {
    const char* how;
    std::int64_t count;
  } mistakes[] = {{"throw", 0},
                  {"throw_int", 0},
                  {"key", 0},
                  {"create", 0},
                  {"twice", 0},
                  {"record", 0},
                  {"effect", 0},
                  {"message", 0},
                  {"deadline", 0},
                  {"effects", std::int64_t{max_effects_per_decision} + 1},
                  {"messages", std::int64_t{max_messages_per_decision} + 1},
                  {"records", 1 << ordinal_bits}};
  for (const auto& mistake : mistakes) {
    put("a", 5);
    const auto before = request(bank::Deposit{"a", 1});
    const auto bad = request(bank::Misbehave{"a", mistake.how, mistake.count});
    const auto after = request(bank::Deposit{"a", 1});
    run();
    EXPECT_EQ(code(before), "done") << mistake.how;
    EXPECT_EQ(code(bad), "machine_defect") << mistake.how;
    EXPECT_EQ(code(after), "done") << mistake.how;
    EXPECT_EQ(row("a").balance, 7) << mistake.how;
    EXPECT_EQ(row("a").id, "a");
    EXPECT_EQ(slot("a").version, 7) << mistake.how;
    EXPECT_EQ(writes().receipts.size(), 2U) << mistake.how << ": a defect stores no receipt";
    EXPECT_TRUE(writes().records.empty()) << mistake.how;
    EXPECT_TRUE(writes().effects_inserted.empty()) << mistake.how;
    EXPECT_TRUE(writes().messages_inserted.empty()) << mistake.how;
    EXPECT_TRUE(writes().deadlines_armed.empty()) << mistake.how;
  }
}

TEST_F(BatchTest, AnAbsentEntityIsNeitherReadNorUpdated) {
  const auto reads = request(bank::Misbehave{"a", "absent", 0});
  const auto updates = request(bank::Misbehave{"a", "", 0});
  const auto closed = request(bank::Misbehave{"a", "create_closed", 0});
  run();
  EXPECT_EQ(code(reads), "machine_defect");
  EXPECT_EQ(code(updates), "machine_defect");
  EXPECT_EQ(code(closed), "machine_defect") << "not one of the initial states";
  EXPECT_TRUE(writes().empty());
  EXPECT_FALSE(slot("a").present);
}

TEST_F(BatchTest, OnlyLegalMovesAndTheTimeOfTheMoveIsSet) {
  using bank::State;
  const std::set<std::pair<State, State>> legal{{State::open, State::frozen},
                                                {State::frozen, State::open},
                                                {State::open, State::broken},
                                                {State::broken, State::open},
                                                {State::open, State::closed}};
  for (const State from : {State::open, State::frozen, State::broken, State::closed}) {
    for (const State to : {State::open, State::frozen, State::broken, State::closed}) {
      put("a", 1, from);
      const auto ticket = request(bank::Go{"a", to});
      run();
      const bool allowed = from == to || legal.contains({from, to});
      EXPECT_EQ(code(ticket), allowed ? "done" : "machine_defect")
          << name_of(from) << " to " << name_of(to);
      EXPECT_EQ(row("a").state, allowed ? to : from);
      EXPECT_EQ(row("a").state_since, allowed && from != to ? now : Time{11});
    }
  }
}

TEST_F(BatchTest, ARepeatInOneBatchRunsOnce) {
  put("a", 0);
  const auto first = request(bank::Deposit{"a", 1}, "same");
  const auto again = request(bank::Deposit{"a", 1}, "same");
  const auto other_content = request(bank::Deposit{"a", 2}, "same");
  const auto other_principal = request(bank::Deposit{"a", 10}, "same", "bob");
  const auto other_kind = request(bank::Go{"a", bank::State::open}, "same");
  run();
  EXPECT_EQ(row("a").balance, 11);
  EXPECT_FALSE(result(first).receipt->repeated);
  EXPECT_TRUE(result(again).receipt->repeated);
  EXPECT_EQ(result(again).receipt->reply_json, result(first).receipt->reply_json);
  EXPECT_EQ(result(again).receipt->version, result(first).receipt->version);
  EXPECT_EQ(code(other_content), "idempotency_key_reused");
  EXPECT_EQ(code(other_principal), "done");
  EXPECT_EQ(code(other_kind), "done");
  EXPECT_EQ(writes().receipts.size(), 3U);
}

TEST_F(BatchTest, ARepeatOfALaterBatchRunsNothing) {
  put("a", 0);
  request(bank::Deposit{"a", 1}, "same");
  run();
  const auto stored = writes().receipts.at(0);
  receipts[stored.key] = stored.receipt;
  const auto again = request(bank::Deposit{"a", 1}, "same");
  const auto other = request(bank::Deposit{"a", 2}, "same");
  run();
  EXPECT_TRUE(result(again).receipt->repeated);
  EXPECT_EQ(code(other), "idempotency_key_reused");
  EXPECT_TRUE(writes().empty()) << "nothing to commit";
}

TEST_F(BatchTest, MalformedRequestsAreRefusedAndNothingIsStored) {
  put("a");
  const std::uint64_t tickets[] = {
      request(bank::Deposit{"", 1}),
      request(bank::Deposit{std::string(max_key_bytes + 1, 'k'), 1}),
      request(bank::Transfer{"a", "a", 1}),
      request(bank::Deposit{"a", 1}, std::string(129, 'i')),
      request(bank::Deposit{"a", 1}, "x", ""),
      request(bank::Deposit{"a", 1}, "x", std::string(201, 'p')),
      add(RequestWork{make_command(bank::Deposit{"a", 1}), {"ann", "", ""}}),
  };
  run();
  for (const auto ticket : tickets) EXPECT_EQ(code(ticket), "command_invalid") << ticket;
  EXPECT_TRUE(writes().empty());
}

// A store that keeps it as escaped JSON would take it, and could not show it.
TEST_F(BatchTest, APrincipalOrAReasonThatIsNoTextIsRefused) {
  put("a");
  for (const std::string& bad :
       {std::string("x\0y", 3), std::string("\xff"), std::string("\xed\xa0\x80")}) {
    const auto command = make_command(bank::Deposit{"a", 1});
    const auto principal = add(RequestWork{command, {bad, "1", ""}});
    const auto reason = add(RequestWork{command, {"ann", "2", bad}});
    const auto dropped = add(ParkedWork{{}, ParkedVerb::drop, nullptr, {"ann", "3", bad}});
    run();
    for (const auto ticket : {principal, reason, dropped}) {
      EXPECT_EQ(code(ticket), "text_invalid") << ticket;
    }
    EXPECT_TRUE(writes().empty());
  }
  const auto sound = add(RequestWork{make_command(bank::Deposit{"a", 1}),
                                     {"ann", std::string("\0\xff", 2), "\xC3\xA9"}});
  run();
  EXPECT_EQ(code(sound), "done") << "an id may be any bytes";
}

TEST_F(BatchTest, AnEntityThatThisBinaryDoesNotKnowIsNotTouched) {
  put("newer");
  world[account("newer")].row[1] = "melted";  // a state of a newer binary
  put("other_schema");
  world[account("other_schema")].row.clear();  // what a store gives for another pawl_schema
  put("sound");
  const auto newer = request(bank::Deposit{"newer", 1});
  const auto other = request(bank::Deposit{"other_schema", 1});
  const auto pair = request(bank::Transfer{"sound", "newer", 1});
  const auto sound = request(bank::Deposit{"sound", 1});
  run();
  EXPECT_EQ(code(newer), "entity_unreadable");
  EXPECT_EQ(code(other), "entity_unreadable");
  EXPECT_EQ(code(pair), "entity_unreadable");
  EXPECT_EQ(code(sound), "done");
  ASSERT_EQ(writes().entity_writes.size(), 1U);
  EXPECT_EQ(writes().receipts.size(), 1U);
}

TEST_F(BatchTest, TimeIsNeverBelowTheEntitysOwnLastTime) {
  put("a");
  world[account("a")].last_time = now.plus_seconds(60);
  request(bank::Go{"a", bank::State::frozen});
  run();
  EXPECT_EQ(row("a").state_since, now.plus_seconds(60));
  EXPECT_EQ(slot("a").last_time, now.plus_seconds(60));
}

TEST_F(BatchTest, WhatIsAskedWithoutAChangeOfTheRowIsJournaledToo) {
  put("a");
  const auto before = world.at(account("a"));
  request(bank::SetAlarm{"a", "x", 100, 0}, "s1");
  run();
  ASSERT_EQ(writes().deadlines_armed.size(), 1U);
  EXPECT_EQ(slot("a").version, before.version + 1);
  EXPECT_EQ(slot("a").row, before.row);
  EXPECT_NE(writes().journal_entries.find(R"("command":"bank.set_alarm")"), std::string::npos)
      << writes().journal_entries;
  EXPECT_NE(writes().journal_entries.find(R"("id":"s1")"), std::string::npos);
}

TEST_F(BatchTest, JournalEntriesSayWhoWhatAndPointBack) {
  put("a", 5);
  put("b", 5);
  request(bank::Transfer{"a", "b", 1}, "t1");
  request(bank::Go{"a", bank::State::frozen}, "g1");
  run();
  const auto entries = json::parse(writes().journal_entries);
  ASSERT_TRUE(entries) << writes().journal_entries;
  ASSERT_EQ(entries->as_array()->size(), 3U);
  const auto text = [&](std::size_t i, const char* name) {
    const auto* found = (*entries->as_array())[i].find(name);
    return found == nullptr ? std::string("(none)") : std::string(found->as_string().value_or("?"));
  };
  EXPECT_EQ(text(0, "command"), "bank.transfer");
  EXPECT_EQ(text(0, "who"), "ann");
  EXPECT_EQ(text(0, "id"), "t1");
  EXPECT_EQ(text(0, "source"), "request");
  EXPECT_EQ(text(2, "from"), "open");
  EXPECT_EQ(text(2, "to"), "frozen");
  // The row points at the newest entry's first byte, and that one at the entry before it.
  const auto offset = static_cast<std::size_t>(slot("a").newest.offset);
  EXPECT_EQ(slot("a").newest.sequence, 9);
  EXPECT_EQ(writes().journal_entries.substr(offset, 11), R"({"machine":)");
  EXPECT_NE(writes().journal_entries.find(R"("previous":[0,9,1])", offset), std::string::npos);
  EXPECT_NE(writes().journal_entries.find(R"("previous":[0,3,7])"), std::string::npos);
  EXPECT_EQ(writes().config_version, 42);
}

TEST_F(BatchTest, EachCommandSeesAsManyRecordsAsItDeclared) {
  notes["a"] = {"1", "2", "3", "4", "5", "6"};
  for (const bool two_first : {true, false}) {
    put("a");
    if (two_first) request(bank::RecallTwo{"a"});
    request(bank::RecallFive{"a"});
    if (!two_first) request(bank::RecallTwo{"a"});
    run();
    EXPECT_EQ(row("a").trail, two_first ? "[56][23456]" : "[23456][56]");
  }
}

TEST_F(BatchTest, RecordsOfTheSameBatchAreSeenWithinTheLimit) {
  notes["a"] = {"1", "2", "3"};
  put("a");
  request(bank::RecallTwo{"a"});
  request(bank::Write{"a", "4", 0});
  request(bank::RecallTwo{"a"});
  run();
  EXPECT_EQ(row("a").trail, "[23][34]");
  ASSERT_EQ(writes().records.size(), 1U);
}

TEST_F(BatchTest, IgnoredConsumesAndChangesNothing) {
  put("a");
  const auto ticket = request(bank::Misbehave{"a", "ignore", 0});
  run();
  EXPECT_EQ(code(ticket), "done");
  EXPECT_TRUE(writes().entity_writes.empty());
  EXPECT_EQ(writes().receipts.size(), 1U);
}

TEST_F(BatchTest, AFullBatchRunsTheRestAgainInTheirOrder) {
  put("a");
  // Each takes 8,000 ordinals of 32,768 less the reserve: three fit.
  for (int i = 0; i < 5; ++i) request(bank::Misbehave{"a", "records", 8'000});
  const auto small = request(bank::Deposit{"a", 1});
  run();
  for (std::uint64_t ticket = 1; ticket <= 3; ++ticket) {
    EXPECT_EQ(result(ticket).fate, Fate::decided) << ticket;
  }
  EXPECT_EQ(result(4).fate, Fate::again);
  EXPECT_EQ(result(5).fate, Fate::again);
  EXPECT_EQ(result(small).fate, Fate::again) << "it would fit, but must not overtake";
  EXPECT_EQ(writes().records.size(), 24'000U);
  EXPECT_EQ(slot("a").version, 8);
  std::set<std::int64_t> ids;
  for (const auto& record : writes().records) ids.insert(record.id);
  EXPECT_EQ(ids.size(), 24'000U);
}

TEST_F(BatchTest, RowIdsRiseWithLaneSequenceAndOrdinal) {
  EXPECT_LT(row_id(0, 1, (1 << ordinal_bits) - 1), row_id(0, 2, 0));
  EXPECT_LT(row_id(0, (std::int64_t{1} << sequence_bits) - 1, 5), row_id(1, 1, 0));
  EXPECT_GT(row_id(1'000, 1, 1), 0);
}

struct BadReads {
  static constexpr std::string_view kind = "bank.bad_reads";
  std::string account;
  auto keys() const { return std::tuple{pawl::Key<bank::Account>{account}}; }
  static std::vector<RecordRead> reads() { return {newest_records<bank::Note>(5, 3)}; }
  static constexpr auto fields() { return std::tuple{pawl::field("account", &BadReads::account)}; }
};
Decision decide(const BadReads&, Locked<bank::Account>&, const Context&) {
  return Decision::ignore("");
}

struct BadKeys {
  static constexpr std::string_view kind = "bank.bad_keys";
  std::string account;
  std::tuple<pawl::Key<bank::Account>> keys() const { throw std::runtime_error("no keys"); }
  static constexpr auto fields() { return std::tuple{pawl::field("account", &BadKeys::account)}; }
};
Decision decide(const BadKeys&, Locked<bank::Account>&, const Context&) {
  return Decision::ignore("");
}

TEST_F(BatchTest, ACommandWhoseDescriptionIsWrongHarmsOnlyItself) {
  put("a");
  const auto reads = request(BadReads{"a"});
  const auto keys = request(BadKeys{"a"});
  const auto sound = request(bank::Deposit{"a", 1});
  run();
  EXPECT_FALSE(result(reads).receipt);
  EXPECT_FALSE(result(keys).receipt);
  EXPECT_EQ(code(sound), "done");
}

}  // namespace
}  // namespace pawl::protocol
