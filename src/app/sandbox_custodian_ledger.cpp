// SPDX-License-Identifier: Apache-2.0
#include "app/sandbox_custodian_ledger.h"

#include "app/sandbox_custodian_books.h"

namespace pawl::app {
namespace {

constexpr std::int64_t max_supply_micro = 9'000'000'000'000'000'000;

// Each query answers rows of one text: what is wrong. Together they say that no coin was made or
// lost and that every movement belongs to exactly one operation.
constexpr std::string_view audit_queries[] = {
    "SELECT 'supply: issued ' || issued || ', found ' || found FROM (SELECT "
    "(SELECT issued_micro FROM supply) AS issued, "
    "(SELECT coalesce(sum(balance_micro), 0) FROM wallets) + "
    "(SELECT coalesce(sum(CASE state WHEN 'locked' THEN amount_micro ELSE owed_micro END), 0) "
    " FROM escrows) + "
    "(SELECT coalesce(sum(amount_micro), 0) FROM operations WHERE state = 'accepted') AS found) "
    "WHERE issued <> found",
    "SELECT 'escrow_' || e.escrow || ' does not belong to exactly one lock' FROM escrows e "
    "WHERE (SELECT count(*) FROM operations o WHERE o.escrow = e.escrow AND o.call = 'lock' AND "
    " o.state = 'confirmed' AND o.order_id = e.order_id AND o.wallet = e.holder AND "
    " o.amount_micro = e.amount_micro) <> 1",
    "SELECT 'escrow_' || e.escrow || ' is ' || e.state || ' but was both released and refunded' "
    "FROM escrows e WHERE EXISTS (SELECT 1 FROM operations o WHERE o.escrow = e.escrow AND "
    " o.call = 'release' AND o.state = 'confirmed') AND EXISTS (SELECT 1 FROM operations o WHERE "
    " o.escrow = e.escrow AND o.call = 'refund' AND o.state = 'confirmed')",
    "SELECT 'escrow_' || e.escrow || ' is ' || e.state || ' without an operation that says so' "
    "FROM escrows e WHERE e.state <> 'locked' AND NOT EXISTS (SELECT 1 FROM operations o WHERE "
    " o.escrow = e.escrow AND o.state = 'confirmed' AND "
    " o.call = CASE e.state WHEN 'released' THEN 'release' ELSE 'refund' END)",
    "SELECT 'escrow_' || e.escrow || ' holds ' || e.amount_micro || ' but owes ' || e.owed_micro "
    "|| "
    "' and paid or queued ' || p.paid FROM escrows e JOIN (SELECT f.escrow, "
    " (SELECT coalesce(sum(o.amount_micro), 0) FROM operations o WHERE o.escrow = f.escrow AND "
    "  o.call = 'payout' AND o.state <> 'refused') AS paid FROM escrows f) p USING (escrow) "
    "WHERE e.owed_micro + p.paid <> CASE e.state WHEN 'released' THEN e.amount_micro ELSE 0 END",
};

}  // namespace

Result<std::unique_ptr<SandboxLedger>> SandboxLedger::open(const std::string& path,
                                                           std::int64_t payout_delay_ms) {
  try {
    return std::unique_ptr<SandboxLedger>(
        new SandboxLedger(std::make_unique<Books>(path, payout_delay_ms)));
  } catch (const std::exception& e) {
    return fail(ledger_unavailable, e.what());
  }
}

SandboxLedger::SandboxLedger(std::unique_ptr<Books> books) : books_(std::move(books)) {}
SandboxLedger::~SandboxLedger() = default;

// Runs the work between BEGIN and COMMIT; an Error or an exception rolls everything back.
template <class F>
auto SandboxLedger::transaction(std::int64_t now_ms, F work) -> decltype(work()) {
  const std::lock_guard lock(mutex_);
  const auto roll_back = [this] {
    if (!sqlite3_get_autocommit(books_->db())) {
      sqlite3_exec(books_->db(), "ROLLBACK", nullptr, nullptr, nullptr);
    }
  };
  try {
    sqlite_run(books_->db(), "BEGIN IMMEDIATE");
    books_->confirm_due_payouts(now_ms);
    auto result = work();
    if (!result) {
      roll_back();
      return result;
    }
    sqlite_run(books_->db(), "COMMIT");
    return result;
  } catch (const std::exception& e) {
    roll_back();
    return fail(ledger_unavailable, e.what());
  }
}

Result<LedgerOperation> SandboxLedger::execute(const otc::CustodianRequest& request,
                                               std::int64_t now_ms) {
  return transaction(now_ms,
                     [&]() -> Result<LedgerOperation> { return books_->execute(request, now_ms); });
}

Result<LedgerOperation> SandboxLedger::refuse(const otc::CustodianRequest& request,
                                              std::string_view code, std::int64_t now_ms) {
  return transaction(
      now_ms, [&]() -> Result<LedgerOperation> { return books_->refuse(request, code, now_ms); });
}

Result<std::optional<LedgerOperation>> SandboxLedger::find(std::string_view key,
                                                           std::int64_t now_ms) {
  return transaction(now_ms,
                     [&]() -> Result<std::optional<LedgerOperation>> { return books_->find(key); });
}

Result<std::int64_t> SandboxLedger::balance_micro(std::string_view wallet, std::int64_t now_ms) {
  return transaction(now_ms,
                     [&]() -> Result<std::int64_t> { return books_->balance_micro(wallet); });
}

Result<std::int64_t> SandboxLedger::faucet(const otc::Wallet& wallet, std::int64_t amount_micro,
                                           std::int64_t now_ms) {
  return transaction(now_ms, [&]() -> Result<std::int64_t> {
    const auto issued = sqlite_integer(books_->db(), "SELECT issued_micro FROM supply");
    if (amount_micro <= 0 || amount_micro > max_faucet_micro ||
        issued > max_supply_micro - amount_micro) {
      return fail(faucet_amount_invalid);
    }
    sqlite_run(books_->db(), "UPDATE supply SET issued_micro = issued_micro + ?", amount_micro);
    books_->add_balance(wallet.text(), amount_micro);
    return books_->balance_micro(wallet.text());
  });
}

Result<LedgerOperation> SandboxLedger::void_payout(std::string_view key, std::int64_t now_ms) {
  return transaction(now_ms, [&]() -> Result<LedgerOperation> {
    if (!books_->void_payout(key)) return fail(payout_not_pending);
    return *books_->find(key);
  });
}

Result<LedgerPage> SandboxLedger::page(const LedgerCursor& after, int limit, std::int64_t now_ms) {
  return transaction(now_ms, [&]() -> Result<LedgerPage> {
    auto* db = books_->db();
    const std::int64_t rows = limit;
    LedgerPage out;
    out.issued_micro = sqlite_integer(db, "SELECT issued_micro FROM supply");
    SqliteStatement wallets(db,
                            "SELECT wallet, balance_micro FROM wallets WHERE wallet > ? "
                            "ORDER BY wallet LIMIT ?");
    wallets.bind(after.wallet).bind(rows);
    while (wallets.step()) out.wallets.push_back({wallets.text(0), wallets.integer(1)});

    SqliteStatement escrows(db,
                            "SELECT escrow, order_id, holder, state, amount_micro, owed_micro, "
                            "until_seconds FROM escrows WHERE escrow > ? ORDER BY escrow LIMIT ?");
    escrows.bind(after.escrow).bind(rows);
    while (escrows.step()) {
      out.escrows.push_back({escrows.integer(0), escrows.text(1), escrows.text(2), escrows.text(3),
                             escrows.integer(4), escrows.integer(5), escrows.integer(6)});
    }

    SqliteStatement keys(db,
                         "SELECT key FROM operations WHERE operation > ? "
                         "ORDER BY operation LIMIT ?");
    keys.bind(after.operation).bind(rows);
    while (keys.step()) out.operations.push_back(*books_->find(keys.text(0)));
    return out;
  });
}

Result<std::vector<std::string>> SandboxLedger::audit(std::int64_t now_ms) {
  return transaction(now_ms, [&]() -> Result<std::vector<std::string>> {
    std::vector<std::string> found;
    for (const auto query : audit_queries) {
      SqliteStatement select(books_->db(), query);
      while (select.step()) found.push_back(select.text(0));
    }
    return found;
  });
}

}  // namespace pawl::app
