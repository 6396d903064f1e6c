import type { Clock } from '../clock.ts';
import { newBlobId } from '../log/blob.ts';
import type { PlacedSlice } from '../log/head.ts';
import type { IndexRow } from '../log/indexRow.ts';

/** What a partition's copy shows, put together of items that were replicated each in its own time. */
export interface Found {
  readonly partition: number;
  readonly logStartOffset: number;
  /** In order. */
  readonly rows: readonly IndexRow[];
  /** Of the head: what it has moved to the index, and what it has not. */
  readonly inHead: readonly PlacedSlice[];
  /** Where the index is to end, as the head says, and the greatest timestamp below. */
  readonly indexEnd: number;
  readonly maxTimestamp: number;
}

/** What is to be done of it. */
export interface Repair {
  /** Rows to put, in place of what is under their base offsets: each with a later version. */
  readonly put: readonly IndexRow[];
  /** Offsets whose records are lost. */
  readonly lost: readonly (readonly [from: number, to: number])[];
  /** Where the log begins. */
  readonly start: number;
  /** Where the next record goes, and the greatest timestamp below it. */
  readonly end: number;
  readonly maxTimestamp: number;
}

export interface RepairOptions {
  /** Whether the bytes can be had. */
  readonly has: (slice: PlacedSlice) => boolean;
  /**
   * What a segment has of these offsets that no row names: of a merge, or of compaction, whose swap did not arrive. From `from` on, or from the
   * first record behind it.
   */
  readonly recover: (from: number, to: number) => Promise<readonly PlacedSlice[] | undefined>;
  /** Behind the last record, of which nobody may ever have been given. */
  readonly offsetGap: number;
  readonly clock: Clock;
}

/**
 * Makes a whole of it, from the log start on: rows that follow one another, all with their bytes. What is missing in between is recovered where a
 * segment has it, or else left out: its offsets stay, without records. The head's own slices become rows, so that it begins anew.
 */
export async function repairPartition(found: Found, options: RepairOptions): Promise<Repair> {
  const { partition, logStartOffset, indexEnd, inHead } = found;
  const { has, recover, offsetGap, clock } = options;
  const put: IndexRow[] = [];
  const lost: [number, number][] = [];
  const end = Math.max(indexEnd, inHead.length === 0 ? 0 : endOf(inHead.at(-1)!));
  let start = logStartOffset;
  let next = start;
  const versions = new Map(found.rows.map(({ baseOffset, version }) => [baseOffset, version]));
  let maxTimestamp = -1;

  function add(slices: readonly PlacedSlice[]): void {
    const { baseOffset } = slices[0]!;
    const own = Math.max(...slices.map((slice) => slice.maxTimestamp));
    maxTimestamp = Math.max(maxTimestamp, own);
    const endOffset = endOf(slices.at(-1)!);
    const version = (versions.get(baseOffset) ?? 0) + 1;
    versions.set(baseOffset, version);
    put.push({
      ...{ baseOffset, endOffset, version, slices },
      ...{ maxTimestamp: own, runningMaxTimestamp: maxTimestamp },
      ...{ closed: false, cleanedTo: baseOffset, deleteHorizonMs: undefined },
    });
    next = endOffset;
  }

  /** Of records that are lost, or never were. */
  const empty = (from: number, to: number): PlacedSlice => ({
    blob: { id: newBlobId(clock), inline: false },
    ...{ partition, position: 0, bytes: 0, baseOffset: from, recordCount: to - from },
    ...{ maxTimestamp, runs: [] },
  });

  function lose(to: number): void {
    // Rows go from the log start up: where nothing is in front, it had moved.
    if (next === start && to < end) {
      start = to;
      next = to;
      return;
    }
    lost.push([next, to]);
    add([empty(next, to)]);
  }

  /** `own`: what a row has that is to be replaced, since it lacks some of its bytes. */
  async function fill(to: number, own: readonly PlacedSlice[] = []): Promise<void> {
    const known = [...inHead, ...own]
      .filter((slice) => endOf(slice) <= to && (slice.bytes === 0 || has(slice)))
      .toSorted((a, b) => a.baseOffset - b.baseOffset);
    while (next < to) {
      const ahead = known.filter((slice) => endOf(slice) > next);
      const knownFrom = ahead[0]?.baseOffset ?? to;
      if (knownFrom <= next) {
        add(contiguous(ahead));
        continue;
      }
      const recovered = await recover(next, knownFrom);
      const recoveredFrom = recovered?.[0]?.baseOffset ?? knownFrom;
      if (recoveredFrom > next) lose(recoveredFrom);
      if (recovered !== undefined) add(recovered);
    }
  }

  /** Those without are kept for their offsets. */
  function withBytes(slices: readonly PlacedSlice[]): PlacedSlice[] {
    return slices.map((slice) => {
      if (slice.bytes === 0 || has(slice)) return slice;
      if (endOf(slice) > next) lost.push([Math.max(next, slice.baseOffset), endOf(slice)]);
      return { ...slice, bytes: 0 };
    });
  }

  for (const row of found.rows) {
    if (row.endOffset <= next) continue;
    if (row.baseOffset > next) await fill(row.baseOffset);
    // What was recovered may reach into the row, or beyond.
    if (row.endOffset <= next) continue;
    const wanted = row.slices.filter((slice) => endOf(slice) > next);
    maxTimestamp = Math.max(maxTimestamp, row.runningMaxTimestamp);
    const gone = wanted.filter((slice) => slice.bytes > 0 && !has(slice));
    if (gone.length === 0) {
      next = row.endOffset;
      continue;
    }
    const instead = await recover(next, row.endOffset);
    const needed = Math.max(next, gone[0]!.baseOffset);
    if (instead !== undefined && instead[0]!.baseOffset <= needed) await fill(row.endOffset, row.slices);
    else {
      put.push({ ...row, version: row.version + 1, slices: withBytes(row.slices) });
      next = row.endOffset;
    }
  }
  await fill(end);
  maxTimestamp = Math.max(maxTimestamp, found.maxTimestamp);
  const lastRecord = next;
  if (offsetGap > 0) add([empty(next, next + offsetGap)]);
  return { put, lost, start, end: lastRecord + offsetGap, maxTimestamp };
}

/** As far as they follow one another. */
function contiguous(slices: readonly PlacedSlice[]): PlacedSlice[] {
  const taken: PlacedSlice[] = [];
  for (const slice of slices) {
    const last = taken.at(-1);
    if (last !== undefined && endOf(last) !== slice.baseOffset) break;
    taken.push(slice);
  }
  return taken;
}

function endOf({ baseOffset, recordCount }: PlacedSlice): number {
  return baseOffset + recordCount;
}
