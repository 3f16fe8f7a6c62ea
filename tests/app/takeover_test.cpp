// SPDX-License-Identifier: Apache-2.0
//
// Acceptance cases 6, 10 and 11, as far as a store of one process has them: one driver at a time on
// one file, whatever the one before was doing when it froze, died or was slow to stop.
#include <signal.h>

#include <algorithm>

#include "app/client_options.h"
#include "app/desk_world.h"

namespace pawl::app::test {
namespace {

class Sweep : public DeskWorld {
 protected:
  // A match that nobody confirms is overdue after two seconds.
  std::string settings() const override {
    return "[otc]\nsettlement_window_seconds = 2\ncustodian_timeout_ms = 5000\n";
  }
};

TEST_F(Sweep, Case6OverdueOrdersAreRefundedOnceByTheSweepersOfTwoLives) {
  constexpr int count = 20;
  ASSERT_TRUE(start_server());
  // Refunds are under way for a while: the first sweeper dies with most of them in the air. Said
  // before there is an order, or on a slow machine the first ones would be overdue by then.
  fault(R"({"call":"refund","mode":"late","next":5,"delay_ms":400})");
  fault(R"({"call":"refund","mode":"arrive_late","next":10,"delay_ms":3000})");
  std::vector<Sale> sales;
  for (int i = 0; i < count; ++i) sales.push_back(matched());
  EXPECT_EQ(start_second_server().exit_code, 4) << "no second sweeper beside a living one";
  const auto refunded = [&] {
    const auto books = SandboxClient(sandbox_url()).books();
    return books
               ? std::count_if(books->operations.begin(), books->operations.end(),
                               [](const auto& operation) {
                                 return operation.call == "refund" && operation.state != "refused";
                               })
               : -1;
  };
  ASSERT_TRUE(eventually([&] { return refunded() > 0; }));
  server_.kill_now();
  EXPECT_LT(refunded(), count) << "the next one has something left to do";
  ASSERT_TRUE(start_server()) << read_file(path("serve.log"));
  EXPECT_EQ(start_second_server().exit_code, 4);
  for (const auto& sale : sales) EXPECT_TRUE(reaches(sale, "expired")) << status_of(sale);
  for (const auto& sale : sales) {
    EXPECT_EQ(carried_out(sale, "refund"), 1);
    EXPECT_EQ(escrow_state(sale), "refunded");
  }
  EXPECT_EQ(SandboxClient(sandbox_url()).balance_micro(maker_.wallet()), 10'000 * sale_micro);
  expect_sound();
}

class SlowDriver : public DeskWorld {
 protected:
  std::string settings() const override {
    return "[otc]\npayout_poll_interval_ms = 20\ncustodian_timeout_ms = 1000\n";
  }
  json::Value open_effect() {
    const auto body = HttpCall(url()).get("/effects")->body;
    const auto& effects = member_array(body, "effects");
    return effects.size() == 1 ? effects[0] : json::Value();
  }
};

TEST_F(SlowDriver, Case10ReleaseSlowerThanItsLeaseIsMadeOnceAndNobodyActsBesideIt) {
  ASSERT_TRUE(start_server());
  const Sale sale = matched();
  // It reaches the books three seconds later: the driver has long given the exchange up by then.
  fault(R"({"call":"release","mode":"arrive_late","next":1,"delay_ms":3000})");
  ASSERT_EQ(confirm(sale, 0)->status, 202U);
  ASSERT_TRUE(eventually([&] { return member_text(open_effect(), "state") == "sending"; }));
  const auto claimed = open_effect();
  const std::string id = std::to_string(member_number(claimed, "id"));
  for (const auto* verb : {"retry", "confirm", "refuse"}) {
    const auto beside =
        run_pawl({"effects", verb, id, "--as", "ann", "--reason", "second driver", "--url", url()});
    EXPECT_EQ(beside.exit_code, 1) << verb;
    EXPECT_NE(beside.err.find("effect_under_way"), std::string::npos) << beside.err;
  }
  EXPECT_TRUE(reaches(sale, "completed")) << status_of(sale);
  EXPECT_EQ(carried_out(sale, "release"), 1);
  EXPECT_EQ(carried_out(sale, "payout"), 1);
  // What the first exchange held was taken from it: its token stands for nothing any more.
  const auto after = HttpCall(url()).get("/effects/" + id)->body;
  EXPECT_GT(member_number(after, "token"), member_number(claimed, "token"));
  expect_sound();
}

class Takeover : public DeskWorld {
 protected:
  std::string settings() const override {
    return "[engine]\nstop_grace_ms = 1500\n"
           "[otc]\npayout_poll_interval_ms = 20\ncustodian_timeout_ms = 60000\n";
  }
  // A release that hangs without being carried out.
  Sale with_a_release_under_way() {
    const Sale sale = matched();
    fault(R"({"call":"release","mode":"hang","next":1,"delay_ms":60000})");
    EXPECT_EQ(confirm(sale, 0)->status, 202U);
    EXPECT_TRUE(eventually([&] {
      const auto effects = HttpCall(url()).get("/effects");
      return effects && effects->body.text().find("\"sending\"") != std::string::npos;
    }));
    return sale;
  }
};

TEST_F(Takeover, Case11AFrozenHolderKeepsAndADeadOneLosesItsPlace) {
  ASSERT_TRUE(start_server());
  const Sale sale = with_a_release_under_way();
  ::kill(server_.pid(), SIGSTOP);
  EXPECT_EQ(start_second_server().exit_code, 4) << "silent is not dead";
  ::kill(server_.pid(), SIGCONT);
  EXPECT_EQ(status_of(sale), "settling");
  server_.kill_now();
  ASSERT_TRUE(start_server()) << read_file(path("serve.log"));
  EXPECT_TRUE(reaches(sale, "completed")) << status_of(sale);
  EXPECT_EQ(carried_out(sale, "release"), 1);
  EXPECT_EQ(carried_out(sale, "payout"), 1);
  expect_sound();
}

TEST_F(Takeover, Case11AHolderThatStopsLateFreesItsOwnPlaceOnly) {
  ASSERT_TRUE(start_server());
  const Sale sale = with_a_release_under_way();
  ChildProcess old = std::move(server_);
  server_ = ChildProcess();
  ::kill(old.pid(), SIGTERM);
  EXPECT_TRUE(old.running()) << "it waits for its exchange";
  EXPECT_EQ(start_second_server().exit_code, 4) << "until it has ended";
  ASSERT_TRUE(eventually([&] { return !old.running(); }));
  ASSERT_TRUE(start_server()) << read_file(path("serve.log"));
  EXPECT_EQ(start_second_server().exit_code, 4) << "what it freed was its own";
  EXPECT_TRUE(reaches(sale, "completed")) << status_of(sale);
  EXPECT_EQ(carried_out(sale, "release"), 1);
  expect_sound();
}

// The one way to two holders on one file: somebody removes the lock's file. The older one is
// fenced.
TEST_F(Takeover, Case10And11AHolderThatWasTakenOverWritesNothingAnyMore) {
  ASSERT_TRUE(start_server());
  const Sale sale = matched();
  fault(R"({"call":"release","mode":"late","next":1,"delay_ms":1500})");
  ASSERT_EQ(confirm(sale, 0)->status, 202U);
  ASSERT_TRUE(eventually([&] { return carried_out(sale, "release") == 1; }));
  const std::string old_url = url();
  ChildProcess old = std::move(server_);
  server_ = ChildProcess();
  ASSERT_TRUE(std::filesystem::remove(database() + ".lock"));
  ASSERT_TRUE(start_server()) << read_file(path("serve.log"));
  EXPECT_TRUE(reaches(sale, "completed")) << status_of(sale);
  // The old one's answer came by now, or comes: whatever it says, nothing is written of it.
  const Sale other = new_sale();
  const auto refused = DeskClient(old_url, 0).create(maker_, other.terms);
  ASSERT_TRUE(refused) << refused.error().text();
  EXPECT_EQ(refused->status, 503U) << refused->body.text();
  EXPECT_EQ(refused->text("code"), "lane_fenced");
  EXPECT_EQ(HttpCall(old_url).get("/readyz")->status, 503U);
  ASSERT_TRUE(eventually(
      [&] { return read_file(path("serve.log")).find("lane_fenced") != std::string::npos; }));
  EXPECT_EQ(carried_out(sale, "release"), 1);
  EXPECT_EQ(carried_out(sale, "payout"), 1);
  EXPECT_TRUE(old.stop(20'000)) << "it ends in order";
  EXPECT_EQ(start_second_server().exit_code, 4) << "and frees its own lock only";
  EXPECT_EQ(desk().create(maker_, other.terms)->status, 201U);
  expect_sound();
}

}  // namespace
}  // namespace pawl::app::test
