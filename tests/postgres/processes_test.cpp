// SPDX-License-Identifier: Apache-2.0
//
// Several processes on one database, with real deaths and real stops: what one leaves another
// drives to its end; one that was stopped and goes on writes nothing with what it was; no effect is
// made twice on a guess; and a lane is written by one process at a time, which the journal shows.
#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "engine/bank_decide.h"
#include "postgres/raw_session.h"
#include "postgres/worker.h"

namespace pawl::test {
namespace {

constexpr std::int64_t first_balance = 1'000;
// Longer than any test waits: what is taken over then was not taken for a lapsed lease.
const std::string long_lease = "lane_lease_ms=600000";
const std::string short_lease = "lane_lease_ms=1000";

class Processes : public ::testing::Test {
 protected:
  void SetUp() override {
    Registry registry;
    bank::describe(registry);
    ASSERT_TRUE(world_.open(registry, false));
  }
  void TearDown() override {
    if (!HasFailure()) return;
    for (const auto& worker : workers_) {
      std::fputs(file_content(world_.server().directory() + "/" + world_.schema() + "-" +
                              worker->name() + ".log")
                     .c_str(),
                 stderr);
    }
  }

  Worker& begin(const std::string& name, std::vector<std::string> options = {},
                const std::string& url = {}) {
    workers_.push_back(std::make_unique<Worker>(world_, far_side_, name, std::move(options), url));
    return *workers_.back();
  }
  Worker& start(const std::string& name, std::vector<std::string> options = {}) {
    Worker& worker = begin(name, std::move(options));
    EXPECT_TRUE(worker.ready()) << name;
    return worker;
  }
  void open_accounts(Worker& worker, int count) {
    for (int i = 0; i < count; ++i) {
      const std::string words = "open " + std::to_string(i) + " " + std::to_string(first_balance);
      ASSERT_EQ(worker.call(words).status, "done");
    }
  }
  std::int64_t number(const std::string& sql) const { return std::stoll(world_.sql(sql)); }
  std::string value(const std::string& column, const std::string& account) const {
    return world_.sql("SELECT " + column + " FROM accounts WHERE id = '" + account + "'");
  }
  bool quiet() const {
    return number(
               "SELECT (SELECT count(*) FROM pawl_effects) + (SELECT count(*) FROM "
               "pawl_messages) + (SELECT count(*) FROM pawl_deadlines)") == 0;
  }
  std::int64_t lanes() const { return number("SELECT count(*) FROM pawl_lanes"); }
  // The lanes that are held by that process alone, and by nobody for it.
  std::int64_t lanes_of(const Worker& worker) const {
    return number(
        "SELECT count(*) FROM pawl_lanes WHERE held_until_us > 0 AND NOT adopted AND "
        "holder LIKE '%/" +
        std::to_string(worker.pid()) + "/%'");
  }
  void expect_sound(int accounts) {
    EXPECT_EQ(number("SELECT coalesce(sum(balance + paying + paid), 0) FROM accounts"),
              accounts * first_balance);
    EXPECT_TRUE(far_side_.sent_on_a_guess().empty())
        << far_side_.sent_on_a_guess().size() << ", " << far_side_.sent_on_a_guess()[0];
    EXPECT_EQ(world_.sql("SELECT string_agg(code, ' ') FROM pawl_alerts"), "");
    EXPECT_EQ(number("SELECT count(*) FROM pawl_parked"), 0);
    expect_sound_journal();
  }
  void expect_sound_journal() {
    EXPECT_EQ(number("SELECT count(*) FROM (SELECT lane FROM pawl_journal GROUP BY lane HAVING "
                     "max(sequence) - min(sequence) + 1 <> count(*)) AS with_gaps"),
              0);
    EXPECT_EQ(number("SELECT count(*) FROM (SELECT epoch < lag(epoch) OVER (PARTITION BY lane "
                     "ORDER BY sequence) AS back FROM pawl_journal) AS steps WHERE back"),
              0)
        << "a lane was written by one who had lost it";
    // A worker's commands are named after it, as long as nobody else is given the same.
    EXPECT_EQ(number("SELECT count(*) FROM (SELECT j.lane, j.epoch FROM pawl_journal AS j JOIN "
                     "pawl_journal_entries AS e USING (lane, sequence) WHERE e.source = 'request' "
                     "GROUP BY 1, 2 HAVING count(DISTINCT split_part(e.command_id, '-', 1)) > 1) "
                     "AS shared"),
              0)
        << "two processes wrote one lane in one epoch";
    EXPECT_EQ(number("SELECT count(*) FROM (SELECT entity_key FROM pawl_journal_entries GROUP BY "
                     "entity_key HAVING count(*) <> max(version) OR count(DISTINCT version) <> "
                     "count(*)) AS torn"),
              0);
    EXPECT_EQ(number("SELECT count(*) FROM (SELECT command_id FROM pawl_journal_entries WHERE "
                     "source = 'request' GROUP BY entity_key, command, command_id HAVING count(*) "
                     "> 1) AS twice"),
              0);
  }

  PostgresWorld world_;
  FarSide far_side_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

TEST_F(Processes, WhatAKilledOneLeftTheOtherDrivesAtOnce) {
  Worker& a = start("A", {long_lease});
  Worker& b = start("B", {long_lease});
  open_accounts(a, 6);
  // Half of what is sent is carried out, and nothing of it is answered.
  far_side_.script([](const Exchange& exchange) {
    const bool odd = exchange.key.back() % 2 != 0;
    return std::pair{odd ? FarSide::Do::carry_out : FarSide::Do::nothing, FarSide::Say::nothing};
  });
  // What goes to this account waits.
  RawSession holder(world_.server().url(), world_.schema(), "holder");
  holder.run("BEGIN");
  holder.run("SELECT FROM accounts WHERE id = '5' FOR UPDATE");
  for (int i = 0; i < 10; ++i) {
    const std::string n = std::to_string(i);
    ASSERT_EQ(a.call("pay " + std::to_string(i % 5) + " 10 key" + n).status, "done");
    ASSERT_EQ(a.call("send 0 5 1 " + n + ";").status, "done");
  }
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(a.call("alarm " + std::to_string(i) + " bell 3600000").status, "done");
  }
  ASSERT_TRUE(eventually([&] { return far_side_.count("perform", "A") == 10; }));
  ASSERT_EQ(number("SELECT count(*) FROM pawl_messages"), 10);
  // Their time has come, and it does not know.
  world_.sql("UPDATE pawl_deadlines SET due_us = 1");
  a.kill_now();
  far_side_.script({});
  holder.run("COMMIT");
  EXPECT_TRUE(eventually([&] { return quiet(); }));
  EXPECT_EQ(far_side_.count("inquire", "B"), 10) << "each was under way when its sender died";
  EXPECT_EQ(far_side_.count("perform", "B"), 5) << "what was not there, and nothing else";
  EXPECT_EQ(number("SELECT sum(paid) FROM accounts"), 100);
  EXPECT_EQ(value("trail", "5"), "0;1;2;3;4;5;6;7;8;9;");
  EXPECT_EQ(number("SELECT sum(ticks) FROM accounts"), 5);
  EXPECT_EQ(b.call("deposit 0 0").status, "done");
  expect_sound(6);
}

TEST_F(Processes, AStoppedOneIsTakenOverAndWritesNothingOfItWhenItGoesOn) {
  const std::vector<std::string> options{short_lease, "send_ms=1000", "effect_lease_ms=1500"};
  Worker& a = start("A", options);
  Worker& b = start("B", options);
  open_accounts(a, 4);
  far_side_.script([](const Exchange& exchange) {
    const bool first = exchange.of == "A";
    return std::pair{FarSide::Do::carry_out, first ? FarSide::Say::nothing : FarSide::Say::answer};
  });
  for (int i = 0; i < 6; ++i) {
    const std::string n = std::to_string(i);
    ASSERT_EQ(a.call("pay " + std::to_string(i % 4) + " 10 key" + n).status, "done");
  }
  ASSERT_TRUE(eventually([&] { return far_side_.count("perform", "A") == 6; }));
  const std::string before = world_.sql("SELECT max(epoch) FROM pawl_lanes");
  a.signal(SIGSTOP);
  ASSERT_TRUE(eventually([&] { return a.is_frozen(); }));
  // What it had claimed is inquired by another once both leases are over.
  EXPECT_TRUE(eventually([&] { return quiet(); }));
  EXPECT_EQ(far_side_.count("perform"), 6);
  EXPECT_EQ(number("SELECT sum(paid) FROM accounts"), 60);
  EXPECT_EQ(b.call("transfer 0 1 5").status, "done");
  // Its answers, and what it was asked meanwhile, reach it when it goes on.
  auto asked = a.begin("deposit 0 0");
  EXPECT_EQ(far_side_.answer_all(), 6);
  a.signal(SIGCONT);
  EXPECT_EQ(asked.get().status, "done") << "in another lane";
  EXPECT_EQ(a.call("transfer 1 0 5").status, "done");
  EXPECT_TRUE(eventually([&] { return lanes_of(a) == 2 && lanes_of(b) == 2; }));
  far_side_.script({});
  EXPECT_EQ(a.call("pay 3 10 after").status, "done");
  EXPECT_TRUE(eventually([&] { return quiet(); }));
  EXPECT_EQ(far_side_.count("perform"), 7);
  EXPECT_LE(lanes(), 4);
  EXPECT_GT(world_.sql("SELECT max(epoch) FROM pawl_lanes"), before);
  expect_sound(4);
}

class StoppedInMidBatch : public Processes {
 protected:
  // One that holds account 0 in an open transaction, and stands still. It has one lane: another
  // could be frozen anywhere, also while it holds its own row.
  Worker& frozen(const std::string& idle_ms) {
    Worker& a = start("A", {short_lease, idle_ms, "lanes=1"});
    open_accounts(a, 4);
    answer_ = a.begin("freeze_process 0");
    EXPECT_TRUE(eventually([&] { return a.is_frozen(); }));
    EXPECT_EQ(number("SELECT count(*) FROM (SELECT FROM accounts FOR UPDATE SKIP LOCKED) AS free"),
              3)
        << "account 0 is not held";
    return a;
  }
  bool taken_over() {
    return eventually([&] {
      return number(
                 "SELECT count(*) FROM pawl_lanes WHERE adopted OR held_until_us < "
                 "extract(epoch FROM clock_timestamp()) * 1000000") > 0;
    });
  }

  std::future<WorkerAnswer> answer_;
};

TEST_F(StoppedInMidBatch, TheServerEndsItsTransactionAndOthersGoOnWithItsRow) {
  Worker& a = frozen("idle_ms=1000");
  Worker& b = start("B", {short_lease});
  EXPECT_EQ(b.call("transfer 1 2 5").status, "done") << "it stops nobody who wants other rows";
  // Who wants its row waits, is told so, and asks again.
  EXPECT_TRUE(eventually([&] { return b.call("transfer 0 1 5", "B-held").status == "done"; }));
  EXPECT_EQ(value("balance", "0"), "995");
  a.signal(SIGCONT);
  const auto answer = answer_.get();
  EXPECT_EQ(answer.status, "done") << answer.code;
  EXPECT_EQ(value("ticks", "0"), "1");
  EXPECT_EQ(value("balance", "0"), "995") << "it was decided on what the other left";
  EXPECT_EQ(a.call("transfer 0 1 1").status, "done");
  EXPECT_EQ(b.call("transfer 1 0 1").status, "done");
  EXPECT_TRUE(eventually([&] { return quiet(); }));
  expect_sound(4);
}

TEST_F(StoppedInMidBatch, WhoHasLostItsLaneCannotCommitTheTransactionThatIsStillOpen) {
  Worker& a = frozen("idle_ms=600000");
  // Nothing is left to be driven in its lanes: they go to who comes.
  ASSERT_TRUE(taken_over());
  Worker& b = start("B", {short_lease, "lanes=1"});
  ASSERT_EQ(lanes(), 1) << "it took that of the frozen one";
  EXPECT_EQ(b.call("transfer 1 2 5").status, "done");
  EXPECT_EQ(b.call("transfer 0 1 5", "B-held").code, "rows_locked");
  a.signal(SIGCONT);
  const auto answer = answer_.get();
  EXPECT_EQ(answer.status, "done") << answer.code;
  const std::string log =
      file_content(world_.server().directory() + "/" + world_.schema() + "-A.log");
  EXPECT_NE(log.find("lane_lost"), std::string::npos) << "its commit was not refused";
  EXPECT_EQ(value("ticks", "0"), "1");
  EXPECT_TRUE(eventually([&] { return b.call("transfer 0 1 5", "B-held").status == "done"; }));
  EXPECT_EQ(value("balance", "0"), "995");
  EXPECT_EQ(lanes(), 2);
  expect_sound(4);
}

TEST_F(Processes, LanesDoNotGrowWhoeverComesAndGoes) {
  Worker* a = &start("A0", {long_lease});
  Worker* b = &start("B0", {long_lease});
  open_accounts(*a, 4);
  for (int round = 1; round <= 4; ++round) {
    const std::string n = std::to_string(round);
    // With work left behind: the other one adopts its lanes, and gives them back.
    ASSERT_EQ(a->call("alarm 0 bell 3600000").status, "done");
    ASSERT_EQ(b->call("pay 1 1 key" + n).status, "done");
    if (round % 2 == 0) {
      a->kill_now();
      ASSERT_TRUE(
          eventually([&] { return number("SELECT count(*) FROM pawl_lanes WHERE adopted") > 0; }));
    } else {
      ASSERT_TRUE(a->stop());
    }
    a = &start("A" + n, {long_lease});
    EXPECT_EQ(lanes(), 4) << "round " << round;
    EXPECT_EQ(lanes_of(*a), 2);
    EXPECT_TRUE(eventually([&] { return lanes_of(*b) == 2; }));
  }
  EXPECT_EQ(a->call("deposit 2 0").status, "done");
  ASSERT_TRUE(b->stop());
  ASSERT_TRUE(a->stop());
  EXPECT_EQ(number("SELECT count(*) FROM pawl_lanes WHERE held_until_us > 0"), 0);
  expect_sound(4);
}

TEST_F(Processes, ADestinationsLimitHoldsForAllTogether) {
  const std::vector<std::string> options{"concurrency=3"};
  Worker& a = start("A", options);
  Worker& b = start("B", options);
  open_accounts(a, 8);
  far_side_.script(
      [](const Exchange&) { return std::pair{FarSide::Do::carry_out, FarSide::Say::nothing}; });
  constexpr int payments = 48;
  for (int i = 0; i < payments; ++i) {
    const std::string n = std::to_string(i);
    ASSERT_EQ((i % 2 == 0 ? a : b).call("pay " + std::to_string(i % 8) + " 1 key" + n).status,
              "done");
  }
  for (int answered = 0; answered < payments; ++answered) {
    const int expected = std::min(3, payments - answered);
    ASSERT_TRUE(eventually([&] { return far_side_.open() == expected; }))
        << far_side_.open() << " after " << answered;
    ASSERT_TRUE(far_side_.answer_one());
  }
  EXPECT_TRUE(eventually([&] { return quiet(); }));
  EXPECT_EQ(far_side_.most_at_once(), 3);
  EXPECT_EQ(far_side_.count("perform"), payments);
  expect_sound(8);
}

TEST_F(Processes, WhereOnlyOneExchangeIsAllowedAllGetTheirTurns) {
  const std::vector<std::string> options{"concurrency=1", "lanes=1"};
  Worker& a = start("A", options);
  Worker& b = start("B", options);
  open_accounts(a, 8);
  far_side_.script(
      [](const Exchange&) { return std::pair{FarSide::Do::carry_out, FarSide::Say::nothing}; });
  // More than anybody waits for: who has the permit has always use for it.
  for (int i = 0; i < 400; ++i) {
    (void)a.begin("pay " + std::to_string(i % 8) + " 1 a" + std::to_string(i));
    (void)b.begin("pay " + std::to_string(i % 8) + " 1 b" + std::to_string(i));
  }
  int turns = 0;
  int looks = 0;
  std::string of;
  EXPECT_TRUE(eventually([&] {
    const auto exchanges = far_side_.exchanges();
    if (!exchanges.empty() && exchanges.back().of != of) {
      of = exchanges.back().of;
      ++turns;
    }
    // Slowly, or whoever has a turn is done with all that it has before the next.
    if (++looks % 5 == 0) far_side_.answer_one();
    return turns >= 5;
  })) << "the other one never came: "
      << far_side_.count("perform", "A") << " and " << far_side_.count("perform", "B");
  EXPECT_EQ(far_side_.most_at_once(), 1);
  far_side_.script({});
}

TEST_F(Processes, WhatOneSendsThroughBothComesInItsOrder) {
  Worker& a = start("A");
  Worker& b = start("B");
  open_accounts(a, 3);
  // They wait in both processes until all have been sent.
  RawSession holder(world_.server().url(), world_.schema(), "holder");
  holder.run("BEGIN");
  holder.run("SELECT FROM accounts WHERE id = '1' FOR UPDATE");
  std::string sent;
  constexpr int messages = 80;
  for (int i = 0; i < messages; ++i) {
    const std::string label = std::to_string(i) + ";";
    ASSERT_EQ((i % 2 == 0 ? a : b).call("send 0 1 1 " + label).status, "done");
    sent += label;
    // Others in between, so that the lanes are not in step.
    if (i % 3 == 0) (void)a.begin("transfer 2 0 1");
  }
  holder.run("COMMIT");
  // Each of the two waits for the other, message by message, and not for its longest while, which
  // would be half a second for each.
  EXPECT_TRUE(eventually([&] { return quiet(); }));
  EXPECT_EQ(value("trail", "1"), sent);
  EXPECT_GT(number("SELECT count(DISTINCT lane) FROM pawl_journal_entries WHERE command = "
                   "'bank.send'"),
            1);
  expect_sound(3);
}

}  // namespace
}  // namespace pawl::test
