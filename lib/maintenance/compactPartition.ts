import type { Clock } from '../clock.ts';
import { createBlobs } from '../log/blob.ts';
import { headIndexOf, logStartOffset } from '../log/head.ts';
import { createHeads } from '../log/heads.ts';
import { indexOf, indexRowKey } from '../log/indexRow.ts';
import type { LogTopic } from '../log/log.ts';
import { withRetries } from '../log/retry.ts';
import type { ItemStore, ObjectStore } from '../storage/ports.ts';
import { cleanRows } from './cleanRows.ts';
import {
  type CompactionCounts,
  type Compactor,
  explainGone,
  readSlices,
  requireDeleted,
} from './compactor.ts';
import { MAINTENANCE_LIMITS, type MaintenanceLimits, withinSegments } from './limits.ts';
import { addKeys, createOffsetMap, type OffsetMap } from './offsetMap.ts';
import {
  type CompactionConfigs,
  type CompactionPlan,
  type CompactionStep,
  factsOf,
  planCompaction,
  planSteps,
  type RowFacts,
} from './planCompaction.ts';
import { markAbsorbed } from './swapRow.ts';

export interface CompactionContext {
  readonly objects: ObjectStore;
  readonly items: ItemStore;
  readonly clock: Clock;
  readonly limits?: MaintenanceLimits;
}

export interface CompactionOptions extends CompactionConfigs {
  /** By the clock: whatever comes after it is left to the next call. */
  readonly deadlineMs: number;
  /** Records from there on are left to a later call. */
  readonly end?: number;
}

export interface CompactedPartition extends Readonly<CompactionCounts> {
  /** There is more that is due, or was for another who came first. */
  readonly more: boolean;
  /** When there will be, should nothing be appended; missing if there is now, or never will be. */
  readonly nextDueAtMs?: number;
}

/**
 * Removes records that have a later one of the same key, as Kafka's log cleaner does (`cleanup.policy=compact`; KIP-58, KIP-354,
 * KIP-534): all others stay at their offsets. For a topic whose `cleanup.policy` has `compact`.
 *
 * A pass reads the keys of the records that are dirty into a map of bounded size, then puts the rows anew, from the lowest up,
 * with what the map leaves of them. It may die, freeze, or run twice between any two calls: objects are written before a row
 * names them, each row is put on the condition of its version, and says how far it was cleaned. A refusal ends the call.
 *
 * A tombstone goes when its time has come, when no row that was read has an older record of its key, and when every row below
 * has been counted up since, by this call. So whoever still plans with what they were, which may have such records, is
 * refused; and whoever plans with what they are finds none. While rows become one, those behind the first are counted up when it
 * is done: so their tombstones go with the next call.
 *
 * Throws StorageError, UNKNOWN_TOPIC_OR_PARTITION when the head is gone, KAFKA_STORAGE_ERROR when rows or bytes are missing,
 * CORRUPT_MESSAGE; a repetition goes on where it stopped.
 */
export async function compactPartition(
  { objects, items, clock, limits: allLimits = MAINTENANCE_LIMITS }: CompactionContext,
  topic: LogTopic,
  partition: number,
  { deadlineMs, end = Infinity, ...configs }: CompactionOptions,
): Promise<CompactedPartition> {
  const head = await createHeads(items, clock).read(topic, headIndexOf(topic, partition));
  const now = clock.now();
  const limits = withinSegments(allLimits, configs.segmentBytes);
  const compactor: Compactor = {
    ...{ objects, items, clock, limits, topic, partition, deadlineMs },
    blobs: createBlobs({ objects, items, clock }),
    index: indexOf(items, clock, topic.id, partition),
    situation: { ...configs, logStartOffset: logStartOffset(head, partition), end, now },
    counts: {
      rows: 0,
      rowsAbsorbed: 0,
      recordsRemoved: 0,
      tombstonesRemoved: 0,
      bytesRead: 0,
      bytesWritten: 0,
      objects: 0,
    },
  };
  const { counts, situation } = compactor;
  const rows = await readRows(compactor);
  const plan = planCompaction(rows, situation);
  if (!plan.due) return answer(counts, plan);

  const map = createOffsetMap(clock, plan.to - plan.from, limits.dedupeBufferBytes);
  const to = await readKeys(compactor, map, plan);
  if (to === undefined) return { ...counts, more: true };
  for (const step of planSteps(rows, to, situation, limits)) {
    if (clock.now() >= deadlineMs && counts.rows > 0) return { ...counts, more: true };
    if ((await take(compactor, step, plan, map, to)) !== 'done') return { ...counts, more: true };
  }
  if (to < plan.to) return { ...counts, more: true };
  return answer(counts, planCompaction(await readRows(compactor), situation));
}

function answer(counts: CompactionCounts, { due, nextDueAtMs }: CompactionPlan): CompactedPartition {
  return { ...counts, more: due, ...(!due && nextDueAtMs !== undefined && { nextDueAtMs }) };
}

/** Those that another covers, as a roll put them, are marked first: whoever took them in has died. */
async function readRows(compactor: Compactor): Promise<RowFacts[]> {
  const rows = await listRows(compactor);
  const covered = new Map<RowFacts, RowFacts[]>();
  let segment: RowFacts | undefined;
  for (const row of rows) {
    if (segment === undefined || row.endOffset > segment.endOffset) segment = row;
    else if (row.version === 0) {
      const taken = covered.get(segment);
      if (taken === undefined) covered.set(segment, [row]);
      else taken.push(row);
    }
  }
  if (covered.size === 0) return rows;
  for (const [by, taken] of covered) {
    compactor.counts.rowsAbsorbed += await markAbsorbed(compactor, by, taken);
  }
  return listRows(compactor);
}

/** In order, up to the first that holds what is too young. Those below the log start are few: they are garbage. */
async function listRows({ index, limits, situation }: Compactor): Promise<RowFacts[]> {
  const rows: RowFacts[] = [];
  let from = 0;
  let heldFrom = Infinity;
  for (;;) {
    const page = await index.from(from, limits.rowsPerPage);
    for (const row of page.rows) {
      if (row.baseOffset >= heldFrom) return rows;
      from = row.baseOffset + 1;
      if (row.absorbed !== undefined) continue;
      const facts = factsOf(row, situation, limits);
      heldFrom = Math.min(heldFrom, facts.heldFrom);
      rows.push(facts);
    }
    if (!page.more) return rows;
  }
}

/**
 * Puts the keys of the dirty records into the map, and returns up to which offset: all, or as many as it takes, or as were read in half of
 * the time. `undefined` if others have changed the rows.
 */
async function readKeys(
  compactor: Compactor,
  map: OffsetMap,
  { from, to }: CompactionPlan,
): Promise<number | undefined> {
  const { clock, index, limits, deadlineMs } = compactor;
  const until = (clock.now() + deadlineMs) / 2;
  let next = from;
  for await (const { row, slices } of index.walk(from, to, { rowsPerPage: limits.rowsPerPage })) {
    for await (const { slice, bytes } of readSlices(compactor, slices)) {
      if (bytes === undefined) {
        await explainGone(compactor, row, slice);
        return undefined;
      }
      const full = addKeys(map, bytes, next, to);
      if (full !== undefined) return full;
      next = Math.min(slice.baseOffset + slice.recordCount, to);
      if (next === to || clock.now() >= until) return next;
    }
  }
  if (next > from || from === to) return next;
  await requireDeleted(compactor, from);
  return undefined;
}

async function take(
  compactor: Compactor,
  step: CompactionStep,
  { cleanTo }: CompactionPlan,
  map: OffsetMap,
  to: number,
): Promise<'done' | 'lost' | 'late'> {
  if (step.kind === 'count') return countUp(compactor, step.row);
  const { now, deleteRetentionMs } = compactor.situation;
  const rows = step.clusters.flat();
  return cleanRows(compactor, step.clusters, step.closed, {
    lastOffset: map.lastOffset,
    endOffset: Math.max(to, Math.min(...rows.map(({ cleanedTo }) => cleanedTo))),
    // While rows become one, all but the first are counted up when it is done.
    tombstonesGoBelow: rows.length === 1 ? cleanTo : 0,
    now,
    deleteHorizonMs: now + deleteRetentionMs,
  });
}

/** From here on no swap that was planned before is applied. */
async function countUp(
  { items, clock, topic, partition }: Compactor,
  { baseOffset, version }: RowFacts,
): Promise<'done' | 'lost'> {
  const key = indexRowKey(topic.id, partition, baseOffset);
  const unchanged = { path: ['version'], is: '=', value: version } as const;
  const { applied } = await withRetries(clock, () =>
    items.update(key, [{ add: ['version'], value: 1 }], unchanged),
  );
  return applied ? 'done' : 'lost';
}
