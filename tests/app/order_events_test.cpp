// SPDX-License-Identifier: Apache-2.0
//
// The event stream of the real server that is killed again and again: who comes back with the last
// event's id sees every change of state once, in its order.
#include <iostream>
#include <random>

#include "app/client_options.h"
#include "app/desk_world.h"
#include "net/event_call.h"
#include "seed.h"

namespace pawl::app::test {
namespace {

using Step = std::pair<std::int64_t, std::string>;  // version and status

class OrderEventsOfProcess : public DeskWorld {
 protected:
  std::unique_ptr<pawl::test::FollowedEvents> follow(const std::string& last_id) {
    net::ClientRequest request;
    request.method = "GET";
    request.url = url() + "/otc/events";
    if (!last_id.empty()) request.headers.push_back({"Last-Event-ID", last_id});
    auto stream = std::make_unique<pawl::test::FollowedEvents>(client_, std::move(request));
    EXPECT_TRUE(eventually([&] { return stream->count() > 0; }));
    return stream;
  }
  // Adds what came; the id to come again with.
  void take(pawl::test::FollowedEvents& stream) {
    for (const auto& event : stream.take()) {
      EXPECT_NE(event.type, "reset");
      last_id_ = event.id;
      if (event.type != "order") continue;
      const auto data = json::parse(event.data);
      ASSERT_TRUE(data) << event.data;
      seen_[member_text(*data, "order_id")].emplace_back(member_number(*data, "version"),
                                                         member_text(*data, "status"));
    }
  }
  std::vector<Step> journal_of(const std::string& id) {
    std::vector<Step> out;
    const auto entity = HttpCall(url()).get("/entities/order/" + id);
    if (!entity) return out;
    const auto& entries = member_array(entity->body, "timeline");
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
      if (member_text(*entry, "from") == member_text(*entry, "to")) continue;
      out.emplace_back(member_number(*entry, "version"), member_text(*entry, "to"));
    }
    return out;
  }

  net::Client client_;
  std::string last_id_;
  std::map<std::string, std::vector<Step>> seen_;
};

TEST_F(OrderEventsOfProcess, AKilledServersStreamIsTakenUpWithoutASkipOrADouble) {
  const std::uint64_t seed = pawl::test::seed_of_run();
  std::cout << "PAWL_SEED=" << seed << "\n";
  std::mt19937_64 random(seed);
  ASSERT_TRUE(start_server());
  last_id_ = "0-0";
  std::vector<Sale> sales;
  for (int life = 0; life < 6; ++life) {
    auto stream = follow(last_id_);
    for (int i = 0; i < 3; ++i) {
      sales.push_back(new_sale());
      const Sale& sale = sales.back();
      // Waiting for nothing: the kill finds each at another step.
      desk(0).create(maker_, sale.terms);
      if (random() % 3 != 0) desk(0).match(taker_, sale.id, "", "");
      if (random() % 3 != 0) confirm(sale, 0);
    }
    const std::size_t awaited = random() % 10;
    EXPECT_TRUE(eventually([&] { return stream->count() > awaited / 3; }));
    server_.kill_now();
    stream->get();
    take(*stream);
    ASSERT_TRUE(start_server());
  }
  // The last life: all that can end does, and the stream catches up.
  const auto stream = follow(last_id_);
  for (const Sale& sale : sales) {
    if (status_of(sale) == "open") desk().cancel(maker_, sale.id);
    if (status_of(sale) == "matched") confirm(sale);
  }
  for (const Sale& sale : sales) {
    const auto known = journal_of(sale.id);
    if (known.empty()) continue;  // the kill was quicker than its create
    EXPECT_TRUE(eventually([&] {
      take(*stream);
      const auto journal = journal_of(sale.id);
      const std::string& end = journal.back().second;
      return (end == "completed" || end == "cancelled") && seen_[sale.id] == journal;
    })) << sale.id
        << " stands at " << status_of(sale) << ", seen " << seen_[sale.id].size();
  }
  for (const auto& [id, steps] : seen_) {
    for (std::size_t i = 1; i < steps.size(); ++i) {
      EXPECT_GT(steps[i].first, steps[i - 1].first) << id;
    }
  }
  expect_sound();
}

// Both copies of one backup number their commits alike, and go on as the lost store did.
TEST_F(OrderEventsOfProcess, AnIdOfAnotherCopyOfTheStoreIsToldToBeGone) {
  ASSERT_TRUE(start_server());
  const std::string lost_data = server_data_;
  desk().create(maker_, new_sale().terms);
  auto stream = follow("0-0");
  ASSERT_TRUE(eventually([&] { return stream->count() == 3; }));
  const std::string of_lost = stream->take().back().id;
  const std::string file = path("events.backup");
  const auto copied = run_pawl({"backup", "--data", server_data_, "--to", file});
  ASSERT_EQ(copied.exit_code, 0) << copied.err;
  std::vector<std::string> foreign = {of_lost};
  for (const std::string& name : {std::string("first"), std::string("second")}) {
    server_.kill_now();
    stream->get();
    server_data_ = path(name);
    const auto restored = run_pawl({"restore", "--from", file, "--to", server_data_});
    ASSERT_EQ(restored.exit_code, 0) << restored.err;
    std::filesystem::copy_file(lost_data + "/service.key", server_data_ + "/service.key");
    ASSERT_TRUE(start_server()) << read_file(path("serve.log"));
    stream = follow("");
    desk().create(maker_, new_sale().terms);
    ASSERT_TRUE(eventually([&] { return stream->count() == 3; }));
    const std::string own = stream->take().back().id;
    for (const std::string& id : foreign) {
      const auto events = follow(id)->take();
      EXPECT_EQ(events.at(0).type, "reset") << id;
      EXPECT_EQ(events.at(0).data, R"({"code":"journal_place_gone"})");
      EXPECT_EQ(events.at(0).id, own);
    }
    EXPECT_EQ(follow(own)->take().at(0).type, "place");
    const auto place_of = [](const std::string& id) { return id.substr(id.find('.')); };
    if (name == "second") {
      EXPECT_EQ(place_of(own), place_of(foreign.back())) << "or it shows less";
    }
    foreign.push_back(own);
  }
}

}  // namespace
}  // namespace pawl::app::test
