import { type BlobName, type Blobs, blobName } from './blob.ts';
import { type Head, logStartOffset, type PlacedSlice } from './head.ts';
import type { Durability, LogTopic } from './log.ts';

/**
 * Makes the blobs that hold batches which were appended before, maybe with acks=1, as durable as is asked for now: each
 * once, whoever of those that are looked up together needs it. Throws NOT_ENOUGH_REPLICAS, or StorageError.
 */
export function coverDuplicates(
  blobs: Pick<Blobs, 'cover'>,
  topic: LogTopic,
  head: Head,
  durability: Durability,
): (slices: readonly PlacedSlice[]) => Promise<void> {
  const covered = new Map<BlobName, Promise<void>>();

  function cover(slice: PlacedSlice): Promise<void> | undefined {
    // Nobody reads it any more, and it may be gone.
    if (slice.baseOffset + slice.recordCount <= logStartOffset(head, slice.partition)) return undefined;
    if (slice.bytes === 0) return undefined;
    const name = blobName(slice.blob.id);
    const known = covered.get(name) ?? blobs.cover(topic, slice, durability);
    covered.set(name, known);
    return known;
  }

  return async (slices) => {
    await Promise.all(slices.map(cover));
  };
}
