// SPDX-License-Identifier: Apache-2.0
#include "app/sandbox_client.h"

#include <map>
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

LedgerOperation read_operation(const json::Value& value) {
  LedgerOperation out;
  out.number = member_number(value, "operation");
  out.key = member_text(value, "key");
  out.order_id = member_text(value, "order_id");
  out.call = member_text(value, "call");
  out.state = member_text(value, "state");
  out.code = member_text(value, "code");
  out.reference = member_text(value, "reference");
  out.wallet = member_text(value, "wallet");
  out.amount_micro = member_number(value, "amount_micro");
  return out;
}

LedgerEscrow read_escrow(const json::Value& value) {
  LedgerEscrow out;
  out.number = member_number(value, "escrow");
  out.order_id = member_text(value, "order_id");
  out.holder = member_text(value, "holder");
  out.state = member_text(value, "state");
  out.amount_micro = member_number(value, "amount_micro");
  out.owed_micro = member_number(value, "owed_micro");
  out.until_seconds = member_number(value, "until_seconds");
  return out;
}

}  // namespace

std::int64_t SandboxBooks::counted_micro() const {
  std::int64_t sum = 0;
  for (const auto& wallet : wallets) sum += wallet.balance_micro;
  for (const auto& escrow : escrows) {
    sum += escrow.owed_micro;
    if (escrow.state == "locked") sum += escrow.amount_micro;
  }
  for (const auto& operation : operations) {
    if (operation.call == "payout" && operation.state == "accepted") sum += operation.amount_micro;
  }
  return sum;
}

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

Result<SandboxBooks> SandboxClient::books() {
  SandboxBooks books;
  std::map<std::string, std::int64_t> wallets;
  std::map<std::int64_t, LedgerEscrow> escrows;
  std::map<std::int64_t, LedgerOperation> operations;
  for (int page = 0; page < max_ledger_pages; ++page) {
    const auto before = wallets.size() + escrows.size() + operations.size();
    const std::string path =
        "/sandbox/ledger?after_wallet=" + (wallets.empty() ? "" : wallets.rbegin()->first) +
        "&after_escrow=" + std::to_string(escrows.empty() ? 0 : escrows.rbegin()->first) +
        "&after_operation=" + std::to_string(operations.empty() ? 0 : operations.rbegin()->first);
    const auto answer = expect_ok(http_.get(path));
    if (!answer) return std::unexpected(answer.error());
    const auto& body = answer->body;
    books.issued_micro = member_number(body, "issued_micro");
    books.imbalances.clear();
    for (const auto& text : member_array(body, "imbalances")) {
      books.imbalances.emplace_back(text.as_string().value_or(""));
    }
    for (const auto& wallet : member_array(body, "wallets")) {
      wallets[member_text(wallet, "wallet")] = member_number(wallet, "balance_micro");
    }
    for (const auto& escrow : member_array(body, "escrows")) {
      escrows[member_number(escrow, "escrow")] = read_escrow(escrow);
    }
    for (const auto& operation : member_array(body, "operations")) {
      operations[member_number(operation, "operation")] = read_operation(operation);
    }
    if (wallets.size() + escrows.size() + operations.size() == before) break;
  }
  for (const auto& [wallet, balance] : wallets) books.wallets.push_back({wallet, balance});
  for (auto& [number, escrow] : escrows) books.escrows.push_back(std::move(escrow));
  for (auto& [number, operation] : operations) books.operations.push_back(std::move(operation));
  return books;
}

}  // namespace pawl::app
