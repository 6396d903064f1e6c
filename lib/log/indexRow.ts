import type { Clock } from '../clock.ts';
import type { Item, ItemStore, Key } from '../storage/ports.ts';
import { decodeSlices, encodeSlices, type Slice } from './entry.ts';
import type { PartitionBase, PlacedSlice } from './head.ts';
import { withRetries } from './retry.ts';

/**
 * A row of a partition's index: the slices that one roll took out of the head's tail, under their base offset.
 *
 *   end                  number  the offset after the last record
 *   slices               binary  in order of offset, each beginning where the one before ended
 *   maxTimestamp         number  of these records
 *   runningMaxTimestamp  number  of these and all before: it never falls, so timestamps are found by bisection
 */
export interface IndexRow {
  readonly baseOffset: number;
  readonly endOffset: number;
  readonly slices: readonly PlacedSlice[];
  readonly maxTimestamp: number;
  readonly runningMaxTimestamp: number;
}

const DIGITS = 16;

function indexPk(topicId: string, partition: number): string {
  return `index/${topicId}/${partition}`;
}

function offsetSk(offset: number): string {
  return String(offset).padStart(DIGITS, '0');
}

export function indexRowItem(
  topicId: string,
  partition: number,
  base: PartitionBase,
  slices: readonly Slice[],
): Item {
  const maxTimestamp = Math.max(...slices.map((slice) => slice.maxTimestamp));
  return {
    pk: indexPk(topicId, partition),
    sk: offsetSk(base.offset),
    end: slices.reduce((end, slice) => end + slice.recordCount, base.offset),
    slices: encodeSlices(slices),
    maxTimestamp,
    runningMaxTimestamp: Math.max(base.maxTimestamp, maxTimestamp),
  };
}

function decodeIndexRow(item: Item, partition: number): IndexRow {
  const baseOffset = Number(item.sk);
  let next = baseOffset;
  const slices = decodeSlices(item.slices as Uint8Array, partition).map((slice) => {
    const placed = { ...slice, baseOffset: next };
    next += slice.recordCount;
    return placed;
  });
  return {
    baseOffset,
    endOffset: item.end as number,
    slices,
    maxTimestamp: item.maxTimestamp as number,
    runningMaxTimestamp: item.runningMaxTimestamp as number,
  };
}

export interface IndexPage {
  readonly rows: IndexRow[];
  readonly more: boolean;
}

/** One partition's index. */
export interface Index {
  /** The row that holds `offset`, or, if none does, the nearest one below. */
  at(offset: number): Promise<IndexRow | undefined>;
  /** Up to `limit` rows in order, from the row whose base offset is `offset` or the next above. */
  from(offset: number, limit: number): Promise<IndexPage>;
  /** Up to `limit` rows in reverse order, from the row whose base offset is below `offset`. */
  before(offset: number, limit: number): Promise<IndexPage>;
}

export function indexOf(items: ItemStore, clock: Clock, topicId: string, partition: number): Index {
  const pk = indexPk(topicId, partition);

  async function query(
    bounds: { from?: string; to?: string },
    limit: number,
    descending: boolean,
  ): Promise<IndexPage> {
    const page = await withRetries(clock, () => items.query({ pk, ...bounds, limit, descending }));
    return {
      rows: page.items.map((item) => decodeIndexRow(item, partition)),
      more: page.lastSk !== undefined,
    };
  }

  return {
    at: async (offset) => (await query({ to: offsetSk(offset) }, 1, true)).rows[0],
    from: (offset, limit) => query({ from: offsetSk(offset) }, limit, false),
    before: async (offset, limit) =>
      offset === 0 ? { rows: [], more: false } : query({ to: offsetSk(offset - 1) }, limit, true),
  };
}

export function indexRowKey(topicId: string, partition: number, offset: number): Key {
  return { pk: indexPk(topicId, partition), sk: offsetSk(offset) };
}
