// SPDX-License-Identifier: Apache-2.0
#include "app/sandbox_client.h"

#include <utility>

#include "app/client_options.h"

namespace pawl::app {

namespace {

// Pages are bounded by the sandbox; so many would be a sandbox that never ends its answer.
constexpr int max_ledger_pages = 100'000;

Result<HttpAnswer> expect_ok(Result<HttpAnswer> answer) {
  if (answer && !answer->ok()) {
    return fail(answer_unreadable, "the sandbox says " + answer->problem());
  }
  return answer;
}

}  // namespace

Result<std::int64_t> SandboxClient::balance_micro(const otc::Wallet& wallet) {
  const auto answer = expect_ok(http_.get("/custodian/wallets/" + wallet.text()));
  if (!answer) return std::unexpected(answer.error());
  return member_number(answer->body, "balance_micro");
}

Result<std::int64_t> SandboxClient::faucet(const otc::Wallet& wallet, std::int64_t amount_micro) {
  json::Writer out;
  out.begin_object().field("wallet", wallet.text()).field("amount_micro", amount_micro);
  out.end_object();
  const auto answer = expect_ok(http_.post("/sandbox/faucet", std::move(out).take()));
  if (!answer) return std::unexpected(answer.error());
  return member_number(answer->body, "balance_micro");
}

Result<void> SandboxClient::add_fault(std::string rule) {
  const auto answer = expect_ok(http_.post("/sandbox/faults", std::move(rule)));
  if (!answer) return std::unexpected(answer.error());
  return {};
}

Result<std::int64_t> SandboxClient::lost_answers() {
  const auto answer = expect_ok(http_.get("/sandbox/faults"));
  if (!answer) return std::unexpected(answer.error());
  std::int64_t lost = 0;
  for (const auto& rule : member_array(answer->body, "rules")) {
    const bool inquiry = member_text(rule, "call") == "inquiry";
    if (!inquiry && member_text(rule, "mode").starts_with("commit_then_")) {
      lost += member_number(rule, "fired");
    }
  }
  return lost;
}

Result<void> SandboxClient::clear_faults() {
  const auto answer = expect_ok(http_.remove("/sandbox/faults"));
  if (!answer) return std::unexpected(answer.error());
  return {};
}

Result<bool> SandboxClient::void_payout(const std::string& key) {
  const auto answer = http_.post("/sandbox/payouts/" + key + "/void", "");
  if (!answer) return std::unexpected(answer.error());
  return answer->ok();
}

Result<otc::CustodianBooks> SandboxClient::books() {
  otc::CustodianBooks books;
  std::string wallet;
  std::int64_t escrow = 0;
  std::int64_t operation = 0;
  for (int page = 0; page < max_ledger_pages; ++page) {
    const auto answer = expect_ok(http_.get("/sandbox/ledger?after_wallet=" + wallet +
                                            "&after_escrow=" + std::to_string(escrow) +
                                            "&after_operation=" + std::to_string(operation)));
    if (!answer) return std::unexpected(answer.error());
    if (auto added = otc::add_books_page(answer->body.text(), books); !added) {
      return std::unexpected(added.error());
    }
    const auto& wallets = member_array(answer->body, "wallets");
    const auto& escrows = member_array(answer->body, "escrows");
    const auto& operations = member_array(answer->body, "operations");
    if (wallets.empty() && escrows.empty() && operations.empty()) break;
    if (!wallets.empty()) wallet = member_text(wallets.back(), "wallet");
    if (!escrows.empty()) escrow = member_number(escrows.back(), "escrow");
    if (!operations.empty()) operation = member_number(operations.back(), "operation");
  }
  return books;
}

}  // namespace pawl::app
