// SPDX-License-Identifier: Apache-2.0
//
// pg-boss: fetches, performs (a no-op) and completes in batches, by as many workers as --workers says, without a pause
// while batches come full.
import { readFileSync } from 'node:fs';
import { PgBoss } from 'pg-boss';
import {
  Countdown, account_of, check_outcomes, connect, crash, crash_in_flight, create_accounts, database_url, durability, once,
  options_of, perform_and_hang, print, until, write_outcome, write_outcomes,
} from './rival.mjs';

const name = 'pg-boss';
const version = JSON.parse(readFileSync(new URL('./node_modules/pg-boss/package.json', import.meta.url))).version;
const queue = 'effects';
const abandoned_after_s = 5;

async function start(max, settings = {}) {
  const boss = new PgBoss({ connectionString: database_url, max, ...settings });
  boss.on('error', (error) => console.error(error));
  await boss.start();
  return boss;
}

// `together`: the outcomes of a batch in one statement, which a handler may do; else a row update for each.
async function effects(together) {
  const options = options_of({ jobs: 20_000, batch: 500, workers: 4, connections: 20 });
  const pool = connect(options.connections);
  const boss = await start(options.connections);
  await create_accounts(pool);
  await boss.createQueue(queue);
  await boss.deleteAllJobs(queue);
  for (let first = 0; first < options.jobs; first += 1000) {
    await boss.insert(queue, Array.from({ length: Math.min(1000, options.jobs - first) }, (_, i) => ({ data: { job: first + i } })));
  }
  await pool.query('VACUUM ANALYZE');
  const left = new Countdown(options.jobs);
  left.begin();
  await boss.work(queue, { batchSize: options.batch, localConcurrency: options.workers, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 },
    async (jobs) => {
      const list = jobs.map((job) => account_of(job.data.job));
      if (together) await write_outcomes(pool, list);
      else await Promise.all(list.map((account) => write_outcome(pool, account)));
      left.done(jobs.length);
    });
  await left.finished;
  // Completed a moment after their handler has returned.
  const open = async () => (await pool.query("SELECT EXISTS (SELECT FROM pgboss.job WHERE name = $1 AND state < 'completed') AS open", [queue])).rows[0].open;
  if (!(await until(30_000, async () => !(await open())))) throw new Error('not all jobs were completed');
  const seconds = (performance.now() - left.begun) / 1000;
  await boss.stop({ graceful: true });
  await check_outcomes(pool, options.jobs);
  await pool.end();
  return { per_s: Math.round(options.jobs / seconds), in_flight: options.batch * options.workers, batch: options.batch };
}

async function first_and_second_life(ledger, life) {
  const boss = await start(10, { superviseIntervalSeconds: 1, monitorIntervalSeconds: 1, maintenanceIntervalSeconds: 1 });
  await boss.createQueue(queue, { expireInSeconds: abandoned_after_s, ...(once && { retryLimit: 0 }) });
  if (life === 1) await boss.insert(queue, Array.from({ length: crash_in_flight }, (_, job) => ({ data: { job } })));
  await boss.work(queue, { localConcurrency: crash_in_flight, pollingIntervalSeconds: 0.5 }, ([job]) => perform_and_hang(ledger, job.data.job));
}

const mode = process.argv[2];
if (mode === 'effects') {
  const each = await effects(false);
  const together = await effects(true);
  print({ name, version, ...each, per_s_outcomes_together: together.per_s, durability: durability() });
} else if (mode === 'crash') {
  const pool = connect(2);
  await crash({
    name, version,
    start: (ledger, life) => [[process.execPath, [process.argv[1], 'life', ledger, String(life)]]],
    states: async () => (await pool.query('SELECT state::text FROM pgboss.job WHERE name = $1', [queue])).rows.map((row) => row.state),
    note: `expireInSeconds ${abandoned_after_s} instead of 15 minutes`,
  });
  await pool.end();
} else if (mode === 'life') {
  await first_and_second_life(process.argv[3], Number(process.argv[4]));
}
