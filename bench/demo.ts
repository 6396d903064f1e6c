/**
 * `npm run demo`: a week of earthquakes, as the USGS reported them, through a cluster of its own and back. Keyed by
 * seismic network over several partitions; everything is read back by offset and compared byte for byte.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Api, createApi, topicPath } from '../lib/cli/api.ts';
import { startLocalCluster } from '../lib/local/cluster.ts';
import { printTable } from './table.ts';

const TOPIC = 'earthquakes';
const PARTITIONS = 4;
const BATCH = 250;

interface Quake {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly timestamp: number;
}

/** A record that was acknowledged, or one that was fetched. */
interface Placed extends Quake {
  readonly partition: number;
  readonly offset: number;
}

async function main(): Promise<boolean> {
  const quakes = await readQuakes();
  const directory = await mkdtemp(join(tmpdir(), 'wadi-demo-'));
  const cluster = await startLocalCluster({ storage: { kind: 'embedded', directory } });
  try {
    const api = await createApi(cluster.url);
    await api.send('POST', '/topics', JSON.stringify({ topic_name: TOPIC, partitions_count: PARTITIONS }));
    const produced = await timed(() => produce(api, quakes));
    const fetched = await timed(() => fetchAll(api));
    const problems = compare(quakes, produced.result, fetched.result);
    print(quakes, produced.ms, fetched.ms, problems);
    return problems.length === 0;
  } finally {
    await cluster.close();
    await rm(directory, { recursive: true });
  }
}

/** In the order in which they happened. */
async function readQuakes(): Promise<Quake[]> {
  const file = new URL('../node_modules/vega-datasets/data/earthquakes.json', import.meta.url);
  const { features }: { features: { properties: { net: string; time: number } }[] } = JSON.parse(
    await readFile(file, 'utf8'),
  );
  return features
    .map((quake) => ({
      key: Buffer.from(quake.properties.net),
      value: Buffer.from(JSON.stringify(quake)),
      timestamp: quake.properties.time,
    }))
    .sort((a, b) => a.timestamp - b.timestamp);
}

/** Resolves to the quakes at the places that were acknowledged. */
async function produce(api: Api, quakes: readonly Quake[]): Promise<Placed[]> {
  const placed: Placed[] = [];
  for (let from = 0; from < quakes.length; from += BATCH) {
    const entries = quakes.slice(from, from + BATCH).map(({ key, value, timestamp }, i) => ({
      id: String(from + i),
      key: { type: 'STRING', data: key.toString() },
      value: { type: 'JSON', data: JSON.parse(value.toString()) },
      timestamp: new Date(timestamp).toISOString(),
    }));
    const { successes } = await api.send<{
      successes: { id: string; partition_id: number; offset: number }[];
    }>('POST', `${topicPath(TOPIC)}/records:batch`, JSON.stringify({ entries }));
    for (const { id, partition_id, offset } of successes) {
      placed.push({ ...quakes[Number(id)]!, partition: partition_id, offset });
    }
  }
  return placed;
}

interface Page {
  readonly next_offset: number;
  readonly high_watermark: number;
  readonly records: {
    offset: number;
    timestamp_ms: number;
    key: { data: string };
    value: { data: string };
  }[];
}

async function fetchAll(api: Api): Promise<Placed[]> {
  const fetched: Placed[] = [];
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for (let offset = 0, end = 1; offset < end; ) {
      const path = `${topicPath(TOPIC)}/partitions/${partition}/records`;
      const page = await api.get<Page>(path, { offset, format: 'binary' });
      for (const record of page.records) {
        fetched.push({
          partition,
          offset: record.offset,
          timestamp: record.timestamp_ms,
          key: Buffer.from(record.key.data, 'base64'),
          value: Buffer.from(record.value.data, 'base64'),
        });
      }
      offset = page.next_offset;
      end = page.high_watermark;
    }
  }
  return fetched;
}

/** What is wrong, in words. */
function compare(
  quakes: readonly Quake[],
  produced: readonly Placed[],
  fetched: readonly Placed[],
): string[] {
  const problems: string[] = [];
  if (produced.length !== quakes.length) problems.push(`${quakes.length - produced.length} not acknowledged`);
  if (fetched.length !== produced.length) problems.push(`${fetched.length} of ${produced.length} fetched`);

  const place = ({ partition, offset }: Placed) => `${partition}/${offset}`;
  const byPlace = new Map(fetched.map((record) => [place(record), record]));
  for (const expected of produced) {
    const found = byPlace.get(place(expected));
    if (!found || !same(found, expected))
      problems.push(`another record than the acknowledged one at ${place(expected)}`);
  }

  const lastOfKey = new Map<string, Placed>();
  for (const record of produced) {
    const key = record.key.toString();
    const before = lastOfKey.get(key);
    if (before && before.partition !== record.partition) problems.push(`key ${key} in two partitions`);
    if (before && before.offset >= record.offset) problems.push(`key ${key} out of order`);
    lastOfKey.set(key, record);
  }
  return problems;
}

function same(a: Quake, b: Quake): boolean {
  return a.key.equals(b.key) && a.value.equals(b.value) && a.timestamp === b.timestamp;
}

function print(
  quakes: readonly Quake[],
  produceMs: number,
  fetchMs: number,
  problems: readonly string[],
): void {
  const bytes = quakes.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
  const keys = new Set(quakes.map(({ key }) => key.toString()));
  const row = (name: string, ms: number) => [
    name,
    quakes.length,
    PARTITIONS,
    bytes,
    Math.round(ms),
    Math.round((quakes.length / ms) * 1000),
    (bytes / 1000 / ms).toFixed(1),
  ];
  printTable(
    `A week of earthquakes, keyed by ${keys.size} seismic networks`,
    ['', 'records', 'partitions', 'bytes', 'ms', 'records/s', 'MB/s'],
    [row('produce', produceMs), row('fetch', fetchMs)],
  );
  for (const problem of problems.slice(0, 10)) console.log(`wrong: ${problem}`);
  console.log(
    `\ncompared by offset, byte for byte: ${problems.length === 0 ? 'ok' : `${problems.length} wrong`}`,
  );
}

async function timed<T>(work: () => Promise<T>): Promise<{ result: T; ms: number }> {
  const started = performance.now();
  const result = await work();
  return { result, ms: performance.now() - started };
}

process.exitCode = (await main()) ? 0 : 1;
