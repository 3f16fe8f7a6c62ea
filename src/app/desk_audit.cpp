// SPDX-License-Identifier: Apache-2.0
#include "app/desk_audit.h"

#include <unistd.h>

#include <chrono>
#include <set>
#include <thread>
#include <utility>

#include "app/desk_rows.h"
#include "app/sandbox_client.h"
#include "app/sandbox_custodian_ledger.h"
#include "app/text_table.h"
#include "systems/otc/decimal.h"

namespace pawl::app {

namespace {

constexpr int ledger_page_rows = 500;
constexpr std::size_t max_printed_findings = 50;

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void add_page(const LedgerPage& page, LedgerCursor& after, otc::CustodianBooks& books) {
  books.issued_micro = page.issued_micro;
  for (const auto& wallet : page.wallets) {
    books.balances[wallet.wallet] = wallet.balance_micro;
    after.wallet = wallet.wallet;
  }
  for (const auto& escrow : page.escrows) {
    books.escrows.push_back(
        {escrow.order_id, escrow.holder, escrow.state, escrow.amount_micro, escrow.owed_micro});
    after.escrow = escrow.number;
  }
  for (const auto& operation : page.operations) {
    books.operations.push_back({operation.key, operation.order_id, operation.call, operation.state,
                                operation.wallet, operation.amount_micro});
    after.operation = operation.number;
  }
}

Result<otc::CustodianBooks> books_of_file(const std::string& data_dir) {
  const std::string path = data_dir + "/sandbox.db";
  if (::access(path.c_str(), R_OK) != 0) return fail(ledger_unavailable, path);
  auto ledger = SandboxLedger::open(path, 0);
  if (!ledger) return std::unexpected(ledger.error());
  otc::CustodianBooks books;
  LedgerCursor after;
  while (true) {
    const auto page = (*ledger)->page(after, ledger_page_rows, now_ms());
    if (!page) return std::unexpected(page.error());
    if (page->wallets.empty() && page->escrows.empty() && page->operations.empty()) break;
    add_page(*page, after, books);
  }
  auto imbalances = (*ledger)->audit(now_ms());
  if (!imbalances) return std::unexpected(imbalances.error());
  books.imbalances = std::move(*imbalances);
  return books;
}

Result<otc::AuditReport> audit_once(const AuditSources& sources) {
  auto input = read_desk_rows(sources.store);
  if (!input) return std::unexpected(input.error());
  auto books = sources.custodian_data_dir.empty() ? SandboxClient(sources.custodian_url).books()
                                                  : books_of_file(sources.custodian_data_dir);
  if (!books) return std::unexpected(books.error());
  input->books = std::move(*books);
  return otc::audit(*input);
}

using FindingKey = std::pair<std::string, std::string>;

std::set<FindingKey> keys_of(const otc::AuditReport& report) {
  std::set<FindingKey> keys;
  for (const auto& finding : report.findings) keys.emplace(finding.code, finding.order_id);
  return keys;
}

}  // namespace

Result<otc::AuditReport> audit_desk(const AuditSources& sources) {
  auto report = audit_once(sources);
  for (int round = 1; report && !report->sound() && round < max_audit_rounds; ++round) {
    // lint: allow(sleep): both sides go on meanwhile, then are read again
    std::this_thread::sleep_for(std::chrono::milliseconds(audit_round_interval_ms));
    const auto before = keys_of(*report);
    report = audit_once(sources);
    if (!report) break;
    std::erase_if(report->findings, [&](const otc::AuditFinding& finding) {
      return !before.contains({finding.code, finding.order_id});
    });
  }
  return report;
}

std::string audit_text(const otc::AuditReport& report) {
  std::string out = "orders:";
  for (const auto& [state, count] : report.orders_by_state) {
    out += " " + state + " " + std::to_string(count);
  }
  if (report.orders_by_state.empty()) out += " none";
  out += "\ntrades: " + std::to_string(report.trades);
  out += "\ncoins issued: " + otc::format_amount(report.issued_micro) +
         ", found: " + otc::format_amount(report.found_micro) + "\n";
  out += "lost: " + otc::format_amount(report.lost_micro) +
         ", doubled: " + otc::format_amount(report.doubled_micro) +
         ", in flight: " + std::to_string(report.in_flight.size()) +
         ", wedged: " + std::to_string(report.wedged.size()) + "\n";
  if (report.sound()) return out + "sound\n";
  TextTable table({"FINDING", "ORDER", "DETAIL"});
  for (std::size_t i = 0; i < report.findings.size() && i < max_printed_findings; ++i) {
    const auto& finding = report.findings[i];
    table.add({finding.code, finding.order_id, finding.detail});
  }
  out += table.text();
  if (report.findings.size() > max_printed_findings) {
    out += "and " + std::to_string(report.findings.size() - max_printed_findings) + " more\n";
  }
  return out;
}

}  // namespace pawl::app
