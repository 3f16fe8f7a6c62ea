// SPDX-License-Identifier: Apache-2.0
//
// The desk's tables. The constraints repeat what the decisions promise, so that a mistake in them
// fails loudly and changes nothing. (No IN with more than two values: SQLite builds such a list
// anew for every row that it checks.) Times in microseconds, amounts in micro, prices in nano.
#include "systems/otc/machine.h"

namespace pawl::otc {

namespace {

constexpr std::string_view tables = R"sql(
CREATE TABLE otc_orders (
  order_id TEXT NOT NULL PRIMARY KEY CHECK (length(order_id) = 36),
  state TEXT NOT NULL CHECK ((state = 'opening' OR state = 'open' OR state = 'matching'
    OR state = 'matched' OR state = 'settling' OR state = 'payout_pending'
    OR state = 'settlement_recovery' OR state = 'refund_pending' OR state = 'completed'
    OR state = 'cancelled' OR state = 'expired' OR state = 'rejected')),
  state_since_us INTEGER NOT NULL,
  side TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
  pair TEXT NOT NULL CHECK ((pair = 'RTC/ETH' OR pair = 'RTC/USDC' OR pair = 'RTC/ERG')),
  maker TEXT NOT NULL CHECK (length(maker) = 43),
  taker TEXT CHECK (length(taker) = 43 AND taker <> maker),
  amount_micro INTEGER NOT NULL CHECK (amount_micro > 0),
  price_nano INTEGER NOT NULL CHECK (price_nano > 0),
  total_nano INTEGER NOT NULL CHECK (total_nano >= 0),
  htlc_hash TEXT CHECK (length(htlc_hash) = 64),
  secret TEXT CHECK (length(secret) = 64),
  quote_tx TEXT,
  maker_address TEXT NOT NULL,
  taker_address TEXT NOT NULL,
  created_us INTEGER NOT NULL,
  expires_us INTEGER NOT NULL CHECK (expires_us > created_us),
  matched_us INTEGER,
  settle_until_us INTEGER,
  escrow_until_us INTEGER,
  completed_us INTEGER,
  holder TEXT CHECK (length(holder) = 43),
  lock_attempt INTEGER NOT NULL CHECK (lock_attempt >= 0),
  escrow_locked INTEGER NOT NULL CHECK (escrow_locked IN (0, 1)),
  escrow_reference TEXT NOT NULL,
  failed_taker TEXT,
  failed_code TEXT NOT NULL,
  failed_unsent INTEGER NOT NULL CHECK (failed_unsent IN (0, 1)),
  release_attempt INTEGER NOT NULL CHECK (release_attempt >= 0),
  released INTEGER NOT NULL CHECK (released IN (0, 1)),
  payout_attempt INTEGER NOT NULL CHECK (payout_attempt >= 0),
  payout_status TEXT NOT NULL CHECK ((payout_status = 'none' OR payout_status = 'under_way'
    OR payout_status = 'accepted' OR payout_status = 'unsent' OR payout_status = 'refused'
    OR payout_status = 'conflict' OR payout_status = 'paid')),
  refund_attempt INTEGER NOT NULL CHECK (refund_attempt >= 0),
  escrow_refunded INTEGER NOT NULL CHECK (escrow_refunded IN (0, 1)),
  refund_unsent INTEGER NOT NULL CHECK (refund_unsent IN (0, 1)),
  redrives INTEGER NOT NULL CHECK (redrives >= 0),
  ends_as TEXT CHECK (ends_as IN ('cancelled', 'expired')),
  reason TEXT NOT NULL,
  counts_open INTEGER NOT NULL CHECK (counts_open IN (0, 1)),
  counts_held INTEGER NOT NULL CHECK (counts_held IN (0, 1)),
  trade_id TEXT UNIQUE,
  terms_public_key TEXT NOT NULL,
  terms_signature TEXT NOT NULL,
  terms_text TEXT NOT NULL,
  pawl_version INTEGER NOT NULL,
  pawl_time_us INTEGER NOT NULL,
  pawl_lane INTEGER NOT NULL,
  pawl_sequence INTEGER NOT NULL,
  pawl_offset INTEGER NOT NULL,
  pawl_schema INTEGER NOT NULL,
  -- Never both paid and refunded.
  CHECK (NOT (released AND escrow_refunded)),
  CHECK (NOT (refund_attempt > 0 AND released)),
  CHECK (payout_status = 'none' OR released),
  CHECK (escrow_locked OR NOT (released OR escrow_refunded)),
  -- A release is never taken back.
  CHECK (NOT released OR (state = 'settling' OR state = 'payout_pending'
    OR state = 'settlement_recovery' OR state = 'completed')),
  CHECK (state <> 'completed' OR (released AND payout_status = 'paid' AND trade_id IS NOT NULL
    AND completed_us IS NOT NULL AND taker IS NOT NULL AND secret IS NOT NULL
    AND quote_tx IS NOT NULL)),
  CHECK (state = 'completed' OR (trade_id IS NULL AND completed_us IS NULL)),
  CHECK (payout_status <> 'paid' OR state = 'completed'),
  CHECK (secret IS NULL OR (state = 'settling' OR state = 'payout_pending'
    OR state = 'settlement_recovery' OR state = 'completed')),
  CHECK ((state <> 'matched' AND state <> 'settling' AND state <> 'payout_pending')
    OR (escrow_locked
    AND taker IS NOT NULL AND htlc_hash IS NOT NULL AND settle_until_us IS NOT NULL)),
  CHECK (state NOT IN ('cancelled', 'expired') OR NOT escrow_locked OR escrow_refunded),
  CHECK (state <> 'rejected' OR NOT escrow_locked),
  CHECK (state <> 'open' OR escrow_locked = (side = 'sell')),
  CHECK ((state = 'refund_pending') = (ends_as IS NOT NULL)),
  CHECK (counts_open = ((state = 'opening' OR state = 'open' OR state = 'matching'))),
  CHECK (NOT counts_held OR taker IS NOT NULL),
  CHECK ((state <> 'completed' AND state <> 'cancelled' AND state <> 'expired'
    AND state <> 'rejected') OR NOT counts_held)
) STRICT;

CREATE INDEX otc_orders_board ON otc_orders (state, pair, side, price_nano, created_us, order_id);
CREATE INDEX otc_orders_age ON otc_orders (state, created_us, order_id);
CREATE INDEX otc_orders_maker ON otc_orders (maker, created_us, order_id);

CREATE TABLE otc_wallets (
  wallet TEXT NOT NULL PRIMARY KEY CHECK (length(wallet) = 43),
  state TEXT NOT NULL CHECK (state = 'active'),
  state_since_us INTEGER NOT NULL,
  held INTEGER NOT NULL CHECK (held >= 0),
  open_orders INTEGER NOT NULL CHECK (open_orders >= 0),
  pawl_version INTEGER NOT NULL,
  pawl_time_us INTEGER NOT NULL,
  pawl_lane INTEGER NOT NULL,
  pawl_sequence INTEGER NOT NULL,
  pawl_offset INTEGER NOT NULL,
  pawl_schema INTEGER NOT NULL
) STRICT;

CREATE TABLE otc_trades (
  record_id INTEGER PRIMARY KEY,
  entity_key TEXT NOT NULL,
  trade_id TEXT NOT NULL UNIQUE,
  order_id TEXT NOT NULL UNIQUE,
  pair TEXT NOT NULL,
  side TEXT NOT NULL,
  maker TEXT NOT NULL,
  taker TEXT NOT NULL,
  amount_micro INTEGER NOT NULL CHECK (amount_micro > 0),
  price_nano INTEGER NOT NULL CHECK (price_nano > 0),
  total_nano INTEGER NOT NULL,
  quote_tx TEXT NOT NULL,
  completed_us INTEGER NOT NULL,
  CHECK (entity_key = order_id)
) STRICT;

CREATE INDEX otc_trades_age ON otc_trades (completed_us, trade_id);
CREATE INDEX otc_trades_pair ON otc_trades (pair, completed_us, trade_id);
CREATE INDEX otc_trades_entity ON otc_trades (entity_key, record_id);
)sql";

}  // namespace

Migration first_migration() {
  return {"otc", 1, tables, first_postgres_tables()};
}

}  // namespace pawl::otc
