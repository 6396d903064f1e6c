import type { Clock } from '../clock.ts';
import { WadiError } from '../errors.ts';
import type { ValidBatch } from '../record/record.ts';
import type { ItemStore } from '../storage/ports.ts';
import type { Slice } from './entry.ts';
import { firstOffsetInHead, type Head, highWatermark, type PlacedSlice, placedSlices } from './head.ts';
import { indexOf } from './indexRow.ts';
import type { LogLimits } from './limits.ts';
import { outOfOrder } from './producers.ts';

interface Context {
  readonly items: ItemStore;
  readonly clock: Clock;
  readonly limits: LogLimits;
}

/**
 * The places of an entry's slices if it landed and was rolled into the index between `before` (a head that the entry
 * was made for, so it lies behind its end) and `now`; `undefined` if it did not land. Throws REQUEST_TIMED_OUT if that cannot be told any more.
 */
export async function findEntryInIndex(
  { items, clock, limits }: Context,
  before: Head,
  now: Head,
  slices: readonly Slice[],
): Promise<PlacedSlice[] | undefined> {
  const placed: PlacedSlice[] = [];
  for (const slice of slices) {
    const { partition } = slice;
    const index = indexOf(items, clock, now.topicId, partition);
    const end = firstOffsetInHead(now, partition);
    let next = highWatermark(before, partition);
    let found: PlacedSlice | undefined;
    let copied = false;
    const options = { rowsPerPage: limits.rowsPerSearch, pages: limits.searches };
    for await (const { slices: rolled } of index.walk(next, end, options)) {
      found = rolled.find((candidate) => isSame(candidate, slice));
      if (found !== undefined) break;
      // Whose entry a merge has copied is not known any more.
      copied ||= rolled.some(({ blob }) => blob.segmentOf !== undefined);
      next = rolled.at(-1)!.baseOffset + rolled.at(-1)!.recordCount;
    }
    // An entry lands whole: what holds for its first slice holds for all.
    if (found === undefined) {
      if (next < end || copied || placed.length > 0) throw undecided();
      return undefined;
    }
    placed.push(found);
  }
  return placed;
}

function isSame(a: Slice, b: Slice): boolean {
  return a.position === b.position && Buffer.compare(a.blob.id, b.blob.id) === 0;
}

function undecided(): WadiError {
  return new WadiError('REQUEST_TIMED_OUT', 'It cannot be told any more whether the records were appended.');
}

/** A batch that was appended before. */
export interface FoundBatch {
  readonly offset: number;
  /** That it is in. */
  readonly slice: PlacedSlice;
}

/**
 * Where batches of a partition were appended before, as with a producer's retry. Throws
 * DUPLICATE_SEQUENCE_NUMBER when one is too long ago to be found, OUT_OF_ORDER_SEQUENCE_NUMBER when there is no such batch.
 */
export async function findDuplicates(
  { items, clock, limits }: Context,
  head: Head,
  partition: number,
  batches: readonly ValidBatch[],
): Promise<FoundBatch[]> {
  const found = new Array<FoundBatch | undefined>(batches.length);
  const search = (slices: readonly PlacedSlice[]): boolean => {
    for (const [i, batch] of batches.entries()) found[i] ??= find(slices, batch);
    return !found.includes(undefined);
  };
  if (search(placedSlices(head, partition))) return found as FoundBatch[];
  const index = indexOf(items, clock, head.topicId, partition);
  const end = firstOffsetInHead(head, partition);
  /** From here on everything was searched. Rows below the log start may be gone, and not from the lowest on. */
  let searched = end;
  const options = { rowsPerPage: limits.rowsPerSearch, pages: limits.searches };
  for await (const row of index.walkBack(end, options)) {
    if (search(row.slices)) return found as FoundBatch[];
    if (row.endOffset >= searched) searched = Math.min(searched, row.baseOffset);
  }
  const missing = batches[found.indexOf(undefined)]!;
  if (searched === 0) throw outOfOrder(missing, 'no such batch was appended');
  const message = `Sequence ${missing.producer!.sequence} of producer ${missing.producer!.id} was appended before; its offset is not known any more.`;
  throw new WadiError('DUPLICATE_SEQUENCE_NUMBER', message);
}

function find(slices: readonly PlacedSlice[], batch: ValidBatch): FoundBatch | undefined {
  const { id, epoch, sequence } = batch.producer!;
  for (const slice of slices) {
    for (const run of slice.runs) {
      if (run.id !== id || run.epoch !== epoch) continue;
      const into = (sequence - run.sequence + 2 ** 31) % 2 ** 31;
      if (into + batch.recordCount > run.recordCount) continue;
      return { offset: slice.baseOffset + run.delta + into, slice };
    }
  }
  return undefined;
}
