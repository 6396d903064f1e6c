/**
 * What compaction costs: a million keys, each updated ten times, in one partition; merged, then compacted in a process of its
 * own, as small as a worker. Checks that the last value of each key is at its offset, and nothing else; and that tombstones
 * are there until their time, and not after. `npm run bench:compaction`.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '../lib/clock.ts';
import { createLog } from '../lib/log/createLog.ts';
import type { LogTopic } from '../lib/log/log.ts';
import { compactPartition } from '../lib/maintenance/compactPartition.ts';
import { mergePartition } from '../lib/maintenance/mergePartition.ts';
import { decodeBatches } from '../lib/record/decode.ts';
import { encodeBatch } from '../lib/record/encode.ts';
import { embeddedStorage } from '../lib/storage/embedded/embedded.ts';
import { dollars, metered, newMeter } from './metering.ts';
import { benchOptions } from './options.ts';
import { type Cell, printTable } from './table.ts';

const options = benchOptions('compaction', 'What compaction costs, in time, memory, requests and dollars.', {
  keys: [1_000_000, 'that there are'],
  updates: [10, 'of each key'],
  valueBytes: [100, 'of a record'],
  workerMb: [512, 'memory of the process that compacts'],
});
const KEYS = options.keys;
const UPDATES = options.updates;
const WORKER_MB = options.workerMb;
const MIB = 1 << 20;
const HOUR = 3_600_000;
const DELETE_RETENTION_MS = 24 * HOUR;
const RECORDS_PER_APPEND = 5_000;
/** The last update of one key in a hundred deletes it. */
const TOMBSTONE_EVERY = 100;
/** What a worker's heap may take of its memory: buffers lie outside of it. */
const HEAP_SHARE = 0.4;

const TOPIC: LogTopic = { id: 'bench', name: 'bench', partitions: 1, partitionsPerHead: 1 };
const CONFIGS = {
  segmentBytes: 256 * MIB,
  minCleanableDirtyRatio: 0.5,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
  deleteRetentionMs: DELETE_RETENTION_MS,
};

interface Phase {
  readonly seconds: number;
  readonly peakMb: number;
  readonly readMb: number;
  readonly writtenMb: number;
  readonly gets: number;
  readonly puts: number;
  readonly itemReads: number;
  readonly itemWrites: number;
  readonly dollars: number;
  readonly calls: number;
  readonly removed: number;
  readonly tombstones: number;
}

/** Each round updates all keys, each in an order of its own. */
function keyAt(round: number, nth: number): number {
  return (nth * 7_919 + round * 104_729) % KEYS;
}

const keyBytes = (key: number) => Buffer.from(`key-${String(key).padStart(9, '0')}`);
const isTombstone = (round: number, key: number) => round === UPDATES - 1 && key % TOMBSTONE_EVERY === 0;
const filler = '.'.repeat(options.valueBytes);
const valueAt = (round: number, key: number) => `${round}/${key} ${filler}`;

function clockAhead(ms: number): Clock {
  return { ...systemClock, now: () => systemClock.now() + ms };
}

async function write(directory: string): Promise<void> {
  const storage = embeddedStorage({ directory });
  const log = createLog({ storage, clock: systemClock });
  await log.createHeads(TOPIC, 0, 1);
  for (let round = 0; round < UPDATES; round++) {
    for (let from = 0; from < KEYS; from += RECORDS_PER_APPEND) {
      const count = Math.min(RECORDS_PER_APPEND, KEYS - from);
      const records = Array.from({ length: count }, (_, i) => {
        const key = keyAt(round, from + i);
        const value = isTombstone(round, key) ? null : Buffer.from(valueAt(round, key));
        return { timestamp: Date.now(), key: keyBytes(key), value, headers: [] };
      });
      const batch = {
        bytes: encodeBatch(records),
        recordCount: count,
        maxTimestamp: records.at(-1)!.timestamp,
        producer: undefined,
      };
      const [result] = await log.append(TOPIC, [{ partition: 0, batches: [batch] }]);
      if (!result!.ok) throw result!.error;
    }
  }
  await log.settled();
  // The last entries leave the tail when a later append finds them old.
  for (let i = 0; i < 32; i++) {
    await systemClock.sleep(20);
    const record = { timestamp: Date.now(), key: keyBytes(0), value: null, headers: [] };
    const bytes = encodeBatch([record]);
    const batches = [{ bytes, recordCount: 1, maxTimestamp: record.timestamp, producer: undefined }];
    await log.append(TOPIC, [{ partition: 0, batches }]);
  }
  await log.settled();
  await storage.close();
}

/** In the process that is as small as a worker. */
async function work(directory: string, kind: string): Promise<Phase> {
  const storage = embeddedStorage({ directory });
  const meter = newMeter();
  const counted = metered(storage, meter);
  const clock = clockAhead(kind === 'tombstones' ? DELETE_RETENTION_MS + HOUR : HOUR);
  const context = { objects: counted.objects, items: counted.log, clock };
  const started = performance.now();
  let calls = 0;
  let removed = 0;
  let tombstones = 0;
  for (let more = true, next = 0; more; calls++) {
    if (kind === 'merge') {
      const merged = await mergePartition(context, TOPIC, 0, { ...CONFIGS, force: true, next });
      ({ more, next } = merged);
      continue;
    }
    const deadlineMs = clock.now() + HOUR;
    const compacted = await compactPartition(context, TOPIC, 0, { ...CONFIGS, deadlineMs });
    more = compacted.more;
    removed += compacted.recordsRemoved;
    tombstones += compacted.tombstonesRemoved;
  }
  const seconds = (performance.now() - started) / 1_000;
  await storage.close();
  return {
    seconds,
    peakMb: process.resourceUsage().maxRSS / 1_024,
    readMb: meter.objectGetBytes / MIB,
    writtenMb: meter.objectPutBytes / MIB,
    gets: meter.objectGets,
    puts: meter.objectPuts,
    itemReads: meter.itemReads,
    itemWrites: meter.otherPuts + meter.headMaintenance,
    dollars: dollars(meter),
    ...{ calls, removed, tombstones },
  };
}

function inWorker(directory: string, kind: string): Promise<Phase> {
  process.stderr.write(`${kind} …\n`);
  const args = ['--keys', String(KEYS), '--updates', String(UPDATES)];
  const heapMb = Math.floor(WORKER_MB * HEAP_SHARE);
  return new Promise((resolve, reject) => {
    const child = fork(import.meta.filename, args, {
      execArgv: [`--max-old-space-size=${heapMb}`, '--disable-warning=ExperimentalWarning'],
    });
    child.send({ directory, kind });
    child.once('message', (phase) => resolve(phase as Phase));
    child.once('exit', (code) => reject(new Error(`the worker ended with ${code}`)));
  });
}

/** Reads everything, and returns how many records and bytes there are. */
async function check(
  directory: string,
  tombstonesStay: boolean,
): Promise<{ records: number; bytes: number }> {
  process.stderr.write('checking …\n');
  const storage = embeddedStorage({ directory });
  const log = createLog({ storage, clock: systemClock });
  const { highWatermark } = await log.bounds(TOPIC, 0);
  const last = UPDATES - 1;
  const seen = new Uint8Array(KEYS);
  let records = 0;
  let size = 0;
  for (let offset = 0; offset < highWatermark; ) {
    const request = { partition: 0, offset, maxBytes: 8 * MIB, minBytes: 0, maxWaitMs: 0 };
    const { bytes, nextOffset } = await log.fetch(TOPIC, request);
    for (const record of decodeBatches(bytes, { fromOffset: offset })) {
      records++;
      const key = Number(Buffer.from(record.key!).toString().slice(4));
      // What is behind the updates only moved the tail.
      if (record.offset >= UPDATES * KEYS) continue;
      const round = Math.floor(record.offset / KEYS);
      const value = record.value && Buffer.from(record.value).toString();
      const expected = isTombstone(last, key) ? null : valueAt(last, key);
      const isRight =
        round === last && keyAt(round, record.offset % KEYS) === key && value === expected && seen[key] === 0;
      if (!isRight) throw new Error(`offset ${record.offset}: ${key} = ${value}`);
      seen[key] = 1;
    }
    size += bytes.length;
    if (nextOffset <= offset) throw new Error(`no way on from ${offset}`);
    offset = nextOffset;
  }
  for (let key = 0; key < KEYS; key++) {
    // Key 0 was used to move the tail.
    const expected = key === 0 || (isTombstone(last, key) && !tombstonesStay) ? 0 : 1;
    if (seen[key] !== expected) throw new Error(`key ${key} was found ${seen[key]} times, not ${expected}`);
  }
  await storage.close();
  return { records, bytes: size };
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'wadi-compaction-'));
  try {
    process.stderr.write(`${KEYS * UPDATES} appends …\n`);
    await write(directory);
    const phases: [string, Phase, { records: number; bytes: number } | undefined][] = [];
    phases.push(['merge', await inWorker(directory, 'merge'), undefined]);
    phases.push(['compaction', await inWorker(directory, 'compaction'), await check(directory, true)]);
    phases.push(['a day later', await inWorker(directory, 'tombstones'), await check(directory, false)]);
    const rows = phases.map(([name, phase, left]): Cell[] => [
      name,
      phase.seconds.toFixed(1),
      phase.removed,
      phase.tombstones,
      left?.records ?? '',
      left === undefined ? '' : (left.bytes / MIB).toFixed(1),
      phase.readMb.toFixed(0),
      phase.writtenMb.toFixed(0),
      phase.gets,
      phase.puts,
      phase.itemReads,
      phase.itemWrites,
      `$${phase.dollars.toFixed(4)}`,
      phase.peakMb.toFixed(0),
    ]);
    printTable(
      `${KEYS} keys, ${UPDATES} updates each, in workers of ${WORKER_MB} MB; every record checked`,
      [
        '',
        'seconds',
        'removed',
        'tombstones',
        'left',
        'MB left',
        'MB read',
        'written',
        'GETs',
        'PUTs',
        'item reads',
        'writes',
        'cost',
        'peak MB',
      ],
      rows,
    );
    for (const [name, { peakMb }] of phases) {
      if (peakMb > WORKER_MB) throw new Error(`${name} took ${peakMb.toFixed(0)} MB`);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}

if (process.send === undefined) await main();
else {
  process.once('message', async ({ directory, kind }: { directory: string; kind: string }) => {
    process.send!(await work(directory, kind));
    process.disconnect();
  });
}
