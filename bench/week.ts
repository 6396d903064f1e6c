/**
 * A week of traffic in virtual time, with retention of a day: what is stored, rows, marks, and objects that nothing names stay within
 * bounds, in every hour, and are no more in the last days than in the third; or it fails. The planner runs every five minutes, a worker
 * does what it sends. Some appenders die behind their upload. Time is made up, so the week takes a minute or so; requests are
 * counted at the storage ports. `npm run bench:week`.
 */
import { type Clock, systemClock } from '../lib/clock.ts';
import { type BlobName, blobName, createBlobs, newBlobId } from '../lib/log/blob.ts';
import {
  decodeHead,
  headIndexOf,
  headKey,
  logStartOffset,
  type PlacedSlice,
  placedSlices,
} from '../lib/log/head.ts';
import { indexOf } from '../lib/log/indexRow.ts';
import { addCounts, type Counts } from '../lib/maintenance/job.ts';
import { plan } from '../lib/maintenance/planner.ts';
import { surveyPartitions } from '../lib/maintenance/survey.ts';
import { work } from '../lib/maintenance/worker.ts';
import { createInProcessQueue } from '../lib/queue/inProcess.ts';
import { encodeBatch } from '../lib/record/encode.ts';
import { memoryStorage } from '../lib/storage/memory/memory.ts';
import { createWadi } from '../lib/wadi.ts';
import { dollars, metered, newMeter } from './metering.ts';
import { benchOptions } from './options.ts';
import { type Cell, printTable } from './table.ts';

const options = benchOptions(
  'week',
  'Whether what is stored stays within a bound of what is live, in a week of made-up time.',
  {
    days: [7, 'that pass'],
    appendsPerTick: [40, 'in each five minutes'],
    valueBytes: [5_000, 'of a record'],
    partitions: [8, 'of the topic'],
    orphans: [0.02, 'part of the appenders that die behind their upload'],
  },
);
const DAYS = options.days;
const APPENDS = options.appendsPerTick;
const PARTITIONS = options.partitions;
const ORPHANS = options.orphans;
const TICK_MS = 300_000;
const DAY_MS = 86_400_000;
const MIB = 1 << 20;
/** An hour. */
const TICKS_PER_SAMPLE = 12;
/** Garbage is due within 75 minutes of the write that leaves it. */
const GARBAGE_MS = 90 * 60_000;
const FLAT_FROM_DAY = 3;
const FLAT = 1.2;
const BLOB_NAME_CHARS = 28;

/** Whoever waits moves it, and the driver, from tick to tick. */
let now = Date.UTC(2026, 0, 5);
const clock: Clock = {
  now: () => now,
  random: systemClock.random,
  async sleep(ms) {
    now += ms;
  },
};

const storage = memoryStorage();
const appending = newMeter();
const maintaining = newMeter();
const producer = await createWadi({ storage: metered(storage, appending), clock, clusterId: 'week' });
const queue = createInProcessQueue();
const worker = await createWadi({ storage: metered(storage, maintaining), clock, clusterId: 'week', queue });

const SEGMENT_BYTES = 2 * MIB;
const configs = { 'retention.ms': String(DAY_MS), 'segment.bytes': String(SEGMENT_BYTES) };
const topic = await producer.topics.create({ name: 'traffic', partitions: PARTITIONS, configs });
const filler = 'x'.repeat(options.valueBytes);

let next = 0;
let orphanBytes = 0;

async function append(): Promise<number> {
  const value = Buffer.from(`${next} ${filler}`);
  const bytes = encodeBatch([{ timestamp: now, key: null, value, headers: [] }], {});
  const partition = next++ % PARTITIONS;
  const batch = { bytes, recordCount: 1, maxTimestamp: now, producer: undefined };
  const [result] = await producer.log.append(topic, [{ partition, batches: [batch] }]);
  if (!result!.ok) throw result!.error;
  return bytes.length;
}

/** An appender that has written its blob, and dies. */
async function die(): Promise<number> {
  const chunk = new Uint8Array(filler.length);
  const blob = { id: newBlobId(clock), inline: false };
  const durability = { acks: 'all', minInsyncReplicas: 1 } as const;
  const blobs = createBlobs({ objects: storage.objects, items: storage.log, clock });
  await blobs.upload({ topic, headIndex: 0, blob, chunks: [chunk], durability });
  orphanBytes += chunk.length;
  return chunk.length;
}

async function maintain(): Promise<Counts> {
  let counts: Counts = {};
  await plan(worker);
  for (let message = queue.take(); message !== undefined; message = queue.take()) {
    const worked = await work(worker, message);
    if (worked) counts = addCounts(counts, worked.counts);
  }
  return counts;
}

/** Each with what it may be at most. */
interface Sample {
  readonly live: number;
  readonly objects: number;
  readonly bytes: Bounded;
  readonly rows: Bounded;
  readonly marks: Bounded;
  /** Bytes of objects that nothing names. */
  readonly orphans: Bounded;
}
type Bounded = readonly [value: number, atMost: number];
const BOUNDED = ['bytes', 'rows', 'marks', 'orphans'] as const;

/** Of the last two days, per tick: what was appended, left by appenders that died, and done by maintenance. */
const ticks: { readonly appended: number; readonly died: number; readonly counts: Counts }[] = [];

function inLast(ms: number, of: (tick: (typeof ticks)[number]) => number): number {
  return ticks.slice(-ms / TICK_MS).reduce((sum, tick) => sum + of(tick), 0);
}

async function sample(): Promise<Sample> {
  const partitions = [...Array(PARTITIONS).keys()];
  const survey = await surveyPartitions({ items: storage.log, clock }, topic, partitions);
  const live = survey.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const named = new Set<BlobName>();
  let rows = 0;
  let marks = 0;
  for (const partition of partitions) {
    const index = headIndexOf(topic, partition);
    const head = decodeHead((await storage.log.get(headKey(topic.id, index)))!, topic, index);
    const start = logStartOffset(head, partition);
    const name = (slices: readonly PlacedSlice[]) => {
      for (const { blob, baseOffset, recordCount } of slices)
        if (baseOffset + recordCount > start) named.add(blobName(blob.id));
    };
    name(placedSlices(head, partition));
    const page = await indexOf(storage.log, clock, topic.id, partition).from(0, 1_000_000);
    for (const row of page.rows) {
      if (row.absorbed !== undefined) marks++;
      else rows++;
      if (row.absorbed === undefined) name(row.slices);
    }
  }
  let bytes = 0;
  let objects = 0;
  let orphans = 0;
  for (let after: string | undefined; ; ) {
    const page = await storage.objects.list('', { limit: 1_000, ...(after && { after }) });
    for (const object of page.objects) {
      bytes += object.bytes;
      if (!named.has(object.key.slice(-BLOB_NAME_CHARS))) orphans += object.bytes;
    }
    objects += page.objects.length;
    after = page.next;
    if (after === undefined) break;
  }
  const whole = PARTITIONS * SEGMENT_BYTES;
  const left = ({ died, counts: { bytesWritten = 0, bytesDeleted = 0 } }: (typeof ticks)[number]) =>
    died + bytesWritten + bytesDeleted;
  return {
    live,
    objects,
    bytes: [bytes, live + whole + inLast(DAY_MS / 3, ({ appended }) => appended)],
    rows: [rows, live / SEGMENT_BYTES + 4 * PARTITIONS],
    marks: [marks, inLast(2 * DAY_MS, ({ counts }) => counts.rowsAbsorbed ?? 0) + 4 * PARTITIONS],
    orphans: [orphans, inLast(GARBAGE_MS, left) + whole],
  };
}

const rows: Cell[][] = [];
const wrong: string[] = [];
/** The worst hour of each day. */
const peaks: Sample[] = [];
for (let day = 1; day <= DAYS; day++) {
  process.stderr.write(`day ${day} …\n`);
  const before = { ...maintaining };
  let counts: Counts = {};
  let bytesToday = 0;
  let peak: Sample | undefined;
  for (let tick = 1; tick <= DAY_MS / TICK_MS; tick++) {
    const startedAtMs = now;
    let appended = 0;
    let died = 0;
    for (let n = 0; n < APPENDS; n++) {
      appended += await append();
      if (Math.random() < ORPHANS) died += await die();
    }
    await producer.log.settled();
    const done = await maintain();
    ticks.push({ appended, died, counts: done });
    counts = addCounts(counts, done);
    bytesToday += appended;
    now = Math.max(now, startedAtMs + TICK_MS);
    if (tick % TICKS_PER_SAMPLE === 0) peak = worst(peak, await sample(), `day ${day}, tick ${tick}`);
  }
  const spent = { ...maintaining };
  for (const name of Object.keys(spent) as (keyof typeof spent)[]) spent[name] -= before[name];
  const { live, objects, ...bounded } = peak!;
  peaks.push(peak!);
  rows.push([
    `day ${day}`,
    mb(bytesToday),
    mb(live),
    ...bounded.bytes.map(mb),
    objects,
    ...bounded.rows.map(Math.floor),
    ...bounded.marks,
    ...bounded.orphans.map(mb),
    mb(counts.bytesReclaimed ?? 0),
    `$${((dollars(spent) * 1024 * MIB) / bytesToday).toFixed(3)}`,
  ]);
}

/** Of each number the greatest, with the bound that it had. Notes what is beyond its bound. */
function worst(before: Sample | undefined, now: Sample, when: string): Sample {
  const all = {
    ...now,
    live: Math.max(before?.live ?? 0, now.live),
    objects: Math.max(before?.objects ?? 0, now.objects),
  };
  for (const name of BOUNDED) {
    const [value, atMost] = now[name];
    if (value > atMost)
      wrong.push(`${when}: ${name} are ${Math.round(value)}, and at most ${Math.round(atMost)}`);
    if (before !== undefined && before[name][0] > value) all[name] = before[name];
  }
  return all;
}

const third = peaks[FLAT_FROM_DAY - 1];
for (const [i, peak] of peaks.entries()) {
  if (i < FLAT_FROM_DAY) continue;
  for (const name of BOUNDED) {
    const share = peak[name][0] / third![name][0];
    if (share > FLAT)
      wrong.push(`day ${i + 1}: ${name} are ${share.toFixed(2)} of those of day ${FLAT_FROM_DAY}`);
  }
}
printTable(
  `${next} appends in ${DAYS} days, kept for a day; ${mb(orphanBytes)} MB of them by appenders that died; the worst hour of each day`,
  [
    ...[
      '',
      'MB appended',
      'MB live',
      'MB stored',
      'at most',
      'objects',
      'rows',
      'at most',
      'marks',
      'at most',
    ],
    ...['MB orphans', 'at most', 'MB reclaimed', '$/GiB'],
  ],
  rows,
);
console.log(`
At most. Stored: what is live, a segment of each partition, and eight hours of appends. Rows: as many as segments hold what is live, and
four of each partition. Marks: the rows that were absorbed in two days, and four of each partition. Orphans, objects that nothing names:
what was written by maintenance, taken by retention and left by appenders that died, in ${GARBAGE_MS / 60_000} minutes, and a segment of each partition.
Flat: each of them, on each day after the third, at most ${FLAT} of what it was on the third.`);
if (wrong.length > 0) throw new Error(wrong.join('\n'));

function mb(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
