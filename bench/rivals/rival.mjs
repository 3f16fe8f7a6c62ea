// SPDX-License-Identifier: Apache-2.0
//
// What the rivals' drivers share: options, the accounts whose row takes an effect's outcome, the clock of a run, and the
// crash comparison: eight effects under way, kill -9, restart, and who did what twice.
import { spawn } from 'node:child_process';
import events from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, appendFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';

export const accounts = 100_000;
export const crash_in_flight = 8;
const poll_ms = 20;
// How long a rival that was told never to repeat is watched after its restart.
const once_watch_ms = 20_000;

// crash --once: the rival is told to try each effect at most once.
export const once = process.argv.includes('--once') || process.env.PAWL_RIVAL_ONCE === '1';

// Numbers by name, e.g. {jobs: 20_000} for --jobs N.
export function options_of(defaults) {
  const options = Object.fromEntries(Object.entries(defaults).map(([name, value]) => [name, { type: 'string', default: String(value) }]));
  const { values } = parseArgs({ args: process.argv.slice(3), options });
  return Object.fromEntries(Object.entries(values).map(([name, value]) => {
    if (!(Number(value) > 0)) throw new Error(`--${name} takes a number above 0`);
    return [name, Number(value)];
  }));
}

export const database_url = process.env.DATABASE_URL;
export const durability = () => `PostgreSQL 15, fsync and synchronous_commit on, sync +${process.env.PAWL_BENCH_SYNC_MS ?? 0} ms`;

export function connect(max) {
  return new pg.Pool({ connectionString: database_url, max });
}

export async function create_accounts(pool) {
  // Of a run before on this server.
  await pool.query('DROP TABLE IF EXISTS accounts');
  await pool.query('CREATE TABLE accounts (id int PRIMARY KEY, state text NOT NULL, version int NOT NULL) WITH (fillfactor = 50)');
  await pool.query(`INSERT INTO accounts SELECT i, 'asked', 1 FROM generate_series(1, ${accounts}) AS i`);
}

// Effects go to accounts spread over the whole table, each at most once.
export const account_of = (job) => 1 + ((job * 7919) % accounts);

// The outcome of one effect, and of many that a rival hands over together.
export const write_outcome = (pool, account) =>
  pool.query({ name: 'outcome', text: "UPDATE accounts SET state = 'done', version = version + 1 WHERE id = $1", values: [account] });
export const write_outcomes = (pool, list) =>
  pool.query({ name: 'outcomes', text: "UPDATE accounts SET state = 'done', version = version + 1 WHERE id = ANY($1::int[])", values: [list] });

// Every effect must have left its outcome, exactly once, or the figure is of another work.
export async function check_outcomes(pool, jobs) {
  const { rows } = await pool.query("SELECT count(*)::int AS done, coalesce(max(version), 0)::int AS newest FROM accounts WHERE state = 'done'");
  if (rows[0].done !== jobs || rows[0].newest !== 2) throw new Error(`${rows[0].done} outcomes of ${jobs}, version ${rows[0].newest}`);
}

// Counts what is done and resolves once `total` is reached; its clock starts when the first begins.
export class Countdown {
  constructor(total) {
    this.total = total;
    this.left = total;
    this.finished = new Promise((resolve) => (this.resolve = resolve));
  }
  begin() {
    this.begun ??= performance.now();
  }
  done(count = 1) {
    this.left -= count;
    if (this.left === 0) this.resolve((performance.now() - this.begun) / 1000);
  }
  async per_second() {
    return Math.round(this.total / (await this.finished));
  }
}

// Runs `one(i)` for i in [0, total), `width` at a time.
export async function in_parallel(total, width, one) {
  let next = 0;
  await Promise.all(Array.from({ length: Math.min(width, total) }, async () => {
    while (next < total) await one(next++);
  }));
}

// A directory of this process, removed when it ends.
export function own_directory(name) {
  const directory = mkdtempSync(join(tmpdir(), name));
  process.on('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  return directory;
}
process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));

// A child that dies with this process, however that ends.
export const child_of = (file, args, options) => spawn('setpriv', ['--pdeathsig', 'KILL', file, ...args], options);

export const print = (object) => console.log(JSON.stringify(object));

export async function until(deadline_ms, condition) {
  const give_up = performance.now() + deadline_ms;
  while (!(await condition())) {
    if (performance.now() > give_up) return false;
    await new Promise((resolve) => setTimeout(resolve, poll_ms));
  }
  return true;
}

// In the process that will be killed: the effect is done at once, and its answer never comes.
export function perform_and_hang(ledger, job) {
  appendFileSync(ledger, `${job}\n`);
  return new Promise(() => setInterval(() => {}, 1 << 30));
}

function times_of(ledger) {
  const times = new Map();
  if (existsSync(ledger)) {
    for (const job of readFileSync(ledger, 'utf8').split('\n').filter(Boolean)) times.set(job, (times.get(job) ?? 0) + 1);
  }
  return times;
}

// `start(ledger, life)`: the processes of one life, as [file, arguments] pairs; they do what is asked by then.
// `after_kill()`: lets the time pass that the rival waits before it takes a job for abandoned.
// `states()`: the state of each of the eight as the rival tells it, polled from the kill until the end.
export async function crash({ name, version, start, after_kill = async () => {}, states, wait_ms = 60_000, note }) {
  const ledger = join(own_directory('pawl_rival_'), 'ledger');
  const seen = new Set();
  let unknown_visible = 0;
  const look = async () => {
    const now = await states();
    now.forEach((state) => seen.add(state));
    unknown_visible = Math.max(unknown_visible, now.filter((state) => /unknown|doubt|uncertain/i.test(state)).length);
  };
  let living = [];
  const kill = async () => {
    const ended = living.filter((child) => child.exitCode === null && child.signalCode === null).map((child) => events.once(child, 'exit'));
    living.forEach((child) => child.kill('SIGKILL'));
    await Promise.all(ended);
    living = [];
  };
  const live = async (life) => {
    for (const [file, args] of start(ledger, life)) {
      living.push(child_of(file, args, { stdio: ['ignore', 'ignore', process.env.PAWL_BENCH_VERBOSE ? 'inherit' : 'ignore'], env: { ...process.env, PAWL_RIVAL_ONCE: once ? '1' : '0' } }));
    }
  };
  try {
    await live(1);
    if (!(await until(wait_ms, () => times_of(ledger).size === crash_in_flight))) throw new Error('the effects did not begin');
    await kill();
    await look();
    await after_kill();
    await live(2);
    const twice = () => [...times_of(ledger).values()].filter((times) => times > 1).length;
    await until(once ? once_watch_ms : wait_ms, async () => {
      await look().catch(() => {}); // a server that comes up does not answer yet
      return twice() === crash_in_flight;
    });
    await look();
    print({ name, version, told: once ? 'never repeat' : 'as it is', ran_twice: twice(), of: crash_in_flight, unknown_visible, states_seen: [...seen].sort(), ...(note && { note }) });
  } finally {
    await kill();
  }
}
