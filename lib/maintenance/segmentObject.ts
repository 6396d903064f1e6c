import type { BlobName, BlobRef, Blobs } from '../log/blob.ts';
import { blobName } from '../log/blob.ts';
import type { ProducerRun } from '../log/entry.ts';
import { assignOffsets, batchesOf } from '../log/fetch.ts';
import { headIndexOf, type PlacedSlice } from '../log/head.ts';
import type { LogTopic } from '../log/log.ts';
import { addRun } from '../log/plan.ts';
import type { MaintenanceLimits } from './limits.ts';

export interface SegmentObject {
  readonly chunks: readonly Uint8Array[];
  /** What lies in it, in order of offset. */
  readonly slices: readonly PlacedSlice[];
}

/**
 * The batches of the slices, in order and with their offsets, as one object will hold them; `undefined` if some are gone:
 * their blobs are added to `gone`.
 */
export async function copySlices(
  blobs: Blobs,
  topic: LogTopic,
  slices: readonly PlacedSlice[],
  into: BlobRef,
  gone: Set<BlobName>,
  { pieceBytes, slicesPerRead }: MaintenanceLimits,
): Promise<SegmentObject | undefined> {
  const chunks: Uint8Array[] = [];
  for (let from = 0; from < slices.length; from += slicesPerRead) {
    const some = slices.slice(from, from + slicesPerRead);
    const read = await blobs.read(topic.id, headIndexOf(topic, some[0]!.partition), some);
    for (const [i, bytes] of read.entries()) {
      if (bytes === undefined) gone.add(blobName(some[i]!.blob.id));
      else chunks.push(bytes);
    }
    if (chunks.length < from + some.length) return undefined;
  }
  return { chunks, slices: cutIntoPieces(slices, chunks, into, pieceBytes) };
}

type Piece = { -readonly [attribute in keyof PlacedSlice]: PlacedSlice[attribute] } & { runs: ProducerRun[] };

function cutIntoPieces(
  slices: readonly PlacedSlice[],
  chunks: readonly Uint8Array[],
  blob: BlobRef,
  pieceBytes: number,
): PlacedSlice[] {
  const pieces: Piece[] = [];
  let position = 0;
  for (const [i, slice] of slices.entries()) {
    assignOffsets(slice, chunks[i]!);
    for (const { header } of batchesOf(chunks[i]!)) {
      const { baseOffset } = header;
      let piece = pieces.at(-1);
      if (piece === undefined || endOf(piece) !== baseOffset || piece.bytes + header.bytes > pieceBytes) {
        const empty = { bytes: 0, recordCount: 0, maxTimestamp: -1, runs: [] };
        piece = { blob, partition: slice.partition, baseOffset, position, ...empty };
        pieces.push(piece);
      }
      const recordCount = header.lastOffsetDelta + 1;
      if (header.producerId >= 0n) {
        const { producerId: id, producerEpoch: epoch, baseSequence: sequence } = header;
        addRun(piece.runs, { delta: piece.recordCount, id, epoch, sequence, recordCount });
      }
      piece.bytes += header.bytes;
      piece.recordCount += recordCount;
      piece.maxTimestamp = Math.max(piece.maxTimestamp, header.maxTimestamp);
      position += header.bytes;
    }
  }
  return pieces;
}

function endOf({ baseOffset, recordCount }: PlacedSlice): number {
  return baseOffset + recordCount;
}
