// SPDX-License-Identifier: Apache-2.0
//
// Messages: in order per pair, delivered once, back to the sender if refused; one that cannot be
// decided holds its pair until an operator lets it go.
#include "engine/engine_fixture.h"

namespace pawl::test {
namespace {

class Messages : public EngineFixture {
 protected:
  void begin() {
    start();
    for (const char* key : {"a", "b", "c", "d"}) done(bank::Open{key, 1'000, {}});
  }
  void send(const std::string& from, const std::string& to, const std::string& label) {
    done(bank::Send{from, to, 10, label});
  }
  bool trail(const std::string& key, const std::string& wanted) {
    return reaches(key, [&](const auto& row) { return row.trail == wanted; });
  }
  bool is_parked(std::size_t number) {
    return eventually([&] { return parked().size() == number; });
  }
  // From a to d, behind those of hold_back(): "1" is parked and tried again, "2" has waited behind.
  void leave_one_behind() {
    done(bank::Go{"d", bank::State::broken});
    send("a", "d", "1");
    ASSERT_TRUE(is_parked(2));
    send("a", "d", "2");
    done(bank::Go{"d", bank::State::open});
    for (const auto& command : parked()) {
      if (command.key != "d") continue;
      ASSERT_TRUE(operate_parked(command.id, true)->done);
    }
  }
  // So many from a to b, the first of them parked.
  void hold_back(int count) {
    done(bank::Go{"b", bank::State::broken});
    std::atomic<int> answered{0};
    for (int i = 0; i < count; ++i) {
      engine_->submit(
          bank::Send{"a", "b", 0, "x"}, {"ann", "s" + std::to_string(i), ""},
          [&](const Result<Receipt>& receipt) { answered += receipt && receipt->done; });
    }
    ASSERT_TRUE(eventually([&] { return answered == count; }));
    ASSERT_TRUE(is_parked(1));
  }
};

TEST_F(Messages, ArriveInOrderPerPair) {
  begin();
  std::string from_a;
  std::vector<std::jthread> senders;
  for (int i = 0; i < 26; ++i) from_a += static_cast<char>('a' + i);
  for (const char* from : {"a", "c"}) {
    senders.emplace_back([&, from] {
      for (const char label : from_a) {
        const bool upper = std::string(from) == "c";
        send(from, "b", std::string(1, static_cast<char>(upper ? std::toupper(label) : label)));
      }
    });
  }
  senders.clear();
  ASSERT_TRUE(reaches("b", [](const auto& row) { return row.trail.size() == 52; }));
  std::string lower;
  std::string upper;
  for (const char c : account("b").trail) {
    if (std::islower(c)) {
      lower += c;
    } else {
      upper += static_cast<char>(std::tolower(c));
    }
  }
  EXPECT_EQ(lower, from_a);
  EXPECT_EQ(upper, from_a);
  EXPECT_EQ(account("b").balance, 1'520);
  EXPECT_EQ(total_balance(), 4'000);
}

TEST_F(Messages, RefusedComesBackToItsSender) {
  begin();
  send("a", "nobody", "x");
  ASSERT_TRUE(trail("a", "<x:no_account>"));
  EXPECT_EQ(account("a").balance, 1'000);
  EXPECT_EQ(account("a").bounces, 1);
  EXPECT_TRUE(parked().empty());
}

TEST_F(Messages, AParkedOneHoldsItsPairUntilItIsRetried) {
  begin();
  done(bank::Go{"b", bank::State::broken});
  for (const char* label : {"1", "2", "3"}) send("a", "b", label);
  send("a", "d", "d");
  ASSERT_TRUE(trail("d", "d")) << "another pair goes on";
  ASSERT_TRUE(is_parked(1));
  EXPECT_EQ(parked()[0].source, "message");
  done(bank::Go{"b", bank::State::open});
  send("a", "b", "4");
  send("c", "b", "c");
  ASSERT_TRUE(trail("b", "c")) << "mended, but the pair is held";
  restart();
  send("c", "b", "C");
  ASSERT_TRUE(trail("b", "cC")) << "and still after a restart";
  const auto retried = operate_parked(parked().at(0).id, true);
  ASSERT_TRUE(retried && retried->done);
  ASSERT_TRUE(trail("b", "cC1234"));
  EXPECT_TRUE(parked().empty());
  EXPECT_EQ(total_balance(), 4'000);
}

TEST_F(Messages, ADroppedOneFreesItsPair) {
  begin();
  done(bank::Go{"b", bank::State::broken});
  for (const char* label : {"1", "2", "3"}) send("a", "b", label);
  ASSERT_TRUE(is_parked(1));
  const auto still = operate_parked(parked()[0].id, true);
  EXPECT_FALSE(still) << "it throws again";
  ASSERT_TRUE(is_parked(1));
  done(bank::Go{"b", bank::State::open});
  const auto dropped = operate_parked(parked()[0].id, false);
  ASSERT_TRUE(dropped && dropped->done);
  ASSERT_TRUE(trail("b", "23"));
  EXPECT_EQ(total_balance(), 4'000 - 10);
}

TEST_F(Messages, ARepeatedVerbIsAnsweredAgainAndFreesNoPairThatIsHeldAnew) {
  begin();
  done(bank::Go{"b", bank::State::broken});
  for (const char* label : {"1", "2"}) send("a", "b", label);
  ASSERT_TRUE(is_parked(1));
  const auto first = parked()[0].id;
  ASSERT_TRUE(operate_parked(first, false, "drop-1")->done);
  // The next one of the pair is parked in its turn, and holds what comes behind it.
  ASSERT_TRUE(eventually([&] { return parked().size() == 1 && parked()[0].id != first; }));
  send("a", "b", "3");
  const auto repeated = operate_parked(first, false, "drop-1");
  ASSERT_TRUE(repeated && repeated->done);
  EXPECT_TRUE(repeated->repeated);
  restart();
  const auto after_restart = operate_parked(first, false, "drop-1");
  ASSERT_TRUE(after_restart && after_restart->done);
  const auto another_id = operate_parked(first, false, "drop-2");
  ASSERT_FALSE(another_id);
  EXPECT_EQ(another_id.error().code.code, "parked_not_found");
  done(bank::Go{"b", bank::State::open});
  send("c", "b", "c");
  ASSERT_TRUE(trail("b", "c")) << "the pair is held still";
  ASSERT_TRUE(operate_parked(parked().at(0).id, true)->done);
  ASSERT_TRUE(trail("b", "c23"));
}

TEST_F(Messages, ABounceThatItsSenderRefusesIsParked) {
  begin();
  done(bank::Go{"b", bank::State::frozen});
  done(bank::Go{"a", bank::State::frozen});
  send("a", "b", "x");
  ASSERT_TRUE(is_parked(1));
  EXPECT_EQ(parked()[0].source, "bounce");
  EXPECT_EQ(parked()[0].key, "a");
  done(bank::Go{"a", bank::State::open});
  const auto retried = operate_parked(parked()[0].id, true);
  ASSERT_TRUE(retried && retried->done);
  EXPECT_EQ(account("a").trail, "<x:not_open>");
  EXPECT_EQ(account("a").balance, 1'000);
}

TEST_F(Messages, MoreThanAScanWaitBehindAParkedOneAndComeInOrder) {
  begin();
  done(bank::Go{"b", bank::State::broken});
  std::string expected;
  std::atomic<int> answered{0};
  constexpr int count = 2'300;  // more than two scans
  for (int i = 0; i < count; ++i) {
    const std::string label(1, static_cast<char>('a' + i % 26));
    expected += label;
    engine_->submit(bank::Send{"a", "b", 0, label}, {"ann", "s" + std::to_string(i), ""},
                    [&](const Result<Receipt>& receipt) { answered += receipt && receipt->done; });
  }
  ASSERT_TRUE(eventually([&] { return answered == count; }));
  ASSERT_TRUE(is_parked(1));
  done(bank::Go{"b", bank::State::open});
  ASSERT_TRUE(operate_parked(parked()[0].id, true));
  ASSERT_TRUE(trail("b", expected));
}

// As many as several batches and scans take.
constexpr int backlog = 2'300;

// Neither what comes behind them nor what is in the store behind them waits for them.
TEST_F(Messages, AHeldBacklogHoldsUpNoOtherPair) {
  begin();
  hold_back(backlog);
  send("a", "c", "1");
  ASSERT_TRUE(trail("c", "1"));
  leave_one_behind();
  ASSERT_TRUE(trail("d", "12"));
  restart();
  send("c", "d", "3");
  ASSERT_TRUE(trail("d", "123"));
}

// The oldest of a pair is far behind a backlog, and younger ones of the pair are tried all the
// time.
TEST_F(Messages, WhatAPairSendsMeanwhileDoesNotHideItsOldest) {
  begin();
  hold_back(backlog);
  leave_one_behind();
  std::string came;
  EXPECT_TRUE(eventually([&] {
    done(bank::Send{"a", "d", 0, "y"});
    came = account("d").trail;
    return came.size() >= 3;
  })) << came;
  EXPECT_TRUE(came.starts_with("12y")) << came;
}

}  // namespace
}  // namespace pawl::test
