// SPDX-License-Identifier: Apache-2.0
//
// Restate: a virtual object for each account; an effect is an invocation whose ctx.run performs (a no-op) and whose ctx.set
// writes the outcome. Server, service and driver are three processes. Two ways, the better one counts: requests over the
// ingress, --in_flight at a time, and messages that one invocation sends to all accounts.
import * as restate from '@restatedev/restate-sdk';
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createServer } from 'node:http2';
import { createServer as listen } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { account_of, child_of, crash, crash_in_flight, in_parallel, once, options_of, own_directory, perform_and_hang, print, until } from './rival.mjs';

const name = 'Restate';
const installed = (path) => fileURLToPath(new URL(`./node_modules/@restatedev/${path}`, import.meta.url));
const version_of = (path) => JSON.parse(readFileSync(installed(`${path}/package.json`))).version;
const version = `${version_of('restate-server')}, SDK ${version_of('restate-sdk')}`;
const server_file = installed('restate-server-linux-x64/bin/restate-server');
const start_ms = 60_000;
const told_every_ms = 20;

async function free_ports(count) {
  const sockets = await Promise.all(Array.from({ length: count }, () => new Promise((resolve) => {
    const socket = listen().listen(0, '127.0.0.1', () => resolve(socket));
  })));
  const ports = sockets.map((socket) => socket.address().port);
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.close(resolve))));
  return ports;
}

// A directory with a configuration whose ports are free; as for the rest, its defaults, which sync its log on every append.
async function configure(partitions) {
  const directory = own_directory('pawl_restate_');
  const [node, ingress, admin, service] = await free_ports(4);
  const config = join(directory, 'restate.toml');
  writeFileSync(config, `
base-dir = "${directory}/data"
node-name = "bench"
listen-mode = "tcp"
bind-address = "127.0.0.1:${node}"
advertised-address = "http://127.0.0.1:${node}/"
default-num-partitions = ${partitions}
default-journal-retention = "0s"
disable-telemetry = true
log-filter = "error,octocrab=off"
[ingress]
bind-address = "127.0.0.1:${ingress}"
advertised-ingress-endpoint = "http://127.0.0.1:${ingress}/"
[admin]
bind-address = "127.0.0.1:${admin}"
[worker.invoker]
concurrent-invocations-limit = 10000
`);
  return { config, service, ingress: `http://127.0.0.1:${ingress}`, admin: `http://127.0.0.1:${admin}` };
}

const agent = new Agent({ keepAlive: true, maxSockets: 1024 });

function post(url, body) {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', accept: 'application/json' };
    const sent = request(url, { method: 'POST', agent, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      answer.on('end', () => (answer.statusCode < 300 ? resolve(text) : reject(new Error(`${url}: ${answer.statusCode} ${text}`))));
      answer.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(JSON.stringify(body));
  });
}

const query = async (at, text) => JSON.parse(await post(`${at.admin}/query`, { query: text })).rows;

async function register(at) {
  const tried = () => post(`${at.admin}/deployments`, { uri: `http://127.0.0.1:${at.service}`, force: true }).then(() => true, () => false);
  if (!(await until(start_ms, tried))) throw new Error('the server did not take the service');
}

function serve(port, ledger) {
  let done = 0;
  const account = restate.object({
    name: 'account',
    handlers: {
      perform: async (ctx, job) => {
        await ctx.run('perform', () => (ledger ? perform_and_hang(ledger, job) : undefined));
        ctx.set('state', 'done');
        ++done;
      },
    },
    options: once ? { retryPolicy: { maxAttempts: 1, onMaxAttempts: 'kill' } } : {},
  });
  const sender = restate.service({
    name: 'sender',
    handlers: {
      send: async (ctx, { first, count }) => {
        for (let job = first; job < first + count; ++job) ctx.objectSendClient({ name: 'account' }, String(account_of(job))).perform(job);
      },
    },
  });
  const handler = restate.createEndpointHandler({ services: [account, sender], logger: () => {} });
  createServer(handler).listen(port, '127.0.0.1');
  if (process.send) setInterval(() => process.send(done), told_every_ms);
}

async function effects() {
  const options = options_of({ jobs: 5_000, in_flight: 128, partitions: 4, senders: 10 });
  const measured = async (start) => {
    const at = await configure(options.partitions);
    const server = child_of(server_file, ['--no-logo', '-c', at.config], { stdio: ['ignore', 'ignore', 'inherit'] });
    const service = child_of(process.execPath, [process.argv[1], 'service', String(at.service)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    let done = 0;
    service.on('message', (count) => (done = count));
    try {
      await register(at);
      const begun = performance.now();
      await start(at);
      if (!(await until(120_000, () => done >= options.jobs))) throw new Error(`${done} effects of ${options.jobs}`);
      const seconds = (performance.now() - begun) / 1000;
      const kept = async () => (await query(at, "SELECT count(*) AS count FROM state WHERE service_name = 'account'"))[0].count;
      if (!(await until(10_000, async () => (await kept()) === options.jobs))) throw new Error(`${await kept()} outcomes of ${options.jobs}`);
      return Math.round(options.jobs / seconds);
    } finally {
      for (const child of [server, service]) child.kill('SIGKILL');
    }
  };
  const asked = await measured((at) =>
    in_parallel(options.jobs, options.in_flight, (job) => post(`${at.ingress}/account/${account_of(job)}/perform`, job)));
  const sent = await measured((at) => {
    const count = Math.ceil(options.jobs / options.senders);
    return in_parallel(options.senders, options.senders, (i) =>
      post(`${at.ingress}/sender/send`, { first: i * count, count: Math.max(0, Math.min(count, options.jobs - i * count)) }));
  });
  agent.destroy();
  print({
    name, version, per_s: Math.max(asked, sent), in_flight: options.in_flight, batch: 1, partitions: options.partitions, per_s_asked: asked,
    per_s_sent: sent, durability: "Restate's defaults: one node, its log synced (rocksdb-disable-wal-fsync = false)",
  });
}

async function compare_crash() {
  const at = await configure(4);
  let asked = false;
  try {
    await crash({
      name, version,
      start: (ledger, life) => {
        // Registered and asked for in the first life; kept by the server over the kill of both.
        if (life === 1 && !asked) {
          asked = true;
          register(at).then(async () => {
            for (let job = 0; job < crash_in_flight; ++job) await post(`${at.ingress}/account/${account_of(job)}/perform/send`, job);
          });
        }
        return [[server_file, ['--no-logo', '-c', at.config]], [process.execPath, [process.argv[1], 'service', String(at.service), ledger]]];
      },
      // While the server is down nobody can be asked.
      states: async () => {
        try {
          return (await query(at, "SELECT status FROM sys_invocation WHERE target_service_name = 'account'")).map((row) => row.status);
        } catch {
          return [];
        }
      },
      note: `server and service were killed${once ? '; retryPolicy maxAttempts 1' : ''}`,
    });
  } finally {
    agent.destroy();
  }
}

const mode = process.argv[2];
if (mode === 'effects') await effects();
else if (mode === 'crash') await compare_crash();
else if (mode === 'service') serve(Number(process.argv[3]), process.argv[4]);
