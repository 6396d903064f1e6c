import { uploadedAt } from '../log/blob.ts';
import { encodeSlices } from '../log/entry.ts';
import type { PlacedSlice } from '../log/head.ts';
import { firstHorizon, type IndexRow } from '../log/indexRow.ts';
import type { MaintenanceLimits } from './limits.ts';
import { PACKED_PIECE_BYTES, settlesAt } from './planMerge.ts';

/** A topic's configs, by their names in Kafka. */
export interface CompactionConfigs {
  /** Rows are cleaned together while they would make no larger segment; no object is larger, but for one slice. */
  readonly segmentBytes: number;
  readonly minCleanableDirtyRatio: number;
  readonly minCompactionLagMs: number;
  readonly maxCompactionLagMs: number;
  readonly deleteRetentionMs: number;
}

export interface CompactionSituation extends CompactionConfigs {
  readonly logStartOffset: number;
  /** Slices from there on are left to a later pass. */
  readonly end: number;
  readonly now: number;
}

/** What a plan must know of a row. Its slices are many, so they are read again when it is cleaned. */
export interface RowFacts
  extends Pick<
    IndexRow,
    'baseOffset' | 'endOffset' | 'version' | 'closed' | 'cleanedTo' | 'deleteHorizonMs'
  > {
  /** Of slices that are not wholly below the log start. */
  readonly bytes: number;
  /** Of them, what was cleaned, */
  readonly cleanBytes: number;
  /** and what is to be, up to the first slice that is too young. */
  readonly dirtyBytes: number;
  /** The time of the oldest slice that is dirty; Infinity if none is. */
  readonly dirtySinceMs: number;
  /** The first slice that is too young to be cleaned, or left to later, and when it is not any more; Infinity if none is. */
  readonly heldFrom: number;
  readonly heldUntilMs: number;
  /** What its slices take in a row, at most. */
  readonly packedBytes: number;
}

export function factsOf(
  row: IndexRow,
  situation: CompactionSituation,
  { settleMs, pieceBytes }: MaintenanceLimits,
): RowFacts {
  const { baseOffset, endOffset, version, closed, cleanedTo, deleteHorizonMs } = row;
  const { logStartOffset, end, now, minCompactionLagMs } = situation;
  const live = row.slices.filter((slice) => endOf(slice) > logStartOffset);
  const cleanUntil = (slice: PlacedSlice): number => {
    return Math.max(
      settlesAt(slice.blob, now, settleMs),
      minCompactionLagMs > 0 ? timeOf(slice) + minCompactionLagMs : 0,
    );
  };
  const clean = live.filter((slice) => endOf(slice) <= cleanedTo);
  const dirty = live.slice(clean.length);
  const young = dirty.findIndex((slice) => slice.baseOffset >= end || cleanUntil(slice) > now);
  const cleanable = young < 0 ? dirty : dirty.slice(0, young);
  const bytes = sizeOf(live);
  return {
    ...{ baseOffset, endOffset, version, closed, cleanedTo, deleteHorizonMs, bytes },
    cleanBytes: sizeOf(clean),
    dirtyBytes: sizeOf(cleanable),
    dirtySinceMs: cleanable.reduce((oldest, slice) => Math.min(oldest, timeOf(slice)), Infinity),
    heldFrom: young < 0 ? Infinity : dirty[young]!.baseOffset,
    heldUntilMs: young < 0 ? Infinity : cleanUntil(dirty[young]!),
    packedBytes: encodeSlices(row.slices).length + Math.ceil(bytes / pieceBytes) * PACKED_PIECE_BYTES,
  };
}

export interface CompactionPlan {
  readonly due: boolean;
  /** Keys of records between these offsets make the map. */
  readonly from: number;
  readonly to: number;
  /** Below it, no row has a record that has a later one of its key. */
  readonly cleanTo: number;
  /** When it may be due, should nothing be appended. */
  readonly nextDueAtMs: number | undefined;
}

/**
 * What is to be compacted. `rows` are in order, from the lowest up to one that is too young; those below the log start may be
 * among them. When the rows do not agree how far they were cleaned, a pass was cut short: it is finished. Kafka's
 * LogCleanerManager (`grabFilthiestCompactedLog`, `cleanableOffsets`) decides by the same numbers, but lets tombstones wait for
 * the next records.
 */
export function planCompaction(
  rows: readonly RowFacts[],
  { logStartOffset, now, minCleanableDirtyRatio, maxCompactionLagMs }: CompactionSituation,
): CompactionPlan {
  const live = rows.filter(({ endOffset }) => endOffset > logStartOffset);
  const least = (of: (row: RowFacts) => number): number =>
    live.reduce((min, row) => Math.min(min, of(row)), Infinity);
  const cleanTo = live.length === 0 ? logStartOffset : least(({ cleanedTo }) => cleanedTo);
  const furthest = -least(({ baseOffset, cleanedTo }) => (cleanedTo > baseOffset ? -cleanedTo : Infinity));
  const heldFrom = least((row) => row.heldFrom);
  const unfinished = furthest > cleanTo;
  const end = unfinished ? furthest : -least(({ endOffset }) => -endOffset);
  const to = Math.max(cleanTo, Math.min(end, heldFrom));

  const dirtyBytes = live.reduce((sum, row) => sum + row.dirtyBytes, 0);
  const cleanBytes = live.reduce((sum, row) => sum + row.cleanBytes, 0);
  const oldest = least(({ dirtySinceMs }) => dirtySinceMs);
  const isDirty =
    unfinished ||
    (dirtyBytes > 0 &&
      (dirtyBytes / (dirtyBytes + cleanBytes) > minCleanableDirtyRatio || oldest < now - maxCompactionLagMs));
  // A pass that was cut short is due as it is: tombstones wait until it is finished.
  const horizon = unfinished ? Infinity : (firstHorizon(live) ?? Infinity);
  const lagDueAtMs = unfinished ? Infinity : oldest + maxCompactionLagMs + 1;
  const overlapping = clustersOf(live).some(({ length }) => length > 1);
  const next = Math.min(
    horizon,
    lagDueAtMs,
    least((row) => row.heldUntilMs),
  );
  const target = isDirty ? to : cleanTo;
  return {
    due: (isDirty && to > cleanTo) || horizon <= now || overlapping,
    from: Math.min(Math.max(cleanTo, logStartOffset), target),
    to: target,
    cleanTo,
    nextDueAtMs: Number.isSafeInteger(next) ? next : undefined,
  };
}

export type CompactionStep =
  /** Its version is counted up: whoever has planned with it must plan anew. */
  | { readonly kind: 'count'; readonly row: RowFacts }
  /** Rows that become one, in the place of the first. */
  | {
      readonly kind: 'clean';
      /** Rows of one cluster overlap: of two that hold an offset, the later one counts. */
      readonly clusters: readonly (readonly RowFacts[])[];
      readonly closed: boolean;
    };

/**
 * What is done to the rows, from the lowest up, when keys up to `to` are known. Rows that are closed, or come before one that is, make
 * segments that are closed. Of those after them only the first is ever put anew, as by a merge: so either is refused when
 * the other came first, whatever they have planned.
 */
export function planSteps(
  rows: readonly RowFacts[],
  to: number,
  { logStartOffset, now, segmentBytes }: CompactionSituation,
  limits: MaintenanceLimits,
): CompactionStep[] {
  const clusters = clustersOf(rows);
  const lastClosed = clusters.findLastIndex((cluster) => cluster.some(({ closed }) => closed));
  const isLive = (i: number) => clusters[i]!.some(({ endOffset }) => endOffset > logStartOffset);
  const isWanted = (cluster: readonly RowFacts[]) =>
    cluster.length > 1 || cluster[0]!.cleanedTo < to || isExpired(cluster[0]!, now);
  const wanted = clusters.map((cluster, i) => isLive(i) && isWanted(cluster));
  const last = wanted.lastIndexOf(true);
  for (let i = lastClosed + 1; i < last; i++) wanted[i] = isLive(i);
  const lastExpired = clusters.findLastIndex((cluster) => cluster.some((row) => isExpired(row, now)));

  const steps: CompactionStep[] = [];
  for (let i = 0; i <= last; ) {
    if (!wanted[i]) {
      // What is below the log start may be the first row of a plan from when it was not.
      const counts = i < lastExpired || !isLive(i);
      if (counts) steps.push(...clusters[i]!.map((row) => ({ kind: 'count', row }) as const));
      i++;
      continue;
    }
    const isClosed = i <= lastClosed;
    const limit = isClosed ? lastClosed : last;
    const takes = segmentRoom(segmentBytes, limits);
    takes(clusters[i]!);
    let end = i + 1;
    while (end <= limit && wanted[end] && takes(clusters[end]!)) end++;
    steps.push({ kind: 'clean', clusters: clusters.slice(i, end), closed: isClosed || end <= last });
    i = end;
  }
  return steps;
}

/** Adds rows to a segment; false when they, and all before, are more than one takes. */
function segmentRoom(segmentBytes: number, limits: MaintenanceLimits) {
  let rows = 0;
  let bytes = 0;
  let packedBytes = 0;
  return (more: readonly RowFacts[]): boolean => {
    for (const row of more) {
      rows++;
      bytes += row.bytes;
      packedBytes += row.packedBytes;
    }
    return rows <= limits.rowsPerMerge && bytes <= segmentBytes && packedBytes <= limits.bytesPerRow;
  };
}

/** Rows that overlap, each with those it overlaps; mostly there are none. */
export function clustersOf<Row extends Pick<IndexRow, 'baseOffset' | 'endOffset'>>(
  rows: readonly Row[],
): Row[][] {
  const clusters: Row[][] = [];
  let end = -1;
  for (const row of rows) {
    if (row.baseOffset < end) clusters.at(-1)!.push(row);
    else clusters.push([row]);
    end = Math.max(end, row.endOffset);
  }
  return clusters;
}

/** Which row's records count from where to where: of two that hold an offset, those of the later one. */
export function partsOf<Row extends Pick<IndexRow, 'baseOffset' | 'endOffset'>>(
  cluster: readonly Row[],
): { readonly row: Row; readonly from: number; readonly to: number }[] {
  let parts: { row: Row; from: number; to: number }[] = [];
  for (const row of cluster) {
    const { baseOffset: from, endOffset: to } = row;
    parts = [
      ...parts.flatMap((part) => [
        { ...part, to: Math.min(part.to, from) },
        { ...part, from: Math.max(part.from, to) },
      ]),
      { row, from, to },
    ].filter((part) => part.from < part.to);
  }
  return parts.sort((a, b) => a.from - b.from);
}

function isExpired({ deleteHorizonMs }: RowFacts, now: number): boolean {
  return deleteHorizonMs !== undefined && deleteHorizonMs <= now;
}

/** Of its youngest record; without a time, that at which it was written. */
function timeOf({ maxTimestamp, blob }: PlacedSlice): number {
  return maxTimestamp >= 0 ? maxTimestamp : uploadedAt(blob.id);
}

function sizeOf(slices: readonly PlacedSlice[]): number {
  return slices.reduce((sum, { bytes }) => sum + bytes, 0);
}

function endOf({ baseOffset, recordCount }: PlacedSlice): number {
  return baseOffset + recordCount;
}
