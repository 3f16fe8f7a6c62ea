// SPDX-License-Identifier: Apache-2.0
//
// The sandbox custodian's books: balances, escrows and payouts in one SQLite file, each call one
// transaction that is on disk when it is answered. A key is executed once: its answer is stored
// with what it did, and a repeat gets the stored answer. Signatures of the service, HTTP and faults
// are left to the routes; the holder's authorization of a lock is checked here, because a refusal
// of it is an answer of the key like any other.
#pragma once

#include <pawl/error.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "systems/otc/custodian.h"

namespace pawl::app {

inline constexpr ErrorCode ledger_unavailable{"ledger_unavailable", ErrorClass::unavailable,
                                              "The sandbox ledger's file cannot be used."};
inline constexpr ErrorCode payout_not_pending{"payout_not_pending", ErrorClass::conflict,
                                              "There is no pending payout of that key."};
inline constexpr ErrorCode faucet_amount_invalid{
    "faucet_amount_invalid", ErrorClass::invalid,
    "The faucet gives 1 to 10^15 micro at once, 9*10^18 in all."};

// A lock's authorization may have been signed this long ago: a lock may wait out an outage.
inline constexpr std::int64_t max_authorization_age_seconds = 86'400;
inline constexpr std::int64_t max_faucet_micro = 1'000'000'000'000'000;

// A stored operation, and its answer.
struct LedgerOperation {
  std::int64_t number = 0;  // in the order of arrival, from 1
  std::string key;
  std::string order_id;
  std::string call;
  std::string state;      // confirmed, accepted, refused
  std::string code;       // of a refusal
  std::string reference;  // escrow_<n> or payout_<n>
  std::string wallet;     // holder or recipient; "" for a release
  std::int64_t amount_micro = 0;
};

struct LedgerWallet {
  std::string wallet;
  std::int64_t balance_micro = 0;
};

struct LedgerEscrow {
  std::int64_t number = 0;
  std::string order_id;
  std::string holder;
  std::string state;  // locked, released, refunded
  std::int64_t amount_micro = 0;
  std::int64_t owed_micro = 0;  // released and not queued for a payout
  std::int64_t until_seconds = 0;
};

// Where a page goes on: the last row of each table that was seen.
struct LedgerCursor {
  std::string wallet;
  std::int64_t escrow = 0;
  std::int64_t operation = 0;
};

struct LedgerPage {
  std::int64_t issued_micro = 0;  // by the faucet; what everything else must add up to
  std::vector<LedgerWallet> wallets;
  std::vector<LedgerEscrow> escrows;
  std::vector<LedgerOperation> operations;
};

// Thread-safe: one connection under one mutex. Every method is a transaction; an error means that
// nothing happened. Times are Unix milliseconds, the caller's.
class SandboxLedger {
 public:
  // Opens or makes the file. Errors: ledger_unavailable.
  static Result<std::unique_ptr<SandboxLedger>> open(const std::string& path,
                                                     std::int64_t payout_delay_ms);
  ~SandboxLedger();

  // Executes the request, or gives the stored answer of its key. A key that was used for another
  // request is answered `refused` with key_conflict_code, and nothing is stored.
  Result<LedgerOperation> execute(const otc::CustodianRequest& request, std::int64_t now_ms);
  // Stores a refusal for a key that is not known yet: the fault switch "refuse".
  Result<LedgerOperation> refuse(const otc::CustodianRequest& request, std::string_view code,
                                 std::int64_t now_ms);
  // Nothing if the key is not known. Confirms due payouts first, as all methods do.
  Result<std::optional<LedgerOperation>> find(std::string_view key, std::int64_t now_ms);

  Result<std::int64_t> balance_micro(std::string_view wallet, std::int64_t now_ms);
  // New coins. Errors: faucet_amount_invalid.
  Result<std::int64_t> faucet(const otc::Wallet& wallet, std::int64_t amount_micro,
                              std::int64_t now_ms);
  // The operator's no to a pending payout: its coins go back to the order. payout_not_pending.
  Result<LedgerOperation> void_payout(std::string_view key, std::int64_t now_ms);

  // At most `limit` rows of each table after the cursor.
  Result<LedgerPage> page(const LedgerCursor& after, int limit, std::int64_t now_ms);
  // What does not add up, one sentence each; empty when the books balance.
  Result<std::vector<std::string>> audit(std::int64_t now_ms);

 private:
  class Books;
  explicit SandboxLedger(std::unique_ptr<Books> books);
  template <class F>
  auto transaction(std::int64_t now_ms, F work) -> decltype(work());

  std::mutex mutex_;
  std::unique_ptr<Books> books_;
};

}  // namespace pawl::app
