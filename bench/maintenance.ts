/**
 * What maintenance does for readers, and what it costs: many small appends, then the index merged into segments and
 * what is left over deleted, while producers and readers go on at full rate. Requests are counted at the storage ports.
 * Every record that was acknowledged is looked for, before, meanwhile and after. `npm run bench:maintenance`.
 */
import { parseArgs } from 'node:util';
import { systemClock } from '../lib/clock.ts';
import { createLog } from '../lib/log/createLog.ts';
import { indexOf } from '../lib/log/indexRow.ts';
import type { Log, LogTopic } from '../lib/log/log.ts';
import { collectGarbage } from '../lib/maintenance/collectGarbage.ts';
import type { GarbageCursor } from '../lib/maintenance/garbage.ts';
import { mergePartition } from '../lib/maintenance/mergePartition.ts';
import { decodeBatches } from '../lib/record/decode.ts';
import { encodeBatch } from '../lib/record/encode.ts';
import type { ValidBatch } from '../lib/record/record.ts';
import { memoryStorage } from '../lib/storage/memory/memory.ts';
import { dollars, type Meter, metered, newMeter } from './metering.ts';
import { type Cell, printTable } from './table.ts';

const { values: options } = parseArgs({
  options: {
    appends: { type: 'string', default: '20000' },
    partitions: { type: 'string', default: '16' },
    'value-bytes': { type: 'string', default: '5000' },
    processes: { type: 'string', default: '8' },
    readers: { type: 'string', default: '4' },
    'fetch-bytes': { type: 'string', default: String(1 << 20) },
    's3-ms': { type: 'string', default: '10' },
    'dynamodb-ms': { type: 'string', default: '2' },
  },
});
const APPENDS = Number(options.appends);
const PARTITIONS = Number(options.partitions);
const PROCESSES = Number(options.processes);
const READERS = Number(options.readers);
const FETCH_BYTES = Number(options['fetch-bytes']);
const latency = { objectMs: Number(options['s3-ms']), itemMs: Number(options['dynamodb-ms']) };
const SEGMENT_BYTES = 1 << 30;
const MIB = 1 << 20;
/** Appends are done within it, so that the floor that garbage collection raises refuses none. */
const GRACE_MS = 2_000;

const topic: LogTopic = { id: 'bench', name: 'bench', partitions: PARTITIONS, partitionsPerHead: 16 };
const storage = memoryStorage();
const filler = 'x'.repeat(Number(options['value-bytes']));
const acknowledged = Array.from({ length: PARTITIONS }, () => new Map<number, string>());

const producing = newMeter();
const writers = Array.from({ length: PROCESSES }, () => open(producing));
await writers[0]!.createHeads(topic, 0, PARTITIONS);

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
const rest = await maintain();
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
    ['objects written', merged.value.objects + rest.objects],
    ['blobs deleted', merged.value.blobs + rest.blobs],
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

/** Merges what there is, then deletes what nobody needs any more. */
async function maintain(): Promise<{ objects: number; blobs: number }> {
  const { objects, log: items } = metered(storage, maintaining, latency);
  const context = { objects, items, clock: systemClock };
  const counts = { objects: 0, blobs: 0 };
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for (let more = true; more; ) {
      const merged = await mergePartition(context, topic, partition, {
        segmentBytes: SEGMENT_BYTES,
        force: true,
      });
      counts.objects += merged.objects;
      more = merged.more;
    }
  }
  await systemClock.sleep(GRACE_MS);
  let cursor: GarbageCursor | undefined;
  do {
    const collected = await collectGarbage(context, topic, { graceMs: GRACE_MS, ...(cursor && { cursor }) });
    counts.blobs += collected.objects + collected.inlineItems + collected.segments;
    cursor = collected.cursor;
  } while (cursor !== undefined);
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
