// SPDX-License-Identifier: Apache-2.0
//
// The node adapter against a small stand-in for the reference node, over real sockets: what each of
// the node's answers is taken for, and what is never taken for an answer.
#include "systems/otc/custodian_node.h"

#include <gtest/gtest.h>

#include <map>
#include <mutex>

#include "net/server.h"
#include "otc/custodian_fixture.h"
#include "systems/otc/custodian_node_call.h"

namespace pawl::otc {
namespace {

struct Job {
  std::string title;
  std::string poster;
  std::string worker_wallet;
  std::string status = "open";
  std::int64_t reward_i64 = 0;
};

struct Transfer {
  std::string hash;
  std::string to;
  std::string status = "pending";
};

// The node's jobs and transfers as far as the adapter sees them; `answer_next` replaces the answer
// to the next request of that path prefix, after it was executed.
class StandInNode {
 public:
  StandInNode() : server_({}, routes()) { port_ = server_.start().value(); }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  std::mutex mutex;  // guards all that follows
  std::map<std::string, Job> jobs;
  std::vector<Transfer> transfers;  // newest first
  bool ignore_offset = false;
  std::map<std::string, net::Response> answer_next;  // by "METHOD prefix"
  std::vector<std::string> requests;                 // "METHOD target"
  std::vector<std::string> targets_with_key;
  std::string last_body;

 private:
  using Work = net::Response (StandInNode::*)(const net::Request&);

  net::Router routes() {
    net::Router out;
    const auto add = [this, &out](const char* method, const char* pattern, Work work) {
      out.add(method, pattern, [this, work](const net::Request& request, net::Responder respond) {
        const std::lock_guard lock(mutex);
        requests.push_back(request.method + " " + request.target);
        if (request.header("X-Admin-Key") == "secret") targets_with_key.push_back(request.target);
        last_body = request.body;
        auto response = (this->*work)(request);
        for (auto it = answer_next.begin(); it != answer_next.end(); ++it) {
          if (!(request.method + " " + request.target).starts_with(it->first)) continue;
          response = it->second;
          answer_next.erase(it);
          break;
        }
        respond(std::move(response));
      });
    };
    add("POST", "/agent/jobs", &StandInNode::make_job);
    add("GET", "/agent/jobs", &StandInNode::list_jobs);
    add("GET", "/agent/jobs/{id}", &StandInNode::read_job);
    add("POST", "/agent/jobs/{id}/{step}", &StandInNode::move_job);
    add("POST", "/wallet/transfer", &StandInNode::transfer);
    add("GET", "/pending/list", &StandInNode::list_transfers);
    return out;
  }

  static net::Response text(unsigned status, std::string body) {
    net::Response out;
    out.status = status;
    out.body = std::move(body);
    return out;
  }
  static std::string member(const net::Request& request, const char* name) {
    const auto body = json::parse(request.body);
    return body ? std::string(node_text(*body, name)) : "";
  }
  static void write(json::Writer& out, const std::string& id, const Job& job) {
    out.begin_object().field("job_id", id).field("title", job.title);
    out.field("poster_wallet", job.poster).field("worker_wallet", job.worker_wallet);
    out.field("status", job.status).field("reward_i64", job.reward_i64).end_object();
  }

  net::Response make_job(const net::Request& request) {
    const auto body = json::parse(request.body);
    Job job;
    job.title = member(request, "title");
    job.poster = member(request, "poster_wallet");
    const auto* reward = body ? body->find("reward_rtc") : nullptr;
    // As the node does it.
    if (reward) {
      job.reward_i64 =
          static_cast<std::int64_t>(std::stod(std::string(*reward->number_text())) * 1'000'000);
    }
    const auto id = "job_" + std::to_string(jobs.size() + 1);
    jobs[id] = job;
    return text(201,
                R"({"ok":true,"job_id":")" + id + R"(","poster_wallet":")" + job.poster + R"("})");
  }
  net::Response read_job(const net::Request& request) {
    const auto found = jobs.find(std::string(request.param("id")));
    if (found == jobs.end()) return text(404, R"({"error":"Job not found"})");
    json::Writer out;
    out.begin_object().key("job");
    write(out, found->first, found->second);
    out.end_object();
    return text(200, std::move(out).take());
  }
  net::Response list_jobs(const net::Request& request) {
    json::Writer out;
    out.begin_object().key("jobs").begin_array();
    auto skip = ignore_offset ? 0 : std::stoi(request.query("offset").value());
    auto left = std::stoi(request.query("limit").value());
    for (const auto& [id, job] : jobs) {
      if (job.status != request.query("status") || skip-- > 0 || left-- <= 0) continue;
      write(out, id, job);
    }
    out.end_array().end_object();
    return text(200, std::move(out).take());
  }
  net::Response move_job(const net::Request& request) {
    const auto found = jobs.find(std::string(request.param("id")));
    if (found == jobs.end()) return text(404, R"({"error":"Job not found"})");
    struct Move {
      const char* from;
      const char* to;
    };
    static const std::map<std::string, Move, std::less<>> moves = {
        {"claim", {"open", "claimed"}},
        {"deliver", {"claimed", "delivered"}},
        {"accept", {"delivered", "completed"}},
        {"cancel", {"open", "cancelled"}}};
    const auto step = std::string(request.param("step"));
    auto& job = found->second;
    if (job.status != moves.at(step).from) return text(409, R"({"error":"wrong state"})");
    job.status = moves.at(step).to;
    if (step == "claim") job.worker_wallet = member(request, "worker_wallet");
    return text(200, R"({"ok":true})");
  }
  net::Response transfer(const net::Request& request) {
    const auto hash = node_transfer_hash(member(request, "idempotency_key"));
    for (const auto& t : transfers) {
      if (t.hash == hash) return transfer_answer(t);
    }
    transfers.insert(transfers.begin(), {hash, member(request, "to_miner")});
    return transfer_answer(transfers.front());
  }
  static net::Response transfer_answer(const Transfer& t) {
    return text(200, R"({"ok":true,"phase":")" + t.status + R"(","tx_hash":")" + t.hash + R"("})");
  }
  net::Response list_transfers(const net::Request& request) {
    json::Writer out;
    out.begin_object().key("pending").begin_array();
    auto skip = ignore_offset ? 0 : std::stoi(request.query("offset").value());
    auto left = std::min(500, std::stoi(request.query("limit").value()));
    for (const auto& t : transfers) {
      if (t.status != request.query("status") || skip-- > 0 || left-- <= 0) continue;
      out.begin_object().field("tx_hash", t.hash).field("to_miner", t.to);
      out.field("status", t.status).end_object();
    }
    out.end_array().end_object();
    return text(200, std::move(out).take());
  }

  net::Server server_;
  std::uint16_t port_ = 0;
};

net::Response response_of(unsigned status, std::string body) {
  net::Response out;
  out.status = status;
  out.body = std::move(body);
  return out;
}

class NodeCustodianTest : public ::testing::Test {
 protected:
  void SetUp() override {
    NodeCustodianOptions options;
    options.url = node_.url();
    options.admin_key = "secret";
    auto made = NodeCustodian::create(options, client_, system_clock());
    ASSERT_TRUE(made) << made.error().text();
    custodian_ = std::move(*made);
    lock_ = sell_lock(people_.maker, order_of(Side::sell, 10'000'000, nonce_of(1)));
  }
  // Locks and gives the job's id.
  std::string locked() {
    const auto answer = perform(*custodian_, lock_);
    EXPECT_EQ(shown(answer), "confirmed");
    return answer.reference;
  }
  ReleaseRequest release(const std::string& job_id) {
    return {"otc_release:o:1", lock_.order_id, lock_.holder, job_id};
  }
  RefundRequest refund(const std::string& job_id) {
    return {"otc_refund:o:1", lock_.order_id, lock_.holder, job_id};
  }
  void answer_next(const std::string& prefix, unsigned status, std::string body) {
    const std::lock_guard lock(node_.mutex);
    node_.answer_next[prefix] = response_of(status, std::move(body));
  }

  People people_;
  StandInNode node_;
  std::shared_ptr<net::Client> client_ = std::make_shared<net::Client>();
  std::unique_ptr<NodeCustodian> custodian_;
  LockRequest lock_;
};

TEST_F(NodeCustodianTest, SettlesAnOrder) {
  const auto job_id = locked();
  EXPECT_EQ(shown(inquire(*custodian_, release(job_id))), "absent job_open");
  EXPECT_EQ(shown(perform(*custodian_, release(job_id))), "confirmed");
  EXPECT_EQ(node_.jobs[job_id].status, "completed");
  EXPECT_EQ(shown(perform(*custodian_, release(job_id))), "confirmed");
  EXPECT_EQ(shown(perform(*custodian_, refund(job_id))), "refused escrow_released");
  const auto payout = payout_of(lock_, people_.taker.wallet());
  EXPECT_EQ(shown(perform(*custodian_, payout)), "accepted");
  EXPECT_EQ(shown(inquire(*custodian_, payout)), "accepted");
  node_.transfers[0].status = "confirmed";
  EXPECT_EQ(shown(inquire(*custodian_, payout)), "confirmed");
  EXPECT_EQ(shown(perform(*custodian_, payout)), "confirmed");
  EXPECT_EQ(custodian_->resend_rule(Call::lock), ResendRule::neither);
  EXPECT_EQ(custodian_->resend_rule(Call::payout), ResendRule::dedup);
}

TEST_F(NodeCustodianTest, RefundDoneAlreadyIsSuccess) {
  const auto job_id = locked();
  EXPECT_EQ(shown(inquire(*custodian_, refund(job_id))), "absent job_open");
  EXPECT_EQ(shown(perform(*custodian_, refund(job_id))), "confirmed");
  EXPECT_EQ(shown(perform(*custodian_, refund(job_id))), "confirmed");
  node_.jobs[job_id].status = "expired";
  EXPECT_EQ(shown(inquire(*custodian_, refund(job_id))), "confirmed");
  EXPECT_EQ(shown(perform(*custodian_, release(job_id))), "refused escrow_refunded");
}

// A release takes up where the job stands, and a lost or refused step changes nothing of that.
TEST_F(NodeCustodianTest, ReleaseResumesByTheJobsState) {
  const auto job_id = locked();
  for (const auto* step : {"claim", "deliver", "accept"}) {
    answer_next("POST /agent/jobs/" + job_id + "/" + step, 503, "<html>gateway</html>");
    EXPECT_EQ(perform(*custodian_, release(job_id)).outcome, Outcome::unknown) << step;
  }
  EXPECT_EQ(node_.jobs[job_id].status, "completed");
  EXPECT_EQ(shown(inquire(*custodian_, release(job_id))), "confirmed");
}

TEST_F(NodeCustodianTest, JobTakenByAnotherIsARefusal) {
  const auto job_id = locked();
  node_.jobs[job_id].worker_wallet = "stranger";
  for (const auto* status : {"claimed", "delivered"}) {
    node_.jobs[job_id].status = status;
    EXPECT_EQ(shown(perform(*custodian_, release(job_id))), "refused escrow_claimed_by_another");
    EXPECT_EQ(shown(perform(*custodian_, refund(job_id))), "refused escrow_claimed_by_another");
  }
  node_.jobs[job_id].status = "completed";
  EXPECT_EQ(shown(perform(*custodian_, release(job_id))), "refused released_to_another");
  EXPECT_EQ(shown(perform(*custodian_, release("job_99"))), "refused escrow_unknown");
  EXPECT_EQ(shown(perform(*custodian_, release(""))), "never_sent escrow_reference_missing");
}

TEST_F(NodeCustodianTest, LockIsFoundByItsKeyAndNeverCalledAbsent) {
  EXPECT_EQ(shown(inquire(*custodian_, lock_)), "unknown lock_not_found_in_bounds");
  answer_next("POST /agent/jobs", 503, "<html>gateway</html>");
  EXPECT_EQ(perform(*custodian_, lock_).outcome, Outcome::unknown);
  // A stranger's job of the same title is not ours.
  node_.jobs["job_0"] = {node_job_title(lock_.key), "stranger", "", "open", 10'000'000};
  const auto found = inquire(*custodian_, lock_);
  EXPECT_EQ(shown(found), "confirmed");
  EXPECT_EQ(found.reference, "job_1");
  node_.jobs["job_1"].reward_i64 = 9'999'999;
  EXPECT_EQ(inquire(*custodian_, lock_).outcome, Outcome::unknown);
}

TEST_F(NodeCustodianTest, LockRefusals) {
  answer_next("POST /agent/jobs", 400, R"({"error":"Insufficient balance for escrow"})");
  EXPECT_EQ(shown(perform(*custodian_, lock_)), "refused Insufficient balance for escrow");
  const auto sent = node_.requests.size();
  auto large = lock_;
  large.amount_micro = max_node_reward_micro + 1;
  EXPECT_EQ(shown(perform(*custodian_, large)), "refused amount_above_node_limit");
  auto brief = lock_;
  brief.until_seconds = unix_now() + 60;
  EXPECT_EQ(shown(perform(*custodian_, brief)), "refused escrow_end_outside_node_limits");
  EXPECT_EQ(node_.requests.size(), sent);
}

TEST_F(NodeCustodianTest, PayoutAnswersThatProveNothingAreUnknown) {
  const auto payout = payout_of(lock_, people_.taker.wallet());
  const auto hash = node_transfer_hash(payout.key);
  const std::vector<std::pair<unsigned, std::string>> odd = {
      {200, "<html>hello</html>"},
      {200, "[]"},
      {200, R"({"ok":false,"phase":"pending","tx_hash":")" + hash + "\"}"},
      {200, R"({"ok":true,"phase":"pending","tx_hash":"other"})"},
      {200, R"({"ok":true,"phase":"later","tx_hash":")" + hash + "\"}"},
      {401, R"({"error":"unauthorized"})"},
      {503, R"({"error":"no key"})"},
      {408, R"({"error":"timeout"})"},
      {302, R"({"error":"moved"})"},
      {400, "bad request"}};
  for (const auto& [status, body] : odd) {
    answer_next("POST /wallet/transfer", status, body);
    EXPECT_EQ(perform(*custodian_, payout).outcome, Outcome::unknown) << status << body;
  }
  EXPECT_EQ(node_.transfers.size(), 1U);
  answer_next("POST /wallet/transfer", 400, R"({"error":"Insufficient available balance"})");
  EXPECT_EQ(shown(perform(*custodian_, payout)), "refused Insufficient available balance");
  answer_next("POST /wallet/transfer", 409, R"({"error":"idempotency_key_conflict"})");
  EXPECT_EQ(shown(perform(*custodian_, payout)), "refused key_conflict");
}

TEST_F(NodeCustodianTest, VoidedPayoutIsNoSuccess) {
  const auto payout = payout_of(lock_, people_.taker.wallet());
  EXPECT_EQ(shown(perform(*custodian_, payout)), "accepted");
  node_.transfers[0].status = "voided";
  EXPECT_EQ(shown(perform(*custodian_, payout)), "refused payout_voided");
  EXPECT_EQ(shown(inquire(*custodian_, payout)), "refused payout_voided");
  node_.transfers[0].to = "another";
  EXPECT_EQ(inquire(*custodian_, payout).outcome, Outcome::unknown);
}

// Case 40: the look-up ends, whatever the server does with the offset.
TEST_F(NodeCustodianTest, LookUpIsBounded) {
  const auto payout = payout_of(lock_, people_.taker.wallet());
  EXPECT_EQ(shown(perform(*custodian_, payout)), "accepted");
  for (const std::size_t others : {0, 499, 500, 501, 5'000}) {
    node_.transfers.resize(1);
    node_.transfers[0] = {node_transfer_hash(payout.key), payout.recipient.text(), "confirmed"};
    for (std::size_t i = 0; i < others; ++i) {
      node_.transfers.insert(node_.transfers.begin(),
                             {"other" + std::to_string(i), "x", "confirmed"});
    }
    for (const bool ignored : {false, true}) {
      node_.ignore_offset = ignored;
      node_.requests.clear();
      const bool reachable = !ignored || others < 500;
      EXPECT_EQ(shown(inquire(*custodian_, payout)),
                reachable ? "confirmed" : "unknown payout_not_found_in_bounds")
          << others << ignored;
      // Ignored: one page a state, and one more that shows it.
      EXPECT_LE(node_.requests.size(), ignored ? 4U : 3U * max_node_pages);
    }
  }
}

TEST_F(NodeCustodianTest, LookUpThatFailsIsUnknown) {
  const auto payout = payout_of(lock_, people_.taker.wallet());
  EXPECT_EQ(shown(perform(*custodian_, payout)), "accepted");
  const std::vector<std::pair<unsigned, std::string>> odd = {{500, "{}"},
                                                             {200, "{}"},
                                                             {200, R"({"pending":{}})"},
                                                             {200, "garbage"},
                                                             {401, R"({"error":"x"})"}};
  for (const auto& [status, body] : odd) {
    answer_next("GET /pending/list", status, body);
    EXPECT_EQ(inquire(*custodian_, payout).outcome, Outcome::unknown) << status << body;
  }
  // A row that is no object is passed over, and the others still read.
  answer_next("GET /pending/list?status=pending", 200, R"({"pending":[1,null,"x"]})");
  node_.transfers[0].status = "confirmed";
  EXPECT_EQ(shown(inquire(*custodian_, payout)), "confirmed");
}

// Case 85: the key goes with payouts and their look-ups, to the one trusted address, nowhere else.
TEST_F(NodeCustodianTest, AdminKeyGoesOnlyWhereItMust) {
  const auto job_id = locked();
  EXPECT_EQ(shown(perform(*custodian_, release(job_id))), "confirmed");
  EXPECT_TRUE(node_.targets_with_key.empty());
  const auto payout = payout_of(lock_, people_.taker.wallet());
  EXPECT_EQ(shown(perform(*custodian_, payout)), "accepted");
  EXPECT_EQ(shown(inquire(*custodian_, payout)), "accepted");
  EXPECT_EQ(node_.targets_with_key.size(), 2U);
  NodeCustodianOptions options;
  options.admin_key = "secret";
  options.url = "http://node.example";
  EXPECT_EQ(NodeCustodian::create(options, client_, system_clock()).error().code.code,
            "custodian_url_untrusted");
}

// Case 86: a redirect is not followed.
TEST_F(NodeCustodianTest, RedirectIsNotFollowed) {
  StandInNode other;
  net::Response redirect = response_of(307, "{}");
  redirect.headers.push_back({"Location", other.url() + "/wallet/transfer"});
  {
    const std::lock_guard lock(node_.mutex);
    node_.answer_next["POST /wallet/transfer"] = redirect;
  }
  EXPECT_EQ(perform(*custodian_, payout_of(lock_, people_.taker.wallet())).outcome,
            Outcome::unknown);
  EXPECT_TRUE(other.requests.empty());
}

TEST_F(NodeCustodianTest, NobodyListensIsNeverSent) {
  NodeCustodianOptions options;
  options.url = "http://127.0.0.1:1";
  auto custodian = *NodeCustodian::create(options, client_, system_clock());
  EXPECT_EQ(perform(*custodian, lock_).outcome, Outcome::never_sent);
  EXPECT_EQ(perform(*custodian, release("job_1")).outcome, Outcome::never_sent);
  EXPECT_EQ(inquire(*custodian, lock_).outcome, Outcome::unknown);
}

// Case 59, the far side's half: what is sent is read back exactly, by the node's own arithmetic.
TEST(NodeAmount, SurvivesTheNodesTruncation) {
  const auto read = [](const std::string& text) {
    return static_cast<MicroUnits>(std::stod(text) * 1'000'000);
  };
  for (MicroUnits amount = 100'000; amount <= 3'000'000; ++amount) {
    const auto text = node_amount_text(amount);
    ASSERT_TRUE(text) << amount;
    if (read(*text) != amount) FAIL() << amount << " as " << *text;
  }
  EXPECT_EQ(read("0.125014"), 125'013);  // the fault that this is about
  EXPECT_EQ(node_amount_text(10'000'000), "10");
  for (MicroUnits amount = max_node_reward_micro - 100'000; amount <= max_node_reward_micro;
       ++amount) {
    const auto text = node_amount_text(amount);
    ASSERT_TRUE(text) << amount;
    if (read(*text) != amount) FAIL() << amount << " as " << *text;
  }
}

TEST(NodeHash, IsTheReferences) {
  EXPECT_EQ(node_transfer_hash("k"), sha256_hex("wallet_transfer_idempotency:k").substr(0, 32));
}

}  // namespace
}  // namespace pawl::otc
