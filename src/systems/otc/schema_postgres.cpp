// SPDX-License-Identifier: Apache-2.0
//
// The desk's tables on PostgreSQL: the columns, keys and constraints of schema.cpp, equal in
// meaning. Flags are 0 or 1 there, too, since a row's values are integers and texts alone. Orders
// and wallets are updated in place where their pages have room.
#include "systems/otc/machine.h"

namespace pawl::otc {

namespace {

constexpr std::string_view tables = R"sql(
CREATE TABLE otc_orders (
  order_id text COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(order_id) = 36),
  state text COLLATE "C" NOT NULL CHECK (state IN ('opening', 'open', 'matching', 'matched',
    'settling', 'payout_pending', 'settlement_recovery', 'refund_pending', 'completed',
    'cancelled', 'expired', 'rejected')),
  state_since_us bigint NOT NULL,
  side text COLLATE "C" NOT NULL CHECK (side IN ('buy', 'sell')),
  pair text COLLATE "C" NOT NULL CHECK (
    pair IN ('RTC/ETH', 'RTC/USDC', 'RTC/ERG')),
  maker text COLLATE "C" NOT NULL CHECK (length(maker) = 43),
  taker text COLLATE "C" CHECK (length(taker) = 43 AND taker <> maker),
  amount_micro bigint NOT NULL CHECK (amount_micro > 0),
  price_nano bigint NOT NULL CHECK (price_nano > 0),
  total_nano bigint NOT NULL CHECK (total_nano >= 0),
  htlc_hash text COLLATE "C" CHECK (length(htlc_hash) = 64),
  secret text COLLATE "C" CHECK (length(secret) = 64),
  quote_tx text COLLATE "C",
  maker_address text COLLATE "C" NOT NULL,
  taker_address text COLLATE "C" NOT NULL,
  created_us bigint NOT NULL,
  expires_us bigint NOT NULL CHECK (expires_us > created_us),
  matched_us bigint,
  settle_until_us bigint,
  escrow_until_us bigint,
  completed_us bigint,
  holder text COLLATE "C" CHECK (length(holder) = 43),
  lock_attempt bigint NOT NULL CHECK (lock_attempt >= 0),
  escrow_locked bigint NOT NULL CHECK (escrow_locked IN (0, 1)),
  escrow_reference text COLLATE "C" NOT NULL,
  failed_taker text COLLATE "C",
  failed_code text COLLATE "C" NOT NULL,
  failed_unsent bigint NOT NULL CHECK (failed_unsent IN (0, 1)),
  release_attempt bigint NOT NULL CHECK (release_attempt >= 0),
  released bigint NOT NULL CHECK (released IN (0, 1)),
  payout_attempt bigint NOT NULL CHECK (payout_attempt >= 0),
  payout_status text COLLATE "C" NOT NULL CHECK (payout_status IN
    ('none', 'under_way', 'accepted', 'unsent', 'refused', 'conflict', 'paid')),
  refund_attempt bigint NOT NULL CHECK (refund_attempt >= 0),
  escrow_refunded bigint NOT NULL CHECK (escrow_refunded IN (0, 1)),
  refund_unsent bigint NOT NULL CHECK (refund_unsent IN (0, 1)),
  redrives bigint NOT NULL CHECK (redrives >= 0),
  ends_as text COLLATE "C" CHECK (ends_as IN ('cancelled', 'expired')),
  reason text COLLATE "C" NOT NULL,
  counts_open bigint NOT NULL CHECK (counts_open IN (0, 1)),
  counts_held bigint NOT NULL CHECK (counts_held IN (0, 1)),
  trade_id text COLLATE "C" UNIQUE,
  terms_public_key text COLLATE "C" NOT NULL,
  terms_signature text COLLATE "C" NOT NULL,
  terms_text text COLLATE "C" NOT NULL,
  pawl_version bigint NOT NULL,
  pawl_time_us bigint NOT NULL,
  pawl_lane bigint NOT NULL,
  pawl_sequence bigint NOT NULL,
  pawl_offset bigint NOT NULL,
  pawl_schema bigint NOT NULL,
  -- Never both paid and refunded.
  CHECK (NOT (released = 1 AND escrow_refunded = 1)),
  CHECK (NOT (refund_attempt > 0 AND released = 1)),
  CHECK (payout_status = 'none' OR released = 1),
  CHECK (escrow_locked = 1 OR NOT (released = 1 OR escrow_refunded = 1)),
  -- A release is never taken back.
  CHECK (released = 0 OR
    state IN ('settling', 'payout_pending', 'settlement_recovery', 'completed')),
  CHECK (state <> 'completed' OR (released = 1 AND payout_status = 'paid' AND trade_id IS NOT NULL
    AND completed_us IS NOT NULL AND taker IS NOT NULL AND secret IS NOT NULL
    AND quote_tx IS NOT NULL)),
  CHECK (state = 'completed' OR (trade_id IS NULL AND completed_us IS NULL)),
  CHECK (payout_status <> 'paid' OR state = 'completed'),
  CHECK (secret IS NULL OR
    state IN ('settling', 'payout_pending', 'settlement_recovery', 'completed')),
  CHECK (state NOT IN ('matched', 'settling', 'payout_pending') OR (escrow_locked = 1
    AND taker IS NOT NULL AND htlc_hash IS NOT NULL AND settle_until_us IS NOT NULL)),
  CHECK (state NOT IN ('cancelled', 'expired') OR escrow_locked = 0 OR escrow_refunded = 1),
  CHECK (state <> 'rejected' OR escrow_locked = 0),
  CHECK (state <> 'open' OR (escrow_locked = 1) = (side = 'sell')),
  CHECK ((state = 'refund_pending') = (ends_as IS NOT NULL)),
  CHECK ((counts_open = 1) = (state IN ('opening', 'open', 'matching'))),
  CHECK (counts_held = 0 OR taker IS NOT NULL),
  CHECK (state NOT IN ('completed', 'cancelled', 'expired', 'rejected') OR counts_held = 0)
) WITH (fillfactor = 70);

CREATE INDEX otc_orders_board ON otc_orders (state, pair, side, price_nano, created_us, order_id);
CREATE INDEX otc_orders_age ON otc_orders (state, created_us, order_id);
CREATE INDEX otc_orders_maker ON otc_orders (maker, created_us, order_id);

CREATE TABLE otc_wallets (
  wallet text COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(wallet) = 43),
  state text COLLATE "C" NOT NULL CHECK (state = 'active'),
  state_since_us bigint NOT NULL,
  held bigint NOT NULL CHECK (held >= 0),
  open_orders bigint NOT NULL CHECK (open_orders >= 0),
  pawl_version bigint NOT NULL,
  pawl_time_us bigint NOT NULL,
  pawl_lane bigint NOT NULL,
  pawl_sequence bigint NOT NULL,
  pawl_offset bigint NOT NULL,
  pawl_schema bigint NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE otc_trades (
  record_id bigint PRIMARY KEY,
  entity_key text COLLATE "C" NOT NULL,
  trade_id text COLLATE "C" NOT NULL UNIQUE,
  order_id text COLLATE "C" NOT NULL UNIQUE,
  pair text COLLATE "C" NOT NULL,
  side text COLLATE "C" NOT NULL,
  maker text COLLATE "C" NOT NULL,
  taker text COLLATE "C" NOT NULL,
  amount_micro bigint NOT NULL CHECK (amount_micro > 0),
  price_nano bigint NOT NULL CHECK (price_nano > 0),
  total_nano bigint NOT NULL,
  quote_tx text COLLATE "C" NOT NULL,
  completed_us bigint NOT NULL,
  CHECK (entity_key = order_id)
);

CREATE INDEX otc_trades_age ON otc_trades (completed_us, trade_id);
CREATE INDEX otc_trades_pair ON otc_trades (pair, completed_us, trade_id);
CREATE INDEX otc_trades_entity ON otc_trades (entity_key, record_id);
)sql";

}  // namespace

std::string_view first_postgres_tables() {
  return tables;
}

}  // namespace pawl::otc
