import type { Clock } from '../clock.ts';
import { uploadedAt } from '../log/blob.ts';
import { moveLogStart } from '../log/deleteRecords.ts';
import {
  firstOffsetInHead,
  type Head,
  headIndexOf,
  highWatermark,
  logStartOffset,
  type PlacedSlice,
  placedSlices,
} from '../log/head.ts';
import { createHeads } from '../log/heads.ts';
import { type Index, indexOf } from '../log/indexRow.ts';
import type { LogTopic } from '../log/log.ts';
import type { ItemStore } from '../storage/ports.ts';
import { MAINTENANCE_LIMITS, type MaintenanceLimits } from './limits.ts';

export interface RetentionContext {
  readonly items: ItemStore;
  readonly clock: Clock;
  readonly limits?: MaintenanceLimits;
}

/** A topic's configs; -1 is without limit. */
export interface Retention {
  readonly retentionMs: number;
  readonly retentionBytes: number;
}

export interface RetainedPartition {
  readonly logStartOffset: number;
  /** Offsets that the log start has passed by this call, */
  readonly recordsDeleted: number;
  /** and the bytes of their slices. They are freed when garbage is collected. */
  readonly bytesDeleted: number;
  /** When the oldest slice that is left expires, now if the call did not come so far; missing if time deletes nothing. */
  readonly nextDueAtMs?: number;
}

/** What goes: slices that are wholly below `keptFrom`, which is by size, and those that are older than `expiredBefore`. */
export interface RetentionRule {
  readonly keptFrom: number;
  readonly expiredBefore: number;
}

export interface RetentionPlan {
  readonly logStartOffset: number;
  readonly bytes: number;
  /** The first slice that stays: what comes after it stays too, however old. */
  readonly oldest?: PlacedSlice;
}

/** How far back the newest slices reach that make up `retention.bytes`. */
export interface Kept {
  readonly from: number;
  readonly bytes: number;
}

/**
 * Adds slices, in order of offset and each beginning where the one before ended, to what goes, as Kafka's
 * `UnifiedLog.deleteOldSegments` goes through segments: up to the first that stays.
 */
export function planRetention(
  before: RetentionPlan,
  slices: readonly PlacedSlice[],
  { keptFrom, expiredBefore }: RetentionRule,
): RetentionPlan {
  let { logStartOffset, bytes } = before;
  if (before.oldest !== undefined) return before;
  for (const slice of slices) {
    if (endOf(slice) <= logStartOffset) continue;
    if (endOf(slice) > keptFrom && timeOf(slice) >= expiredBefore) {
      return { logStartOffset, bytes, oldest: slice };
    }
    logStartOffset = endOf(slice);
    bytes += slice.bytes;
  }
  return { logStartOffset, bytes };
}

/**
 * Adds slices, in order of offset and before those that are kept, from the last down until there is enough. Kafka deletes the
 * oldest segment while at least `retention.bytes` are left without it: so the least is kept that is enough.
 */
export function keepNewest(kept: Kept, slices: readonly PlacedSlice[], retentionBytes: number): Kept {
  let { from, bytes } = kept;
  for (const slice of slices.toReversed()) {
    if (bytes >= retentionBytes) break;
    if (slice.baseOffset >= from) continue;
    // Rows may overlap: what is counted twice would be missing.
    if (endOf(slice) <= from) bytes += slice.bytes;
    from = slice.baseOffset;
  }
  return { from, bytes };
}

/** Of its youngest record; without a time, as in Kafka, that at which it was written. */
function timeOf({ maxTimestamp, blob }: PlacedSlice): number {
  return maxTimestamp >= 0 ? maxTimestamp : uploadedAt(blob.id);
}

function endOf({ baseOffset, recordCount }: PlacedSlice): number {
  return baseOffset + recordCount;
}

/**
 * Raises the log start of a partition past the records that its retention does not keep: Kafka's `retention.ms` and
 * `retention.bytes`, at the granularity of slices, the tail's included. For a topic whose `cleanup.policy` has `delete`.
 *
 * Time alone costs a read of the head and of the rows that go, and of one more; size, a read of those that stay too. What was
 * read may change meanwhile: the records below the new log start have expired, or as many bytes as are to be kept lie
 * above it, however the slices are cut and whoever moves the log start. So it may die, freeze or run twice between any
 * two calls; the log start never goes back.
 *
 * Throws StorageError, or UNKNOWN_TOPIC_OR_PARTITION when the head is gone.
 */
export async function retainPartition(
  { items, clock, limits = MAINTENANCE_LIMITS }: RetentionContext,
  topic: LogTopic,
  partition: number,
  { retentionMs, retentionBytes }: Retention,
): Promise<RetainedPartition> {
  const heads = createHeads(items, clock);
  const head = await heads.read(topic, headIndexOf(topic, partition));
  const index = indexOf(items, clock, topic.id, partition);
  const start = logStartOffset(head, partition);
  const now = clock.now();
  const rule = {
    keptFrom: retentionBytes < 0 ? start : await keptFrom(index, head, partition, retentionBytes, limits),
    expiredBefore: retentionMs < 0 ? Number.NEGATIVE_INFINITY : now - retentionMs,
  };

  const end = firstOffsetInHead(head, partition);
  const options = { rowsPerPage: limits.rowsPerPage, pages: limits.pagesPerStep };
  let plan: RetentionPlan = { logStartOffset: start, bytes: 0 };
  for await (const { slices } of index.walk(start, end, options)) {
    plan = planRetention(plan, slices, rule);
    if (plan.oldest !== undefined) break;
  }
  // Too many rows for one call; or some are gone, since others have moved the log start past them.
  const more = plan.oldest === undefined && plan.logStartOffset < end;
  if (!more) plan = planRetention(plan, placedSlices(head, partition), rule);

  const nextDueAtMs = more ? now : expiresAt(plan.oldest, retentionMs);
  const due = nextDueAtMs !== undefined && { nextDueAtMs };
  if (plan.logStartOffset === start) {
    return { logStartOffset: start, recordsDeleted: 0, bytesDeleted: 0, ...due };
  }
  const moved = await moveLogStart({ items, heads, clock }, topic, head, partition, plan.logStartOffset);
  return {
    logStartOffset: moved.logStartOffset,
    recordsDeleted: moved.applied ? plan.logStartOffset - start : 0,
    bytesDeleted: moved.applied ? plan.bytes : 0,
    ...due,
  };
}

/** The base offset of the oldest slice that is kept by size, which is not above the log start if all are. */
async function keptFrom(
  index: Index,
  head: Head,
  partition: number,
  retentionBytes: number,
  { rowsPerPage }: MaintenanceLimits,
): Promise<number> {
  const start = logStartOffset(head, partition);
  const end = firstOffsetInHead(head, partition);
  const nothing = { from: highWatermark(head, partition), bytes: 0 };
  let kept = keepNewest(nothing, placedSlices(head, partition), retentionBytes);
  const isDone = () => kept.bytes >= retentionBytes || kept.from <= start;
  if (!isDone()) {
    for await (const { slices } of index.walkBack(end, { rowsPerPage })) {
      kept = keepNewest(kept, slices, retentionBytes);
      if (isDone()) break;
    }
  }
  return kept.from;
}

/** The first millisecond in which `planRetention` takes the slice for expired. */
function expiresAt(oldest: PlacedSlice | undefined, retentionMs: number): number | undefined {
  if (oldest === undefined || retentionMs < 0) return undefined;
  const atMs = timeOf(oldest) + retentionMs + 1;
  return Number.isSafeInteger(atMs) ? atMs : undefined;
}
