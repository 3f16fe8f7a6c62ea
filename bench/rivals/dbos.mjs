// SPDX-License-Identifier: Apache-2.0
//
// DBOS: an effect is a workflow of one step that performs (a no-op) and writes the outcome. Two ways, the better one counts:
// workflows that wait in a queue, and workflows started in the process itself, --in_flight at a time.
import { DBOS, DBOSClient } from '@dbos-inc/dbos-sdk';
import { readFileSync } from 'node:fs';
import {
  Countdown, account_of, check_outcomes, connect, crash, crash_in_flight, create_accounts, database_url, durability, in_parallel,
  once, options_of, perform_and_hang, print, until, write_outcome,
} from './rival.mjs';

const name = 'DBOS';
const version = JSON.parse(readFileSync(new URL('./node_modules/@dbos-inc/dbos-sdk/package.json', import.meta.url))).version;
const queue = 'effects';
const application = { name: 'pawl_rival', systemDatabaseUrl: database_url, applicationVersion: '1', executorID: 'bench', logLevel: 'error' };

async function open_workflows(pool) {
  const { rows } = await pool.query("SELECT count(*)::int AS count FROM dbos.workflow_status WHERE status IN ('ENQUEUED', 'PENDING')");
  return rows[0].count;
}

async function effects() {
  const options = options_of({ jobs: 2_000, in_flight: 64, connections: 20, polling_ms: 20 });
  const pool = connect(options.connections);
  let left;
  const perform = async (job) => {
    await DBOS.runStep(() => write_outcome(pool, account_of(job)), { name: 'perform' });
    left.done();
  };
  const workflow = DBOS.registerWorkflow(perform, { name: 'effect' });
  DBOS.setConfig({ ...application, systemDatabasePoolSize: options.connections });
  await DBOS.launch();

  const measured = async (start) => {
    await create_accounts(pool);
    left = new Countdown(options.jobs);
    await start();
    await left.finished;
    // A workflow is completed a moment after its function has returned.
    if (!(await until(60_000, async () => (await open_workflows(pool)) === 0))) throw new Error('not all workflows were completed');
    const per_s = Math.round(options.jobs / ((performance.now() - left.begun) / 1000));
    await check_outcomes(pool, options.jobs);
    return per_s;
  };

  const started = await measured(async () => {
    left.begin();
    await in_parallel(options.jobs, options.in_flight, async (job) => (await DBOS.startWorkflow(workflow)(job)).getResult());
  });
  const queued = await measured(async () => {
    const client = await DBOSClient.create({ systemDatabaseUrl: database_url, applicationName: application.name });
    await in_parallel(options.jobs, options.in_flight, (job) => client.enqueue({ queueName: queue, workflowName: 'effect', appVersion: '1' }, job));
    await client.destroy();
    left.begin();
    await DBOS.registerQueue(queue, { workerConcurrency: options.in_flight, minPollingIntervalMs: options.polling_ms });
  });
  await DBOS.shutdown();
  await pool.end();
  print({
    name, version, per_s: Math.max(started, queued), in_flight: options.in_flight, batch: options.in_flight,
    per_s_started: started, per_s_queued: queued, durability: durability(),
  });
}

async function life(ledger, which) {
  const workflow = DBOS.registerWorkflow((job) => DBOS.runStep(() => perform_and_hang(ledger, job), { name: 'perform' }),
    { name: 'effect', ...(once && { maxRecoveryAttempts: 1 }) });
  DBOS.setConfig(application);
  await DBOS.launch(); // takes up again what was pending
  if (which === 1) {
    for (let job = 0; job < crash_in_flight; ++job) await DBOS.startWorkflow(workflow)(job);
  }
}

const mode = process.argv[2];
if (mode === 'effects') {
  await effects();
} else if (mode === 'crash') {
  const pool = connect(2);
  await crash({
    name, version,
    start: (ledger, which) => [[process.execPath, [process.argv[1], 'life', ledger, String(which)]]],
    states: async () => (await pool.query('SELECT status FROM dbos.workflow_status')).rows.map((row) => row.status),
    note: once ? 'maxRecoveryAttempts 1, the smallest that it takes' : undefined,
  });
  await pool.end();
} else if (mode === 'life') {
  await life(process.argv[3], Number(process.argv[4]));
}
