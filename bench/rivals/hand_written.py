#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""The hand-written way, as the baseline of `transitions` and `hot`: BEGIN; SELECT FOR UPDATE; UPDATE with a compare-and-swap;
INSERT of a journal entry, an effect and a receipt with a unique key; COMMIT. By pgbench with prepared statements, one
transaction a command, at the client count that is best for it. Prints one JSON object.

It is written to be fast: no second index on the journal, none on the effects, and a receipt that is only inserted, because
a repeat never comes (the unique key would show it)."""

import argparse
import json
import time

import pgbench

SCHEMA = """
DROP TABLE IF EXISTS accounts, journal, effects, receipts;
CREATE TABLE accounts (id text PRIMARY KEY, state text NOT NULL, balance bigint NOT NULL, version bigint NOT NULL)
  WITH (fillfactor = 70);
CREATE TABLE journal (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account text NOT NULL, entry text NOT NULL);
CREATE TABLE effects (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text NOT NULL, account text NOT NULL,
  payload text NOT NULL, state text NOT NULL, next_at timestamptz NOT NULL);
CREATE TABLE receipts (id text PRIMARY KEY, reply text NOT NULL, created timestamptz NOT NULL);
INSERT INTO accounts SELECT 'account-' || i, 'idle', 1, 1 FROM generate_series(1, {entities}) AS i;
VACUUM ANALYZE accounts;
"""
# The same start for every run: old journal, effects and receipts away, no dirty page left to another's checkpoint.
FRESH = "TRUNCATE journal, effects, receipts; VACUUM accounts; CHECKPOINT;"

PICK = {
    # Each client has accounts of its own.
    "spread": "\\set pick 1 + :client_id + :clients * random(0, {touched} / :clients - 1)",
    # All clients take any of the accounts that are touched.
    "overlap": "\\set pick random(1, {touched})",
    "hot": "\\set pick 1",
}
TRANSITION = """{pick}
\\set n :n + 1
BEGIN;
SELECT state, balance, version FROM accounts WHERE id = 'account-' || :pick::bigint FOR UPDATE \\gset
\\set balance :balance + 1
UPDATE accounts SET state = CASE :state WHEN 'idle' THEN 'moving' ELSE 'idle' END, balance = :balance,
  version = version + 1 WHERE id = 'account-' || :pick::bigint AND version = :version;
INSERT INTO journal (account, entry) VALUES ('account-' || :pick::bigint, :entry);
INSERT INTO effects (kind, account, payload, state, next_at)
  VALUES ('notify', 'account-' || :pick::bigint, :payload, 'ready', now());
INSERT INTO receipts VALUES ('move-' || :run::bigint || '-' || :client_id::bigint || '-' || :n::bigint, :state, now())
  ON CONFLICT DO NOTHING;
COMMIT;
"""
ENTRY = ('{"machine":"account","version":1234,"command":"bench.move","source":"request","who":"bench",'
         '"id":"move-1700000000-12-345678","from":"idle","to":"moving","why":"moved","previous":[0,1,2],"at":1700000000000000}')
PAYLOAD = '{"amount":1,"command":"move-1700000000-12-345678","schema_number":1}'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", choices=sorted(PICK), default="spread",
                        help="spread: each client has accounts of its own; overlap: all share them; hot: one account")
    parser.add_argument("--clients", default="8,16,32,64", help="client counts to try, the best one counts")
    parser.add_argument("--seconds", type=int, default=5, help="of each run")
    parser.add_argument("--entities", type=int, default=100_000)
    parser.add_argument("--touched", type=int, help="how many of the accounts spread and overlap use (default: all)")
    options = parser.parse_args()
    touched = options.touched or options.entities
    counts = [int(count) for count in options.clients.split(",")]
    if options.keys == "spread" and touched < max(counts):
        parser.error("spread needs an account for each client")

    pgbench.sql(SCHEMA.format(entities=options.entities))
    script = TRANSITION.format(pick=PICK[options.keys].format(touched=touched))
    runs = {}
    for clients in counts:
        pgbench.sql(FRESH)
        variables = [("n", 0), ("run", int(time.time())), ("clients", clients), ("entry", ENTRY), ("payload", PAYLOAD)]
        runs[clients] = pgbench.Run(script, clients, options.seconds, variables)
        # Every command left all its rows, or the figure is of another work.
        rows = pgbench.sql("SELECT (SELECT count(*) FROM journal), (SELECT count(*) FROM effects),"
                           " (SELECT count(*) FROM receipts)").split("|")
        if len(set(rows)) != 1:
            raise SystemExit(f"the runs left different numbers of rows: {rows}")
    best = max(runs, key=lambda clients: runs[clients].per_s)
    run = runs[best]
    print(json.dumps({
        "name": "hand_written", "version": "PostgreSQL 15, pgbench --protocol=prepared", "keys": options.keys,
        "entities": options.entities, "touched": 1 if options.keys == "hot" else touched, "clients": best,
        "per_s": round(run.per_s), "p50_ms": round(run.p50_ms, 3), "p99_ms": round(run.p99_ms, 3),
        "server_cpu_us": round(run.server_cpu_us), "client_cpu_us": round(run.client_cpu_us),
        "per_s_by_clients": {clients: round(runs[clients].per_s) for clients in counts},
        "sync_ms": pgbench.sync_ms(), "durability": pgbench.DURABILITY}))


if __name__ == "__main__":
    main()
