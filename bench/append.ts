/**
 * What an append costs: requests and write units, counted at the storage ports, over storage as slow as S3 and
 * DynamoDB are within a region. Checks that every acknowledged record is at its offset, once. `npm run bench:append`.
 */
import { systemClock } from '../lib/clock.ts';
import { createLog } from '../lib/log/createLog.ts';
import type { Log, LogTopic } from '../lib/log/log.ts';
import { decodeBatches } from '../lib/record/decode.ts';
import { encodeBatch } from '../lib/record/encode.ts';
import type { ValidBatch } from '../lib/record/record.ts';
import { validateBatches } from '../lib/record/validate.ts';
import { memoryStorage } from '../lib/storage/memory/memory.ts';
import { dollars, metered, newMeter } from './metering.ts';
import { benchOptions } from './options.ts';
import { type Cell, printTable } from './table.ts';

const options = benchOptions('append', 'What an append costs: requests and write units, and dollars.', {
  requests: [4_000, 'of each scenario, about'],
  s3Ms: [25, 'what a request to S3 takes, in milliseconds'],
  dynamodbMs: [4, 'what a request to DynamoDB takes, in milliseconds'],
});
const REQUESTS = options.requests;
const latency = { objectMs: options.s3Ms, itemMs: options.dynamodbMs };

interface Scenario {
  readonly name: string;
  readonly producers: number;
  readonly partitions: number;
  /** Processes that share nothing but the storage, as Lambda environments do. */
  readonly processes: number;
  readonly valueBytes: number;
  readonly idempotent: boolean;
}

const base = { producers: 1, partitions: 1, processes: 1, valueBytes: 1_000, idempotent: false };
const SCENARIOS: readonly Scenario[] = [
  { ...base, name: '1 producer, 1 partition, 1 KB' },
  { ...base, name: '1 producer, 1 partition, 1 KB, idempotent', idempotent: true },
  { ...base, name: '1 producer, 1 partition, 100 KB', valueBytes: 100_000 },
  { ...base, name: '64 producers, 1 partition, 1 process', producers: 64 },
  { ...base, name: '64 producers, 1 partition, 8 processes', producers: 64, processes: 8 },
  { ...base, name: '16 producers x 16 partitions, 1 process', producers: 16, partitions: 16 },
  {
    ...base,
    name: '16 producers x 16 partitions, 16 processes',
    producers: 16,
    partitions: 16,
    processes: 16,
  },
  {
    ...base,
    name: '16 x 16, 16 processes, idempotent',
    producers: 16,
    partitions: 16,
    processes: 16,
    idempotent: true,
  },
];

function batch(value: string, producer: ValidBatch['producer']): ValidBatch {
  const record = { timestamp: Date.now(), key: null, value: Buffer.from(value), headers: [] };
  const limits = { maxMessageBytes: 1 << 20, maxDecompressedBytes: 1 << 25, nowMs: Date.now() };
  const bytes = encodeBatch([record], producer ? { producer } : {});
  return validateBatches(bytes, { ...limits, compressionType: 'producer', timestampType: 'CreateTime' })[0]!;
}

async function run(scenario: Scenario): Promise<Cell[]> {
  const meter = newMeter();
  const storage = metered(memoryStorage(), meter, latency);
  const logs = Array.from({ length: scenario.processes }, () => createLog({ storage, clock: systemClock }));
  const topic: LogTopic = {
    id: 'bench',
    name: 'bench',
    partitions: scenario.partitions,
    partitionsPerHead: 16,
  };
  await logs[0]!.createHeads(topic, 0, topic.partitions);
  for (const key of Object.keys(meter) as (keyof typeof meter)[]) meter[key] = 0;

  const acknowledged = new Map<string, string>();
  const perProducer = Math.ceil(REQUESTS / scenario.producers / (scenario.producers === 1 ? 10 : 1));
  const filler = 'x'.repeat(scenario.valueBytes);
  const started = performance.now();
  const latencies: number[] = [];
  await Promise.all(
    Array.from({ length: scenario.producers }, async (_, p) => {
      const log = logs[p % logs.length]!;
      for (let n = 0; n < perProducer; n++) {
        const producer = scenario.idempotent ? { id: BigInt(p), epoch: 0, sequence: n } : undefined;
        const units = Array.from({ length: topic.partitions }, (_, partition) => {
          const value = `${p}/${n}/${partition} ${filler}`;
          return { partition, value, batches: [batch(value, producer)] };
        });
        const sent = performance.now();
        const results = await log.append(topic, units);
        latencies.push(performance.now() - sent);
        results.forEach((result, i) => {
          if (!result.ok) throw result.error;
          acknowledged.set(`${units[i]!.partition}/${result.offsets[0]}`, units[i]!.value);
        });
      }
    }),
  );
  await Promise.all(logs.map((log) => log.settled()));
  const seconds = (performance.now() - started) / 1000;
  const counted = { ...meter };
  await check(createLog({ storage, clock: systemClock }), topic, acknowledged);

  const requests = perProducer * scenario.producers;
  const commits = counted.objectPuts + counted.inlinePuts;
  latencies.sort((a, b) => a - b);
  return [
    scenario.name,
    requests,
    (requests / commits).toFixed(2),
    (commits / commits).toFixed(2),
    (counted.headAppends / commits).toFixed(2),
    ((counted.headMaintenance + counted.otherPuts) / commits).toFixed(2),
    (counted.writeUnits / commits).toFixed(2),
    `$${((dollars(counted) / requests) * 1e6).toFixed(2)}`,
    Math.round(requests / seconds),
    latencies[Math.floor(latencies.length / 2)]!.toFixed(0),
    latencies[Math.floor(latencies.length * 0.99)]!.toFixed(0),
  ];
}

/** Every acknowledged record at its offset, offsets contiguous, nothing else there. */
async function check(log: Log, topic: LogTopic, acknowledged: Map<string, string>): Promise<void> {
  let total = 0;
  for (let partition = 0; partition < topic.partitions; partition++) {
    for (let offset = 0; ; ) {
      const fetched = await log.fetch(topic, {
        partition,
        offset,
        maxBytes: 8 << 20,
        minBytes: 0,
        maxWaitMs: 0,
      });
      if (fetched.nextOffset === offset) break;
      for (const record of decodeBatches(fetched.bytes)) {
        const value = Buffer.from(record.value!).toString();
        if (record.offset !== offset || acknowledged.get(`${partition}/${offset}`) !== value) {
          throw new Error(`partition ${partition}, offset ${offset}: not what was acknowledged`);
        }
        offset++;
        total++;
      }
    }
  }
  if (total !== acknowledged.size) throw new Error(`${acknowledged.size} acknowledged, ${total} found`);
}

const rows: Cell[][] = [];
for (const scenario of SCENARIOS) {
  process.stderr.write(`${scenario.name} …\n`);
  rows.push(await run(scenario));
}
printTable(
  `Appends over a store with ${latency.objectMs} ms (objects) and ${latency.itemMs} ms (items); all records checked`,
  [
    '',
    'requests',
    'per append',
    'blob writes',
    'attempts',
    'roll',
    'WCU',
    '$/M requests',
    'req/s',
    'p50 ms',
    'p99 ms',
  ],
  rows,
);
console.log(
  '\nAn append is one entry in a head, shared by the requests that came while the one before was uploaded.',
);
console.log(
  'Blob writes, attempts (head updates), roll (its updates, index rows and a due item now and then) and WCU are per append.',
);
