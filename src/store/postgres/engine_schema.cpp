// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/engine_schema.h"

namespace pawl::postgres {

namespace {

// Times are microseconds since 1970 UTC. Column names are those of protocol/storage.h. What is
// written and removed again all the time is vacuumed early: by its rows, not by its share.
constexpr std::string_view tables = R"sql(
-- What store this is. The id is the same in every copy, the epoch another in each restored backup.
CREATE TABLE pawl_store (
  "only" bigint PRIMARY KEY CHECK ("only" = 1),
  store_id text COLLATE "C" NOT NULL,
  epoch text COLLATE "C" NOT NULL,
  restores bigint NOT NULL,
  restored_us bigint NOT NULL
);
INSERT INTO pawl_store VALUES
  (1, substr(md5(gen_random_uuid()::text), 1, 16), '0-' || substr(md5(gen_random_uuid()::text), 1, 8),
   0, 0);

-- Which process holds a lane: who finds another epoch than its own writes nothing. held_until_us is
-- by the database's clock; 0: nobody holds it. adopted: its holder drives what another left behind.
CREATE TABLE pawl_lanes (
  id int PRIMARY KEY,
  epoch bigint NOT NULL,
  next_sequence bigint NOT NULL,
  held_until_us bigint NOT NULL,
  holder text COLLATE "C" NOT NULL,
  adopted boolean NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- One row per commit. An entity points at its newest entry (lane, sequence, byte offset in
-- `entries`), each entry at the one before it. Ids of rows made in a commit begin with its position.
-- Not compressed: it is written once and read seldom.
CREATE TABLE pawl_journal (
  lane int NOT NULL,
  sequence bigint NOT NULL,
  epoch bigint NOT NULL,
  time_us bigint NOT NULL,
  config_version bigint NOT NULL,
  entries text COLLATE "C" NOT NULL,
  PRIMARY KEY (lane, sequence)
);
ALTER TABLE pawl_journal ALTER COLUMN entries SET STORAGE EXTERNAL;

CREATE VIEW pawl_journal_entries AS
SELECT j.lane, j.sequence, j.time_us,
       e.value ->> 'machine' AS machine, e.value ->> 'key' AS entity_key,
       (e.value ->> 'version')::bigint AS version, e.value ->> 'command' AS command,
       e.value ->> 'source' AS source, e.value ->> 'who' AS who, e.value ->> 'id' AS command_id,
       e.value ->> 'from' AS from_state, e.value ->> 'to' AS to_state,
       e.value ->> 'why' AS why, e.value ->> 'reason' AS reason
FROM pawl_journal AS j, json_array_elements(j.entries::json) AS e;

-- command_id is whatever bytes a caller chose.
CREATE TABLE pawl_receipts (
  machine text COLLATE "C" NOT NULL,
  entity_key text COLLATE "C" NOT NULL,
  principal text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  command_id bytea NOT NULL,
  fingerprint bytea NOT NULL,
  done bigint NOT NULL,
  code text COLLATE "C" NOT NULL,
  detail text COLLATE "C" NOT NULL,
  error_class bigint NOT NULL,
  reply text COLLATE "C" NOT NULL,
  version bigint NOT NULL,
  created_us bigint NOT NULL,
  -- The caller's id first: it tells most receipts apart, and where ids rise with time, new receipts
  -- share their pages.
  PRIMARY KEY (command_id, principal, kind, machine, entity_key)
);

-- Effects that have not ended. An effect that ends moves to pawl_effects_ended in the commit of its
-- outcome: what is to be driven is this table, however long the other one grows. Ids begin with the
-- lane, so a lane's effects are one range of them, and no other index has to be kept.
CREATE TABLE pawl_effects (
  id bigint PRIMARY KEY,
  kind text COLLATE "C" NOT NULL,
  machine text COLLATE "C" NOT NULL,
  entity_key text COLLATE "C" NOT NULL,
  payload text COLLATE "C" NOT NULL,
  idempotency_key text COLLATE "C" NOT NULL,
  created_us bigint NOT NULL,
  next_at_us bigint NOT NULL,
  state text COLLATE "C" NOT NULL DEFAULT 'ready' CHECK (state IN
    ('ready', 'sending', 'accepted', 'polling', 'unknown', 'inquiring', 'waiting')),
  attempt bigint NOT NULL DEFAULT 0,
  inquiry bigint NOT NULL DEFAULT 0,
  token bigint NOT NULL DEFAULT 0,
  lease_until_us bigint NOT NULL DEFAULT 0,
  poll_until_us bigint NOT NULL DEFAULT 0,
  not_after_us bigint NOT NULL DEFAULT 0,
  accepted_reported bigint NOT NULL DEFAULT 0,
  maybe_sent bigint NOT NULL DEFAULT 0,
  outcome text COLLATE "C" NOT NULL DEFAULT 'unknown',
  code text COLLATE "C" NOT NULL DEFAULT '',
  reference text COLLATE "C" NOT NULL DEFAULT '',
  ended_us bigint NOT NULL DEFAULT 0,
  history text COLLATE "C" NOT NULL DEFAULT '',
  trace_id text COLLATE "C" NOT NULL DEFAULT ''
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);

CREATE TABLE pawl_effects_ended (
  id bigint PRIMARY KEY,
  kind text COLLATE "C" NOT NULL,
  machine text COLLATE "C" NOT NULL,
  entity_key text COLLATE "C" NOT NULL,
  payload text COLLATE "C" NOT NULL,
  idempotency_key text COLLATE "C" NOT NULL,
  created_us bigint NOT NULL,
  next_at_us bigint NOT NULL,
  state text COLLATE "C" NOT NULL CHECK (state = 'ended'),
  attempt bigint NOT NULL,
  inquiry bigint NOT NULL,
  token bigint NOT NULL,
  lease_until_us bigint NOT NULL,
  poll_until_us bigint NOT NULL,
  not_after_us bigint NOT NULL,
  accepted_reported bigint NOT NULL,
  maybe_sent bigint NOT NULL,
  outcome text COLLATE "C" NOT NULL,
  code text COLLATE "C" NOT NULL,
  reference text COLLATE "C" NOT NULL,
  ended_us bigint NOT NULL,
  history text COLLATE "C" NOT NULL,
  trace_id text COLLATE "C" NOT NULL
);

CREATE VIEW pawl_effects_all AS
SELECT * FROM pawl_effects UNION ALL SELECT * FROM pawl_effects_ended;

-- Driven by the lane that armed it, whose commit its arming's number begins with.
CREATE TABLE pawl_deadlines (
  machine text COLLATE "C" NOT NULL,
  entity_key text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  arming bigint NOT NULL,
  due_us bigint NOT NULL,
  kind text COLLATE "C" NOT NULL,
  payload text COLLATE "C" NOT NULL,
  lane int GENERATED ALWAYS AS ((arming >> 51)::int) STORED,
  PRIMARY KEY (machine, entity_key, name)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);
CREATE INDEX pawl_deadlines_due ON pawl_deadlines (lane, due_us);

-- from_version is the sender's in the commit that made the message: it puts those of one pair in
-- their order, whichever lanes sent them.
CREATE TABLE pawl_messages (
  id bigint PRIMARY KEY,
  from_machine text COLLATE "C" NOT NULL,
  from_key text COLLATE "C" NOT NULL,
  to_machine text COLLATE "C" NOT NULL,
  to_key text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  payload text COLLATE "C" NOT NULL,
  hops bigint NOT NULL,
  bounced bigint NOT NULL,
  code text COLLATE "C" NOT NULL,
  detail text COLLATE "C" NOT NULL,
  from_version bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);
CREATE INDEX pawl_messages_pair
  ON pawl_messages (from_machine, from_key, to_machine, to_key, from_version, id);

CREATE TABLE pawl_parked (
  id bigint PRIMARY KEY,
  source text COLLATE "C" NOT NULL,
  from_machine text COLLATE "C" NOT NULL,
  from_key text COLLATE "C" NOT NULL,
  machine text COLLATE "C" NOT NULL,
  entity_key text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  payload text COLLATE "C" NOT NULL,
  code text COLLATE "C" NOT NULL,
  detail text COLLATE "C" NOT NULL,
  effect_id bigint NOT NULL,
  hops bigint NOT NULL,
  parked_us bigint NOT NULL
);
CREATE INDEX pawl_parked_pair ON pawl_parked (from_machine, from_key, machine, entity_key)
  WHERE source = 'message' OR source = 'bounce';

CREATE TABLE pawl_alerts (
  id bigint PRIMARY KEY,
  code text COLLATE "C" NOT NULL,
  machine text COLLATE "C" NOT NULL,
  entity_key text COLLATE "C" NOT NULL,
  effect_id bigint NOT NULL,
  attempt bigint NOT NULL,
  detail text COLLATE "C" NOT NULL,
  first_seen_us bigint NOT NULL,
  last_seen_us bigint NOT NULL,
  count bigint NOT NULL,
  acked_by text COLLATE "C" NOT NULL DEFAULT '',
  acked_us bigint NOT NULL DEFAULT 0,
  -- The count with which the webhook last took it.
  delivered_count bigint NOT NULL DEFAULT 0,
  UNIQUE (code, machine, entity_key, effect_id)
);
CREATE INDEX pawl_alerts_open ON pawl_alerts (id) WHERE acked_by = '';
CREATE INDEX pawl_alerts_undelivered ON pawl_alerts (id)
  WHERE delivered_count < count AND acked_by = '';

-- How many exchanges a lane may have under way with a destination. The row of lane -1 is the lock
-- under which a destination's are shared.
CREATE TABLE pawl_permits (
  destination text COLLATE "C" NOT NULL,
  lane int NOT NULL,
  wanted bigint NOT NULL,
  granted bigint NOT NULL,
  PRIMARY KEY (destination, lane)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- How far the removal of old rows has walked, per subject: an id, or the columns of a key in hex.
CREATE TABLE pawl_retention (
  subject text COLLATE "C" PRIMARY KEY,
  place text COLLATE "C" NOT NULL,
  removed bigint NOT NULL,
  newest_removed_us bigint NOT NULL
);

-- What voids a commit raises on the server, so that the COMMIT that follows it in the same round
-- does not happen.
CREATE FUNCTION pawl_expect(changed bigint, wanted bigint, state text) RETURNS void
LANGUAGE plpgsql AS $pawl$
BEGIN
  IF changed IS DISTINCT FROM wanted THEN
    RAISE EXCEPTION '% rows instead of %', changed, wanted USING ERRCODE = state;
  END IF;
END
$pawl$;
)sql";

// A program of before goes on beside this: it names its columns, and the default stands for it.
constexpr std::string_view inner_tracing = R"sql(
-- Of the request that led to it.
ALTER TABLE pawl_messages ADD COLUMN trace_id text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE pawl_deadlines ADD COLUMN trace_id text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE pawl_parked ADD COLUMN trace_id text COLLATE "C" NOT NULL DEFAULT '';
)sql";

constexpr std::string_view duties = R"sql(
-- What one process does for all, see duties.h. held_until_us is by the database's clock.
CREATE TABLE pawl_duties (
  name text COLLATE "C" PRIMARY KEY,
  holder text COLLATE "C" NOT NULL,
  held_until_us bigint NOT NULL
);
)sql";

constexpr std::string_view room_for_claims = R"sql(
-- Each effect is claimed once at least: room for that version of it on its own page.
ALTER TABLE pawl_effects SET (fillfactor = 50);
)sql";

constexpr std::string_view nul_in_texts = R"sql(
-- A caller's id may hold NUL, which no text of a column can: it is shown as a question mark. Escaped
-- by an odd number of backslashes; by an even one it is a backslash, and then "u0000".
CREATE OR REPLACE VIEW pawl_journal_entries AS
SELECT j.lane, j.sequence, j.time_us,
       e.value ->> 'machine' AS machine, e.value ->> 'key' AS entity_key,
       (e.value ->> 'version')::bigint AS version, e.value ->> 'command' AS command,
       e.value ->> 'source' AS source, e.value ->> 'who' AS who, e.value ->> 'id' AS command_id,
       e.value ->> 'from' AS from_state, e.value ->> 'to' AS to_state,
       e.value ->> 'why' AS why, e.value ->> 'reason' AS reason
FROM pawl_journal AS j,
     json_array_elements(CASE WHEN strpos(j.entries, '\u0000') = 0 THEN j.entries::json
       ELSE regexp_replace(j.entries, '(?<!\\)((?:\\\\)*)\\u0000', '\1?', 'g')::json END) AS e;
)sql";

}  // namespace

const std::vector<Migration>& engine_migrations() {
  static const std::vector<Migration> all{{"engine", 1, {}, tables},
                                          {"engine", 2, {}, inner_tracing},
                                          {"engine", 3, {}, duties},
                                          {"engine", 4, {}, room_for_claims},
                                          {"engine", 5, {}, nul_in_texts}};
  return all;
}

}  // namespace pawl::postgres
