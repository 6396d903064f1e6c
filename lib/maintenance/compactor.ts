import type { Blobs } from '../log/blob.ts';
import { assignOffsets, missingBytes } from '../log/fetch.ts';
import { headIndexOf, logStartOffset, type PlacedSlice } from '../log/head.ts';
import { createHeads } from '../log/heads.ts';
import { indexRowKey } from '../log/indexRow.ts';
import { withRetries } from '../log/retry.ts';
import type { ObjectStore } from '../storage/ports.ts';
import type { CompactionSituation } from './planCompaction.ts';
import type { RowContext } from './swapRow.ts';

/** One call that compacts a partition. */
export interface Compactor extends RowContext {
  readonly objects: ObjectStore;
  readonly blobs: Blobs;
  readonly situation: CompactionSituation;
  readonly deadlineMs: number;
  readonly counts: CompactionCounts;
}

export interface CompactionCounts {
  /** Rows of the index that were cleaned, whether there was something to remove or not; */
  rows: number;
  /** those that another took in, */
  rowsAbsorbed: number;
  recordsRemoved: number;
  /** and of these, tombstones whose time had come. */
  tombstonesRemoved: number;
  bytesRead: number;
  bytesWritten: number;
  objects: number;
}

export interface ReadSlice {
  readonly slice: PlacedSlice;
  /** With offsets; `undefined` if they are gone. */
  readonly bytes: Uint8Array | undefined;
}

/** The bytes of the slices, in order: while some are worked on, the next ones are read. */
export async function* readSlices(
  compactor: Compactor,
  slices: readonly PlacedSlice[],
): AsyncGenerator<ReadSlice, undefined> {
  const { blobs, topic, partition, limits, counts } = compactor;
  const read = (some: readonly PlacedSlice[]) => {
    const bytes = blobs.read(topic.id, headIndexOf(topic, partition), some);
    // Whoever waits for them sees the failure.
    bytes.catch(() => undefined);
    return bytes;
  };
  let from = 0;
  const next = (): readonly PlacedSlice[] => {
    let bytes = 0;
    const end = slices.findIndex((slice, i) => {
      if (i < from) return false;
      bytes += slice.bytes;
      return i > from && (bytes > limits.readBytes || i - from === limits.slicesPerRead);
    });
    const some = slices.slice(from, end < 0 ? slices.length : end);
    from += some.length;
    return some;
  };
  let some = next();
  let reading = read(some);
  while (some.length > 0) {
    const found = await reading;
    const before = some;
    some = next();
    reading = read(some);
    for (const [i, slice] of before.entries()) {
      const bytes = found[i];
      if (bytes !== undefined) assignOffsets(slice, bytes);
      counts.bytesRead += bytes?.length ?? 0;
      yield { slice, bytes };
    }
  }
  return undefined;
}

/**
 * Returns if others have put the row anew since it was read, or have moved the log start past the slice; throws
 * KAFKA_STORAGE_ERROR if nothing tells why its bytes are gone.
 */
export async function explainGone(
  compactor: Compactor,
  row: { readonly baseOffset: number; readonly version: number },
  { baseOffset, recordCount }: PlacedSlice,
): Promise<void> {
  const { items, clock, topic, partition } = compactor;
  const key = indexRowKey(topic.id, partition, row.baseOffset);
  const stored = await withRetries(clock, () => items.get(key));
  if (stored?.version === row.version) await requireDeleted(compactor, baseOffset + recordCount - 1);
}

/** Throws KAFKA_STORAGE_ERROR unless the log start has passed the offset, since it was read. */
export async function requireDeleted(
  { items, clock, topic, partition }: Compactor,
  offset: number,
): Promise<void> {
  const head = await createHeads(items, clock).read(topic, headIndexOf(topic, partition));
  if (offset >= logStartOffset(head, partition)) throw missingBytes(topic, partition, offset);
}
