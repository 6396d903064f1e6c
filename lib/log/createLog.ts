import { atOnce } from '../atOnce.ts';
import type { Clock } from '../clock.ts';
import type { Replication } from '../replication/replication.ts';
import type { Storage } from '../storage/ports.ts';
import { createAppender } from './appender.ts';
import { createArrivals } from './arrivals.ts';
import { createBlobs } from './blob.ts';
import { asWadiError } from './commit.ts';
import { deleteRecords } from './deleteRecords.ts';
import { createDue, dueItem, garbageDueAt, topicUnit } from './due.ts';
import { createSliceCache, fetch } from './fetch.ts';
import {
  deletedHead,
  type Head,
  headIndexOf,
  headKey,
  highWatermark,
  logStartOffset,
  newHead,
} from './head.ts';
import { createHeads } from './heads.ts';
import { LIMITS, type LogLimits } from './limits.ts';
import { listOffsets } from './listOffsets.ts';
import type { Bounds, Durability, Log, LogTopic } from './log.ts';
import { tellOwnFailures } from './ownFailures.ts';
import { requirePartition } from './requirePartition.ts';
import { withRetries } from './retry.ts';
import { type RollContext, roll, rollIsDue } from './roll.ts';

/** Heads of one topic that are made or deleted at a time. */
const HEADS_AT_ONCE = 16;

/** In one region S3 and DynamoDB see to it, whatever is asked for: so that all appends may share blobs. */
const DURABLE: Durability = { acks: 'all', minInsyncReplicas: 1 };

export interface LogOptions {
  readonly storage: Pick<Storage, 'objects' | 'log'>;
  readonly clock: Clock;
  readonly limits?: LogLimits;
  /** Of a cluster of several regions. */
  readonly replication?: Replication;
  /** See RollContext. */
  readonly arrived?: RollContext['arrived'];
  /** Told of what failed in the background, where nobody waits for it. */
  readonly warn?: (error: unknown) => void;
  /** Told after each commit to a head how many entries it took: 1, unless the head had refused some. */
  readonly onCommit?: (attempts: number) => void;
  /** Told after each append for how many partitions it was not acknowledged, by no fault of its caller, whether anybody waited or not. Never 0. */
  readonly onAppendFailed?: (partitions: number) => void;
}

export function createLog(options: LogOptions): Log {
  const { onAppendFailed = () => undefined } = options;
  const { storage, clock, limits = LIMITS, warn = emitWarning, onCommit, replication, arrived } = options;
  const items = storage.log;
  const blobs = createBlobs({ objects: storage.objects, items, clock, replication });
  const heads = createHeads(items, clock);
  const arrivals = createArrivals();
  const cache = createSliceCache(limits.cacheBytes);
  const due = createDue(items, warn);
  const context = {
    items,
    blobs,
    heads,
    clock,
    due,
    arrivals,
    cache,
    limits,
    ...(onCommit && { onCommit }),
    ...(arrived && { arrived }),
  };
  const background = createBackground(warn);
  const rolling = new Set<string>();

  function rollIfDue(topic: LogTopic, headIndex: number): void {
    const head = heads.cached(topic, headIndex);
    const key = headKey(topic.id, headIndex).pk;
    if (head === undefined || rolling.has(key) || !rollIsDue(head, clock.now(), limits)) return;
    rolling.add(key);
    background.add(roll(context, topic, head).finally(() => rolling.delete(key)));
  }

  const appender = createAppender(context, (topic, headIndex) => {
    arrivals.announce(topic.id, headIndex);
    rollIfDue(topic, headIndex);
  });

  return {
    append(topic, batches, durability = DURABLE) {
      const appending = appender.append(topic, batches, replication ? durability : DURABLE);
      return background.watch(tellOwnFailures(appending, batches.length, onAppendFailed));
    },

    async fetch(topic, request) {
      requirePartition(topic, request.partition);
      return fetch(context, topic, request).catch(rethrow);
    },

    async listOffsets(topic, partition, spec) {
      requirePartition(topic, partition);
      return listOffsets(context, topic, partition, spec).catch(rethrow);
    },

    async bounds(topic, partition) {
      requirePartition(topic, partition);
      return boundsIn(await heads.read(topic, headIndexOf(topic, partition)).catch(rethrow), partition);
    },

    async boundsOf(topic, partitions) {
      for (const partition of partitions) requirePartition(topic, partition);
      const indexes = [...new Set(partitions.map((partition) => headIndexOf(topic, partition)))];
      const read = await atOnce(indexes, HEADS_AT_ONCE, (index) => heads.read(topic, index)).catch(rethrow);
      const byIndex = new Map(indexes.map((index, i) => [index, read[i]!]));
      return partitions.map((partition) => boundsIn(byIndex.get(headIndexOf(topic, partition))!, partition));
    },

    arrival: (topic, partition) => arrivals.next(topic.id, headIndexOf(topic, partition)),

    async deleteRecords(topic, partition, beforeOffset) {
      requirePartition(topic, partition);
      const result = await deleteRecords(context, topic, partition, beforeOffset).catch(rethrow);
      await due.note(topic, topicUnit(topic.id, 'garbage'), garbageDueAt(clock.now()));
      return result;
    },

    async createHeads(topic, from, to) {
      // The head that the partition before `from` is in orders all that it ever may: it must not be made again, since
      // the topic may be deleted by now.
      const first = Math.ceil(from / topic.partitionsPerHead);
      await forEachHead(first, lastHead(topic, to), async (index) => {
        await withRetries(clock, () => items.put(newHead(topic, index), { missing: ['pk'] }));
      });
    },

    async deleteHeads(topic) {
      await forEachHead(0, lastHead(topic, topic.partitions), async (index) => {
        await withRetries(clock, () => items.put(deletedHead(topic.id, index, clock.now())));
      });
    },

    async schedule(topic, kind, atMs) {
      await withRetries(clock, () => items.put(dueItem(topic, topicUnit(topic.id, kind), atMs)));
    },

    settled: () => background.settled(),
  };
}

function emitWarning(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}

function rethrow(error: unknown): never {
  throw asWadiError(error);
}

function boundsIn(head: Head, partition: number): Bounds {
  return { logStartOffset: logStartOffset(head, partition), highWatermark: highWatermark(head, partition) };
}

function lastHead(topic: LogTopic, partitions: number): number {
  return headIndexOf(topic, partitions - 1);
}

async function forEachHead(
  first: number,
  last: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  const indexes = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
  await atOnce(indexes, HEADS_AT_ONCE, work);
}

/** Work that goes on after its request was answered. What fails there is only work undone: somebody does it later. */
function createBackground(warn: (error: unknown) => void) {
  const running = new Set<Promise<unknown>>();

  function watch<T>(work: Promise<T>): Promise<T> {
    running.add(work);
    const done = () => void running.delete(work);
    work.then(done, done);
    return work;
  }

  return {
    watch,
    add(work: Promise<unknown>): void {
      watch(work.catch(warn));
    },
    async settled(): Promise<void> {
      // What ends may have begun more (a roll behind an append), which ends too.
      while (running.size > 0) await Promise.allSettled(running);
    },
  };
}
