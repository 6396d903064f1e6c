/**
 * What stream processing costs: one worker through a topology without state and through one that counts words, by way of a topic
 * and a store; then cold workers that restore a store, with and without a snapshot, and queries of it; an application that grows under load; and what one costs
 * that has nothing to do. Requests are counted at the storage ports. `npm run bench:streams`.
 */
import { encodeBatch } from '../lib/record/encode.ts';
import { createDispatch } from '../lib/rest/dispatch.ts';
import { streamsQueryOperations } from '../lib/rest/v3/streamsQueries.ts';
import { memoryStorage } from '../lib/storage/memory/memory.ts';
import type { Storage } from '../lib/storage/ports.ts';
import type { StreamsApplication } from '../lib/streams/index.ts';
import { STREAMS_LIMITS, type StreamsLimits } from '../lib/streams/runtime/limits.ts';
import { taskKey } from '../lib/streams/runtime/taskItem.ts';
import { createStreamsWorker, type WorkerRun } from '../lib/streams/runtime/worker.ts';
import { createWadi } from '../lib/wadi.ts';
import { dollars, type Meter, metered, newMeter } from './metering.ts';
import { benchOptions } from './options.ts';
import { keyCount, stateless, wordCount } from './streams/applications.ts';
import { idle } from './streams/idle.ts';
import { rescaling } from './streams/rescaling.ts';
import { type Cell, printTable } from './table.ts';

const options = benchOptions(
  'streams',
  'What stream processing costs, and how long a store takes to restore.',
  {
    records: [200_000, 'that go through each topology', 1],
    words: [20_000, 'that there are, one a record', 1],
    valueBytes: [100, 'of a record of the topology without state'],
    partitions: [4, 'of every topic but that of the store to restore', 1],
    keys: [1_000_000, 'of the store to restore', 1],
    updates: [2, 'of each key', 1],
    recordsPerSecond: [3_000, 'that come while an application grows', 1],
    phaseSeconds: [20, 'of each size of it', 1],
    wakeSeconds: [60, 'after which an idle application is woken each time', 1],
    s3Ms: [10, 'what a request to S3 takes, in milliseconds'],
    dynamodbMs: [2, 'what a request to DynamoDB takes, in milliseconds'],
  },
);
const latency = { objectMs: options.s3Ms, itemMs: options.dynamodbMs };
const RECORDS_PER_APPEND = 5_000;
/** Of the application that grows: so small that its requests are what takes time. */
const STEP = 200;

interface Measured {
  readonly run: WorkerRun;
  readonly seconds: number;
  readonly meter: Meter;
}

/** One that has nothing at hand, until there is nothing to do. */
async function work(
  storage: Storage,
  application: StreamsApplication,
  limits: StreamsLimits = STREAMS_LIMITS,
): Promise<Measured> {
  const meter = newMeter();
  const wadi = await createWadi({ storage: metered(storage, meter, latency) });
  const warn = (error: unknown) => {
    throw error;
  };
  const started = performance.now();
  const run = await createStreamsWorker(wadi, application, { warn, limits }).run(Number.MAX_SAFE_INTEGER);
  const seconds = (performance.now() - started) / 1_000;
  await wadi.log.settled();
  return { run, seconds, meter };
}

async function produce(
  storage: Storage,
  records: number,
  partitions: number,
  record: (n: number) => { key: string; value: string },
): Promise<void> {
  const { topics } = await createWadi({ storage });
  for (const name of ['input', 'output']) await topics.create({ name, partitions });
  await append(storage, records, record);
}

async function append(
  storage: Storage,
  records: number,
  record: (n: number) => { key: string; value: string },
): Promise<void> {
  const { topics, log } = await createWadi({ storage });
  const topic = await topics.describe('input');
  for (let from = 0, nth = 0; from < records; from += RECORDS_PER_APPEND, nth++) {
    const now = Date.now();
    const some = Array.from({ length: Math.min(RECORDS_PER_APPEND, records - from) }, (_, i) => {
      const { key, value } = record(from + i);
      return { key: Buffer.from(key), value: Buffer.from(value), timestamp: now, headers: [] };
    });
    const bytes = encodeBatch(some);
    const batches = [{ bytes, recordCount: some.length, maxTimestamp: now, producer: undefined }];
    const [result] = await log.append(topic, [{ partition: nth % topic.partitions, batches }]);
    if (!result!.ok) throw result!.error;
  }
  await log.settled();
}

async function throughput(name: string, application: StreamsApplication, value: (n: number) => string) {
  process.stderr.write(`${name} …\n`);
  const storage = memoryStorage();
  await produce(storage, options.records, options.partitions, (n) => ({ key: `key-${n}`, value: value(n) }));
  const { run, seconds, meter } = await work(storage, application);
  const perMillion = (count: number) => Math.round((count / options.records) * 1e6);
  const { objectPuts, objectGets, itemWrites, itemReads } = meter;
  const row: Cell[] = [
    ...[name, options.records, run.steps, Math.round(options.records / seconds)],
    ...[objectPuts, objectGets, itemWrites, itemReads].map(perMillion),
    `$${((dollars(meter) / options.records) * 1e6).toFixed(3)}`,
  ];
  await storage.close();
  return row;
}

async function restores(): Promise<{ restored: Cell[][]; queried: Cell[][] }> {
  process.stderr.write('a store to restore …\n');
  const storage = memoryStorage();
  const keyOf = (n: number) => `key-${String(n % options.keys).padStart(9, '0')}`;
  await produce(storage, options.keys * options.updates, 1, (n) => ({ key: keyOf(n), value: '' }));
  await work(storage, keyCount());
  process.stderr.write('restore …\n');
  /** For one record more: nobody restores a store for nothing. */
  const restore = async (limits?: StreamsLimits) => {
    await append(storage, 1, () => ({ key: keyOf(0), value: '' }));
    return work(storage, keyCount(), limits);
  };
  // The first only gets the code compiled.
  await restore();
  const fromSnapshot = await restore();
  const queried = await queries(storage, keyOf);
  const hadSnapshot = await forgetSnapshot(storage);
  const fromChangelog = await restore({ ...STREAMS_LIMITS, snapshotRecords: Number.MAX_SAFE_INTEGER });
  await storage.close();
  const restored = [
    ...(hadSnapshot ? [restoreRow('snapshot, then changelog', fromSnapshot)] : []),
    restoreRow('changelog alone', fromChangelog),
  ];
  return { restored, queried };
}

/** Of a process that has nothing at hand, one after the other. */
async function queries(storage: Storage, keyOf: (n: number) => string): Promise<Cell[][]> {
  process.stderr.write('query …\n');
  const meter = newMeter();
  const wadi = await createWadi({ storage: metered(storage, meter, latency), clusterId: 'bench' });
  const dispatch = createDispatch(streamsQueryOperations);
  const rows: Cell[][] = [];
  async function query(name: string, path: string, params: Readonly<Record<string, string>>, search = '') {
    Object.assign(meter, newMeter());
    const started = performance.now();
    const { status, body } = await dispatch(
      wadi,
      `GET /v3/clusters/{cluster_id}/streams/{application_id}/stores/${path}`,
      {
        ...{ method: 'GET', path: '', headers: {}, body: new Uint8Array(), baseUrl: '' },
        params: { cluster_id: 'bench', application_id: 'key-count', store_name: 'counts', ...params },
        query: new URLSearchParams(search),
        caller: { principal: 'User:ANONYMOUS', host: '' },
      },
    );
    const ms = performance.now() - started;
    if (status !== 200) throw new Error(String(body));
    const { objectGets, objectGetBytes, itemReads } = meter;
    const dollarsOfIt = `$${dollars(meter).toFixed(7)}`;
    rows.push([name, ms.toFixed(1), objectGets, (objectGetBytes / 1e6).toFixed(1), itemReads, dollarsOfIt]);
  }
  const aKey = () => ({ key: keyOf(Math.floor(Math.random() * options.keys)) });
  await query('a key, cold', '{store_name}/{key}', aKey());
  await query('a key, when it is at hand', '{store_name}/{key}', aKey());
  await append(storage, RECORDS_PER_APPEND, (n) => ({ key: keyOf(n), value: '' }));
  await work(storage, keyCount());
  await query(`a key, when ${RECORDS_PER_APPEND} have changed since`, '{store_name}/{key}', aKey());
  await query('a page of 1000', '{store_name}/-/records', {}, 'limit=1000');
  return rows;
}

/** Whether there was one. */
async function forgetSnapshot({ groups }: Storage): Promise<boolean> {
  const item = await groups.get(taskKey('key-count', { subtopology: 0, partition: 0 }));
  const { snapshot, ...others } = item!;
  await groups.put({ ...others, pk: item!.pk, sk: item!.sk });
  return snapshot !== undefined;
}

function restoreRow(name: string, { run, seconds, meter }: Measured): Cell[] {
  const { objectPuts, objectGets, objectGetBytes, itemWrites, itemReads } = meter;
  return [
    ...[name, options.keys, run.restored, seconds.toFixed(1)],
    ...[objectGets, (objectGetBytes / 1e6).toFixed(1), objectPuts, itemReads, itemWrites],
    `$${dollars(meter).toFixed(5)}`,
  ];
}

const word = (n: number) => `word-${(n * 7_919) % options.words}`;
const filler = 'x'.repeat(options.valueBytes);
printTable(
  `One worker over a store with ${latency.objectMs} ms (objects) and ${latency.itemMs} ms (items); requests and dollars per million input records`,
  ['', 'records', 'steps', 'records/s', 'PUTs', 'GETs', 'item writes', 'item reads', '$/M records'],
  [
    await throughput('filter and map', stateless(), () => filler),
    await throughput('count words, by way of a topic', wordCount(), word),
    await throughput(
      'the same, at least once',
      { ...wordCount(), processingGuarantee: 'at_least_once' },
      word,
    ),
  ],
);
const { restored, queried } = await restores();
printTable(
  `A cold worker that restores a store, each of its keys changed ${options.updates} times`,
  ['', 'keys', 'changelog records', 'seconds', 'GETs', 'MB', 'PUTs', 'item reads', 'item writes', '$'],
  restored,
);
if (restored.length < 2)
  console.log(
    `\nThere was no snapshot: the changelog is less than ${STREAMS_LIMITS.snapshotRecords} records.`,
  );
printTable('Queries of that store over HTTP', ['', 'ms', 'GETs', 'MB', 'item reads', '$'], queried);
/** So that one worker has more than it can do. */
const slow = { objectMs: 3 * latency.objectMs, itemMs: 3 * latency.itemMs };
printTable(
  `Words are counted while ${options.recordsPerSecond} come a second, with ${slow.objectMs} and ${slow.itemMs} ms, in steps of up to ${STEP} records: from 1 partition to 16, and by more workers`,
  ['', 'tasks', 'workers', 'records/s', 'lag at the end', 'tasks moved', 'records restored'],
  await rescaling({
    ...{ recordsPerSecond: options.recordsPerSecond, phaseSeconds: options.phaseSeconds },
    ...{ partitions: 16, workers: [1, 2, 4], latency: slow, word },
    limits: { ...STREAMS_LIMITS, recordsPerStep: STEP, prepareMs: 1_000, affinityMs: 2_000 },
  }),
);
console.log('\nIn the end each word was counted as often as it came, one count after the other.');
printTable(
  `An application that has nothing to do, woken every ${options.wakeSeconds} s: requests an hour, and dollars a month`,
  ['', 'tasks', 'runs', 'queries of tasks', 'reads of partitions', 'of topics', 'writes', 'S3', '$/month'],
  [
    await idle(4, options.wakeSeconds),
    await idle(16, options.wakeSeconds),
    await idle(64, options.wakeSeconds),
  ],
);
