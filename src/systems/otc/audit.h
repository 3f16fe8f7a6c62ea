// SPDX-License-Identifier: Apache-2.0
//
// Proves conservation over the desk's rows and the custodian's books: every coin that was locked is
// where its order says it is, nothing was paid twice or refunded and paid, each completed order has
// one trade, and nothing that is under way has been forgotten. Pure: reading the rows and the books
// (and stopping the world meanwhile, or not) is left to the caller. With the world going on, orders
// under way are listed and judged only by what no moment may show.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "systems/otc/commands.h"
#include "systems/otc/order.h"
#include "systems/otc/wallet_ledger.h"

namespace pawl::otc {

struct BookEscrow {
  std::string order_id;
  std::string holder;
  std::string state;  // locked, released, refunded
  MicroUnits amount_micro = 0;
  MicroUnits owed_micro = 0;  // released and not in a payout
};

struct BookOperation {
  std::string key;
  std::string order_id;
  std::string call;   // lock, release, refund, payout
  std::string state;  // confirmed, accepted, refused
  std::string wallet;
  MicroUnits amount_micro = 0;
};

struct CustodianBooks {
  MicroUnits issued_micro = 0;
  std::map<std::string, MicroUnits> balances;
  std::vector<BookEscrow> escrows;
  std::vector<BookOperation> operations;
  std::vector<std::string> imbalances;  // what the custodian itself finds wrong
};

inline constexpr ErrorCode books_unreadable{"books_unreadable", ErrorClass::corrupt,
                                            "The custodian's ledger is not as expected"};

// Adds one page of the custodian's ledger (docs/sandbox.md, GET /sandbox/ledger). Pages may overlap
// in nothing but wallets. Errors: books_unreadable.
Result<void> add_books_page(std::string_view json_text, CustodianBooks& books);

struct AuditInput {
  std::vector<Order> orders;
  std::vector<TradeRecord> trades;
  // Counts are checked if wallets are given; then messages on their way must be given, too.
  std::vector<WalletLedger> wallets;
  std::vector<ReturnSlot> messages;
  // Orders with an effect that has not ended, with a deadline, with an alert.
  std::set<std::string> with_effect;
  std::set<std::string> with_deadline;
  std::set<std::string> with_alert;
  CustodianBooks books;
};

struct AuditFinding {
  std::string code;  // stable, snake_case
  std::string order_id;
  std::string detail;
};

struct AuditReport {
  std::map<std::string, std::int64_t> orders_by_state;
  std::int64_t trades = 0;
  MicroUnits issued_micro = 0;   // supply before
  MicroUnits found_micro = 0;    // supply now: balances, escrows, owed, payouts under way
  MicroUnits lost_micro = 0;     // locked or owed where no order will ever move it
  MicroUnits doubled_micro = 0;  // paid out beyond an order's amount, or paid and refunded
  std::vector<std::string> in_flight;
  std::vector<std::string> wedged;  // in flight with nothing that will move it, and no alert
  std::vector<AuditFinding> findings;

  bool sound() const { return findings.empty(); }
};

AuditReport audit(const AuditInput& input);
// The report as a JSON object; at most max_shown_findings findings, with the number of all.
inline constexpr std::size_t max_shown_findings = 1'000;
std::string audit_json(const AuditReport& report);

}  // namespace pawl::otc
