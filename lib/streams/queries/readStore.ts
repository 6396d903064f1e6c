import { atOnce } from '../../atOnce.ts';
import { WadiError } from '../../errors.ts';
import type { QueriedStore, StateStores } from './stateStores.ts';
import { compareStored, type Range, type Row, type Times } from './storeView.ts';

/** Which part of the changelog an answer is of: what is below the offset. */
export interface Position {
  readonly partition: number;
  readonly offset: number;
}

export interface KeyRows {
  readonly position: Position;
  /** The latest last. */
  readonly rows: readonly Row[];
  /** There are earlier ones. */
  readonly isMore: boolean;
}

export interface PlacedRow {
  readonly partition: number;
  readonly row: Row;
}

export interface RangeRows {
  readonly positions: readonly Position[];
  readonly rows: readonly PlacedRow[];
  readonly isMore: boolean;
}

/** What there is of a key: of windows and sessions the latest `limit`. Throws as `StateStores.open`. */
export async function readKey(
  stores: StateStores,
  store: QueriedStore,
  partition: number,
  key: Uint8Array,
  { limit, deadlineMs, ...times }: Times & { readonly limit: number; readonly deadlineMs: number },
): Promise<KeyRows> {
  const { view, offset } = await stores.open(store, partition, deadlineMs);
  const { pageBytes } = stores.limits;
  const found = someOf(view.ofKey(key, times), limit, pageBytes);
  const rows = pageOf(found, limit, pageBytes, (row) => row);
  return { position: { partition, offset }, rows: rows.toReversed(), isMore: rows.length < found.length };
}

export interface RangeQuery extends Omit<Range, 'startAt'> {
  readonly partitions: readonly number[];
  readonly limit: number;
  /** The last row of the page before. */
  readonly behind?: { readonly partition: number; readonly stored: Uint8Array };
  readonly deadlineMs: number;
}

/**
 * A page of the rows of several partitions, in one order: that of each. Throws as `StateStores.open`, and POLICY_VIOLATION if they do not fit into memory
 * together: they would be restored anew for each page.
 */
export async function readRows(
  stores: StateStores,
  store: QueriedStore,
  { partitions, limit, behind, deadlineMs, ...range }: RangeQuery,
): Promise<RangeRows> {
  const { pageBytes, memoryBytes, partitionsAtOnce } = stores.limits;
  const read = await atOnce(partitions, partitionsAtOnce, async (partition) => {
    const { view, offset, bytes } = await stores.open(store, partition, deadlineMs);
    const found = view.range({ ...range, ...(behind && { startAt: behind.stored }) });
    const rows = someOf(within(found, partition), limit, pageBytes);
    return { partition, offset, bytes, rows };
  });
  if (read.reduce((sum, { bytes }) => sum + bytes, 0) > memoryBytes) {
    const message = `The partitions of store '${store.name}' together take more than the ${memoryBytes} bytes of memory that there are for stores: ask for one.`;
    throw new WadiError('POLICY_VIOLATION', message, { field: 'partition_id' });
  }
  const direction = range.reverse ? -1 : 1;
  const found = read
    .flatMap(({ partition, rows }) => rows.map((row): PlacedRow => ({ partition, row })))
    .sort((a, b) => direction * compare(a.row, b.row) || a.partition - b.partition);
  const rows = pageOf(found, limit, pageBytes, ({ row }) => row);
  const positions = read.map(({ partition, offset }) => ({ partition, offset }));
  return { positions, rows, isMore: rows.length < found.length };

  function compare(a: Row, b: Row): number {
    return compareStored(store.shape, a.stored, b.stored);
  }

  /** The first may have been told already. */
  function* within(rows: Iterable<Row>, partition: number): Generator<Row> {
    for (const row of rows) {
      const isTold =
        behind !== undefined &&
        partition <= behind.partition &&
        compareStored(store.shape, row.stored, behind.stored) === 0;
      if (!isTold) yield row;
    }
  }
}

const bytesOf = ({ stored, value }: Row): number => stored.length + value.length;

/** As many as may be in a page, and one that tells that there are more. */
function someOf(rows: Iterable<Row>, limit: number, pageBytes: number): Row[] {
  const some: Row[] = [];
  let bytes = 0;
  for (const row of rows) {
    some.push(row);
    if (some.length > limit || bytes >= pageBytes) break;
    bytes += bytesOf(row);
  }
  return some;
}

/** The first of them, up to the row with which they are enough. */
function pageOf<T>(found: readonly T[], limit: number, pageBytes: number, rowOf: (each: T) => Row): T[] {
  let bytes = 0;
  return found.filter((each, i) => {
    const isIn = i < limit && bytes < pageBytes;
    bytes += bytesOf(rowOf(each));
    return isIn;
  });
}
