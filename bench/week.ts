/**
 * A week of traffic in virtual time, with retention of a day: does what is stored stay within a bound of what is live? The
 * planner runs every five minutes, a worker does what it sends. Some appenders die behind their upload. Time is made up, so the
 * week takes a minute or two; requests are counted at the storage ports. `npm run bench:week`.
 */
import { type Clock, systemClock } from '../lib/clock.ts';
import { createBlobs, newBlobId } from '../lib/log/blob.ts';
import { addCounts, type Counts } from '../lib/maintenance/job.ts';
import { plan } from '../lib/maintenance/planner.ts';
import { surveyPartitions } from '../lib/maintenance/survey.ts';
import { work } from '../lib/maintenance/worker.ts';
import { createInProcessQueue } from '../lib/queue/inProcess.ts';
import { encodeBatch } from '../lib/record/encode.ts';
import { memoryStorage } from '../lib/storage/memory/memory.ts';
import type { Topic } from '../lib/topic/topic.ts';
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
async function die(): Promise<void> {
  const chunk = new Uint8Array(filler.length);
  const blob = { id: newBlobId(clock), inline: false };
  await createBlobs(storage.objects, storage.log, clock).upload(topic.id, 0, blob, [chunk]);
  orphanBytes += chunk.length;
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

async function stored(): Promise<{ bytes: number; objects: number }> {
  let bytes = 0;
  let objects = 0;
  for (let after: string | undefined; ; ) {
    const page = await storage.objects.list('', { limit: 1_000, ...(after && { after }) });
    for (const object of page.objects) bytes += object.bytes;
    objects += page.objects.length;
    after = page.next;
    if (after === undefined) break;
  }
  return { bytes, objects };
}

async function rowsOf({ id }: Topic): Promise<{ segments: number; marks: number }> {
  let segments = 0;
  let marks = 0;
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const { items } = await storage.log.query({ pk: `index/${id}/${partition}`, limit: 1_000_000 });
    for (const { absorbed } of items) absorbed === undefined ? segments++ : marks++;
  }
  return { segments, marks };
}

const rows: Cell[][] = [];
let isBounded = true;
for (let day = 1; day <= DAYS; day++) {
  process.stderr.write(`day ${day} …\n`);
  const before = { ...maintaining };
  let counts: Counts = {};
  let bytesToday = 0;
  for (let tick = 0; tick < DAY_MS / TICK_MS; tick++) {
    const startedAtMs = now;
    for (let n = 0; n < APPENDS; n++) {
      bytesToday += await append();
      if (Math.random() < ORPHANS) await die();
    }
    await producer.log.settled();
    counts = addCounts(counts, await maintain());
    now = Math.max(now, startedAtMs + TICK_MS);
  }
  const survey = await surveyPartitions({ items: storage.log, clock }, topic, [...Array(PARTITIONS).keys()]);
  const live = survey.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const { bytes, objects } = await stored();
  const { segments, marks } = await rowsOf(topic);
  /** A segment of each partition that has one record left, and what was written since garbage was last collected: up to 90 minutes of
   * appends, each copied some four times. */
  const allowed = live + PARTITIONS * SEGMENT_BYTES + bytesToday / 3;
  isBounded &&= bytes <= allowed;
  const spent = { ...maintaining };
  for (const name of Object.keys(spent) as (keyof typeof spent)[]) spent[name] -= before[name];
  rows.push([
    `day ${day}`,
    mb(bytesToday),
    mb(live),
    mb(bytes),
    mb(allowed),
    objects,
    segments,
    marks,
    counts.bytesReclaimed === undefined ? '-' : mb(counts.bytesReclaimed),
    `$${((dollars(spent) * 1024 * MIB) / bytesToday).toFixed(3)}`,
  ]);
}
printTable(
  `${next} appends in ${DAYS} days, kept for a day; ${mb(orphanBytes)} MB of orphans`,
  ['', 'MB appended', 'MB live', 'MB stored', 'at most', 'objects', 'rows', 'marks', 'MB reclaimed', '$/GiB'],
  rows,
);
console.log('\nAt most: what is live, a segment of each partition, and eight hours of appends.');
if (!isBounded) process.exitCode = 1;

function mb(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
