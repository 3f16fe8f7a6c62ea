// SPDX-License-Identifier: Apache-2.0
//
// graphile-worker with its localQueue (jobs fetched in batches) and batched completion; the handler of each job writes the
// outcome by a row update of its own, as a handler is given one job.
import { readFileSync } from 'node:fs';
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import {
  Countdown, account_of, check_outcomes, connect, crash, crash_in_flight, create_accounts, database_url, durability, once,
  options_of, perform_and_hang, print, until, write_outcome,
} from './rival.mjs';

const name = 'graphile-worker';
const version = JSON.parse(readFileSync(new URL('./node_modules/graphile-worker/package.json', import.meta.url))).version;
const logger = new Logger(() => (level, message) => level === 'error' && console.error(message));

const add_jobs = (pool, count) =>
  pool.query(`SELECT graphile_worker.add_job('effect', json_build_object('job', i), max_attempts := $2)
    FROM generate_series(0, $1::int - 1) AS i`, [count, once ? 1 : null]);

async function migrate() {
  const utils = await makeWorkerUtils({ connectionString: database_url, logger });
  await utils.migrate();
  await utils.release();
}

async function effects() {
  const options = options_of({ jobs: 20_000, batch: 500, workers: 64, connections: 20 });
  await migrate();
  const pool = connect(options.connections);
  await create_accounts(pool);
  await add_jobs(pool, options.jobs);
  await pool.query('VACUUM ANALYZE');
  const left = new Countdown(options.jobs);
  left.begin();
  const runner = await run({
    logger, noHandleSignals: true,
    preset: {
      worker: {
        connectionString: database_url, maxPoolSize: options.connections, concurrentJobs: options.workers, pollInterval: 100,
        localQueue: { size: options.batch }, completeJobBatchDelay: 0, failJobBatchDelay: 0,
      },
    },
    taskList: {
      effect: async ({ job }) => {
        await write_outcome(pool, account_of(job));
        left.done();
      },
    },
  });
  await left.finished;
  // Completed jobs are deleted; the last ones a moment after their handler.
  const waiting = async () => (await pool.query('SELECT count(*)::int AS count FROM graphile_worker._private_jobs')).rows[0].count;
  if (!(await until(30_000, async () => (await waiting()) === 0))) throw new Error('not all jobs were completed');
  const seconds = (performance.now() - left.begun) / 1000;
  await runner.stop();
  await check_outcomes(pool, options.jobs);
  await pool.end();
  print({ name, version, per_s: Math.round(options.jobs / seconds), in_flight: options.workers, batch: options.batch, durability: durability() });
}

async function life(ledger, which) {
  const pool = connect(1);
  await migrate();
  if (which === 1) await add_jobs(pool, crash_in_flight);
  await run({
    logger, noHandleSignals: true,
    preset: { worker: { connectionString: database_url, concurrentJobs: crash_in_flight, pollInterval: 100 } },
    taskList: { effect: ({ job }) => perform_and_hang(ledger, job) },
  });
}

const mode = process.argv[2];
if (mode === 'effects') {
  await effects();
} else if (mode === 'crash') {
  const pool = connect(2);
  await crash({
    name, version,
    start: (ledger, which) => [[process.execPath, [process.argv[1], 'life', ledger, String(which)]]],
    // All it tells of a job: locked or not, how many attempts, the last error.
    states: async () => (await pool.query('SELECT locked_at IS NOT NULL AS locked, attempts, last_error FROM graphile_worker.jobs')).rows
      .map((row) => `${row.locked ? 'locked' : 'not locked'}, attempts ${row.attempts}, last error ${row.last_error ?? 'none'}`),
    after_kill: () => pool.query("UPDATE graphile_worker._private_jobs SET locked_at = locked_at - interval '4 hours 1 second'"),
    note: 'its locks end after 4 hours; they were made 4 hours older',
  });
  await pool.end();
} else if (mode === 'life') {
  await life(process.argv[3], Number(process.argv[4]));
}
