// SPDX-License-Identifier: Apache-2.0
//
// The model of the database, statement by statement, and what is found on it: nothing in any
// scenario as it is, and without each guard what that guard prevents.
#include <gtest/gtest.h>

#include <string>

#include "check/guard_switch.h"
#include "check/sql/explorer.h"
#include "check/sql/guards.h"

namespace pawl::check::sql {
namespace {

constexpr RowId lane = 0;
constexpr RowId north = 1;
constexpr RowId receipt = 2;

class Model : public ::testing::Test {
 protected:
  Model() {
    state.rows[lane].committed = {1, {1, 1, 0}};
    state.rows[north].committed = {1, {1, 5}};
    for (std::size_t i = 0; i < 3; ++i) {
      state.sessions[i].status = Status::open;
      run(i, statement(Verb::begin));
    }
  }

  static Statement statement(Verb verb, std::vector<RowId> rows = {}) {
    Statement out;
    out.verb = verb;
    out.rows = std::move(rows);
    return out;
  }
  static Statement set_amount(Number value) {
    Statement out = statement(Verb::update, {north});
    out.columns = 2;
    out.values[1] = value;
    return out;
  }

  Answer run(std::size_t session, const Statement& what) {
    return database.run(state, session, what);
  }
  Number amount(std::size_t session) const {
    return state.sessions[session].cells[north].values[1];
  }

  Database database{false, true};
  State state;
};

TEST_F(Model, ALockedRowComesBackAsItIsAfterTheWait) {
  const Statement lock = statement(Verb::lock, {north});
  EXPECT_EQ(run(0, lock).end, End::done);
  EXPECT_EQ(run(0, set_amount(7)).count, 1);
  EXPECT_EQ(run(1, lock).end, End::blocked);
  EXPECT_FALSE(Database::can_go_on(state, 1));
  run(0, statement(Verb::commit));
  EXPECT_TRUE(Database::can_go_on(state, 1));
  EXPECT_EQ(run(1, lock).count, 1);
  EXPECT_EQ(amount(1), 7);
}

TEST_F(Model, WhatElseTheStatementReadsIsAsBeforeTheWait) {
  Statement lock = statement(Verb::lock, {north});
  lock.joined_rows = {receipt};
  run(0, statement(Verb::lock, {north}));
  run(0, statement(Verb::insert, {receipt}));
  run(1, lock);
  run(0, statement(Verb::commit));
  run(1, lock);
  EXPECT_EQ(state.sessions[1].cells[receipt].seen, Seen::missing);
  run(1, statement(Verb::read, {receipt}));
  EXPECT_EQ(state.sessions[1].cells[receipt].seen, Seen::present);
}

TEST_F(Model, ACteThatLocksAnswersTheSnapshot) {
  Statement lock = statement(Verb::lock, {north});
  lock.snapshot_values = true;
  run(0, set_amount(7));
  run(1, lock);
  run(0, statement(Verb::commit));
  run(1, lock);
  EXPECT_EQ(amount(1), 5);
}

TEST_F(Model, AbsenceIsNotLocked) {
  const Statement lock = statement(Verb::lock, {receipt});
  EXPECT_EQ(run(0, lock).count, 0);
  EXPECT_EQ(run(1, statement(Verb::insert, {receipt})).count, 1);
  EXPECT_EQ(run(0, lock).count, 0);
}

TEST_F(Model, AnInsertWaitsForAnotherOfItsKey) {
  Statement insert = statement(Verb::insert, {receipt});
  insert.do_nothing = true;
  run(0, insert);
  EXPECT_EQ(run(1, insert).end, End::blocked);
  EXPECT_EQ(run(2, statement(Verb::insert, {receipt})).end, End::blocked);
  run(0, statement(Verb::commit));
  EXPECT_EQ(run(1, insert).count, 0);
  EXPECT_EQ(run(2, statement(Verb::insert, {receipt})).sqlstate, unique_violation);
  EXPECT_EQ(state.sessions[2].in_transaction, 0);
}

TEST_F(Model, AnInsertDoesNotWaitForWhoHasOnlyLockedTheRow) {
  Statement insert = statement(Verb::insert, {north});
  insert.do_nothing = true;
  run(0, statement(Verb::lock, {north}));
  const Answer answer = run(1, insert);
  EXPECT_EQ(answer.end, End::done);
  EXPECT_EQ(answer.count, 0);
}

TEST_F(Model, AnInsertGoesOnWhenTheOtherIsUndone) {
  Statement insert = statement(Verb::insert, {receipt});
  insert.do_nothing = true;
  run(0, insert);
  run(1, insert);
  database.roll_back(state, 0);
  EXPECT_EQ(run(1, insert).count, 1);
}

TEST_F(Model, AnUpdateLooksAtTheRowAgainAfterItsWait) {
  Statement change = set_amount(9);
  change.where.push_back({0, 1});
  Statement version = statement(Verb::update, {north});
  version.columns = 1;
  version.values[0] = 2;
  run(0, version);
  EXPECT_EQ(run(1, change).end, End::blocked);
  run(0, statement(Verb::commit));
  EXPECT_EQ(run(1, change).count, 0);
}

TEST_F(Model, AnUpdateThatFindsNothingInItsSnapshotDoesNotWait) {
  Statement change = set_amount(9);
  change.where.push_back({0, 2});
  Statement version = statement(Verb::update, {north});
  version.columns = 1;
  version.values[0] = 2;
  run(0, version);
  EXPECT_EQ(run(1, change).end, End::done);
}

TEST_F(Model, ALockLooksAtTheRowAgainAfterItsWait) {
  Statement fence = statement(Verb::lock, {lane});
  fence.where.push_back({0, 1});
  fence.raises = fenced;
  Statement raise = statement(Verb::update, {lane});
  raise.columns = 1;
  raise.values[0] = 2;
  run(0, raise);
  EXPECT_EQ(run(1, fence).end, End::blocked);
  run(0, statement(Verb::commit));
  EXPECT_EQ(run(1, fence).sqlstate, fenced);
  EXPECT_EQ(state.rows[lane].holder, 0);
}

TEST_F(Model, ALookAtTheRowDoesNotWaitAndHoldsNothing) {
  Statement look = statement(Verb::read, {lane});
  look.where.push_back({0, 1});
  look.raises = fenced;
  look.answers = false;
  Statement raise = statement(Verb::update, {lane});
  raise.columns = 1;
  raise.values[0] = 2;
  run(0, raise);
  EXPECT_EQ(run(1, look).count, 1);
  EXPECT_EQ(state.sessions[1].cells[lane].seen, Seen::not_asked);
  run(0, statement(Verb::commit));
  EXPECT_EQ(run(1, look).sqlstate, fenced);
}

TEST_F(Model, SkippingDoesNotWait) {
  Statement lock = statement(Verb::lock, {north});
  run(0, lock);
  lock.skip_locked = true;
  EXPECT_EQ(run(1, lock).count, 0);
  EXPECT_EQ(state.sessions[1].waits, Wait::no);
}

TEST_F(Model, WhatRaisesVoidsItsTransaction) {
  run(0, set_amount(7));
  Statement fence = statement(Verb::update, {lane});
  fence.where.push_back({0, 2});
  fence.raises = fenced;
  EXPECT_EQ(run(0, fence).sqlstate, fenced);
  EXPECT_EQ(state.rows[north].holder, 0);
  EXPECT_EQ(state.rows[north].committed.values[1], 5);
}

TEST_F(Model, ACycleOfWaitsIsSeen) {
  run(0, statement(Verb::lock, {lane}));
  run(1, statement(Verb::lock, {north}));
  run(0, statement(Verb::lock, {north}));
  EXPECT_FALSE(Database::is_deadlocked(state, 0));
  run(1, statement(Verb::lock, {lane}));
  EXPECT_TRUE(Database::is_deadlocked(state, 0));
  EXPECT_TRUE(Database::is_deadlocked(state, 1));
}

TEST_F(Model, OthersComeBetweenTheRowsOfOneStatement) {
  const Database rows_one_by_one(false, false);
  const Statement both = statement(Verb::lock, {lane, north});
  EXPECT_EQ(rows_one_by_one.run(state, 0, both).end, End::blocked);
  EXPECT_TRUE(Database::can_go_on(state, 0));
  EXPECT_EQ(run(1, set_amount(9)).count, 1);
  EXPECT_EQ(rows_one_by_one.run(state, 0, both).end, End::blocked);
  EXPECT_FALSE(Database::can_go_on(state, 0));
}

TEST(OneWriter, TheSecondWaitsAtItsBegin) {
  const Database database(true, true);
  State state;
  state.sessions[0].status = state.sessions[1].status = Status::open;
  Statement begin;
  EXPECT_EQ(database.run(state, 0, begin).end, End::done);
  EXPECT_EQ(database.run(state, 1, begin).end, End::blocked);
  database.roll_back(state, 0);
  EXPECT_TRUE(Database::can_go_on(state, 1));
  EXPECT_EQ(database.run(state, 1, begin).end, End::done);
}

TEST(SqlScenarios, AreCleanAndComplete) {
  for (SqlScenario scenario : scenarios()) {
    // A million states with a fault: that is for ./dev check.
    if (scenario.name == "sql.three") scenario.faults = 0;
    const Options options;
    const Result result = Explorer(scenario, options).run();
    EXPECT_TRUE(result.complete) << scenario.name;
    EXPECT_FALSE(result.violation) << (result.violation ? result.violation->chart : "");
    EXPECT_GT(result.states, 100) << scenario.name;
  }
}

// On a database where one transaction writes at a time most of the guards have nothing to prevent;
// those of the lanes and of commits in doubt do.
struct Prevents {
  const Guard& guard;
  const char* scenario;
  const char* finding;  // a part of it
};

class SqlGuards : public ::testing::TestWithParam<Prevents> {};

TEST_P(SqlGuards, WithoutItTheFailureIsFoundAndReplayed) {
  const GuardOff off{std::string(GetParam().guard.name)};
  for (const SqlScenario& scenario : scenarios()) {
    if (scenario.name != GetParam().scenario) continue;
    const Options options;
    const Result result = Explorer(scenario, options).run();
    ASSERT_TRUE(result.violation);
    EXPECT_NE(result.violation->what.find(GetParam().finding), std::string::npos)
        << result.violation->chart;
    const Result again = Explorer(scenario, options).follow(result.violation->schedule);
    EXPECT_EQ(again.violation->what, result.violation->what);
    EXPECT_EQ(again.violation->chart, result.violation->chart);
    return;
  }
  FAIL() << "no scenario " << GetParam().scenario;
}

INSTANTIATE_TEST_SUITE_P(
    Each, SqlGuards,
    ::testing::Values(
        Prevents{guard::locked_read, "sql.one_entity", "PW003"},
        Prevents{guard::fresh_values, "sql.one_entity", "PW003"},
        Prevents{guard::one_table, "sql.one_entity", "not seen under the lock"},
        Prevents{guard::receipt_after_lock, "sql.one_entity", "not seen under the lock"},
        Prevents{guard::read_again, "sql.places", "not seen under the lock"},
        Prevents{guard::lock_or_version, "sql.three", "and its version is"},
        Prevents{guard::key_order, "sql.two_entities", "40P01"},
        Prevents{guard::skipped_is_not_absent, "sql.three", "already_exists"},
        Prevents{guard::create_counted, "sql.create", "and its version is"},
        Prevents{guard::create_runs_again, "sql.create", "already_exists"},
        Prevents{guard::locked_read, "sql.folded", "PW003"},
        Prevents{guard::lane_epoch, "sql.stale_holder", "superseded"},
        Prevents{guard::lane_epoch, "sql.in_doubt_renewing", "superseded"},
        Prevents{guard::lane_locked, "sql.stale_holder", "superseded"},
        Prevents{guard::raised_on_server, "sql.stale_holder", "superseded"},
        Prevents{guard::sequence_in_row, "sql.one_entity", "gap"},
        Prevents{guard::take_over_locked, "sql.take_overs", "under one epoch"},
        Prevents{guard::settled_under_lock, "sql.in_doubt", "nothing had happened"},
        Prevents{guard::settling_raises_epoch, "sql.in_doubt", "nothing had happened"},
        Prevents{guard::journal_epoch, "sql.in_doubt", "is not there"},
        Prevents{guard::effect_locked, "sql.claim", "under one token"},
        Prevents{guard::earlier_first, "sql.messages", "overtook"}),
    [](const auto& given) {
      std::string name = std::string(given.param.guard.name) + "_in_" + given.param.scenario;
      for (char& c : name) c = c == '.' ? '_' : c;
      return name;
    });

}  // namespace
}  // namespace pawl::check::sql
