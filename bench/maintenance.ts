/**
 * What maintenance does for readers, and what it costs: many small appends, then the index merged into segments and
 * what is left over deleted, while producers and readers go on at full rate. Requests are counted at the storage ports.
 * Every record that was acknowledged is looked for, before, meanwhile and after. `npm run bench:maintenance`.
 */
import { systemClock } from '../lib/clock.ts';
import { createLog } from '../lib/log/createLog.ts';
import { indexOf } from '../lib/log/indexRow.ts';
import { LIMITS } from '../lib/log/limits.ts';
import type { Log } from '../lib/log/log.ts';
import { addCounts, type Counts, type JobContext } from '../lib/maintenance/job.ts';
import { MAINTENANCE_LIMITS } from '../lib/maintenance/limits.ts';
import { maintainTopic, type TopicCursor, WHOLE_TOPIC } from '../lib/maintenance/maintainTopic.ts';
import { decodeBatches } from '../lib/record/decode.ts';
import { encodeBatch } from '../lib/record/encode.ts';
import type { ValidBatch } from '../lib/record/record.ts';
import { memoryStorage } from '../lib/storage/memory/memory.ts';
import { createWadi } from '../lib/wadi.ts';
import { dollars, type Meter, metered, newMeter } from './metering.ts';
import { benchOptions } from './options.ts';
import { type Cell, printTable } from './table.ts';

const options = benchOptions('maintenance', 'What maintenance does for readers, and what it costs.', {
  appends: [20_000, 'of one record each, before maintenance'],
  partitions: [16, 'of the topic'],
  valueBytes: [5_000, 'of a record'],
  processes: [8, 'that append, and share nothing but the storage'],
  readers: [4, 'while maintenance runs'],
  fetchBytes: [1 << 20, 'that a reader asks for'],
  s3Ms: [10, 'what a request to S3 takes, in milliseconds'],
  dynamodbMs: [2, 'what a request to DynamoDB takes, in milliseconds'],
});
const APPENDS = options.appends;
const PARTITIONS = options.partitions;
const PROCESSES = options.processes;
const READERS = options.readers;
const FETCH_BYTES = options.fetchBytes;
const latency = { objectMs: options.s3Ms, itemMs: options.dynamodbMs };
const MIB = 1 << 20;

const storage = memoryStorage();
const filler = 'x'.repeat(options.valueBytes);
const acknowledged = Array.from({ length: PARTITIONS }, () => new Map<number, string>());

const producing = newMeter();
const writers = Array.from({ length: PROCESSES }, () => open(producing));
const { topics } = await createWadi({ storage });
const topic = await topics.create({ name: 'bench', partitions: PARTITIONS });

const written = await step('appends', () => produce('before', APPENDS));
const before = await readEverything('reading, before');
const rowsBefore = await indexRows();

let done = false;
let meanwhileAppends = 0;
let meanwhileReads = 0;
const meanwhile = newMeter();
const producers = Promise.all(
  writers.map(async (log, p) => {
    for (let n = 0; !done; n++) {
      await append(log, (p + n) % PARTITIONS, `meanwhile ${p}/${n}`);
      meanwhileAppends++;
    }
  }),
);
const readers = Promise.all(
  Array.from({ length: READERS }, async (_, r) => {
    const log = open(meanwhile);
    for (let n = r; !done; n++) meanwhileReads += await readPartition(log, n % PARTITIONS);
  }),
);
const maintaining = newMeter();
const merged = await step('maintenance', maintain);
done = true;
await Promise.all([producers, readers]);
await Promise.all(writers.map((log) => log.settled()));
// What was appended meanwhile.
const total = addCounts(merged.value, await maintain());
const rowsAfter = await indexRows();
const after = await readEverything('reading, after');

const bytes = after.meter.objectGetBytes;
const allowed = Math.ceil(bytes / (4 * MIB)) + PARTITIONS;
printTable(
  `Reading ${after.records} records of ${PARTITIONS} partitions from offset 0, ${FETCH_BYTES / 1024} KiB a fetch`,
  ['', 'records', 'MB', 'GETs', 'item reads', 'index rows', 'seconds', '$/GiB'],
  [
    readingRow('before', before, rowsBefore),
    readingRow('after', after, rowsAfter),
    ['at most', '', '', allowed, '', PARTITIONS, '', ''],
  ],
);
const moved = bytes + meanwhile.objectPutBytes;
printTable(
  'What maintenance cost, while producers and readers went on',
  ['', ''],
  [
    ['appends before, meanwhile', `${APPENDS} in ${written.seconds.toFixed(1)} s, ${meanwhileAppends}`],
    ['records read meanwhile, and checked', meanwhileReads],
    ['seconds of maintenance', merged.seconds.toFixed(1)],
    ['objects written', total.objectsWritten ?? 0],
    ['blobs deleted', (total.objectsReclaimed ?? 0) + (total.itemsReclaimed ?? 0)],
    ['bytes written per byte of data', (maintaining.objectPutBytes / moved).toFixed(2)],
    [
      'PUTs, GETs, LISTs per GiB',
      [maintaining.objectPuts, maintaining.objectGets, maintaining.objectLists]
        .map((n) => perGib(n, moved))
        .join(', '),
    ],
    [
      'write units, read units per GiB',
      [maintaining.writeUnits, maintaining.readUnits].map((n) => perGib(n, moved)).join(', '),
    ],
    ['$ per GiB', `$${((dollars(maintaining) * 1024 * MIB) / moved).toFixed(4)}`],
    ['$ per GiB of the appends themselves', `$${((dollars(producing) * 1024 * MIB) / moved).toFixed(4)}`],
  ],
);
if (after.meter.objectGets > allowed || rowsAfter > PARTITIONS) {
  console.error('\nMore requests or rows than there may be.');
  process.exitCode = 1;
}

function open(meter: Meter): Log {
  return createLog({ storage: metered(storage, meter, latency), clock: systemClock });
}

async function step<T>(name: string, work: () => Promise<T>): Promise<{ value: T; seconds: number }> {
  process.stderr.write(`${name} …\n`);
  const started = performance.now();
  const value = await work();
  return { value, seconds: (performance.now() - started) / 1000 };
}

function batch(value: string): ValidBatch {
  const timestamp = Date.now();
  const bytes = encodeBatch([{ timestamp, key: null, value: Buffer.from(value), headers: [] }], {});
  return { bytes, recordCount: 1, maxTimestamp: timestamp, producer: undefined };
}

/** One request with one record: nobody shares its blob, as with many small producers far apart. */
async function append(log: Log, partition: number, text: string): Promise<void> {
  const value = `${text} ${filler}`;
  const [result] = await log.append(topic, [{ partition, batches: [batch(value)] }]);
  if (!result!.ok) throw result!.error;
  acknowledged[partition]!.set(result!.offsets[0]!, text);
}

async function produce(name: string, appends: number): Promise<void> {
  await Promise.all(
    writers.map(async (log, p) => {
      for (let n = p; n < appends; n += writers.length) await append(log, n % PARTITIONS, `${name} ${n}`);
      await log.settled();
    }),
  );
}

/** As `wadi maintenance run`: rolls what is old enough, merges what there is, deletes what nobody needs any more. */
async function maintain(): Promise<Counts> {
  const { objects, log: items } = metered(storage, maintaining, latency);
  const [clock, limits, logLimits] = [systemClock, MAINTENANCE_LIMITS, LIMITS];
  const context: JobContext = {
    ...{ objects, items, clock, limits, logLimits },
    ...{ deadlineMs: Number.MAX_SAFE_INTEGER, isOver: () => false },
  };
  let counts: Counts = {};
  let cursor: TopicCursor | undefined = WHOLE_TOPIC;
  while (cursor !== undefined) {
    // What was appended a moment ago is not old enough to be rolled or collected.
    await clock.sleep(2_000);
    const work = await maintainTopic(context, topic, cursor, { force: true }, async () => undefined);
    counts = addCounts(counts, work.counts);
    cursor = work.cursor;
  }
  return counts;
}

interface Reading {
  readonly meter: Meter;
  readonly records: number;
  readonly seconds: number;
}

/** As a consumer that has nothing at hand. */
async function readEverything(name: string): Promise<Reading> {
  const meter = newMeter();
  const log = open(meter);
  const { value: records, seconds } = await step(name, async () => {
    let records = 0;
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const expected = acknowledged[partition]!.size;
      const found = await readPartition(log, partition);
      if (found < expected) throw new Error(`partition ${partition}: ${found} of ${expected} records`);
      records += found;
    }
    return records;
  });
  return { meter, records, seconds };
}

/** Offsets without a gap, and at each what was acknowledged there. */
async function readPartition(log: Log, partition: number): Promise<number> {
  const known = acknowledged[partition]!;
  let offset = 0;
  for (;;) {
    const request = { partition, offset, maxBytes: FETCH_BYTES, minBytes: 0, maxWaitMs: 0 };
    const { bytes, nextOffset } = await log.fetch(topic, request);
    if (nextOffset === offset) return offset;
    for (const record of decodeBatches(bytes)) {
      if (record.offset < offset) continue;
      const text = known.get(record.offset);
      const value = Buffer.from(record.value!);
      if (
        record.offset !== offset ||
        (text !== undefined && !value.toString('latin1', 0, 60).startsWith(`${text} `))
      ) {
        throw new Error(`partition ${partition}, offset ${offset}: not what was acknowledged`);
      }
      offset++;
    }
  }
}

async function indexRows(): Promise<number> {
  let count = 0;
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const { rows } = await indexOf(storage.log, systemClock, topic.id, partition).before(
      Number.MAX_SAFE_INTEGER,
      100_000,
    );
    count += rows.filter((row) => row.absorbed === undefined).length;
  }
  return count;
}

function readingRow(name: string, { meter, records, seconds }: Reading, rows: number): Cell[] {
  const mb = (meter.objectGetBytes / 1e6).toFixed(1);
  const perGibRead = `$${((dollars(meter) * 1024 * MIB) / meter.objectGetBytes).toFixed(4)}`;
  return [name, records, mb, meter.objectGets, meter.itemReads, rows, seconds.toFixed(1), perGibRead];
}

function perGib(count: number, bytes: number): string {
  return Math.round((count * 1024 * MIB) / bytes).toLocaleString('en');
}
