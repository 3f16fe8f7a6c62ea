#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""The hand-written queue with SKIP LOCKED, as the baseline of `horizon`: jobs a second with and without another transaction
held open beside it. While it is open no dead row can be cleaned up, and each claim walks over all those that were ready before
it. A job is added (a commit), claimed (a commit) and deleted (a commit), so that the queue stays as long as it was.
Prints one JSON object: both sides in turn, medians, and the rate of the last step, which is where a longer run would go on."""

import argparse
import contextlib
import json
import statistics
import subprocess

import pgbench

SCHEMA = """
DROP TABLE IF EXISTS queue;
CREATE TABLE queue (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload text NOT NULL, state text NOT NULL,
  taken_at timestamptz);
CREATE INDEX queue_ready ON queue (id) WHERE state = 'ready';
INSERT INTO queue (payload, state) SELECT 'job-' || i, 'ready' FROM generate_series(1, {depth}) AS i;
VACUUM ANALYZE queue; CHECKPOINT;
"""
JOB = """INSERT INTO queue (payload, state) VALUES ('job', 'ready');
UPDATE queue SET state = 'taken', taken_at = now() WHERE id =
  (SELECT id FROM queue WHERE state = 'ready' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id AS job \\gset
DELETE FROM queue WHERE id = :job::bigint;
"""
STEPS = 10


@contextlib.contextmanager
def transaction_held():
    """A snapshot that is taken now and kept until the end."""
    session = subprocess.Popen([pgbench.BINARIES / "psql", pgbench.url(), "-XqAt"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    try:
        session.stdin.write("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT txid_current();\n")
        session.stdin.flush()
        session.stdout.readline()
        yield
    finally:
        session.stdin.close()  # the session ends, and its transaction with it
        session.wait()
        session.stdout.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=120, help="of each run")
    parser.add_argument("--rounds", type=int, default=1, help="runs of each side, in turn")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--depth", type=int, default=10_000, help="jobs that wait all the time")
    options = parser.parse_args()
    step_s = max(1, options.seconds // STEPS)

    free, held, last_free, last_held = [], [], [], []
    for _ in range(options.rounds):
        for rates, last, beside in ((free, last_free, contextlib.nullcontext), (held, last_held, transaction_held)):
            pgbench.sql(SCHEMA.format(depth=options.depth))
            with beside():
                run = pgbench.Run(JOB, options.clients, options.seconds, step_s=step_s)
            rates.append(run.per_s)
            last.append(run.per_s_by_step[-1] if run.per_s_by_step else run.per_s)
    median = statistics.median
    print(json.dumps({
        "name": "skip_locked_queue", "version": "PostgreSQL 15, pgbench --protocol=prepared", "clients": options.clients,
        "depth": options.depth, "seconds": options.seconds, "per_s": round(median(free)), "held_per_s": round(median(held)),
        "ratio": round(median(held) / median(free), 3), "last_step_per_s": round(median(last_free)),
        "last_step_held_per_s": round(median(last_held)), "step_s": step_s,
        "sync_ms": pgbench.sync_ms(), "durability": pgbench.DURABILITY}))


if __name__ == "__main__":
    main()
