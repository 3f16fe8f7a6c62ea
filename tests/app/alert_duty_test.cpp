// SPDX-License-Identifier: Apache-2.0
//
// Several processes on one PostgreSQL tell the same sink of alerts: each alert once, whoever raised
// it, and also when the one that was at it dies.
#include <atomic>

#include "app/alert_sink.h"
#include "app/alert_webhook.h"
#include "app/client_options.h"
#include "app/desk_world.h"
#include "app/service_key.h"
#include "engine/bank_decide.h"
#include "postgres/postgres_world.h"
#include "store/store.h"

namespace pawl::app::test {
namespace {

using pawl::test::PostgresWorld;
using pawl::test::TestSchema;
using pawl::test::TestServer;

// Counts how often it was told that another is on duty.
class CountingStore final : public Store {
 public:
  CountingStore(StoreHandle inner, std::atomic<int>& refusals)
      : inner_(std::move(inner)), refusals_(refusals) {}

  void listen(std::function<void(const Tidings&)> told) override {
    inner_->listen(std::move(told));
  }
  Result<std::unique_ptr<StoreLane>> take_lane(LaneWish wish) override {
    return inner_->take_lane(wish);
  }
  int max_lanes() const override { return inner_->max_lanes(); }
  Result<bool> take_duty(std::string_view duty, int lease_ms) override {
    auto taken = inner_->take_duty(duty, lease_ms);
    if (taken && !*taken) ++refusals_;
    return taken;
  }
  void leave_duty(std::string_view duty) override { inner_->leave_duty(duty); }
  StoreIdentity identity() const override { return inner_->identity(); }
  std::string notes_path(std::int32_t lane) const override { return inner_->notes_path(lane); }
  bool sole_owner() const override { return inner_->sole_owner(); }
  Clock& clock() override { return inner_->clock(); }
  Reads& reads() override { return inner_->reads(); }

 private:
  StoreHandle inner_;
  std::atomic<int>& refusals_;
};

class TwoTellers : public ::testing::Test {
 protected:
  void SetUp() override {
    bank::describe(registry_);
    for (auto& engine : engines_) {
      auto store = world_.open(registry_, false);
      ASSERT_TRUE(store) << store.error().text();
      StoreHandle counting(new CountingStore(std::move(*store), refusals_));
      engine = std::make_unique<Engine>(std::move(counting), registry_, EngineOptions{});
      ASSERT_TRUE(engine->start());
    }
    done(bank::Open{"a", 1'000, {}});
  }
  void TearDown() override {
    sink_.let_go();
    for (auto& webhook : webhooks_) webhook.reset();
    for (auto& engine : engines_) engine.reset();
  }
  void tell() {
    AlertWebhookOptions options;
    options.url = "http://127.0.0.1:" + std::to_string(sink_.port()) + "/";
    options.timeout_ms = 60'000;
    options.poll_ms = 5;
    for (std::size_t i = 0; i < 2; ++i) {
      webhooks_[i] = std::make_unique<AlertWebhook>(*engines_[i], options);
    }
  }
  template <class C>
  void done(C command) {
    const auto receipt =
        engines_[0]->call(std::move(command), {"ann", "id-" + std::to_string(++ids_), ""});
    ASSERT_TRUE(receipt && receipt->done);
  }
  // A message to an account that cannot take it is parked, with an alert.
  void alert(const std::string& account) {
    done(bank::Open{account, 0, {}});
    done(bank::Go{account, bank::State::broken});
    done(bank::Send{"a", account, 1, "x"});
  }
  bool all_told(int number) {
    return eventually([&] {
      return world_.sql("SELECT count(*) FROM pawl_alerts WHERE delivered_count = count") ==
             std::to_string(number);
    });
  }

  PostgresWorld world_;
  Registry registry_;
  std::atomic<int> refusals_{0};
  AlertSink sink_;
  std::array<std::unique_ptr<Engine>, 2> engines_;
  std::array<std::unique_ptr<AlertWebhook>, 2> webhooks_;
  int ids_ = 0;
};

TEST_F(TwoTellers, TellEachAlertOnce) {
  sink_.up(AlertSink::Mode::hold);
  tell();
  alert("b");
  ASSERT_TRUE(eventually([&] { return !sink_.seen().empty(); }));
  // The other sees the alert untold, again and again, and leaves it to the one that is at it.
  ASSERT_TRUE(eventually([&] { return refusals_ >= 3; }));
  sink_.let_go();
  ASSERT_TRUE(all_told(1));
  for (const char* account : {"c", "d", "e"}) alert(account);
  ASSERT_TRUE(all_told(4));
  std::set<std::string> ids;
  for (const auto& delivery : sink_.seen()) ids.insert(delivery.id);
  EXPECT_EQ(ids.size(), 4U);
  EXPECT_EQ(sink_.seen().size(), 4U);
}

class DyingTeller : public DeskWorld {
 protected:
  void TearDown() override {
    other_.kill_now();
    DeskWorld::TearDown();
  }
  std::string settings() const override {
    return "[store]\nurl = \"" + TestServer::shared().url() + "\"\nschema = \"" + schema_.name() +
           "\"\n[otc]\npayout_poll_interval_ms = 20\n[alerts]\nwebhook_url = \"http://127.0.0.1:" +
           std::to_string(sink_.port()) + "/\"\nwebhook_timeout_ms = 60000\n";
  }
  // With a data folder of its own; the custodian knows both by one key.
  Result<void> start_other() {
    const std::string data = path("other");
    if (auto made = prepare_data_dir(data); !made) return made;
    const auto key = read_secret_file(service_key_path(server_data_));
    if (!key) return std::unexpected(key.error());
    if (auto written = write_secret_file(service_key_path(data), *key); !written) return written;
    ChildProcess::Options options;
    options.program = PAWL_PROGRAM;
    options.arguments = {"serve",           "--listen",    "127.0.0.1:0", "--data",         data,
                         "--custodian-url", sandbox_url(), "--config",    path("pawl.toml")};
    options.log_file = path("other.log");
    return other_.start(options);
  }

  TestSchema schema_;
  mutable AlertSink sink_;
  ChildProcess other_;
};

TEST_F(DyingTeller, IsSucceededByTheOther) {
  sink_.up(AlertSink::Mode::hang);
  ASSERT_TRUE(start_server()) << read_file(path("serve.log"));
  stopped();
  ASSERT_TRUE(eventually([&] { return !sink_.seen().empty(); }));
  ASSERT_TRUE(start_other()) << read_file(path("other.log"));
  EXPECT_EQ(sink_.seen().size(), 1U);
  server_.kill_now();
  sink_.up(AlertSink::Mode::work);
  ASSERT_TRUE(eventually([&] { return !sink_.seen(AlertSink::Mode::work).empty(); }))
      << read_file(path("other.log"));
  EXPECT_EQ(sink_.seen().back().id, sink_.seen().front().id) << "the same delivery";
  EXPECT_TRUE(eventually([&] {
    return TestServer::shared().sql("SET search_path TO \"" + schema_.name() +
                                    "\"; SELECT count(*) FROM pawl_alerts WHERE delivered_count < "
                                    "count") == "0";
  }));
  EXPECT_EQ(sink_.seen(AlertSink::Mode::work).size(), 1U);
}

}  // namespace
}  // namespace pawl::app::test
