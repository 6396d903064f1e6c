import { inlineKey, objectKey } from '../../lib/log/blob.ts';
import { createLog } from '../../lib/log/createLog.ts';
import { decodeIndexRow } from '../../lib/log/indexRow.ts';
import { LIMITS } from '../../lib/log/limits.ts';
import type { Log, LogTopic } from '../../lib/log/log.ts';
import {
  type CompactedPartition,
  type CompactionOptions,
  compactPartition,
} from '../../lib/maintenance/compactPartition.ts';
import { MAINTENANCE_LIMITS, type MaintenanceLimits } from '../../lib/maintenance/limits.ts';
import { mergePartition } from '../../lib/maintenance/mergePartition.ts';
import { decodeBatches } from '../../lib/record/decode.ts';
import { encodeBatch } from '../../lib/record/encode.ts';
import type { ValidBatch } from '../../lib/record/record.ts';
import type { Storage } from '../../lib/storage/ports.ts';
import { append, newTopic, startLog, type TestProducer, testClock } from '../support/log.ts';
import { MINUTE, rowsOf } from './support.ts';

export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** A key and its value; null for a tombstone. */
export type Change = readonly [key: string, value: string | null];

/** Some changes and slices meet every bound. */
export const TINY: MaintenanceLimits = {
  ...MAINTENANCE_LIMITS,
  pieceBytes: 300,
  objectBytes: 900,
  keepBytes: 500,
  readBytes: 400,
  rowsPerPage: 3,
  slicesPerRead: 3,
  writesAtOnce: 2,
  settleMs: 0,
};

export function keyed(changes: readonly Change[], timestamp: number, producer?: TestProducer): ValidBatch {
  const records = changes.map(([key, value]) => ({
    timestamp,
    key: Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: [],
  }));
  const bytes = encodeBatch(records, producer ? { producer } : {});
  return { bytes, recordCount: changes.length, maxTimestamp: timestamp, producer };
}

export interface Compacted {
  readonly storage: Storage;
  readonly topic: LogTopic;
  readonly clock: ReturnType<typeof testClock>;
  readonly log: Log;
  /** Each batch is an append of its own; all are in the index then. */
  write(...batches: (readonly Change[])[]): Promise<void>;
  /** All that was written, by offset. */
  readonly written: readonly Change[];
}

/** A topic of one partition, each of whose rolls takes two entries. */
export async function compacted(storage: Storage): Promise<Compacted> {
  const clock = testClock(100 * DAY);
  const limits = { ...LIMITS, entriesPerRoll: 1, maxEntriesPerRoll: 2, holdMs: 0, busyHoldMs: 0 };
  const log = createLog({ storage, clock, limits });
  const topic = await newTopic(log);
  const written: Change[] = [];
  return {
    ...{ storage, topic, clock, log, written },
    async write(...batches) {
      for (const changes of batches) {
        await append(log, topic, 0, keyed(changes, clock.now()));
        written.push(...changes);
        clock.advance(10);
        await log.settled();
      }
    },
  };
}

export const EAGER = {
  segmentBytes: 1 << 30,
  minCleanableDirtyRatio: 0,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
  deleteRetentionMs: DAY,
};

export interface Options extends Partial<CompactionOptions> {
  readonly limits?: MaintenanceLimits;
}

/** One call. */
export function compactOnce(
  storage: Storage,
  { topic, clock }: Pick<Compacted, 'topic' | 'clock'>,
  { limits = TINY, ...options }: Options = {},
): Promise<CompactedPartition> {
  const context = { objects: storage.objects, items: storage.log, clock, limits };
  return compactPartition(context, topic, 0, { ...EAGER, deadlineMs: clock.now() + HOUR, ...options });
}

/** Until nothing is due. */
export async function compact(
  storage: Storage,
  world: Pick<Compacted, 'topic' | 'clock'>,
  options: Options = {},
): Promise<CompactedPartition & { calls: number }> {
  let total: CompactedPartition | undefined;
  for (let calls = 1; ; calls++) {
    const one = await compactOnce(storage, world, options);
    const sum = total as Record<string, unknown> | undefined;
    const counts = Object.entries(one).map(([name, count]) => [
      name,
      typeof count === 'number' && name !== 'nextDueAtMs' ? count + ((sum?.[name] as number) ?? 0) : count,
    ]);
    total = Object.fromEntries(counts) as unknown as CompactedPartition;
    if (!total.more) return { ...total, calls };
    if (calls > 200) throw new Error('compaction does not end');
  }
}

export function merge(
  storage: Storage,
  { topic, clock }: Pick<Compacted, 'topic' | 'clock'>,
  { limits = TINY, segmentBytes = 1 << 30 }: { limits?: MaintenanceLimits; segmentBytes?: number } = {},
) {
  const context = { objects: storage.objects, items: storage.log, clock, limits };
  return mergePartition(context, topic, 0, { segmentBytes, force: true });
}

export type Found = [offset: number, key: string, value: string | null];

/** All records, read by a process that knows nothing: each fetch must come further. */
export async function readChanges(
  { storage, topic, clock }: Pick<Compacted, 'storage' | 'topic' | 'clock'>,
  { from = 0, maxBytes = 1 << 20 }: { from?: number; maxBytes?: number } = {},
): Promise<Found[]> {
  const log = startLog(storage, clock);
  const found: Found[] = [];
  const { highWatermark } = await log.bounds(topic, 0);
  for (let offset = from; offset < highWatermark; ) {
    const { bytes, nextOffset } = await log.fetch(topic, {
      ...{ partition: 0, offset, maxBytes },
      ...{ minBytes: 0, maxWaitMs: 0 },
    });
    if (nextOffset <= offset) throw new Error(`a fetch from ${offset} comes no further`);
    for (const record of decodeBatches(bytes, { fromOffset: offset })) {
      const value = record.value && Buffer.from(record.value).toString();
      found.push([record.offset, Buffer.from(record.key!).toString(), value]);
    }
    offset = nextOffset;
  }
  return found;
}

/** The last record of each key. */
export function lastOf(written: readonly Change[]): Found[] {
  const last = new Map(written.map(([key], offset) => [key, offset]));
  return written.flatMap(([key, value], offset): Found[] =>
    last.get(key) === offset ? [[offset, key, value]] : [],
  );
}

/** The same without tombstones: what a reader has in the end who applies all changes. */
export function stateOf(found: readonly Found[]): Record<string, string> {
  const state = new Map<string, string>();
  for (const [, key, value] of found) {
    if (value === null) state.delete(key);
    else state.set(key, value);
  }
  return Object.fromEntries([...state].sort(([a], [b]) => (a < b ? -1 : 1)));
}

export async function logStartOf({ log, topic }: Compacted): Promise<number> {
  return (await log.bounds(topic, 0)).logStartOffset;
}

/** All that a row names is there. */
export async function expectBytes(world: Compacted): Promise<void> {
  const { storage, topic } = world;
  const start = await logStartOf(world);
  for (const item of await rowsOf(storage, topic)) {
    const row = decodeIndexRow(item, 0);
    if (row.absorbed !== undefined) continue;
    for (const slice of row.slices) {
      if (slice.bytes === 0 || slice.baseOffset + slice.recordCount <= start) continue;
      const found = slice.blob.inline
        ? (await storage.log.get(inlineKey(topic.id, 0, slice.blob.id)))?.bytes
        : await storage.objects.get(objectKey(topic.id, slice));
      if (found === undefined)
        throw new Error(`what the row at ${row.baseOffset} has of ${slice.baseOffset} is gone`);
    }
  }
}
