// SPDX-License-Identifier: Apache-2.0
#include "app/sandbox_custodian_books.h"

#include "app/sandbox_custodian_consent.h"
#include "systems/otc/custodian_own.h"

namespace pawl::app {
namespace {

// The CHECKs repeat the rules below: a mistake in them must stop at the table.
constexpr const char* schema = R"sql(
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = ON;
CREATE TABLE IF NOT EXISTS supply (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  issued_micro INTEGER NOT NULL CHECK (issued_micro >= 0)
) STRICT;
INSERT INTO supply (id, issued_micro) VALUES (1, 0) ON CONFLICT DO NOTHING;
CREATE TABLE IF NOT EXISTS wallets (
  wallet TEXT PRIMARY KEY,
  balance_micro INTEGER NOT NULL CHECK (balance_micro >= 0)
) STRICT;
CREATE TABLE IF NOT EXISTS escrows (
  escrow INTEGER PRIMARY KEY,
  order_id TEXT NOT NULL,
  holder TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('locked', 'released', 'refunded')),
  amount_micro INTEGER NOT NULL CHECK (amount_micro > 0),
  owed_micro INTEGER NOT NULL CHECK (owed_micro BETWEEN 0 AND amount_micro),
  until_seconds INTEGER NOT NULL,
  authorization TEXT NOT NULL UNIQUE,
  CHECK (state = 'released' OR owed_micro = 0)
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS one_live_escrow_per_order
  ON escrows (order_id) WHERE state <> 'refunded';
CREATE INDEX IF NOT EXISTS escrows_by_order ON escrows (order_id);
CREATE TABLE IF NOT EXISTS operations (
  operation INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  order_id TEXT NOT NULL,
  call TEXT NOT NULL CHECK (call IN ('lock', 'release', 'refund', 'payout')),
  content TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('confirmed', 'accepted', 'refused')),
  code TEXT NOT NULL,
  wallet TEXT NOT NULL,
  escrow INTEGER REFERENCES escrows (escrow),
  amount_micro INTEGER NOT NULL,
  due_ms INTEGER NOT NULL,
  arrived_ms INTEGER NOT NULL,
  CHECK (state <> 'accepted' OR call = 'payout')
) STRICT;
CREATE INDEX IF NOT EXISTS operations_of_escrow ON operations (escrow, call);
CREATE INDEX IF NOT EXISTS payouts_due ON operations (due_ms) WHERE state = 'accepted';
)sql";

constexpr std::string_view operation_columns =
    "operation, key, order_id, call, state, code, wallet, amount_micro, escrow";

std::string content_of(const otc::CustodianRequest& request) {
  return otc::sha256_hex(std::string(otc::path_of(otc::call_of(request))) + "\n" +
                         otc::body_of(request));
}

std::string reference_of(std::string_view call, std::int64_t operation, std::int64_t escrow) {
  if (call == "payout") return "payout_" + std::to_string(operation);
  return escrow == 0 ? "" : "escrow_" + std::to_string(escrow);
}

}  // namespace

SandboxLedger::Books::Books(const std::string& path, std::int64_t payout_delay_ms)
    : payout_delay_ms_(payout_delay_ms) {
  constexpr int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  constexpr int busy_timeout_ms = 5'000;
  const int opened = sqlite3_open_v2(path.c_str(), &db_, flags, nullptr);
  const bool ready = opened == SQLITE_OK &&
                     sqlite3_busy_timeout(db_, busy_timeout_ms) == SQLITE_OK &&
                     sqlite3_exec(db_, schema, nullptr, nullptr, nullptr) == SQLITE_OK;
  if (ready) return;
  const std::string why = db_ ? sqlite3_errmsg(db_) : "out of memory";
  sqlite3_close(db_);
  throw SqliteFailure(why);
}

SandboxLedger::Books::~Books() {
  sqlite3_close(db_);
}

void SandboxLedger::Books::confirm_due_payouts(std::int64_t now_ms) {
  std::vector<std::int64_t> due;
  {
    SqliteStatement select(db_,
                           "SELECT operation, wallet, amount_micro FROM operations "
                           "WHERE state = 'accepted' AND due_ms <= ?");
    select.bind(now_ms);
    while (select.step()) {
      due.push_back(select.integer(0));
      add_balance(select.text(1), select.integer(2));
    }
  }
  for (const auto operation : due) {
    sqlite_run(db_, "UPDATE operations SET state = 'confirmed' WHERE operation = ?", operation);
  }
}

LedgerOperation SandboxLedger::Books::execute(const otc::CustodianRequest& request,
                                              std::int64_t now_ms) {
  if (auto answer = repeated(request)) return *answer;
  const auto verdict = std::visit([&](const auto& r) { return apply(r, now_ms); }, request);
  return store(request, verdict, now_ms);
}

LedgerOperation SandboxLedger::Books::refuse(const otc::CustodianRequest& request,
                                             std::string_view code, std::int64_t now_ms) {
  if (auto answer = repeated(request)) return *answer;
  return store(request, Verdict{"refused", std::string(code)}, now_ms);
}

SandboxLedger::Books::Verdict SandboxLedger::Books::apply(const otc::LockRequest& request,
                                                          std::int64_t now_ms) {
  const auto& holder = request.holder.text();
  const auto refused = [&](std::string_view code) {
    return Verdict{"refused", std::string(code), holder, 0, request.amount_micro};
  };
  const auto now_seconds = now_ms / 1'000;
  const auto consent = check_consent(request, now_seconds, max_authorization_age_seconds);
  if (!consent.empty()) return refused(consent);
  if (request.amount_micro <= 0) return refused("amount_invalid");
  if (request.until_seconds <= now_seconds) return refused("escrow_ended");
  const auto live = newest_escrow(request.order_id, "");
  if (live && live->state != "refunded") return refused("order_has_escrow");
  const auto authorization = otc::sha256_hex(request.authorization_text);
  // Else a refunded lock could be made again with the signature that asked for it once.
  if (sqlite_integer(db_, "SELECT count(*) FROM escrows WHERE authorization = ?", authorization)) {
    return refused("authorization_used");
  }
  if (balance_micro(holder) < request.amount_micro) return refused("insufficient_balance");
  add_balance(holder, -request.amount_micro);
  sqlite_run(db_,
             "INSERT INTO escrows (order_id, holder, state, amount_micro, owed_micro, "
             "until_seconds, authorization) VALUES (?, ?, 'locked', ?, 0, ?, ?)",
             request.order_id, holder, request.amount_micro, request.until_seconds, authorization);
  return {"confirmed", "", holder, sqlite3_last_insert_rowid(db_), request.amount_micro};
}

SandboxLedger::Books::Verdict SandboxLedger::Books::apply(const otc::ReleaseRequest& request,
                                                          std::int64_t now_ms) {
  const auto escrow = newest_escrow(request.order_id, "");
  if (!escrow) return {"refused", "escrow_unknown"};
  Verdict done{"confirmed", "", "", escrow->number, escrow->amount_micro};
  if (escrow->state == "released") return done;
  if (escrow->state == "refunded") return {"refused", "escrow_refunded", "", escrow->number};
  if (escrow->until_seconds <= now_ms / 1'000) {
    return {"refused", "escrow_ended", "", escrow->number};
  }
  sqlite_run(db_,
             "UPDATE escrows SET state = 'released', owed_micro = amount_micro WHERE escrow = ?",
             escrow->number);
  return done;
}

SandboxLedger::Books::Verdict SandboxLedger::Books::apply(const otc::RefundRequest& request,
                                                          std::int64_t) {
  const auto& holder = request.holder.text();
  const auto escrow = newest_escrow(request.order_id, holder);
  if (!escrow) return {"refused", "escrow_unknown", holder};
  Verdict done{"confirmed", "", holder, escrow->number, escrow->amount_micro};
  if (escrow->state == "refunded") return done;
  if (escrow->state == "released") return {"refused", "escrow_released", holder, escrow->number};
  sqlite_run(db_, "UPDATE escrows SET state = 'refunded' WHERE escrow = ?", escrow->number);
  add_balance(holder, escrow->amount_micro);
  return done;
}

SandboxLedger::Books::Verdict SandboxLedger::Books::apply(const otc::PayoutRequest& request,
                                                          std::int64_t now_ms) {
  const auto& recipient = request.recipient.text();
  const auto refused = [&](std::string_view code) {
    return Verdict{"refused", std::string(code), recipient, 0, request.amount_micro};
  };
  const auto escrow = newest_escrow(request.order_id, "");
  if (!escrow || escrow->state != "released") return refused("escrow_not_released");
  if (request.amount_micro <= 0) return refused("amount_invalid");
  if (escrow->owed_micro < request.amount_micro) return refused("payout_exceeds_balance");
  sqlite_run(db_, "UPDATE escrows SET owed_micro = owed_micro - ? WHERE escrow = ?",
             request.amount_micro, escrow->number);
  return {
      "accepted", "", recipient, escrow->number, request.amount_micro, now_ms + payout_delay_ms_};
}

std::optional<SandboxLedger::Books::Escrow> SandboxLedger::Books::newest_escrow(
    std::string_view order_id, std::string_view holder) const {
  SqliteStatement select(db_,
                         "SELECT escrow, holder, state, amount_micro, owed_micro, until_seconds "
                         "FROM escrows WHERE order_id = ?1 AND (?2 = '' OR holder = ?2) "
                         "ORDER BY escrow DESC LIMIT 1");
  select.bind(order_id).bind(holder);
  if (!select.step()) return std::nullopt;
  return Escrow{select.integer(0), select.text(1),    select.text(2),
                select.integer(3), select.integer(4), select.integer(5)};
}

LedgerOperation SandboxLedger::Books::store(const otc::CustodianRequest& request,
                                            const Verdict& verdict, std::int64_t now_ms) {
  const auto call = name_of(otc::call_of(request));
  sqlite_run(
      db_,
      "INSERT INTO operations (key, order_id, call, content, state, code, wallet, escrow, "
      "amount_micro, due_ms, arrived_ms) VALUES (?, ?, ?, ?, ?, ?, ?, nullif(?, 0), ?, ?, ?)",
      otc::key_of(request), otc::order_id_of(request), call, content_of(request), verdict.state,
      verdict.code, verdict.wallet, verdict.escrow, verdict.amount_micro, verdict.due_ms, now_ms);
  return *find(otc::key_of(request));
}

std::optional<LedgerOperation> SandboxLedger::Books::repeated(
    const otc::CustodianRequest& request) const {
  auto stored = find(otc::key_of(request));
  if (!stored) return std::nullopt;
  SqliteStatement select(db_, "SELECT content FROM operations WHERE key = ?");
  select.bind(otc::key_of(request));
  if (select.step() && select.text(0) == content_of(request)) return stored;
  LedgerOperation conflict;
  conflict.key = otc::key_of(request);
  conflict.order_id = otc::order_id_of(request);
  conflict.call = name_of(otc::call_of(request));
  conflict.state = "refused";
  conflict.code = otc::key_conflict_code;
  return conflict;
}

std::optional<LedgerOperation> SandboxLedger::Books::find(std::string_view key) const {
  SqliteStatement select(
      db_, "SELECT " + std::string(operation_columns) + " FROM operations WHERE key = ?");
  select.bind(key);
  if (!select.step()) return std::nullopt;
  LedgerOperation out{select.integer(0),
                      select.text(1),
                      select.text(2),
                      select.text(3),
                      select.text(4),
                      select.text(5),
                      "",
                      select.text(6),
                      select.integer(7)};
  out.reference = reference_of(out.call, out.number, select.integer(8));
  return out;
}

bool SandboxLedger::Books::void_payout(std::string_view key) {
  SqliteStatement select(db_,
                         "SELECT operation, escrow, amount_micro FROM operations "
                         "WHERE key = ? AND state = 'accepted'");
  select.bind(key);
  if (!select.step()) return false;
  sqlite_run(db_, "UPDATE operations SET state = 'refused', code = ? WHERE operation = ?",
             otc::payout_voided_code, select.integer(0));
  sqlite_run(db_, "UPDATE escrows SET owed_micro = owed_micro + ? WHERE escrow = ?",
             select.integer(2), select.integer(1));
  return true;
}

void SandboxLedger::Books::add_balance(std::string_view wallet, std::int64_t amount_micro) {
  sqlite_run(db_,
             "INSERT INTO wallets (wallet, balance_micro) VALUES (?, 0) ON CONFLICT DO NOTHING",
             wallet);
  sqlite_run(db_, "UPDATE wallets SET balance_micro = balance_micro + ? WHERE wallet = ?",
             amount_micro, wallet);
}

std::int64_t SandboxLedger::Books::balance_micro(std::string_view wallet) const {
  return sqlite_integer(db_, "SELECT balance_micro FROM wallets WHERE wallet = ?", wallet);
}

}  // namespace pawl::app
