/**
 * What several regions cost an append: `npm run bench:replication`. Regions a, b and c over stores that are as slow as theirs are from a:
 * its latency beside the slowest upload that it needs and one commit, and what crosses between regions. Exit code 1 if the
 * median is more than 1.10 times that, or if a byte crosses to a region more than once, or not at all.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../lib/clock.ts';
import { createBucketReplication } from '../lib/local/bucketReplication.ts';
import { createWeather } from '../lib/local/weather.ts';
import type { Durability, LogTopic } from '../lib/log/log.ts';
import { encodeBatch } from '../lib/record/encode.ts';
import type { ValidBatch } from '../lib/record/record.ts';
import { memoryStorage } from '../lib/storage/memory/memory.ts';
import { createWadi } from '../lib/wadi.ts';
import { type Meter, metered, newMeter } from './metering.ts';
import { benchOptions } from './options.ts';
import { type Cell, printTable } from './table.ts';

const options = benchOptions(
  'replication',
  'What several regions cost an append: time, bytes and requests.',
  {
    requests: [60, 'of each producer, one after the other'],
    producers: [8, 'each with a topic of its own: requests of one topic wait for the upload before'],
    valueBytes: [20_000, 'of the record in a request'],
    aMs: [10, 'of an upload to a, where the producers are'],
    bMs: [70, 'of an upload from a to b'],
    cMs: [140, 'of an upload from a to c'],
    commitMs: [8, 'of a request to DynamoDB'],
    quorumMs: [75, 'that a strong global table adds to it, reads and writes'],
  },
);
const REGIONS = ['a', 'b', 'c'] as const;
const UPLOAD_MS = { a: options.aMs, b: options.bMs, c: options.cMs };
const COMMIT_MS = options.commitMs + options.quorumMs;
const MAX_RATIO = 1.1;
const WARM_UP = 5;
/** For the buckets' own replication. */
const CARRY_TIMEOUT_MS = 30_000;

function batchOf(text: string): ValidBatch {
  const value = Buffer.from(text.padEnd(options.valueBytes, '.'));
  const timestamp = Date.now();
  const bytes = encodeBatch([{ timestamp, key: null, value, headers: [] }]);
  return { bytes, recordCount: 1, maxTimestamp: timestamp, producer: undefined };
}

interface Measured {
  readonly row: Cell[];
  readonly problems: readonly string[];
}

async function measure(name: string, durability: Durability, neededMs: number): Promise<Measured> {
  const meters = new Map(REGIONS.map((region) => [region, newMeter()]));
  const itemMeter = newMeter();
  const buckets = REGIONS.map((region) => {
    const latency = { objectMs: UPLOAD_MS[region], itemMs: 0 };
    const { objects } = metered(memoryStorage(), meters.get(region)!, latency);
    return { objects, weather: createWeather(region) };
  });
  const replication = createBucketReplication(buckets, systemClock);
  const all = buckets.map((bucket, i) => ({
    ...{ id: i + 1, name: REGIONS[i]!, objects: replication.from(bucket) },
  }));
  const storage = metered(memoryStorage(), itemMeter, { objectMs: 0, itemMs: COMMIT_MS });
  const wadi = await createWadi({ storage, regions: { local: 'a', all } });
  const topics: LogTopic[] = [];
  for (let p = 0; p < options.producers; p++) topics.push(await wadi.topics.create({ name: `bench-${p}` }));

  const latencies: number[] = [];
  let appended = 0;
  const produce = async (topic: LogTopic, requests: number) => {
    for (let n = 0; n < requests; n++) {
      const batch = batchOf(`${n}`);
      const sentMs = performance.now();
      const [result] = await wadi.log.append(topic, [{ partition: 0, batches: [batch] }], durability);
      if (!result!.ok) throw result!.error;
      latencies.push(performance.now() - sentMs);
      appended += batch.bytes.length;
    }
  };
  const produceAll = (requests: number) => Promise.all(topics.map((topic) => produce(topic, requests)));
  const crossed = () => [meters.get('b')!, meters.get('c')!].map(({ objectPutBytes }) => objectPutBytes);
  // S3's own replication is behind.
  const carried = async () => {
    const endMs = performance.now() + CARRY_TIMEOUT_MS;
    while (crossed().some((bytes) => bytes < appended) && performance.now() < endMs) await sleep(50);
  };

  await produceAll(WARM_UP);
  await carried();
  latencies.length = 0;
  appended = 0;
  for (const meter of [...meters.values(), itemMeter]) reset(meter);
  await produceAll(options.requests);
  await carried();
  replication.close();

  latencies.sort((a, b) => a - b);
  const at = (share: number) => latencies[Math.floor(latencies.length * share)]!;
  const requests = latencies.length;
  const each = (count: number) => (count / requests).toFixed(2);
  const puts = [...meters.values()].reduce((sum, { objectPuts }) => sum + objectPuts, 0);
  const ratio = at(0.5) / neededMs;
  const shares = crossed().map((bytes) => bytes / appended);
  const problems = [
    ...(ratio > MAX_RATIO ? [`${name}: the median is ${ratio.toFixed(2)} times what it needs`] : []),
    ...shares.flatMap((share, i) =>
      share === 1 ? [] : [`${name}: ${share} bytes per byte crossed to ${REGIONS[i + 1]}`],
    ),
  ];
  return {
    row: [
      ...[name, requests, Math.round(neededMs), at(0.5).toFixed(0), ratio.toFixed(2)],
      ...[at(0.99).toFixed(0), (at(0.99) / neededMs).toFixed(2)],
      ...shares.map((share) => share.toFixed(2)),
      ...[each(puts), each(itemMeter.itemWrites), each(itemMeter.itemReads)],
    ],
    problems,
  };
}

function reset(meter: Meter): void {
  Object.assign(meter, newMeter());
}

const slowestMs = Math.max(...Object.values(UPLOAD_MS));
const measured = [
  await measure('acks=1', { acks: 1, minInsyncReplicas: 2 }, UPLOAD_MS.a + COMMIT_MS),
  await measure('acks=all', { acks: 'all', minInsyncReplicas: 2 }, slowestMs + COMMIT_MS),
];
printTable(
  `An append in a: uploads take ${Object.values(UPLOAD_MS).join(', ')} ms to a, b, c, a commit ${COMMIT_MS} ms`,
  [
    ...['', 'requests', 'needed ms', 'p50 ms', 'ratio', 'p99 ms', 'ratio', 'bytes to b', 'bytes to c'],
    ...['PUTs', 'item writes', 'item reads'],
  ],
  measured.map(({ row }) => row),
);
console.log('\nneeded: the slowest upload it waits for, and one commit. bytes: per byte appended.');
console.log('PUTs, item writes and reads: per request; of acks=1 some PUTs are by the buckets themselves.');
const problems = measured.flatMap((each) => each.problems);
for (const problem of problems) console.log(`wrong: ${problem}`);
process.exitCode = problems.length === 0 ? 0 : 1;
