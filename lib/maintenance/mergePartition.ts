import type { Clock } from '../clock.ts';
import { type BlobName, type BlobRef, type Blobs, createBlobs, newBlobId, objectKey } from '../log/blob.ts';
import { firstOffsetInHead, headIndexOf, logStartOffset, type PlacedSlice } from '../log/head.ts';
import { createHeads } from '../log/heads.ts';
import { firstHorizon, type IndexRow, indexOf } from '../log/indexRow.ts';
import type { LogTopic } from '../log/log.ts';
import { withRetries } from '../log/retry.ts';
import type { ItemStore, ObjectStore } from '../storage/ports.ts';
import { MAINTENANCE_LIMITS, type MaintenanceLimits, withinSegments } from './limits.ts';
import { isSmall, type MergePlan, planMerge, type WaitingToMerge, waitingToMerge } from './planMerge.ts';
import { copySlices } from './segmentObject.ts';
import { markAbsorbed, type RowContext, swapRow, unmarkedRows } from './swapRow.ts';

export interface MergeContext {
  readonly objects: ObjectStore;
  readonly items: ItemStore;
  readonly clock: Clock;
  readonly limits?: MaintenanceLimits;
}

export interface MergeOptions {
  /** The topic's `segment.bytes`: no object is larger, and a segment takes no row that would make it larger. */
  readonly segmentBytes: number;
  /** Merges all there is in the index, due or not. */
  readonly force?: boolean;
  /** Rows from there on are left to a later call. */
  readonly end?: number;
  /** What an earlier call handed back. Without it closed segments are read again, no more. */
  readonly next?: number;
}

export interface MergedPartition {
  /** Segments that were made or grew. */
  readonly merges: number;
  readonly rowsAbsorbed: number;
  readonly objects: number;
  readonly objectBytes: number;
  /** The base offset of the open segment. */
  readonly next: number;
  /** The call has done all that it may; there is more that is due, or was for another who came first. */
  readonly more: boolean;
  /** What is in the index and not due yet, when there is no more. */
  readonly waiting?: WaitingToMerge;
}

type Counts = { -readonly [count in 'merges' | 'rowsAbsorbed' | 'objects' | 'objectBytes']: number };

interface Merger extends Required<MergeContext>, RowContext {
  readonly limits: MaintenanceLimits;
  readonly blobs: Blobs;
  readonly logStartOffset: number;
  /** Where the index ends, or what is to be merged of it. */
  readonly end: number;
  readonly gone: Set<BlobName>;
  readonly counts: Counts;
}

/**
 * Makes segments of a partition's index rows: many rows become one, and small slices are copied, in order, into few
 * large objects. Readers notice nothing but that they read faster. At most `mergesPerCall` objects a call.
 *
 * Each merge writes its object, then puts the first of its rows anew, on the condition that its version is what was
 * read, then marks the others as absorbed, on the same condition. It may die, freeze, or run twice between
 * any two calls: before the swap nothing has changed but that garbage lies about; after it, rows that are not marked yet
 * show the same records as the segment that covers them. Only the first row that is not closed is ever put anew: so of two
 * mergers one is refused, unless the log start has moved between them. Then their segments overlap, and either may be read:
 * a row is marked only as it was taken in, so none hides what another has made.
 *
 * Throws StorageError, or UNKNOWN_TOPIC_OR_PARTITION when the head is gone; a repetition goes on where it stopped.
 */
export async function mergePartition(
  { objects, items, clock, limits: allLimits = MAINTENANCE_LIMITS }: MergeContext,
  topic: LogTopic,
  partition: number,
  { segmentBytes, force = false, end = Infinity, next: hint = 0 }: MergeOptions,
): Promise<MergedPartition> {
  const head = await createHeads(items, clock).read(topic, headIndexOf(topic, partition));
  const limits = withinSegments(allLimits, segmentBytes);
  const merger: Merger = {
    ...{ objects, items, clock, limits, topic, partition },
    blobs: createBlobs({ objects, items, clock }),
    index: indexOf(items, clock, topic.id, partition),
    logStartOffset: logStartOffset(head, partition),
    end: Math.min(end, firstOffsetInHead(head, partition)),
    gone: new Set(),
    counts: { merges: 0, rowsAbsorbed: 0, objects: 0, objectBytes: 0 },
  };
  let next = await beginning(merger, hint);
  for (let merges = 0; merges < limits.mergesPerCall; merges++) {
    const open = await openRows(merger, next, segmentBytes);
    next = open.next;
    if (merges === 0 && open.rows.length > 0) await markLeft(merger, open.rows[0]!);
    const situation = { ...merger, segmentBytes, force, now: clock.now() };
    const plan = planMerge(open.rows, situation, limits);
    if (plan === undefined) {
      const waiting = waitingToMerge(open.rows, merger, limits);
      return { ...merger.counts, next, more: false, ...(waiting && { waiting }) };
    }
    const merged = await merge(merger, plan);
    if (merged === 'lost') break;
    if (merged === 'gone') continue;
    await mark(merger, merged, plan.rows.slice(1));
    if (merged.closed) next = merged.endOffset;
  }
  return { ...merger.counts, next, more: true };
}

/** The hint, if the segment before it is closed, as it was when it was given; else the log start. */
async function beginning({ index, logStartOffset }: Merger, hint: number): Promise<number> {
  if (hint <= logStartOffset) return logStartOffset;
  const before = await index.at(hint - 1);
  return before?.closed === true ? Math.max(before.baseOffset, logStartOffset) : logStartOffset;
}

/** The first row that is not closed, and those that follow, as many as one merge may take. */
async function openRows(merger: Merger, from: number, segmentBytes: number) {
  const { index, end, limits, gone } = merger;
  let rows: IndexRow[] = [];
  let next = from;
  let bytes = 0;
  let small = 0;
  for await (const { row } of index.walk(from, end, { rowsPerPage: limits.rowsPerPage, gone })) {
    if (row.closed) {
      await markLeft(merger, row);
      next = row.endOffset;
    }
    // A row that overlaps the one before is the work of two who did not know of each other: the later one goes on.
    if (row.closed || rows.at(-1)?.endOffset !== row.baseOffset) {
      rows = [];
      bytes = 0;
      small = 0;
    }
    if (row.closed) continue;
    if (rows.length === 0) next = row.baseOffset;
    rows.push(row);
    for (const slice of row.slices) {
      bytes += slice.bytes;
      if (isSmall(slice, merger, limits)) small += slice.bytes;
    }
    // One more than fits tells that the segment is full.
    const full = rows.length > 1 && bytes > segmentBytes;
    if (full || rows.length > limits.rowsPerMerge || small > limits.objectBytes) break;
  }
  return { rows, next };
}

/** The segment; or `lost` when another was faster, `gone` when bytes could not be found. */
async function merge(merger: Merger, plan: MergePlan): Promise<IndexRow | 'lost' | 'gone'> {
  const { objects, clock, topic, partition, counts } = merger;
  const first = plan.rows[0]!;
  const blob: BlobRef = { id: newBlobId(clock), inline: false, segmentOf: first.baseOffset };
  let copies: readonly PlacedSlice[] = [];
  if (plan.copied.size > 0) {
    const object = await copySlices(merger.blobs, topic, [...plan.copied], blob, merger.gone, merger.limits);
    if (object === undefined) return 'gone';
    await withRetries(clock, () => objects.put(objectKey(topic.id, { blob, partition }), object.chunks));
    counts.objects++;
    counts.objectBytes += object.chunks.reduce((sum, { length }) => sum + length, 0);
    copies = object.slices;
  }
  const row = segmentOf(plan, copies);
  if (!(await swapRow(merger, row))) return 'lost';
  counts.merges++;
  return row;
}

/** What a merger has left who died. */
async function markLeft(merger: Merger, segment: IndexRow): Promise<void> {
  await mark(merger, segment, await unmarkedRows(merger, segment));
}

async function mark(merger: Merger, segment: IndexRow, taken: readonly IndexRow[]): Promise<void> {
  merger.counts.rowsAbsorbed += await markAbsorbed(merger, segment, taken);
}

function segmentOf({ rows, copied, closed }: MergePlan, copies: readonly PlacedSlice[]): IndexRow {
  const { baseOffset, version } = rows[0]!;
  const { endOffset, runningMaxTimestamp } = rows.at(-1)!;
  const kept = rows.flatMap((row) => row.slices.filter((slice) => !copied.has(slice)));
  const slices = [...kept, ...copies].sort((a, b) => a.baseOffset - b.baseOffset);
  const maxTimestamp = Math.max(...rows.map((row) => row.maxTimestamp));
  return {
    ...{ baseOffset, endOffset, version: version + 1, slices, maxTimestamp, runningMaxTimestamp, closed },
    cleanedTo: Math.min(...rows.map((row) => row.cleanedTo)),
    deleteHorizonMs: firstHorizon(rows),
  };
}
