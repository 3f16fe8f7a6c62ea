// SPDX-License-Identifier: Apache-2.0
#include "app/desk_world.h"

#include <algorithm>
#include <chrono>

#include "app/client_options.h"
#include "app/service_key.h"

namespace pawl::app::test {

void DeskWorld::SetUp() {
  ProgramTest::SetUp();
  if (server_data_.empty()) server_data_ = path("desk");
  ASSERT_TRUE(prepare_data_dir(server_data_));
  const auto key = load_or_make_key(service_key_path(server_data_));
  ASSERT_TRUE(key) << key.error().text();
  ChildProcess::Options options;
  options.program = PAWL_PROGRAM;
  options.arguments = {"sandbox",
                       "--listen",
                       "127.0.0.1:0",
                       "--data",
                       path("custodian"),
                       "--service-key",
                       key->public_key_hex(),
                       "--payout-delay-ms",
                       std::to_string(payout_delay_ms())};
  options.log_file = path("sandbox.log");
  const auto started = sandbox_.start(options);
  ASSERT_TRUE(started) << started.error().text() << read_file(options.log_file);
  ASSERT_TRUE(SandboxClient(sandbox_url()).faucet(maker_.wallet(), 10'000 * sale_micro));
}

void DeskWorld::TearDown() {
  server_.kill_now();
  sandbox_.kill_now();
  if (HasFailure()) std::fputs(read_file(path("serve.log")).c_str(), stderr);
  ProgramTest::TearDown();
}

Result<void> DeskWorld::start_server() {
  ChildProcess::Options options;
  options.program = PAWL_PROGRAM;
  options.arguments = {"serve",       "--listen",   "127.0.0.1:" + std::to_string(server_.port()),
                       "--data",      server_data_, "--custodian-url",
                       sandbox_url(), "--config",   write("pawl.toml", settings())};
  options.log_file = path("serve.log");
  return server_.start(options);
}

Ended DeskWorld::start_second_server() {
  return run_pawl({"serve", "--listen", "127.0.0.1:0", "--data", server_data_, "--custodian-url",
                   sandbox_url()});
}

DeskWorld::Sale DeskWorld::new_sale() const {
  Sale sale;
  sale.secret = random_secret();
  sale.terms.amount_micro = sale_micro;
  sale.terms.price_nano = 100'000'000;
  sale.terms.nonce = random_nonce();
  sale.terms.htlc_hash = otc::htlc_hash_of(sale.secret);
  sale.id = otc::make_order_id(maker_.wallet(), sale.terms.nonce);
  return sale;
}

std::string DeskWorld::status_of(const Sale& sale) {
  const auto shown = desk().show(sale.id);
  return shown ? shown->text("status") : "";
}

bool DeskWorld::reaches(const Sale& sale, const std::string& status) {
  return eventually([&] { return status_of(sale) == status; });
}

DeskWorld::Sale DeskWorld::matched() {
  Sale sale = new_sale();
  const auto created = desk().create(maker_, sale.terms);
  EXPECT_TRUE(created && created->status == 201U) << (created ? created->problem() : "no answer");
  const auto matching = desk().match(taker_, sale.id, "", "");
  EXPECT_TRUE(matching && matching->status == 200U) << (matching ? matching->problem() : "");
  return sale;
}

DeskWorld::Sale DeskWorld::confirmed() {
  Sale sale = matched();
  const auto answer = confirm(sale);
  EXPECT_TRUE(answer && answer->status == 200U) << (answer ? answer->problem() : "");
  return sale;
}

Result<HttpAnswer> DeskWorld::confirm(const Sale& sale, int wait_ms) {
  return desk(wait_ms).confirm(sale.id, sale.secret, "0xquote");
}

DeskWorld::Sale DeskWorld::stopped() {
  fault(R"({"call":"payout","mode":"refuse","next":1})");
  const auto before = std::chrono::steady_clock::now();
  Sale sale = matched();
  EXPECT_EQ(confirm(sale, 0)->status, 202U);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(20));
  EXPECT_TRUE(reaches(sale, "settlement_recovery")) << status_of(sale);
  return sale;
}

int DeskWorld::carried_out(const Sale& sale, const std::string& call) {
  const auto books = SandboxClient(sandbox_url()).books();
  if (!books) return -1;
  return static_cast<int>(
      std::count_if(books->operations.begin(), books->operations.end(), [&](const auto& operation) {
        return operation.order_id == sale.id && operation.call == call &&
               operation.state != "refused";
      }));
}

std::string DeskWorld::escrow_state(const Sale& sale) {
  const auto books = SandboxClient(sandbox_url()).books();
  if (!books) return "";
  for (const auto& escrow : books->escrows) {
    if (escrow.order_id == sale.id) return escrow.state;
  }
  return "none";
}

void DeskWorld::fault(const std::string& rule) {
  const auto added = SandboxClient(sandbox_url()).add_fault(rule);
  ASSERT_TRUE(added) << added.error().text();
}

std::vector<std::string> DeskWorld::alert_codes() {
  std::vector<std::string> out;
  const auto answer = HttpCall(url()).get("/alerts?acked=1&limit=1000");
  if (!answer) return out;
  for (const auto& alert : member_array(answer->body, "alerts")) {
    out.push_back(member_text(alert, "code"));
  }
  return out;
}

void DeskWorld::expect_sound() {
  Ended audit;
  EXPECT_TRUE(eventually([&] {
    audit = run_pawl({"audit", "otc", "--data", server_data_, "--custodian-url", sandbox_url(),
                      "--config", path("pawl.toml")});
    return audit.exit_code == 0;
  })) << audit.out
      << audit.err;
}

void DeskWorld::expect_store_unavailable(const Result<HttpAnswer>& answer) {
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->status, 503U) << answer->body.text();
  const std::string code = answer->text("code");
  EXPECT_TRUE(code == "store_failed" || code == "store_refuses_writes" || code == "in_doubt")
      << code;
  EXPECT_FALSE(answer->text("title").empty());
  EXPECT_EQ(member_number(answer->body, "status"), 503);
}

}  // namespace pawl::app::test
