import type { Clock } from '../clock.ts';
import type { Item, ItemStore, Key } from '../storage/ports.ts';
import { type BlobName, blobName } from './blob.ts';
import { decodeSlices, encodeSlices, type Slice } from './entry.ts';
import type { PartitionBase, PlacedSlice } from './head.ts';
import { withRetries } from './retry.ts';

/**
 * A row of a partition's index, under the base offset of its first record: the slices that one roll took out of the
 * head's tail, or a segment, which a merge made of several such rows.
 *
 *   end                  number   the offset after the last record
 *   slices               binary   in order of offset, each beginning where the one before ended
 *   maxTimestamp         number   of these records
 *   runningMaxTimestamp  number   of these and all before: it never falls, so timestamps are found by bisection
 *   version              number   0 when a roll puts it; counted up by whoever changes it, which has it as a condition
 *   closed               boolean  a segment that takes no more records
 *   cleanedTo            number   no record of the row has a later one of its key below this offset: compaction has seen to
 *                                 it. Missing when that says no more than that the row begins there
 *   deleteHorizonMs      number   when the first of its tombstones may go; missing if compaction has met none
 *
 * A row that a segment has absorbed, or that came to lie below the log start, leaves a mark, which keeps a roller that
 * wakes late from putting the row again: `end`, `version`, and instead of the rest
 *
 *   absorbed             number   the base offset of the row that has its records; or any lower one, if none has them
 *   absorbedAtMs         number
 */
export interface IndexRow {
  readonly baseOffset: number;
  readonly endOffset: number;
  readonly version: number;
  readonly absorbed?: undefined;
  readonly slices: readonly PlacedSlice[];
  readonly maxTimestamp: number;
  readonly runningMaxTimestamp: number;
  readonly closed: boolean;
  readonly cleanedTo: number;
  readonly deleteHorizonMs: number | undefined;
}

export interface AbsorbedRow {
  readonly baseOffset: number;
  readonly endOffset: number;
  readonly version: number;
  readonly absorbed: number;
  readonly absorbedAtMs: number;
}

const DIGITS = 16;
/** Rows that are read at a time on the way back to the one that holds an offset, */
const ROWS_BACK = 4;
/** and how often. More than one step is rare: somebody died half way, or woke after a day. */
const STEPS_BACK = 64;

function indexPk(topicId: string, partition: number): string {
  return `index/${topicId}/${partition}`;
}

function offsetSk(offset: number): string {
  return String(offset).padStart(DIGITS, '0');
}

export function indexRowKey(topicId: string, partition: number, offset: number): Key {
  return { pk: indexPk(topicId, partition), sk: offsetSk(offset) };
}

/** As a roll puts it. */
export function indexRowItem(
  topicId: string,
  partition: number,
  base: PartitionBase,
  slices: readonly Slice[],
): Item {
  const maxTimestamp = Math.max(...slices.map((slice) => slice.maxTimestamp));
  return {
    ...indexRowKey(topicId, partition, base.offset),
    end: slices.reduce((end, slice) => end + slice.recordCount, base.offset),
    slices: encodeSlices(slices),
    maxTimestamp,
    runningMaxTimestamp: Math.max(base.maxTimestamp, maxTimestamp),
    version: 0,
  };
}

/** As a merge puts it, or compaction. */
export function segmentRowItem(topicId: string, partition: number, row: IndexRow): Item {
  return {
    ...indexRowKey(topicId, partition, row.baseOffset),
    end: row.endOffset,
    slices: encodeSlices(row.slices),
    maxTimestamp: row.maxTimestamp,
    runningMaxTimestamp: row.runningMaxTimestamp,
    version: row.version,
    closed: row.closed,
    ...(row.cleanedTo > row.baseOffset && { cleanedTo: row.cleanedTo }),
    ...(row.deleteHorizonMs !== undefined && { deleteHorizonMs: row.deleteHorizonMs }),
  };
}

/** The first of the rows' delete horizons. */
export function firstHorizon(rows: readonly Pick<IndexRow, 'deleteHorizonMs'>[]): number | undefined {
  let first: number | undefined;
  for (const { deleteHorizonMs: horizon } of rows) {
    if (horizon !== undefined && (first === undefined || horizon < first)) first = horizon;
  }
  return first;
}

/** As a merge leaves it where a row was. */
export function absorbedRowItem(topicId: string, partition: number, row: AbsorbedRow): Item {
  const { baseOffset, endOffset, version, absorbed, absorbedAtMs } = row;
  return { ...indexRowKey(topicId, partition, baseOffset), end: endOffset, version, absorbed, absorbedAtMs };
}

export function decodeIndexRow(item: Item, partition: number): IndexRow | AbsorbedRow {
  const baseOffset = Number(item.sk);
  const row = { baseOffset, endOffset: item.end as number, version: item.version as number };
  if (item.absorbed !== undefined) {
    return { ...row, absorbed: item.absorbed as number, absorbedAtMs: item.absorbedAtMs as number };
  }
  let next = baseOffset;
  const slices = decodeSlices(item.slices as Uint8Array, partition).map((slice) => {
    const placed = { ...slice, baseOffset: next };
    next += slice.recordCount;
    return placed;
  });
  return {
    ...row,
    slices,
    maxTimestamp: item.maxTimestamp as number,
    runningMaxTimestamp: item.runningMaxTimestamp as number,
    closed: item.closed === true,
    cleanedTo: (item.cleanedTo ?? baseOffset) as number,
    deleteHorizonMs: item.deleteHorizonMs as number | undefined,
  };
}

export interface IndexPage {
  readonly rows: (IndexRow | AbsorbedRow)[];
  readonly more: boolean;
}

export interface WalkOptions {
  readonly rowsPerPage: number;
  /** A walk that takes more ends, as at a gap. */
  readonly pages?: number;
  /** Blobs that were looked for in vain: rows that do not need them are preferred. */
  readonly gone?: ReadonlySet<BlobName>;
}

/** One partition's index. Rows may overlap: any that holds an offset is as good as another, unless its bytes are gone. */
export interface Index {
  /** The row that holds `offset`: the nearest at or below it, unless that needs blobs that are gone and another does not. */
  at(offset: number, gone?: ReadonlySet<BlobName>): Promise<IndexRow | undefined>;
  /**
   * Goes through the records from `from` up to `end`: row by row, each with those of its slices that go on where the row
   * before ended (the first may begin below `from`). Ends early where there is no row.
   */
  walk(
    from: number,
    end: number,
    options: WalkOptions,
  ): AsyncGenerator<{ row: IndexRow; slices: PlacedSlice[] }>;
  /** Rows from the last below `offset` down, past those that were absorbed; together they hold what is there. */
  walkBack(offset: number, options: WalkOptions): AsyncGenerator<IndexRow>;
  /** Up to `limit` rows and marks, as they are stored, in reverse order, from the last whose base offset is below `offset`. */
  before(offset: number, limit: number): Promise<IndexPage>;
  /** The same in order, from the first whose base offset is at or above `offset`. */
  from(offset: number, limit: number): Promise<IndexPage>;
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

  const index: Index = {
    async at(offset, gone) {
      let to = offset;
      /** Where to go on if the row that a mark leads to ends too early: of segments that overlap it was another. */
      let belowMark: number | undefined;
      let withoutBytes: IndexRow | undefined;
      for (let step = 0; step < STEPS_BACK && to >= 0; step++) {
        const { rows } = await query({ to: offsetSk(to) }, step === 0 ? 1 : ROWS_BACK, true);
        if (rows.length === 0) break;
        for (const row of rows) {
          to = row.baseOffset - 1;
          if (row.absorbed !== undefined) {
            if (row.absorbed === to) continue;
            belowMark = to;
            to = row.absorbed;
            break;
          }
          if (row.endOffset > offset) {
            if (hasBytes(row, offset, gone)) return row;
            withoutBytes ??= row;
          } else if (belowMark !== undefined) {
            to = belowMark;
            belowMark = undefined;
            break;
          }
        }
      }
      return withoutBytes;
    },

    async *walk(from, end, { rowsPerPage, pages = Number.POSITIVE_INFINITY, gone }) {
      let next = from;
      for (let page = 0; next < end && page < pages; page++) {
        // The first row mostly begins below `from`, the others where the one before ended.
        const rows = page === 0 ? [] : (await query({ from: offsetSk(next) }, rowsPerPage, false)).rows;
        if (!holds(rows[0], next, gone)) {
          const holding = await index.at(next, gone);
          if (holding === undefined) return;
          rows.unshift(holding);
        }
        for (const [i, row] of rows.entries()) {
          if (i > 0 && !holds(row, next, gone)) continue;
          const slices = slicesFrom(row as IndexRow, next, gone);
          yield { row: row as IndexRow, slices };
          next = endOf(slices.at(-1)!);
          if (next >= end) return;
        }
      }
    },

    async *walkBack(offset, { rowsPerPage, pages = Number.POSITIVE_INFINITY }) {
      let below = offset;
      for (let page = 0; below > 0 && page < pages; page++) {
        const { rows, more } = await index.before(below, rowsPerPage);
        let jumped = false;
        for (const row of rows) {
          if (row.absorbed !== undefined) {
            below = row.absorbed + 1;
            jumped = true;
            break;
          }
          yield row;
          below = row.baseOffset;
        }
        if (!more && !jumped) return;
      }
    },

    before: async (offset, limit) =>
      offset === 0 ? { rows: [], more: false } : query({ to: offsetSk(offset - 1) }, limit, true),

    from: (offset, limit) => query({ from: offsetSk(offset) }, limit, false),
  };
  return index;
}

function endOf({ baseOffset, recordCount }: PlacedSlice): number {
  return baseOffset + recordCount;
}

function holds(
  row: IndexRow | AbsorbedRow | undefined,
  offset: number,
  gone: ReadonlySet<BlobName> | undefined,
): boolean {
  if (row === undefined || row.absorbed !== undefined) return false;
  return row.baseOffset <= offset && offset < row.endOffset && hasBytes(row, offset, gone);
}

function hasBytes({ slices }: IndexRow, offset: number, gone: ReadonlySet<BlobName> | undefined): boolean {
  if (gone === undefined || gone.size === 0) return true;
  const slice = slices.find((candidate) => endOf(candidate) > offset)!;
  return !gone.has(blobName(slice.blob.id));
}

/** From the one that holds the offset on, up to the first other whose bytes are gone. */
function slicesFrom(
  { slices }: IndexRow,
  offset: number,
  gone: ReadonlySet<BlobName> | undefined,
): PlacedSlice[] {
  const wanted = slices.filter((slice) => endOf(slice) > offset);
  if (gone === undefined || gone.size === 0) return wanted;
  const lost = wanted.findIndex((slice, i) => i > 0 && gone.has(blobName(slice.blob.id)));
  return lost < 0 ? wanted : wanted.slice(0, lost);
}
