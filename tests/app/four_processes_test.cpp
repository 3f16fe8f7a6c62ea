// SPDX-License-Identifier: Apache-2.0
//
// Acceptance cases 6 and 11 where they are hard: four servers with several lanes each on one
// PostgreSQL, one custodian that knows all of them by one key. They die, freeze and stop late while
// they drive; every refund and every payment is made once all the same.
#include <signal.h>

#include <array>
#include <filesystem>
#include <vector>

#include "app/client_options.h"
#include "app/desk_world.h"
#include "app/service_key.h"
#include "postgres/server.h"

namespace pawl::app::test {
namespace {

using pawl::test::TestSchema;
using pawl::test::TestServer;

constexpr std::size_t processes = 4;
constexpr int lanes_of_each = 2;

class FourProcesses : public DeskWorld {
 protected:
  void SetUp() override {
    DeskWorld::SetUp();
    for (std::size_t i = 0; i < processes; ++i) ASSERT_TRUE(start(i)) << log_of(i);
  }
  void TearDown() override {
    for (auto& server : servers_) server.kill_now();
    for (std::size_t i = 0; HasFailure() && i < processes; ++i)
      std::fputs(log_of(i).c_str(), stderr);
    DeskWorld::TearDown();
  }
  // A match that nobody confirms is overdue after three seconds.
  std::string settings() const override {
    return "[store]\nurl = \"" + TestServer::shared().url() + "\"\nschema = \"" + schema_.name() +
           "\"\nlane_lease_ms = 3000\n[engine]\nlanes = " + std::to_string(lanes_of_each) +
           "\nstop_grace_ms = 1500\n[otc]\npayout_poll_interval_ms = 20\n"
           "settlement_window_seconds = " +
           std::to_string(settlement_window_seconds_) + "\ncustodian_timeout_ms = 1000\n";
  }
  std::string log_of(std::size_t i) const { return read_file(log_path(i)); }
  std::string log_path(std::size_t i) const { return path("serve" + std::to_string(i) + ".log"); }

  // Each has a data folder of its own; the custodian knows them all by one key.
  Result<void> start(std::size_t i) {
    const std::string data = path("desk" + std::to_string(i));
    if (auto made = prepare_data_dir(data); !made) return made;
    const auto key = read_secret_file(service_key_path(server_data_));
    if (!key) return std::unexpected(key.error());
    if (auto written = write_secret_file(service_key_path(data), *key); !written) return written;
    ChildProcess::Options options;
    options.program = PAWL_PROGRAM;
    options.arguments = {"serve",
                         "--listen",
                         "127.0.0.1:" + std::to_string(servers_[i].port()),
                         "--data",
                         data,
                         "--config",
                         write("pawl.toml", settings()),
                         "--custodian-url",
                         sandbox_url()};
    options.log_file = log_path(i);
    return servers_[i].start(options);
  }
  std::string url_of(std::size_t i) const {
    return "http://127.0.0.1:" + std::to_string(servers_[i].port());
  }
  DeskClient desk_of(std::size_t i, int wait_ms = 10'000) const {
    return DeskClient(url_of(i), wait_ms);
  }
  Sale matched_by(std::size_t i) {
    Sale sale = new_sale();
    const auto created = desk_of(i).create(maker_, sale.terms);
    EXPECT_TRUE(created && created->status == 201U) << (created ? created->problem() : "no answer");
    const auto matching = desk_of(i).match(taker_, sale.id, "", "");
    EXPECT_TRUE(matching && matching->status == 200U) << (matching ? matching->problem() : "");
    return sale;
  }
  bool reaches_at(std::size_t i, const Sale& sale, const std::string& status) {
    return eventually([&] {
      const auto shown = desk_of(i).show(sale.id);
      return shown && shown->text("status") == status;
    });
  }
  std::string sql(const std::string& text) const {
    return TestServer::shared().sql("SET search_path TO \"" + schema_.name() + "\"; " + text);
  }
  // Of how many lanes was something written?
  int writers() const { return std::stoi(sql("SELECT count(DISTINCT lane) FROM pawl_journal")); }
  void expect_all_sound() {
    Ended audit;
    EXPECT_TRUE(eventually([&] {
      audit = run_pawl({"audit", "otc", "--config", path("pawl.toml"), "--data", server_data_,
                        "--custodian-url", sandbox_url()});
      return audit.exit_code == 0;
    })) << audit.out
        << audit.err;
    EXPECT_EQ(sql("SELECT count(*) FROM (SELECT epoch < lag(epoch) OVER (PARTITION BY lane ORDER "
                  "BY sequence) AS back FROM pawl_journal) AS steps WHERE back"),
              "0");
    EXPECT_LE(std::stoi(sql("SELECT count(*) FROM pawl_lanes")),
              static_cast<int>(processes) * lanes_of_each);
  }

  int settlement_window_seconds_ = 3;
  TestSchema schema_;
  std::array<ChildProcess, processes> servers_;
};

TEST_F(FourProcesses, Case6OverdueOrdersAreRefundedOnceBySeveralSweepersAtOnce) {
  constexpr std::size_t count = 20;  // as many as one taker may hold
  fault(R"({"call":"refund","mode":"late","next":8,"delay_ms":300})");
  fault(R"({"call":"refund","mode":"arrive_late","next":8,"delay_ms":1500})");
  std::vector<Sale> sales;
  for (std::size_t i = 0; i < count; ++i) sales.push_back(matched_by(i % processes));
  const auto refunded = [&] {
    int sum = 0;
    for (const auto& sale : sales) sum += carried_out(sale, "refund");
    return sum;
  };
  // One of the sweepers dies with refunds in the air, another stops in order.
  ASSERT_TRUE(eventually([&] { return refunded() > 0; }));
  servers_[0].kill_now();
  EXPECT_TRUE(servers_[1].stop(20'000));
  for (const auto& sale : sales) EXPECT_TRUE(reaches_at(3, sale, "expired"));
  ASSERT_TRUE(start(0));
  ASSERT_TRUE(start(1));
  for (const auto& sale : sales) {
    EXPECT_EQ(carried_out(sale, "refund"), 1);
    EXPECT_EQ(escrow_state(sale), "refunded");
  }
  EXPECT_EQ(SandboxClient(sandbox_url()).balance_micro(maker_.wallet()).value_or(-1),
            10'000 * sale_micro);
  EXPECT_GT(writers(), 2) << "one did it all: this shows nothing";
  expect_all_sound();
}

class FourDrivers : public FourProcesses {
 protected:
  FourDrivers() { settlement_window_seconds_ = 3'600; }

  // A release that one of them has begun and that hangs, whether or not it is carried out.
  Sale with_a_release_under_way(const std::string& mode) {
    const Sale sale = matched_by(0);
    fault(R"({"call":"release","next":1,"delay_ms":60000,"mode":")" + mode + "\"}");
    const auto answer = desk_of(0, 0).confirm(sale.id, sale.secret, "0xquote");
    EXPECT_TRUE(answer && answer->status == 202U) << (answer ? answer->problem() : "no answer");
    EXPECT_TRUE(eventually(
        [&] { return sql("SELECT count(*) FROM pawl_effects WHERE state = 'sending'") == "1"; }));
    return sale;
  }
  // The process that holds the lane whose effect is under way.
  std::size_t driver() const {
    const std::string holder =
        sql("SELECT l.holder FROM pawl_lanes AS l JOIN pawl_effects AS e ON e.id >> 51 = l.id");
    std::size_t found = processes;
    for (std::size_t i = 0; i < processes; ++i) {
      if (holder.find("/" + std::to_string(servers_[i].pid()) + "/") != std::string::npos)
        found = i;
    }
    EXPECT_LT(found, processes) << holder;
    return found;
  }
  void expect_made_once(const Sale& sale) {
    EXPECT_EQ(carried_out(sale, "release"), 1);
    EXPECT_EQ(carried_out(sale, "payout"), 1);
  }
};

TEST_F(FourDrivers, Case11WhenTheOneThatDrivesDiesAnotherTakesOver) {
  const Sale sale = with_a_release_under_way("hang");
  const std::size_t dead = driver();
  servers_[dead].kill_now();
  EXPECT_TRUE(reaches_at((dead + 1) % processes, sale, "completed"));
  expect_made_once(sale);
  ASSERT_TRUE(start(dead));
  expect_all_sound();
}

TEST_F(FourDrivers, Case11AFrozenDriverLosesItsPlaceAndDoesNothingWhenItGoesOn) {
  const Sale sale = with_a_release_under_way("late");
  const std::size_t frozen = driver();
  ::kill(servers_[frozen].pid(), SIGSTOP);
  const std::size_t next = (frozen + 1) % processes;
  EXPECT_TRUE(reaches_at(next, sale, "completed")) << "within its lease";
  expect_made_once(sale);
  ::kill(servers_[frozen].pid(), SIGCONT);
  // It has lost its lanes, finds that out, and serves again.
  Sale other = new_sale();
  EXPECT_TRUE(eventually([&] {
    const auto created = desk_of(frozen).create(maker_, other.terms);
    return created && created->status == 201U;
  }));
  EXPECT_TRUE(
      eventually([&] { return log_of(frozen).find("\"lane_lost\"") != std::string::npos; }));
  expect_made_once(sale);
  expect_all_sound();
}

// A holder that was taken over and then stops in order frees what is its own, not what is the
// next one's by now.
TEST_F(FourDrivers, Case11AStopThatComesLateFreesNothingOfTheNextHolders) {
  const Sale sale = with_a_release_under_way("late");
  const std::size_t old = driver();
  ::kill(servers_[old].pid(), SIGSTOP);
  EXPECT_TRUE(reaches_at((old + 1) % processes, sale, "completed"));
  // Of those that live, by the lease: six lanes.
  const std::string held =
      "SELECT count(*) FROM pawl_lanes WHERE held_until_us > extract(epoch FROM "
      "clock_timestamp()) * 1000000";
  ::kill(servers_[old].pid(), SIGTERM);
  ::kill(servers_[old].pid(), SIGCONT);
  EXPECT_TRUE(eventually([&] { return !servers_[old].running(); }));
  EXPECT_EQ(servers_[old].exit_code(), 0);
  EXPECT_GE(std::stoi(sql(held)), static_cast<int>(processes - 1) * lanes_of_each);
  for (std::size_t i = 0; i < processes; ++i) {
    if (i == old) continue;
    EXPECT_EQ(log_of(i).find("\"lane_lost\""), std::string::npos) << i;
    const Sale another = matched_by(i);
    const auto confirmed = desk_of(i).confirm(another.id, another.secret, "0xquote");
    EXPECT_TRUE(confirmed && confirmed->status == 200U);
  }
  expect_made_once(sale);
  ASSERT_TRUE(start(old));
  expect_all_sound();
}

}  // namespace
}  // namespace pawl::app::test
