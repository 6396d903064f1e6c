import type { Clock } from '../clock.ts';
import { absorbedRowItem, type Index, type IndexRow, segmentRowItem } from '../log/indexRow.ts';
import type { LogTopic } from '../log/log.ts';
import { withRetries } from '../log/retry.ts';
import type { Condition, Item, ItemStore } from '../storage/ports.ts';
import type { MaintenanceLimits } from './limits.ts';
import { inBatches } from './pass.ts';

/** One partition, whose rows are changed. */
export interface RowContext {
  readonly items: ItemStore;
  readonly clock: Clock;
  readonly limits: MaintenanceLimits;
  readonly topic: LogTopic;
  readonly partition: number;
  readonly index: Index;
}

/**
 * Puts a row anew, its version counted up from the one that was read. False when another has changed it since, and nothing
 * was done.
 */
export async function swapRow(
  { items, clock, topic, partition }: RowContext,
  row: Omit<IndexRow, 'absorbed'>,
): Promise<boolean> {
  const item = segmentRowItem(topic.id, partition, row);
  const unchanged: Condition = { path: ['version'], is: '=', value: row.version - 1 };
  const outcome = await withRetries(clock, () => items.put(item, unchanged));
  // Refused by our own row: an answer was lost.
  return outcome.applied || isSame(outcome.item, item);
}

function isSame(stored: Item | undefined, item: Item): boolean {
  if (!(stored?.slices instanceof Uint8Array)) return false;
  const sameSlices = Buffer.compare(stored.slices, item.slices as Uint8Array) === 0;
  const { version, closed, cleanedTo } = item;
  return (
    sameSlices && stored.version === version && stored.closed === closed && stored.cleanedTo === cleanedTo
  );
}

/**
 * Marks rows that a segment has taken in, as they were when it was made of them. One that was put anew since stays: readers who
 * meet it go by it. Returns how many were marked.
 */
export async function markAbsorbed(
  { items, clock, topic, partition, limits }: RowContext,
  segment: Pick<IndexRow, 'baseOffset'>,
  taken: readonly Pick<IndexRow, 'baseOffset' | 'endOffset' | 'version'>[],
): Promise<number> {
  let marked = 0;
  await inBatches(taken, limits.writesAtOnce, async ({ baseOffset, endOffset, version }) => {
    const by = { absorbed: segment.baseOffset, absorbedAtMs: clock.now() };
    const mark = { baseOffset, endOffset, version: version + 1, ...by };
    const item = absorbedRowItem(topic.id, partition, mark);
    const unchanged: Condition = { path: ['version'], is: '=', value: version };
    const { applied } = await withRetries(clock, () => items.put(item, unchanged));
    if (applied) marked++;
  });
  return marked;
}

/**
 * The rows that a segment covers, as a roll put them, and that nobody marked, from the lowest up: whoever dies leaves them at the
 * end, among fewer than are marked at a time. Any other may have been put anew by somebody who knew nothing of the segment.
 */
export async function unmarkedRows(
  { index, limits }: RowContext,
  segment: Pick<IndexRow, 'baseOffset' | 'endOffset'>,
): Promise<IndexRow[]> {
  const covered: IndexRow[] = [];
  let below = segment.endOffset;
  for (let marks = 0; ; ) {
    const { rows, more } = await index.before(below, limits.rowsPerPage);
    for (const row of rows) {
      below = row.baseOffset;
      marks = row.absorbed === segment.baseOffset ? marks + 1 : 0;
      if (marks === limits.writesAtOnce || below <= segment.baseOffset) return covered.reverse();
      const isOurs = row.absorbed === undefined && row.version === 0 && row.endOffset <= segment.endOffset;
      if (isOurs) covered.push(row);
    }
    if (!more) return covered.reverse();
  }
}
