// SPDX-License-Identifier: Apache-2.0
//
// The ledger's rules and SQL, inside a transaction that SandboxLedger holds. Throws SqliteFailure;
// not thread-safe. Private to the ledger's .cpp files.
#pragma once

#include "app/sandbox_custodian_ledger.h"
#include "app/sandbox_custodian_sqlite.h"

namespace pawl::app {

class SandboxLedger::Books {
 public:
  Books(const std::string& path, std::int64_t payout_delay_ms);
  ~Books();
  Books(const Books&) = delete;
  Books& operator=(const Books&) = delete;

  sqlite3* db() const { return db_; }
  void confirm_due_payouts(std::int64_t now_ms);

  LedgerOperation execute(const otc::CustodianRequest& request, std::int64_t now_ms);
  LedgerOperation refuse(const otc::CustodianRequest& request, std::string_view code,
                         std::int64_t now_ms);
  std::optional<LedgerOperation> find(std::string_view key) const;
  // False if there is no such pending payout.
  bool void_payout(std::string_view key);
  void add_balance(std::string_view wallet, std::int64_t amount_micro);
  std::int64_t balance_micro(std::string_view wallet) const;

 private:
  // What a call did or why not; escrow is 0 where there is none.
  struct Verdict {
    std::string state{};
    std::string code{};
    std::string wallet{};
    std::int64_t escrow = 0;
    std::int64_t amount_micro = 0;
    std::int64_t due_ms = 0;
  };
  struct Escrow {
    std::int64_t number = 0;
    std::string holder;
    std::string state;
    std::int64_t amount_micro = 0;
    std::int64_t owed_micro = 0;
    std::int64_t until_seconds = 0;
  };

  Verdict apply(const otc::LockRequest& request, std::int64_t now_ms);
  Verdict apply(const otc::ReleaseRequest& request, std::int64_t now_ms);
  Verdict apply(const otc::RefundRequest& request, std::int64_t now_ms);
  Verdict apply(const otc::PayoutRequest& request, std::int64_t now_ms);
  // The newest escrow of the order, of that holder if one is named.
  std::optional<Escrow> newest_escrow(std::string_view order_id, std::string_view holder) const;
  LedgerOperation store(const otc::CustodianRequest& request, const Verdict& verdict,
                        std::int64_t now_ms);
  // The stored answer of the key, if any; a conflict if it belongs to another request.
  std::optional<LedgerOperation> repeated(const otc::CustodianRequest& request) const;

  sqlite3* db_ = nullptr;
  const std::int64_t payout_delay_ms_;
};

}  // namespace pawl::app
