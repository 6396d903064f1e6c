import { type Head, highWatermark, logStartOffset, placedEntries } from '../log/head.ts';
import { createHeads } from '../log/heads.ts';
import { planRoll, roll } from '../log/roll.ts';
import type { Topic } from '../topic/topic.ts';
import { type CompactedPartition, compactPartition } from './compactPartition.ts';
import { addCounts, type Counts, earlier, type JobContext } from './job.ts';
import { type MergedPartition, mergePartition } from './mergePartition.ts';
import { type RetainedPartition, retainPartition } from './retain.ts';

export interface MaintainOptions {
  /** All that can be done is done, due or not. */
  readonly force: boolean;
}

export interface Maintained {
  readonly counts: Counts;
  /** The time was over before all that is due was done. */
  readonly more: boolean;
  /** When there will be something to do that nobody has to be told of. */
  readonly nextDueAtMs: number | undefined;
  /** What still waits to be merged, the head's slices included, */
  readonly unmergedBytes: number;
  /** and when the oldest of it was written. */
  readonly unmergedSinceMs: number | undefined;
  /** Up to then uploads were last judged as garbage or not. */
  readonly floorMs: number;
}

/**
 * All that is due in the partitions of one head: entries of a tail that is quiet are moved to the index, expired records
 * go below the log start, rows are merged, segments compacted. Each of these jobs may die, freeze or run twice between any
 * two of its calls, so this may too. Where nothing is due it costs reads alone.
 *
 * Throws StorageError, UNKNOWN_TOPIC_OR_PARTITION when the head is gone, KAFKA_STORAGE_ERROR when a row or bytes are missing.
 */
export async function maintainHead(
  context: JobContext,
  topic: Topic,
  index: number,
  options: MaintainOptions,
): Promise<Maintained> {
  const { head, rolls } = await rollQuiet(context, topic, index, options);
  let all: Maintained = { ...ofHead(context, head), counts: { heads: 1, ...(rolls > 0 && { rolls }) } };
  for (let partition = head.firstPartition; partition < topic.partitions; partition++) {
    if (partition === head.firstPartition + head.base.length) break;
    // Nothing is there, as in most partitions of a topic that sleeps.
    if (highWatermark(head, partition) === logStartOffset(head, partition)) continue;
    if (context.isOver()) return { ...all, more: true };
    all = together(all, await maintainPartition(context, topic, partition, options));
  }
  return all;
}

const NOTHING: Maintained = {
  counts: {},
  more: false,
  nextDueAtMs: undefined,
  unmergedBytes: 0,
  unmergedSinceMs: undefined,
  floorMs: 0,
};

function together(a: Maintained, b: Maintained): Maintained {
  return {
    counts: addCounts(a.counts, b.counts),
    more: a.more || b.more,
    nextDueAtMs: earlier(a.nextDueAtMs, b.nextDueAtMs),
    unmergedBytes: a.unmergedBytes + b.unmergedBytes,
    unmergedSinceMs: earlier(a.unmergedSinceMs, b.unmergedSinceMs),
    floorMs: Math.max(a.floorMs, b.floorMs),
  };
}

/** What its tail still holds waits to be rolled. */
function ofHead({ limits }: JobContext, head: Head): Maintained {
  let unmergedBytes = 0;
  for (const { slices } of placedEntries(head)) for (const { bytes } of slices) unmergedBytes += bytes;
  const oldest = head.tail[0]?.at;
  const nextDueAtMs = oldest === undefined ? undefined : oldest + limits.quietMs;
  return { ...NOTHING, unmergedBytes, unmergedSinceMs: oldest, nextDueAtMs, floorMs: head.floor };
}

/**
 * Rolls a tail whose oldest entry has waited for long, and finishes a roll that somebody left. `force`: all entries that are there
 * now; those that are too young are waited for, which takes no longer than `holdMs`, or clocks are apart.
 */
async function rollQuiet(
  { items, clock, limits, logLimits, isOver }: JobContext,
  topic: Topic,
  index: number,
  { force }: MaintainOptions,
): Promise<{ head: Head; rolls: number }> {
  const heads = createHeads(items, clock);
  let head = await heads.read(topic, index);
  const youngestAt = Math.max(...head.tail.map(({ at }) => at));
  let rolls = 0;
  for (let looks = 0; looks < limits.rollsPerHead && !isOver(); looks++) {
    const now = clock.now();
    if (head.rolling !== undefined || planRoll(head, now, logLimits) !== undefined) {
      const isQuiet = head.tail.some(({ at }) => at <= now - limits.quietMs || at > now + logLimits.aheadMs);
      if (!(force || isQuiet || head.rolling !== undefined)) break;
      await roll({ items, heads, clock, limits: logLimits }, topic, head);
      rolls++;
    } else if (force && head.tail.some(({ at }) => at <= youngestAt)) {
      await clock.sleep(logLimits.holdMs);
    } else {
      break;
    }
    head = await heads.read(topic, index);
  }
  return { head, rolls };
}

async function maintainPartition(
  context: JobContext,
  topic: Topic,
  partition: number,
  options: MaintainOptions,
): Promise<Maintained> {
  let all = await retain(context, topic, partition);
  if (!all.more) all = together(all, await merge(context, topic, partition, options));
  if (!all.more) all = together(all, await compact(context, topic, partition, options));
  return all;
}

async function retain(context: JobContext, topic: Topic, partition: number): Promise<Maintained> {
  const { cleanupPolicy, retentionMs, retentionBytes } = topic.configs;
  const isKept = retentionMs < 0 && retentionBytes < 0;
  if (!cleanupPolicy.includes('delete') || isKept) return NOTHING;
  let counts: Counts = {};
  let retained: RetainedPartition;
  let more: boolean;
  let calls = 0;
  do {
    retained = await retainPartition(context, topic, partition, { retentionMs, retentionBytes });
    const { recordsDeleted, bytesDeleted, nextDueAtMs = Number.POSITIVE_INFINITY } = retained;
    counts = addCounts(counts, { recordsDeleted, bytesDeleted });
    more = recordsDeleted > 0 && nextDueAtMs <= context.clock.now();
  } while (more && ++calls < context.limits.callsPerPartition && !context.isOver());
  return { ...NOTHING, counts, more, nextDueAtMs: retained.nextDueAtMs };
}

async function merge(
  context: JobContext,
  topic: Topic,
  partition: number,
  { force }: MaintainOptions,
): Promise<Maintained> {
  const { limits, clock } = context;
  const { segmentBytes } = topic.configs;
  let counts: Counts = {};
  let merged: MergedPartition | undefined;
  let calls = 0;
  do {
    const next = merged === undefined ? {} : { next: merged.next };
    merged = await mergePartition(context, topic, partition, { segmentBytes, force, ...next });
    const { merges, rowsAbsorbed, objects: objectsWritten, objectBytes: bytesWritten } = merged;
    counts = addCounts(counts, { merges, rowsAbsorbed, objectsWritten, bytesWritten });
  } while (merged.more && ++calls < limits.callsPerPartition && !context.isOver());
  const { more, waiting } = merged;
  return {
    ...NOTHING,
    counts,
    more,
    // What would have been due is too young to be merged.
    nextDueAtMs: waiting && Math.max(waiting.sinceMs + limits.mergeAgeMs, clock.now() + limits.settleMs),
    unmergedBytes: waiting?.bytes ?? 0,
    unmergedSinceMs: waiting?.sinceMs,
  };
}

async function compact(
  context: JobContext,
  topic: Topic,
  partition: number,
  { force }: MaintainOptions,
): Promise<Maintained> {
  const { configs } = topic;
  if (!configs.cleanupPolicy.includes('compact')) return NOTHING;
  const { deadlineMs, limits } = context;
  const { segmentBytes, minCleanableDirtyRatio, minCompactionLagMs, maxCompactionLagMs, deleteRetentionMs } =
    configs;
  const options = {
    ...{ segmentBytes, minCleanableDirtyRatio, minCompactionLagMs, maxCompactionLagMs, deleteRetentionMs },
    deadlineMs,
  };
  let counts: Counts = {};
  let compacted: CompactedPartition;
  let calls = 0;
  do {
    compacted = await compactPartition(
      force ? { ...context, limits: { ...limits, settleMs: 0 } } : context,
      topic,
      partition,
      options,
    );
    const { rows: rowsCompacted, rowsAbsorbed, recordsRemoved, tombstonesRemoved } = compacted;
    const { objects: objectsWritten, bytesWritten } = compacted;
    const cleaned = { rowsCompacted, rowsAbsorbed, recordsRemoved, tombstonesRemoved };
    counts = addCounts(counts, { ...cleaned, objectsWritten, bytesWritten });
  } while (compacted.more && ++calls < limits.callsPerPartition && !context.isOver());
  return { ...NOTHING, counts, more: compacted.more, nextDueAtMs: compacted.nextDueAtMs };
}
