import { type BlobName, type BlobRef, blobName, uploadedAt } from '../log/blob.ts';
import { encodeSlices, type ProducerRun } from '../log/entry.ts';
import type { PlacedSlice } from '../log/head.ts';
import type { IndexRow } from '../log/indexRow.ts';
import { addRun } from '../log/plan.ts';
import type { MaintenanceLimits } from './limits.ts';

export interface MergeSituation {
  readonly logStartOffset: number;
  /** Blobs that were looked for in vain: what names them stays as it is. */
  readonly gone: ReadonlySet<BlobName>;
  /** The topic's `segment.bytes`. */
  readonly segmentBytes: number;
  /** Merges all there is, due or not. */
  readonly force: boolean;
  readonly now: number;
}

export interface MergePlan {
  /** Consecutive ones: the first is put anew, as the segment that they make; the others are absorbed. */
  readonly rows: readonly IndexRow[];
  /** Of their slices, those that go into a new object. The others stay where they lie. */
  readonly copied: ReadonlySet<PlacedSlice>;
  /** The segment takes no more records. */
  readonly closed: boolean;
}

/** What a slice of a copied one, and each run in it, takes in a packed row: at most, but for very large numbers. */
export const PACKED_PIECE_BYTES = 48;
const PACKED_RUN_BYTES = 16;

/**
 * What is to be merged of consecutive rows, of which the first is the open segment, or to become it; `undefined` if
 * nothing is due.
 */
export function planMerge(
  rows: readonly IndexRow[],
  situation: MergeSituation,
  limits: MaintenanceLimits,
): MergePlan | undefined {
  const { taken, full, limited } = takeRows(settledRows(rows, situation, limits), situation, limits);
  if (taken.length === 0) return undefined;
  const slices = taken.flatMap((row) => row.slices);
  const chosen = chooseCopied(slices, full || situation.force, situation, limits);
  const { copied, all } = upTo(limits.objectBytes, chosen);
  const closed = full && all;
  if (!closed && !limited && !isDue(taken, situation, limits)) return undefined;
  return { rows: taken, copied, closed };
}

/** Up to the first that has a slice whose append may still be asked for. */
function settledRows(
  rows: readonly IndexRow[],
  { force, now }: MergeSituation,
  { settleMs }: MaintenanceLimits,
): readonly IndexRow[] {
  const young = rows.findIndex(({ slices }) =>
    slices.some(({ blob }) => settlesAt(blob, now, settleMs) > now),
  );
  return force || young < 0 ? rows : rows.slice(0, young);
}

/** Until when an append may be asked for. One that is far ahead of us comes from a clock that is wrong. */
export function settlesAt({ id, segmentOf }: BlobRef, now: number, settleMs: number): number {
  const at = uploadedAt(id);
  return segmentOf !== undefined || at > now + settleMs ? 0 : at + settleMs;
}

/** `full`: the row after those taken does not fit into the segment; `limited`: there are more than one merge takes. */
function takeRows(
  rows: readonly IndexRow[],
  situation: MergeSituation,
  limits: MaintenanceLimits,
): { taken: readonly IndexRow[]; full: boolean; limited: boolean } {
  const runs: ProducerRun[] = [];
  let bytes = 0;
  let small = 0;
  let packed = 0;
  for (const [i, row] of rows.entries()) {
    const smallBefore = small;
    for (const slice of row.slices) {
      bytes += slice.bytes;
      if (!isSmall(slice, situation, limits)) {
        packed += encodeSlices([slice]).length;
        continue;
      }
      small += slice.bytes;
      packed += (PACKED_PIECE_BYTES * slice.bytes) / limits.pieceBytes;
      for (const run of slice.runs) addRun(runs, { ...run, delta: slice.baseOffset + run.delta });
    }
    if (i === 0) continue;
    if (bytes > situation.segmentBytes || packed + PACKED_RUN_BYTES * runs.length > limits.bytesPerRow) {
      return { taken: rows.slice(0, i), full: true, limited: false };
    }
    if (i === limits.rowsPerMerge || (smallBefore > 0 && small > limits.objectBytes)) {
      return { taken: rows.slice(0, i), full: false, limited: true };
    }
  }
  return { taken: rows, full: false, limited: false };
}

/** Whether a slice waits to be copied. One whose bytes are gone, or may be since it is below the log start, does not. */
export function isSmall(
  { blob, bytes, baseOffset, recordCount }: PlacedSlice,
  { logStartOffset, gone }: Pick<MergeSituation, 'logStartOffset' | 'gone'>,
  { keepBytes }: MaintenanceLimits,
): boolean {
  if (blob.segmentOf !== undefined || bytes >= keepBytes) return false;
  return baseOffset + recordCount > logStartOffset && !gone.has(blobName(blob.id));
}

/**
 * The small slices; and of the small segment objects at the end those that are not larger than what comes after them:
 * so their sizes grow as powers of two, and a record is copied a few times only. `all`: every small segment object, since it is the
 * last time. An object is small as a whole: large slices may part its own, and what fills an object must not be copied again.
 */
function chooseCopied(
  slices: readonly PlacedSlice[],
  all: boolean,
  situation: MergeSituation,
  limits: MaintenanceLimits,
): readonly PlacedSlice[] {
  const chosen: PlacedSlice[][] = [];
  const objectBytes = new Map<BlobName, number>();
  for (const { blob, bytes } of slices) {
    const name = blobName(blob.id);
    objectBytes.set(name, (objectBytes.get(name) ?? 0) + bytes);
  }
  let bytes = 0;
  let atEnd = true;
  for (const group of byObject(slices).reverse()) {
    const size = group.reduce((sum, slice) => sum + slice.bytes, 0);
    const small = isSmall(group[0]!, situation, limits);
    if (!small) {
      const { blob, baseOffset, recordCount } = group[0]!;
      if (blob.segmentOf === undefined) continue;
      const name = blobName(blob.id);
      const whole = objectBytes.get(name)!;
      const dead = baseOffset + recordCount <= situation.logStartOffset || situation.gone.has(name);
      atEnd &&= !dead && whole < limits.keepBytes && (all || whole <= bytes);
      if (!atEnd) continue;
    }
    bytes += size;
    chosen.push(group);
  }
  const copied = chosen.reverse().flat();
  const { blob: first } = copied[0] ?? {};
  const alone =
    first?.segmentOf !== undefined && copied.every(({ blob }) => Buffer.compare(blob.id, first.id) === 0);
  return alone ? [] : copied;
}

/** Slices that follow one another in one segment object; each other slice by itself. */
function byObject(slices: readonly PlacedSlice[]): PlacedSlice[][] {
  const groups: PlacedSlice[][] = [];
  for (const slice of slices) {
    const { blob } = groups.at(-1)?.[0] ?? {};
    const same = blob?.segmentOf !== undefined && Buffer.compare(blob.id, slice.blob.id) === 0;
    if (same) groups.at(-1)!.push(slice);
    else groups.push([slice]);
  }
  return groups;
}

/** The first of them, one at least. */
function upTo(
  maxBytes: number,
  slices: readonly PlacedSlice[],
): { copied: ReadonlySet<PlacedSlice>; all: boolean } {
  let bytes = 0;
  const end = slices.findIndex((slice, i) => {
    bytes += slice.bytes;
    return i > 0 && bytes > maxBytes;
  });
  return { copied: new Set(end < 0 ? slices : slices.slice(0, end)), all: end < 0 };
}

function isDue(rows: readonly IndexRow[], situation: MergeSituation, limits: MaintenanceLimits): boolean {
  const waiting = waitingToMerge(rows, situation, limits);
  if (waiting === undefined) return false;
  if (situation.force) return true;
  return waiting.bytes >= limits.mergeBytes || waiting.sinceMs <= situation.now - limits.mergeAgeMs;
}

export interface WaitingToMerge {
  readonly bytes: number;
  /** When the oldest of it was uploaded. */
  readonly sinceMs: number;
}

/** What waits of consecutive rows, of which the first is the open segment, or to become it; `undefined` if nothing does. */
export function waitingToMerge(
  rows: readonly IndexRow[],
  situation: Pick<MergeSituation, 'logStartOffset' | 'gone'>,
  limits: MaintenanceLimits,
): WaitingToMerge | undefined {
  let bytes = 0;
  let sinceMs = Number.POSITIVE_INFINITY;
  for (const [i, { slices }] of rows.entries()) {
    for (const slice of slices) {
      if (i === 0 && !isSmall(slice, situation, limits)) continue;
      bytes += slice.bytes;
      sinceMs = Math.min(sinceMs, uploadedAt(slice.blob.id));
    }
  }
  return sinceMs === Number.POSITIVE_INFINITY ? undefined : { bytes, sinceMs };
}
