// SPDX-License-Identifier: Apache-2.0
//
// What is too old to be decided, which table's turn it is, and how much of the lane's time the
// removal of old rows takes.
#include "protocol/retention.h"

#include <gtest/gtest.h>

#include <limits>

#include "unit/batch_fixture.h"

namespace pawl::protocol {
namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t day = 24 * 3600 * second;

TEST(IdTime, IsReadFromTheTwoKindsThatCarryIt) {
  // The examples of RFC 9562 and of the ULID specification.
  EXPECT_EQ(id_made_at("017F22E2-79B0-7CC3-98C4-DC0C0C07398F"), (Time{1'645'557'742'000'000}));
  EXPECT_EQ(id_made_at("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"), (Time{1'645'557'742'000'000}));
  EXPECT_EQ(id_made_at("01ARYZ6S41TSV4RRFFQ69G5FAV"), (Time{1'469'918'176'385'000}));
  for (const char* opaque :
       {"", "order-17", "550e8400-e29b-41d4-a716-446655440000",
        "017f22e2-79b0-7cc3-f8c4-dc0c0c07398f", "017f22e2x79b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g", "81ARYZ6S41TSV4RRFFQ69G5FAV",
        "01ARYZ6S41TSV4RRFFQ69G5FAU"}) {
    EXPECT_FALSE(id_made_at(opaque)) << opaque;
  }
}

TEST(TooOld, IsWhatSaysThatItWasMadeBeforeTheWindow) {
  const Time made{100 * day};
  const Origin signed_request{"ann", "opaque", "", "", made};
  EXPECT_FALSE(is_too_old(signed_request, made.plus_us(30 * day), 30 * day));
  EXPECT_TRUE(is_too_old(signed_request, made.plus_us(30 * day + 1), 30 * day));
  EXPECT_FALSE(is_too_old(signed_request, made.plus_us(900 * day), 0)) << "kept for ever";
  EXPECT_FALSE(is_too_old({"ann", "opaque", ""}, made.plus_us(900 * day), day));
  const Origin uuid{"ann", "017F22E2-79B0-7CC3-98C4-DC0C0C07398F", ""};
  const Time uuid_made = *id_made_at(uuid.id);
  EXPECT_FALSE(is_too_old(uuid, uuid_made.plus_us(day), day));
  EXPECT_TRUE(is_too_old(uuid, uuid_made.plus_us(day + 1), day));
  EXPECT_FALSE(is_too_old(uuid, uuid_made.plus_us(-2 * day), day)) << "a time ahead says nothing";
}

class TooOldRequest : public BatchFixture {
 protected:
  TooOldRequest() {
    receipts_window_us = 30 * second;
    put("a");
  }
  static Origin made_at(Time time) { return {"ann", "id", "why", "", time}; }
};

TEST_F(TooOldRequest, IsRefusedAndLeavesNothing) {
  const auto old =
      add(RequestWork{make_command(bank::Deposit{"a", 1}), made_at(now.plus_us(-30 * second - 1))});
  run();
  EXPECT_EQ(code(old), "too_old");
  EXPECT_TRUE(writes().empty());
  const auto young =
      add(RequestWork{make_command(bank::Deposit{"a", 1}), made_at(now.plus_us(-30 * second))});
  run();
  EXPECT_EQ(code(young), "done");
}

TEST_F(TooOldRequest, IsAnsweredAsLongAsItsReceiptIsThere) {
  const Origin origin = made_at(now);
  add(RequestWork{make_command(bank::Deposit{"a", 1}), origin});
  run();
  keep_receipts();
  now = now.plus_us(50 * second);
  const auto repeat = add(RequestWork{make_command(bank::Deposit{"a", 1}), origin});
  run();
  EXPECT_EQ(code(repeat), "done");
  EXPECT_TRUE(result(repeat).receipt->repeated);
}

TEST_F(TooOldRequest, IsRefusedOfAnOperatorToo) {
  const Origin old = made_at(Time{});
  effects[1].id = 1;
  effects[1].kind = bank::Payment::kind;
  effects[1].owner = account("a");
  effects[1].state = EffectState::waiting;
  parked[2].id = 2;
  AlertWork acknowledge;
  acknowledge.acknowledge = true;
  acknowledge.alert.id = 3;
  acknowledge.origin = old;
  const std::vector<std::uint64_t> tickets = {
      add(OperateWork{effects[1], EffectVerb::retry, 0, old}),
      add(ParkedWork{parked[2], ParkedVerb::drop, nullptr, old}), add(acknowledge)};
  run();
  for (const auto ticket : tickets) EXPECT_EQ(code(ticket), "too_old") << ticket;
  EXPECT_TRUE(writes().empty());
}

class Plan : public ::testing::Test {
 protected:
  Plan() { bank::describe(registry); }
  static RetentionOptions none() { return {0, 0, 0, 0, 500}; }
  Registry registry;
};

TEST_F(Plan, NothingIsRemovedThatIsKeptForEver) {
  const RetentionPlan plan(none(), registry);
  EXPECT_FALSE(plan.next(Time{1'000 * day}, 1'000 * day));
  EXPECT_EQ(plan.next_us(), std::numeric_limits<std::int64_t>::max());
}

TEST_F(Plan, ReceiptsOutliveTheWindowByTheSlackOfTheirCallersClocks) {
  auto options = none();
  options.receipts_seconds = 30 * day / second;
  const auto pass = RetentionPlan(options, registry).next(Time{100 * day}, 0);
  ASSERT_TRUE(pass);
  EXPECT_EQ(pass->before.us, 69 * day);
  options.receipts_seconds = 60;
  EXPECT_EQ(RetentionPlan(options, registry).next(Time{100 * day}, 0)->before.us,
            100 * day - 120 * second);
}

TEST_F(Plan, ABusyLaneGivesATenthOfItsTimeAndAnIdleOneHalf) {
  auto options = none();
  options.ended_effects_seconds = 60;
  RetentionPlan plan(options, registry);
  const auto pass = plan.next(Time{day}, 0);
  ASSERT_TRUE(pass);
  plan.passed(*pass, {500, false}, 1'000, 1'000, true);
  EXPECT_EQ(plan.next_us(), 10'000);
  EXPECT_FALSE(plan.next(Time{day}, 9'999));
  ASSERT_TRUE(plan.next(Time{day}, 10'000));
  plan.passed(*pass, {500, false}, 11'000, 1'000, false);
  EXPECT_EQ(plan.next_us(), 12'000);
  plan.passed(*pass, {0, false}, 12'000, 1, false);
  EXPECT_EQ(plan.next_us(), 32'000) << "nothing found, no hurry";
  plan.passed(*pass, {0, false}, 12'000, 1, true);
  EXPECT_EQ(plan.next_us(), 112'000);
  plan.failed(12'000);
  EXPECT_FALSE(plan.next(Time{day}, 12'000)) << "a store that fails is left alone for a while";
}

TEST_F(Plan, AWalkThatEndedRestsAndTheOthersHaveTheirTurns) {
  auto options = none();
  options.receipts_seconds = 30 * day / second;
  options.ended_effects_seconds = 30 * day / second;
  RetentionPlan plan(options, registry);
  std::int64_t now = 0;
  int effects = 0;
  int receipts = 0;
  for (int i = 0; i < 1'000; ++i) {
    now = std::max(now, plan.next_us());
    if (now >= day / 2) break;
    const auto pass = plan.next(Time{100 * day}, now);
    ASSERT_TRUE(pass);
    const bool is_effects = pass->subject == RetentionSubject::ended_effects;
    (is_effects ? effects : receipts) += 1;
    // The one has ten passes of rows, the other one.
    plan.passed(*pass, {0, is_effects || receipts == 10}, now, 100, false);
  }
  EXPECT_EQ(effects, 1);
  EXPECT_EQ(receipts, 10) << "a row is looked at once a day";
}

TEST_F(Plan, TheJournalOutlivesEveryRecordThatEnds) {
  Registry keeping;
  bank::describe(keeping, bank::quick_policy(), 500);
  auto options = none();
  const auto cut_of = [&](RetentionSubject subject) -> std::int64_t {
    RetentionPlan plan(options, keeping);
    for (int i = 0; i < 2; ++i) {
      const auto pass = plan.next(Time{day}, plan.next_us());
      if (!pass) return -1;
      if (pass->subject == subject) return day - pass->before.us;
      plan.passed(*pass, {0, true}, i + 1, 0, false);
    }
    return -1;
  };
  EXPECT_EQ(cut_of(RetentionSubject::records), 500 * second);
  EXPECT_EQ(cut_of(RetentionSubject::journal), -1) << "kept for ever";
  options.journal_seconds = 100;
  EXPECT_EQ(cut_of(RetentionSubject::journal), 500 * second);
  options.journal_seconds = 900;
  EXPECT_EQ(cut_of(RetentionSubject::journal), 900 * second);
}

}  // namespace
}  // namespace pawl::protocol
