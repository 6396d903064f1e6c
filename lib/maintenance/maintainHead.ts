import { firstOffsetInHead, type Head, highWatermark, logStartOffset, placedEntries } from '../log/head.ts';
import { createHeads } from '../log/heads.ts';
import { planRoll, roll } from '../log/roll.ts';
import type { ObjectStore } from '../storage/ports.ts';
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
  /** To go on with, when the time was over before all that is due was done. */
  readonly cursor?: HeadCursor;
  /** The time was over before all that was to be rolled was: there is nothing to go on with but the beginning. */
  readonly beginAgain?: true;
  /** When there will be something to do that nobody has to be told of. */
  readonly nextDueAtMs: number | undefined;
  /** What still waits to be merged, the head's slices included, */
  readonly unmergedBytes: number;
  /** and when the oldest of it was written. */
  readonly unmergedSinceMs: number | undefined;
}

/** What was found where work has come to. */
type Findings = Omit<Maintained, 'cursor' | 'beginAgain'>;

/** Where work on a head goes on: plain JSON. */
export interface HeadCursor {
  readonly partition: number;
  /**
   * Where the index of each of its partitions ended when the work began. What is rolled after that is left to the next: or
   * there would be no end while somebody appends, and no turn for the partitions that follow.
   */
  readonly ends: readonly number[];
  /** In the partitions before. */
  readonly found: Omit<Findings, 'counts'>;
}

/**
 * All that is due in the partitions of one head: entries of a tail that is quiet are moved to the index, expired records
 * go below the log start, rows are merged, segments compacted. Each of these jobs may die, freeze or run twice between any
 * two of its calls, so this may too. Where nothing is due it costs reads alone.
 *
 * Throws StorageError, UNKNOWN_TOPIC_OR_PARTITION when the head is gone, KAFKA_STORAGE_ERROR when a row or bytes are missing.
 */
export async function maintainHead(
  job: JobContext,
  topic: Topic,
  index: number,
  options: MaintainOptions,
  from?: HeadCursor,
): Promise<Maintained> {
  const context = { ...job, objects: toReplicas(job.objects, topic) };
  const rolled = await (from === undefined ? rollQuiet : readHead)(context, topic, index, options);
  const { head, rolls } = rolled;
  if (rolled.isCut) return { ...NOTHING, counts: { ...(rolls > 0 && { rolls }) }, beginAgain: true };
  const { firstPartition } = head;
  const ends = from?.ends ?? head.base.map((_, i) => firstOffsetInHead(head, firstPartition + i));
  const counts = { ...(from === undefined && { heads: 1 }), ...(rolls > 0 && { rolls }) };
  let all: Findings = { ...NOTHING, ...(from?.found ?? inTail(context, head)), counts };
  const end = Math.min(topic.partitions, firstPartition + ends.length);
  for (let partition = from?.partition ?? firstPartition; partition < end; partition++) {
    // Nothing is there, as in most partitions of a topic that sleeps.
    if (highWatermark(head, partition) === logStartOffset(head, partition)) continue;
    const work = { topic, partition, end: ends[partition - firstPartition]!, ...options };
    const { more, ...found } = context.isOver() ? CUT_SHORT : await maintainPartition(context, work);
    if (more) {
      const { counts: _, ...before } = all;
      const cursor = { partition, ends, found: before };
      return { ...together(all, found), cursor };
    }
    all = together(all, found);
  }
  return all;
}

/** What is put has to be in the topic's replicas, as what is appended: for then the appended goes. */
export function toReplicas(objects: ObjectStore, { replicas, configs }: Topic): ObjectStore {
  const { minInsyncReplicas } = configs;
  const options = { minInsyncReplicas, ...(replicas && { replicas }) };
  return { ...objects, put: (key, chunks) => objects.put(key, chunks, options) };
}

const NOTHING: Findings = {
  counts: {},
  nextDueAtMs: undefined,
  unmergedBytes: 0,
  unmergedSinceMs: undefined,
};

/** Of one partition. */
interface Done extends Findings {
  /** The time was over before all that is due was done. */
  readonly more: boolean;
}

const CUT_SHORT: Done = { ...NOTHING, more: true };

function together(a: Findings, b: Findings): Findings {
  return {
    counts: addCounts(a.counts, b.counts),
    nextDueAtMs: earlier(a.nextDueAtMs, b.nextDueAtMs),
    unmergedBytes: a.unmergedBytes + b.unmergedBytes,
    unmergedSinceMs: earlier(a.unmergedSinceMs, b.unmergedSinceMs),
  };
}

/** What its tail still holds waits to be rolled. */
function inTail({ limits }: JobContext, head: Head): HeadCursor['found'] {
  let unmergedBytes = 0;
  for (const { slices } of placedEntries(head)) for (const { bytes } of slices) unmergedBytes += bytes;
  const oldest = head.tail[0]?.at;
  const nextDueAtMs = oldest === undefined ? undefined : oldest + limits.quietMs;
  return { unmergedBytes, unmergedSinceMs: oldest, nextDueAtMs };
}

/**
 * Rolls a tail whose oldest entry has waited for long, and finishes a roll that somebody left. `force`: all entries that are there
 * now; those that are too young are waited for, which takes no longer than `holdMs`, or clocks are apart.
 */
async function rollQuiet(
  { items, clock, limits, logLimits, isOver, arrived }: JobContext,
  topic: Topic,
  index: number,
  { force }: MaintainOptions,
): Promise<Rolled> {
  const heads = createHeads(items, clock);
  let head = await heads.read(topic, index);
  const youngestAt = Math.max(...head.tail.map(({ at }) => at));
  let rolls = 0;
  for (let looks = 0; looks < limits.rollsPerHead && !isOver(); looks++) {
    const now = clock.now();
    const isWanted = force && head.tail.some(({ at }) => at <= youngestAt);
    if (head.rolling !== undefined || planRoll(head, now, logLimits) !== undefined) {
      const isQuiet = head.tail.some(({ at }) => at <= now - limits.quietMs || at > now + logLimits.aheadMs);
      if (!(isWanted || isQuiet || head.rolling !== undefined)) break;
      await roll({ ...{ items, heads, clock, limits: logLimits }, ...(arrived && { arrived }) }, topic, head);
      rolls++;
    } else if (isWanted) {
      await clock.sleep(logLimits.holdMs);
    } else {
      break;
    }
    head = await heads.read(topic, index);
  }
  const isLeft = force && head.tail.some(({ at }) => at <= youngestAt);
  return { head, rolls, isCut: isLeft && isOver() };
}

interface Rolled {
  readonly head: Head;
  readonly rolls: number;
  /** The time was over before all was that is to be. */
  readonly isCut: boolean;
}

async function readHead({ items, clock }: JobContext, topic: Topic, index: number): Promise<Rolled> {
  return { head: await createHeads(items, clock).read(topic, index), rolls: 0, isCut: false };
}

interface PartitionWork extends MaintainOptions {
  readonly topic: Topic;
  readonly partition: number;
  readonly end: number;
}

async function maintainPartition(context: JobContext, work: PartitionWork): Promise<Done> {
  let all: Done = { ...NOTHING, more: false };
  for (const job of [retain, merge, compact]) {
    const { more, ...found } = await job(context, work);
    all = { ...together(all, found), more };
    if (more) break;
  }
  return all;
}

async function retain(context: JobContext, { topic, partition, end }: PartitionWork): Promise<Done> {
  const { cleanupPolicy, retentionMs, retentionBytes } = topic.configs;
  const isKept = retentionMs < 0 && retentionBytes < 0;
  if (!cleanupPolicy.includes('delete') || isKept) return { ...NOTHING, more: false };
  let counts: Counts = {};
  let retained: RetainedPartition;
  let more: boolean;
  let calls = 0;
  do {
    retained = await retainPartition(context, topic, partition, { retentionMs, retentionBytes });
    const { logStartOffset, recordsDeleted, bytesDeleted } = retained;
    const { nextDueAtMs = Number.POSITIVE_INFINITY } = retained;
    counts = addCounts(counts, { recordsDeleted, bytesDeleted });
    more = recordsDeleted > 0 && logStartOffset < end && nextDueAtMs <= context.clock.now();
  } while (more && ++calls < context.limits.callsPerPartition && !context.isOver());
  return { ...NOTHING, counts, more, nextDueAtMs: retained.nextDueAtMs };
}

async function merge(context: JobContext, { topic, partition, end, force }: PartitionWork): Promise<Done> {
  const { limits, clock } = context;
  const { segmentBytes } = topic.configs;
  let counts: Counts = {};
  let merged: MergedPartition | undefined;
  let calls = 0;
  do {
    const next = merged === undefined ? {} : { next: merged.next };
    merged = await mergePartition(context, topic, partition, { segmentBytes, force, end, ...next });
    const { merges, rowsAbsorbed, objects: objectsWritten, objectBytes: bytesWritten } = merged;
    counts = addCounts(counts, { merges, rowsAbsorbed, objectsWritten, bytesWritten });
  } while (merged.more && ++calls < limits.callsPerPartition && !context.isOver());
  const { more, waiting } = merged;
  return {
    counts,
    more,
    // What would have been due is too young to be merged.
    nextDueAtMs: waiting && Math.max(waiting.sinceMs + limits.mergeAgeMs, clock.now() + limits.settleMs),
    unmergedBytes: waiting?.bytes ?? 0,
    unmergedSinceMs: waiting?.sinceMs,
  };
}

async function compact(context: JobContext, { topic, partition, end, force }: PartitionWork): Promise<Done> {
  const { configs } = topic;
  if (!configs.cleanupPolicy.includes('compact')) return { ...NOTHING, more: false };
  const { deadlineMs, limits } = context;
  const { segmentBytes, minCleanableDirtyRatio, minCompactionLagMs, maxCompactionLagMs, deleteRetentionMs } =
    configs;
  const options = {
    ...{ segmentBytes, minCleanableDirtyRatio, minCompactionLagMs, maxCompactionLagMs, deleteRetentionMs },
    ...{ deadlineMs, end },
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
