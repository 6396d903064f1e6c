/**
 * The speed of the local cluster, seen by a client in another process: `npm run bench:local`. Every record is counted
 * and every answer checked; the first row is the floor under the others, a request that touches nothing.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'undici';
import { spawnCluster } from '../lib/local/spawn.ts';
import { encodeBatch } from '../lib/record/encode.ts';
import { readHeader } from '../lib/record/header.ts';
import { benchOptions } from './options.ts';
import { type Cell, printTable } from './table.ts';

const options = benchOptions(
  'local',
  'The speed of the local cluster, seen by a client in another process.',
  {
    seconds: [5, 'of each row'],
  },
);
const SECONDS = options.seconds;
const RAW = 'application/vnd.wadi.recordbatch';
const MB = 1024 * 1024;

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

type Send = (
  method: 'GET' | 'POST',
  path: string,
  body?: Uint8Array | string,
  type?: string,
) => Promise<Answer>;

/** What one request of a scenario carried. */
interface Carried {
  readonly records: number;
  readonly bytes: number;
}

interface Scenario {
  readonly name: string;
  readonly connections: number;
  /** Makes the work of one connection: a function that sends one request, or says that there is no more to do. */
  readonly start: (send: Send, connection: number) => () => Promise<Carried | undefined>;
}

async function measure(url: string, scenario: Scenario): Promise<Cell[]> {
  const pool = new Pool(url, { connections: scenario.connections, pipelining: 1 });
  const send: Send = async (method, path, body, type) => {
    const headers = type === undefined ? {} : method === 'GET' ? { accept: type } : { 'content-type': type };
    const answer = await pool.request({ method, path, headers, ...(body === undefined ? {} : { body }) });
    const read = Buffer.from(await answer.body.arrayBuffer());
    if (answer.statusCode >= 300) throw new Error(`${method} ${path}: ${answer.statusCode} ${read}`);
    return { status: answer.statusCode, headers: answer.headers, body: read };
  };
  const latencies: number[] = [];
  let records = 0;
  let bytes = 0;
  const started = performance.now();
  const end = started + SECONDS * 1000;
  await Promise.all(
    Array.from({ length: scenario.connections }, async (_, connection) => {
      const once = scenario.start(send, connection);
      while (performance.now() < end) {
        const sent = performance.now();
        const carried = await once();
        if (carried === undefined) break;
        latencies.push(performance.now() - sent);
        records += carried.records;
        bytes += carried.bytes;
      }
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  await pool.close();
  latencies.sort((a, b) => a - b);
  const at = (share: number) => (latencies[Math.floor(latencies.length * share)] ?? 0).toFixed(1);
  return [
    scenario.name,
    scenario.connections,
    Math.round(latencies.length / seconds),
    Math.round(records / seconds),
    (bytes / MB / seconds).toFixed(1),
    at(0.5),
    at(0.99),
  ];
}

const directory = mkdtempSync(join(tmpdir(), 'wadi-bench-'));
const server = await spawnCluster(directory);
try {
  await run(server.url);
} finally {
  await server.stop('SIGTERM');
  rmSync(directory, { recursive: true, force: true });
}

async function run(url: string): Promise<void> {
  const setUp = new Pool(url);
  const clusters = await (await setUp.request({ method: 'GET', path: '/v3/clusters' })).body.json();
  const cluster = `/v3/clusters/${(clusters as { data: { cluster_id: string }[] }).data[0]!.cluster_id}`;
  for (const topic_name of ['raw', 'json']) {
    const body = JSON.stringify({ topic_name, partitions_count: 8 });
    const headers = { 'content-type': 'application/json' };
    const created = await setUp.request({ method: 'POST', path: `${cluster}/topics`, headers, body });
    await created.body.dump();
  }
  await setUp.close();

  const raw = (partition: number) => `${cluster}/topics/raw/partitions/${partition}/records`;
  const json = (partition: number) => `${cluster}/topics/json/partitions/${partition}/records`;
  const value = Buffer.from(JSON.stringify({ text: 'x'.repeat(1_000) }));
  const record = { timestamp: Date.now(), key: null, value, headers: [] };
  const perBatch = Math.floor(1_000_000 / (value.length + 10));
  const batch = encodeBatch(Array.from({ length: perBatch }, () => record));
  const document = `{"value":{"type":"JSON","data":${value}}}`;
  const perRequest = 500;
  const entries = Array.from(
    { length: perRequest },
    (_, i) => `{"id":"${i}","value":{"type":"JSON","data":${value}}}`,
  );
  const entriesBody = `{"entries":[${entries.join(',')}]}`;

  const produceRaw: Scenario['start'] = (send, connection) => async () => {
    const { body } = await send('POST', raw(connection), batch, RAW);
    if (typeof JSON.parse(body.toString()).offset !== 'number') throw new Error(`no offset: ${body}`);
    return { records: perBatch, bytes: batch.length };
  };
  const fetchRaw: Scenario['start'] = (send, connection) => {
    let offset = 0;
    return async () => {
      const { headers, body } = await send(
        'GET',
        `${raw(connection)}?offset=${offset}&max_bytes=1100000`,
        undefined,
        RAW,
      );
      if (body.length === 0) {
        offset = 0;
        return { records: 0, bytes: 0 };
      }
      if (readHeader(body).baseOffset !== offset) throw new Error(`not offset ${offset}`);
      const next = Number(headers['wadi-next-offset']);
      const records = next - offset;
      offset = next;
      return { records, bytes: body.length };
    };
  };
  const fetchJson: Scenario['start'] = (send, connection) => {
    let offset = 0;
    return async () => {
      const { body } = await send('GET', `${raw(connection)}?offset=${offset}&max_records=500`);
      const answer = JSON.parse(body.toString()) as { next_offset: number; records: { offset: number }[] };
      if (answer.records[0]?.offset !== offset) throw new Error(`not offset ${offset}`);
      offset = answer.next_offset;
      return { records: answer.records.length, bytes: answer.records.length * value.length };
    };
  };
  const scenarios: Scenario[] = [
    {
      name: 'GET /health (the floor)',
      connections: 32,
      start: (send) => async () => ({ records: 0, bytes: (await send('GET', '/health')).body.length }),
    },
    {
      name: 'produce 1 KB JSON records, one a request',
      connections: 32,
      start: (send, connection) => async () => {
        await send('POST', json(connection % 8), document, 'application/json');
        return { records: 1, bytes: value.length };
      },
    },
    {
      name: `produce 1 KB JSON records, ${perRequest} a request`,
      connections: 4,
      start: (send) => async () => {
        await send('POST', `${cluster}/topics/json/records:batch`, entriesBody, 'application/json');
        return { records: perRequest, bytes: perRequest * value.length };
      },
    },
    { name: 'produce raw batches of 1 MB', connections: 1, start: produceRaw },
    { name: 'produce raw batches of 1 MB', connections: 4, start: produceRaw },
    { name: 'fetch raw batches of 1 MB', connections: 1, start: fetchRaw },
    { name: 'fetch raw batches of 1 MB', connections: 4, start: fetchRaw },
    { name: 'fetch 1 KB records as JSON, 500 a request', connections: 4, start: fetchJson },
  ];
  const rows: Cell[][] = [];
  for (const scenario of scenarios) {
    process.stderr.write(`${scenario.name}, ${scenario.connections} connections …\n`);
    rows.push(await measure(url, scenario));
  }
  const columns = ['', 'connections', 'requests/s', 'records/s', 'MB/s', 'p50 ms', 'p99 ms'];
  printTable(`Local cluster on the embedded store, ${SECONDS} s each`, columns, rows);
}
